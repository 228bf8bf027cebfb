// Package safetensors reads and writes Hugging Face's format for named tensors
// (https://github.com/huggingface/safetensors, "Format"): eight bytes with the
// length of the header, little-endian; the header, a JSON object that gives each
// tensor's element type, shape and place, and strings under __metadata__; then the
// data, little-endian, in C order, without holes.
//
// Reading is stricter than the reference: a name or key that occurs twice, and a
// key that is not in the format, are errors. Writing gives the reference's bytes,
// and always the same for the same content. Of the element types, those below one
// byte, the 8-bit floats and complex numbers are not known.
package safetensors

import (
	"fmt"
	"math/bits"
	"slices"
	"unsafe"
)

// DType is an element type, by the format's name.
type DType string

// The element types.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16" // the upper half of a float32
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL" // a byte, 0 or 1
)

// dtypes has the reference's order in a file: no tensor is less aligned than its
// element type needs.
var dtypes = []DType{U64, I64, F64, F32, U32, I32, BF16, F16, U16, I16, I8, U8, Bool}

// Size is the number of bytes of one element; 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Tensor is one named tensor. An empty shape is a scalar's.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte // little-endian, in C order
}

// Element is a Go type that is an element type of the format.
type Element interface {
	float64 | float32 | int64 | int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8
}

func dtypeOf[T Element]() DType {
	switch any(*new(T)).(type) {
	case float64:
		return F64
	case float32:
		return F32
	case int64:
		return I64
	case int32:
		return I32
	case int16:
		return I16
	case int8:
		return I8
	case uint64:
		return U64
	case uint32:
		return U32
	case uint16:
		return U16
	}
	return U8
}

// Of is the tensor with these elements, in C order. It shares the memory of data.
func Of[T Element](name string, data []T, shape ...int) Tensor {
	d := dtypeOf[T]()
	return Tensor{name, d, shape, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*d.Size())}
}

func (t Tensor) String() string { return fmt.Sprintf("%s%v", t.DType, t.Shape) }

// byteSize is the number of bytes that type and shape ask for.
func byteSize(d DType, shape []int) (int, error) {
	if !slices.Contains(dtypes, d) {
		return 0, fmt.Errorf("element type %q is not known", string(d))
	}
	n := uint64(d.Size())
	for _, s := range shape {
		if s < 0 {
			return 0, fmt.Errorf("shape %v has a negative size", shape)
		}
		hi, lo := bits.Mul64(n, uint64(s))
		if hi != 0 || lo > 1<<62 {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n = lo
	}
	return int(n), nil
}
