package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	metadataKey = "__metadata__"
	// maxHeader is the reference's bound on the header.
	maxHeader = 100_000_000
)

// placed is a tensor as the header describes it.
type placed struct {
	Tensor
	begin, end int // in the data
}

// parse reads a whole file. The tensors are in the order of their data, which is
// part of raw; metadata is nil if there is none.
func parse(raw []byte) ([]Tensor, map[string]string, error) {
	if len(raw) < 8 {
		return nil, nil, fmt.Errorf("not a safetensors file: %d bytes, less than the length of a header", len(raw))
	}
	size := binary.LittleEndian.Uint64(raw)
	switch {
	case size > maxHeader:
		return nil, nil, fmt.Errorf("not a safetensors file: it claims a header of %d bytes, and at most %d are allowed", size, maxHeader)
	case size > uint64(len(raw)-8):
		return nil, nil, fmt.Errorf("cut short: the header has %d bytes, and the file %d after its length", size, len(raw)-8)
	}
	head, data := raw[8:8+size], raw[8+size:]
	if !bytes.HasPrefix(head, []byte("{")) {
		return nil, nil, errors.New("not a safetensors file: the header is not a JSON object")
	}
	if !utf8.Valid(head) {
		return nil, nil, errors.New("header: not UTF-8")
	}
	found, metadata, err := parseHeader(head)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	tensors, err := place(found, data)
	return tensors, metadata, err
}

// place gives each tensor its data, which together they must fill.
func place(found []placed, data []byte) ([]Tensor, error) {
	slices.SortStableFunc(found, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	tensors := make([]Tensor, len(found))
	filled := 0
	for i, p := range found {
		size, err := byteSize(p.DType, p.Shape)
		switch {
		case err != nil:
		case p.end < p.begin:
			err = fmt.Errorf("ends at byte %d of the data, before its begin at %d", p.end, p.begin)
		case p.end-p.begin != size:
			err = fmt.Errorf("%s needs %d bytes, the header gives it %d", p, size, p.end-p.begin)
		case p.begin < filled:
			err = fmt.Errorf("begins at byte %d of the data, inside tensor %q, which ends at %d", p.begin, found[i-1].Name, filled)
		case p.begin > filled:
			err = fmt.Errorf("begins at byte %d of the data, after a hole of %d bytes", p.begin, p.begin-filled)
		case p.end > len(data):
			err = fmt.Errorf("cut short: ends at byte %d of the data, which has %d", p.end, len(data))
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", p.Name, err)
		}
		p.Data = data[p.begin:p.end:p.end]
		tensors[i] = p.Tensor
		filled = p.end
	}
	if filled != len(data) {
		return nil, fmt.Errorf("%d bytes follow the last tensor", len(data)-filled)
	}
	return tensors, nil
}

// parseHeader reads the JSON token by token: decoding into structs and maps would
// take keys that occur twice, or in other cases of letters.
func parseHeader(head []byte) (found []placed, metadata map[string]string, err error) {
	dec := json.NewDecoder(bytes.NewReader(head))
	dec.UseNumber()
	names := map[string]bool{}
	err = object(dec, func(name string) error {
		if names[name] {
			return fmt.Errorf("tensor %q: the name occurs twice", name)
		}
		names[name] = true
		var err error
		if name == metadataKey {
			if metadata, err = parseMetadata(dec); err != nil {
				return fmt.Errorf("%s: %w", metadataKey, err)
			}
			return nil
		}
		t, err := parseTensor(dec)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		t.Name = name
		found = append(found, t)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return found, metadata, nil
}

func parseMetadata(dec *json.Decoder) (map[string]string, error) {
	m := map[string]string{}
	return m, object(dec, func(key string) (err error) {
		if _, dup := m[key]; dup {
			return fmt.Errorf("key %q occurs twice", key)
		}
		m[key], err = text(dec, strconv.Quote(key))
		return err
	})
}

func parseTensor(dec *json.Decoder) (p placed, err error) {
	seen := map[string]bool{}
	err = object(dec, func(key string) (err error) {
		if seen[key] {
			return fmt.Errorf("%q occurs twice", key)
		}
		seen[key] = true
		switch key {
		case "dtype":
			var name string
			name, err = text(dec, key)
			p.DType = DType(name)
		case "shape":
			p.Shape, err = integers(dec, key)
		case "data_offsets":
			var at []int
			if at, err = integers(dec, key); err == nil && len(at) != 2 {
				return fmt.Errorf("data_offsets has %d numbers, not 2", len(at))
			}
			if err == nil {
				p.begin, p.end = at[0], at[1]
			}
		default:
			return fmt.Errorf("key %q is not in the format", key)
		}
		return err
	})
	for _, key := range []string{"dtype", "shape", "data_offsets"} {
		if err == nil && !seen[key] {
			err = fmt.Errorf("%q is missing", key)
		}
	}
	return p, err
}

// object reads an object, calling value to read the value of each key.
func object(dec *json.Decoder, value func(key string) error) error {
	if tok, err := token(dec); err != nil {
		return err
	} else if tok != json.Delim('{') {
		return errors.New("not an object")
	}
	for dec.More() {
		tok, err := token(dec)
		if err != nil {
			return err
		}
		if err := value(tok.(string)); err != nil { // Token has checked that it is one
			return err
		}
	}
	_, err := token(dec)
	return err
}

// integers reads an array of whole numbers that are not negative.
func integers(dec *json.Decoder, key string) ([]int, error) {
	if tok, err := token(dec); err != nil {
		return nil, err
	} else if tok != json.Delim('[') {
		return nil, fmt.Errorf("%s is not an array", key)
	}
	list := []int{}
	for dec.More() {
		tok, err := token(dec)
		if err != nil {
			return nil, err
		}
		number, ok := tok.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s holds something else than numbers", key)
		}
		n, err := strconv.ParseUint(string(number), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%s has %s, which is not a size", key, number)
		}
		list = append(list, int(n))
	}
	_, err := token(dec)
	return list, err
}

// text reads a string.
func text(dec *json.Decoder, what string) (string, error) {
	tok, err := token(dec)
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", fmt.Errorf("%s is not a string", what)
	}
	return s, nil
}

// token reads the next token, where there must be one.
func token(dec *json.Decoder) (json.Token, error) {
	tok, err := dec.Token()
	if err == io.EOF {
		err = errors.New("the JSON object does not end")
	}
	return tok, err
}
