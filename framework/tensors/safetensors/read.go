package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"unsafe"

	"github.com/edsrzf/mmap-go"
	"github.com/x448/float16"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// File is a safetensors file mapped read-only into memory. It is safe for
// concurrent use; nothing mapped may be used after Close, or written to. Map only
// files that nobody shortens.
type File struct {
	path     string
	m        mmap.MMap
	tensors  []Tensor
	index    map[string]int
	metadata map[string]string
}

// Open maps and checks the file at path: afterwards each tensor has the bytes that
// its type and shape need. Errors are of kind Data and name the file, and the
// tensor concerned.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Data, "%w", err)
	}
	defer file.Close()
	f := &File{path: path, index: map[string]int{}}
	if f.m, err = mapped(file); err != nil {
		return nil, f.bad("%w", err)
	}
	if f.tensors, f.metadata, err = parse(f.m); err != nil {
		f.Close()
		return nil, f.bad("%w", err)
	}
	for i, t := range f.tensors {
		f.index[t.Name] = i
	}
	return f, nil
}

func mapped(file *os.File) (mmap.MMap, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("not a file")
	case info.Size() == 0:
		return nil, fmt.Errorf("not a safetensors file: it is empty")
	}
	m, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot map into memory: %w", err)
	}
	return m, nil
}

func (f *File) bad(format string, args ...any) *fault.Error {
	return fault.New(fault.Data, format, args...).At(fault.Pos{File: f.path})
}

// Close unmaps the file.
func (f *File) Close() error { return f.m.Unmap() }

// Path is the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Metadata gives the strings that the file holds beside its tensors; nil if none.
func (f *File) Metadata() map[string]string { return f.metadata }

// Tensors gives all tensors in the order of the file. Their data is mapped.
func (f *File) Tensors() []Tensor { return f.tensors }

// Tensor gives the tensor of that name. Its data is mapped.
func (f *File) Tensor(name string) (Tensor, error) {
	i, ok := f.index[name]
	if !ok {
		names := make([]string, len(f.tensors))
		for i, t := range f.tensors {
			names[i] = t.Name
		}
		err := f.bad("no tensor %q", name)
		if near := fault.Nearest(name, names); near != "" {
			err = err.WithHint("did you mean %q?", near)
		}
		return Tensor{}, err
	}
	return f.tensors[i], nil
}

// Get copies the elements of a tensor, which must have the type T and the shape.
func Get[T Element](f *File, name string, shape ...int) ([]T, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	if want := dtypeOf[T](); t.DType != want || !slices.Equal(t.Shape, shape) {
		return nil, f.bad("tensor %q: is %s, not %s%v", name, t, want, shape)
	}
	data := make([]T, len(t.Data)/t.DType.Size())
	copy(Of("", data).Data, t.Data)
	return data, nil
}

// Float32s gives the elements of a tensor of type F32, F16 or BF16 as float32,
// which is exact. The slice may be mapped.
func (f *File) Float32s(name string) ([]float32, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	n := len(t.Data) / t.DType.Size()
	// Other writers' data may begin anywhere.
	if first := unsafe.Pointer(unsafe.SliceData(t.Data)); t.DType == F32 && uintptr(first)%4 == 0 {
		return unsafe.Slice((*float32)(first), n), nil
	}
	data := make([]float32, n)
	switch t.DType {
	case F32:
		copy(Of("", data).Data, t.Data)
	case F16:
		for i := range data {
			data[i] = float16.Frombits(binary.LittleEndian.Uint16(t.Data[2*i:])).Float32()
		}
	case BF16:
		for i := range data {
			data[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
	default:
		return nil, f.bad("tensor %q: is %s, not of type F32, F16 or BF16", name, t)
	}
	return data, nil
}
