package safetensors

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Write writes the tensors, in any order, and metadata. The same content gives the
// same bytes: tensors are sorted by alignment, then by name, and metadata by key.
// A tensor whose data does not fit its shape, or a name that is not UTF-8, reserved
// or taken, is an error of kind Internal, and nothing is written; one of w is of
// kind System.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	head, tensors, err := plan(tensors, metadata)
	if err != nil {
		return fault.New(fault.Internal, "cannot write safetensors: %w", err)
	}
	if err := emit(w, head, tensors); err != nil {
		return fault.New(fault.System, "cannot write safetensors: %w", err)
	}
	return nil
}

// plan gives the bytes before the data, and the tensors in the order of theirs.
func plan(tensors []Tensor, metadata map[string]string) ([]byte, []Tensor, error) {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(slices.Index(dtypes, a.DType), slices.Index(dtypes, b.DType)), cmp.Compare(a.Name, b.Name))
	})
	head, err := header(tensors, metadata)
	return head, tensors, err
}

func emit(w io.Writer, head []byte, tensors []Tensor) error {
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// header gives the bytes before the data of sorted tensors.
func header(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	head := append(make([]byte, 8), '{')
	separate := func() {
		if len(head) > 9 {
			head = append(head, ',')
		}
	}
	if len(metadata) > 0 {
		head = append(appendString(head, metadataKey), ":{"...)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("metadata %q: not UTF-8", key)
			}
			if i > 0 {
				head = append(head, ',')
			}
			head = append(appendString(head, key), ':')
			head = appendString(head, metadata[key])
		}
		head = append(head, '}')
	}
	names := map[string]bool{metadataKey: true}
	at := 0
	for _, t := range tensors {
		size, err := byteSize(t.DType, t.Shape)
		switch {
		case err != nil:
		case size != len(t.Data):
			err = fmt.Errorf("%s needs %d bytes of data, not %d", t, size, len(t.Data))
		case names[t.Name]:
			err = fmt.Errorf("the name is taken")
		case !utf8.ValidString(t.Name):
			err = fmt.Errorf("the name is not UTF-8")
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		names[t.Name] = true
		separate()
		head = appendString(head, t.Name)
		head = append(head, `:{"dtype":"`...)
		head = append(head, t.DType...)
		head = append(head, `","shape":`...)
		head = appendInts(head, t.Shape...)
		head = append(head, `,"data_offsets":`...)
		head = append(appendInts(head, at, at+size), '}')
		at += size
	}
	head = append(head, '}')
	for len(head)%8 != 0 { // so that the data is aligned
		head = append(head, ' ')
	}
	if len(head)-8 > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes, and at most %d are allowed", len(head)-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(head, uint64(len(head)-8))
	return head, nil
}

// appendString appends a JSON string as the reference writes it; encoding/json
// escapes more, and which characters has changed between versions of Go.
func appendString(to []byte, s string) []byte {
	short := map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	to = append(to, '"')
	for i := range len(s) {
		switch escape, ok := short[s[i]]; {
		case ok:
			to = append(to, escape...)
		case s[i] < ' ':
			to = fmt.Appendf(to, `\u%04x`, s[i])
		default:
			to = append(to, s[i])
		}
	}
	return append(to, '"')
}

func appendInts(to []byte, list ...int) []byte {
	to = append(to, '[')
	for i, n := range list {
		if i > 0 {
			to = append(to, ',')
		}
		to = strconv.AppendInt(to, int64(n), 10)
	}
	return append(to, ']')
}

// WriteFile writes a file as Write does. It appears under its name whole or not at
// all, and replaces what was there: the bytes go to a temporary file beside it,
// which is synced and renamed. A killed process may leave that behind, as
// ".NAME.*.tmp". The errors are Write's and name the file.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	head, tensors, err := plan(tensors, metadata)
	if err != nil {
		return fault.New(fault.Internal, "%s: cannot write: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err == nil {
		defer os.Remove(f.Name()) // fails once renamed
		buffered := bufio.NewWriterSize(f, 1<<16)
		if err = emit(buffered, head, tensors); err == nil {
			err = buffered.Flush()
		}
		if err == nil {
			err = f.Chmod(0o644)
		}
		if err == nil {
			err = f.Sync()
		}
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
	}
	if err != nil {
		return fault.New(fault.System, "%s: cannot write: %w", path, err).WithHint("check the space and permissions of the disk")
	}
	return nil
}
