package onnx

import (
	"fmt"
	"strconv"
	"strings"
)

// DType is the type of a tensor's elements, with ONNX's own numbers.
type DType int32

// The element types that both ONNX Runtime and Go can hold. Undefined stands for
// a type that a model does not declare, or that is not among these.
const (
	Undefined DType = 0
	Float32   DType = 1
	Uint8     DType = 2
	Int8      DType = 3
	Uint16    DType = 4
	Int16     DType = 5
	Int32     DType = 6
	Int64     DType = 7
	Bool      DType = 9
	Float16   DType = 10
	Float64   DType = 11
	Uint32    DType = 12
	Uint64    DType = 13
	BFloat16  DType = 16
)

var dtypes = map[DType]struct {
	name string // NumPy's
	size int
}{
	Float32: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2},
	Int32: {"int32", 4}, Int64: {"int64", 8}, Bool: {"bool", 1}, Float16: {"float16", 2}, Float64: {"float64", 8},
	Uint32: {"uint32", 4}, Uint64: {"uint64", 8}, BFloat16: {"bfloat16", 2},
}

// String is NumPy's name of the type, or for bfloat16, which NumPy lacks, PyTorch's.
func (d DType) String() string {
	if t, ok := dtypes[d]; ok {
		return t.name
	}
	if d == Undefined {
		return "undefined"
	}
	return "onnx type " + strconv.Itoa(int(d))
}

// Size is the number of bytes of one element; 0 for a type not among the constants.
func (d DType) Size() int { return dtypes[d].size }

// Half is the bits of a float16, the Go form of Float16.
type Half uint16

// Element is a Go type of tensor elements.
type Element interface {
	float32 | float64 | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | bool | Half
}

// TypeOf is the DType of T.
func TypeOf[T Element]() DType {
	switch any(*new(T)).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case uint8:
		return Uint8
	case int16:
		return Int16
	case uint16:
		return Uint16
	case int32:
		return Int32
	case uint32:
		return Uint32
	case int64:
		return Int64
	case uint64:
		return Uint64
	case bool:
		return Bool
	}
	return Float16
}

// Dim is one dimension: a size, or a name (or nothing) where the size is known
// only at run time; then Size is -1.
type Dim struct {
	Size int64
	Name string
}

func (d Dim) String() string {
	switch {
	case d.Size >= 0:
		return strconv.FormatInt(d.Size, 10)
	case d.Name != "":
		return d.Name
	}
	return "?"
}

// Value describes a tensor by name, as inputs, outputs and initializers have it.
type Value struct {
	Name  string
	DType DType
	Shape []Dim // empty for a scalar, and where Ranked is false
	// Ranked says that the shape is declared, so that an empty one is a scalar's.
	Ranked bool
}

// Dims is the shape as numbers; false if some dimension, or the rank, is not
// known before the network runs.
func (v Value) Dims() ([]int, bool) {
	dims := make([]int, len(v.Shape))
	for i, d := range v.Shape {
		if d.Size < 0 {
			return nil, false
		}
		dims[i] = int(d.Size)
	}
	return dims, v.Ranked
}

// String is for example `float32 image[n 3 224 224]`.
func (v Value) String() string {
	if !v.Ranked {
		return fmt.Sprintf("%s %s[...]", v.DType, v.Name)
	}
	s := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		s[i] = d.String()
	}
	return fmt.Sprintf("%s %s[%s]", v.DType, v.Name, strings.Join(s, " "))
}
