package safetensors

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"reflect"
	"testing"
)

// Whatever header and data a file holds, parse gives an error, or tensors that fill the data and
// are the same again when they are written and read.
func FuzzParse(f *testing.F) {
	whole, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	data := 8 + int(binary.LittleEndian.Uint64(whole))
	f.Add(whole[8:data], whole[data:])
	for _, head := range []string{
		`{}`, `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, `{"__metadata__":{"a":"b"}}`,
		`{"a":{"dtype":"F32","shape":[0,9],"data_offsets":[1,1]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`,
	} {
		f.Add([]byte(head), []byte{1})
	}
	f.Fuzz(func(t *testing.T, head, data []byte) {
		raw := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
		raw = append(append(raw, head...), data...)
		tensors, metadata, err := parse(raw)
		if err != nil {
			return
		}
		filled := 0
		for _, p := range tensors {
			if size, err := byteSize(p.DType, p.Shape); err != nil || size != len(p.Data) {
				t.Errorf("%q: %v with %d bytes: %v", p.Name, p, len(p.Data), err)
			}
			filled += len(p.Data)
		}
		if filled != len(data) {
			t.Errorf("%d bytes of tensors, %d of data", filled, len(data))
		}
		var first, second bytes.Buffer
		if err := Write(&first, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		again, notes, err := parse(first.Bytes())
		if err != nil {
			t.Fatalf("%v: %q", err, first.Bytes())
		}
		if err := Write(&second, again, notes); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("written %q, then %q (%v)", first.Bytes(), second.Bytes(), err)
		}
		if !maps.Equal(notes, metadata) || !reflect.DeepEqual(byName(tensors), byName(again)) {
			t.Errorf("%v %q, read again %v %q", tensors, metadata, again, notes)
		}
	})
}

func byName(tensors []Tensor) map[string]Tensor {
	m := map[string]Tensor{}
	for _, t := range tensors {
		m[t.Name] = t
	}
	return m
}
