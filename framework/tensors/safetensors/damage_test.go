package safetensors_test

import (
	"encoding/binary"
	"strings"
)

type damage struct {
	want   string // how the error goes on after the path
	raw    []byte
	unseen bool // the reference takes it
}

// file is a file with that header and data of so many zero bytes.
func file(header string, data int) []byte {
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(raw, header...), make([]byte, data)...)
}

// one is the header of tensors "a", which is whole, and "b".
func one(b string) string {
	return `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":` + b + `}`
}

var damages = []damage{
	{"not a safetensors file: it is empty", nil, false},
	{"not a safetensors file: 7 bytes, less than the length of a header", make([]byte, 7), false},
	{"not a safetensors file: it claims a header of 18446744073709551615 bytes, and at most 100000000 are allowed",
		[]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), false},
	{"not a safetensors file: it claims a header of 100000001 bytes, and at most 100000000 are allowed",
		[]byte("\x01\xe1\xf5\x05\x00\x00\x00\x00{}"), false},
	{"cut short: the header has 3 bytes, and the file 2 after its length", []byte("\x03\x00\x00\x00\x00\x00\x00\x00{}"), false},
	{"not a safetensors file: the header is not a JSON object", file("", 0), false},
	{"not a safetensors file: the header is not a JSON object", file(" {}", 0), true},
	{"header: not UTF-8", file("{\"\xff\":1}", 0), false},
	{"header: the JSON object does not end", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`, 4), false},
	{"header: something follows the JSON object", file(`{}{}`, 0), false},
	{`header: tensor "b": the JSON object does not end`, file(`{"b":{"dtype":`, 0), false},
	{"header: invalid character '}'", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},}`, 4), false},
	{`header: tensor "a": the name occurs twice`, file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), true},
	{`header: tensor "b": not an object`, file(one(`1`), 4), false},
	{`header: tensor "b": "dtype" is missing`, file(one(`{"shape":[1],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": "data_offsets" is missing`, file(one(`{"dtype":"F32","shape":[1]}`), 8), false},
	{`header: tensor "b": "shape" occurs twice`, file(one(`{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": key "Shape" is not in the format`, file(one(`{"dtype":"F32","shape":[1],"Shape":[1],"data_offsets":[4,8]}`), 8), true},
	{`header: tensor "b": dtype is not a string`, file(one(`{"dtype":1,"shape":[1],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": shape is not an array`, file(one(`{"dtype":"F32","shape":1,"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": shape holds something else than numbers`, file(one(`{"dtype":"F32","shape":["1"],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": shape has -1, which is not a size`, file(one(`{"dtype":"F32","shape":[-1],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": shape has 1.0, which is not a size`, file(one(`{"dtype":"F32","shape":[1.0],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": shape has 9223372036854775808, which is not a size`, file(one(`{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[4,8]}`), 8), false},
	{`header: tensor "b": data_offsets has 3 numbers, not 2`, file(one(`{"dtype":"F32","shape":[1],"data_offsets":[4,8,8]}`), 8), false},
	{`tensor "b": element type "F33" is not known`, file(one(`{"dtype":"F33","shape":[1],"data_offsets":[4,8]}`), 8), false},
	{`tensor "b": element type "F8_E5M2" is not known`, file(one(`{"dtype":"F8_E5M2","shape":[4],"data_offsets":[4,8]}`), 8), true},
	{`tensor "b": shape [4294967296 4294967296] is too large`, file(one(`{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[4,4]}`), 4), false},
	{`tensor "b": shape [4611686018427387904] is too large`, file(one(`{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[4,4]}`), 4), false},
	{`tensor "b": F32[2] needs 8 bytes, the header gives it 4`, file(one(`{"dtype":"F32","shape":[2],"data_offsets":[4,8]}`), 8), false},
	{`tensor "b": ends at byte 4 of the data, before its begin at 8`, file(one(`{"dtype":"F32","shape":[1],"data_offsets":[8,4]}`), 8), false},
	{`tensor "b": begins at byte 2 of the data, inside tensor "a", which ends at 4`, file(one(`{"dtype":"F32","shape":[1],"data_offsets":[2,6]}`), 6), false},
	{`tensor "b": begins at byte 0 of the data, inside tensor "a", which ends at 4`, file(one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`), 4), false},
	{`tensor "b": begins at byte 5 of the data, after a hole of 1 bytes`, file(one(`{"dtype":"F32","shape":[1],"data_offsets":[5,9]}`), 9), false},
	{`tensor "b": cut short: ends at byte 8 of the data, which has 7`, file(one(`{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`), 7), false},
	{"1 bytes follow the last tensor", file(one(`{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`), 9), false},
	{"3 bytes follow the last tensor", file(`{}`, 3), false},
	{`header: __metadata__: "k" is not a string`, file(`{"__metadata__":{"k":1}}`, 0), false},
	{`header: __metadata__: key "k" occurs twice`, file(`{"__metadata__":{"k":"1","k":"1"}}`, 0), true},
	{`header: __metadata__: not an object`, file(`{"__metadata__":[]}`, 0), false},
	{`header: tensor "a": not an object`, file(`{"a":`+strings.Repeat("[", 20000), 0), false},
}
