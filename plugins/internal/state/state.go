// Package state stores the fitted state of a method in a directory: one .npy file
// for each array, and state.json, which names the method and its version, holds
// its options and small numbers, and has the SHA-256 of each file and of itself.
// state.json is written last and by a rename, so that a directory without it is an
// unfinished one; reading trusts nothing that does not agree with it.
package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

const (
	headFile = "state.json"
	format   = 2
)

type head struct {
	Format  int               `json:"format"`
	Method  string            `json:"method"`
	Version string            `json:"version"`
	Values  json.RawMessage   `json:"values"`
	Arrays  map[string]string `json:"arrays"` // name -> SHA-256 of the file
	Sum     string            `json:"sha256"` // of the head without it
}

// sum is the SHA-256 of the head without Sum, as JSON without spaces.
func (h head) sum() (string, error) {
	h.Sum = ""
	raw, err := json.Marshal(h)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

type element interface{ float32 | float64 | int32 }

func dtype[T element]() tensors.DType {
	switch any(*new(T)).(type) {
	case float32:
		return tensors.Float32
	case float64:
		return tensors.Float64
	}
	return tensors.Int32
}

// Writer writes one method's state.
type Writer struct {
	dir  string
	head head
}

// NewWriter starts the state of a method in an empty directory. values is what
// goes into state.json, as encoding/json writes it.
func NewWriter(dir, method, version string, values any) (*Writer, error) {
	raw, err := json.Marshal(values)
	if err != nil {
		return nil, fault.New(fault.Internal, "state of method %q: %w", method, err)
	}
	return &Writer{dir, head{Format: format, Method: method, Version: version, Values: raw, Arrays: map[string]string{}}}, nil
}

// Put writes an array whose first axis is rows.
func Put[T element](w *Writer, name string, data []T, shape ...int) error {
	path := filepath.Join(w.dir, name+".npy")
	if err := put(path, data, shape); err != nil {
		return fault.New(fault.System, "cannot save state: %w", err).WithHint("check the space and permissions of the disk")
	}
	sum, err := digest(path)
	if err != nil {
		return fault.New(fault.System, "cannot save state: %w", err)
	}
	w.head.Arrays[name] = sum
	return nil
}

func put[T element](path string, data []T, shape []int) (err error) {
	f, err := tensors.Create(path, dtype[T](), shape...)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if f.Len() != len(data) {
		return fmt.Errorf("%s: %d numbers for shape %v", path, len(data), shape)
	}
	var buf []byte
	for row := 0; row < f.Rows() && f.RowLen() > 0; row++ {
		if buf, err = binary.Append(buf[:0], binary.LittleEndian, data[row*f.RowLen():][:f.RowLen()]); err != nil {
			return err
		}
		if err = f.WriteBytes(buf, row); err != nil {
			return err
		}
	}
	return f.Sync()
}

// Close finishes the state: without it Open refuses the directory.
func (w *Writer) Close() error {
	var raw []byte
	sum, err := w.head.sum()
	if err == nil {
		w.head.Sum = sum
		raw, err = json.MarshalIndent(w.head, "", "  ")
	}
	if err != nil {
		return fault.New(fault.Internal, "state of method %q: %w", w.head.Method, err)
	}
	path := filepath.Join(w.dir, headFile)
	err = os.WriteFile(path+".tmp", append(raw, '\n'), 0o644)
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return fault.New(fault.System, "cannot save state: %w", err).WithHint("check the space and permissions of the disk")
	}
	return nil
}

// Reader reads what a Writer wrote.
type Reader struct {
	dir  string
	head head
}

// Open opens the state in dir, which must be of the method and version, and
// decodes its values; unknown and trailing keys are errors. Errors are of kind
// Data and name the file.
func Open(dir, method, version string, values any) (*Reader, error) {
	r := &Reader{dir: dir}
	path := filepath.Join(dir, headFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, bad("%w", err)
	}
	if err := strict(raw, &r.head); err != nil {
		return nil, bad("%s: %w", path, err)
	}
	switch h := r.head; {
	case h.Format != format:
		return nil, bad("%s: format %d, this version reads %d", path, h.Format, format)
	case h.Method != method:
		return nil, bad("%s: is the state of method %q, not %q", path, h.Method, method)
	case h.Version != version:
		return nil, bad("%s: was saved by version %q of method %q, this is %q", path, h.Version, method, version)
	}
	if sum, err := r.head.sum(); err != nil || sum != r.head.Sum {
		return nil, bad("%s: content has changed since it was saved", path)
	}
	if err := strict(r.head.Values, values); err != nil {
		return nil, bad("%s: values: %w", path, err)
	}
	return r, nil
}

func strict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the JSON value")
	}
	return nil
}

// Get reads an array, which must have the element type and shape and be
// unchanged since it was written.
func Get[T element](r *Reader, name string, shape ...int) ([]T, error) {
	path := filepath.Join(r.dir, name+".npy")
	want, ok := r.head.Arrays[name]
	if !ok {
		return nil, bad("%s: no array %q", filepath.Join(r.dir, headFile), name)
	}
	got, err := digest(path)
	if err != nil {
		return nil, bad("%w", err)
	}
	if got != want {
		return nil, bad("%s: content has changed since it was saved", path)
	}
	f, err := tensors.Open(path)
	if err != nil {
		return nil, bad("%w", err)
	}
	defer f.Close()
	if f.DType != dtype[T]() || !slices.Equal(f.Shape, shape) {
		return nil, bad("%s: is %s, not %s%v", path, f.Header, dtype[T](), shape)
	}
	data := make([]T, f.Len())
	if _, err := binary.Decode(f.Bytes(), binary.LittleEndian, data); err != nil {
		return nil, bad("%s: %w", path, err)
	}
	return data, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func bad(format string, args ...any) error {
	return fault.New(fault.Data, "cannot load state: "+format, args...).WithHint("save the state again with this version")
}
