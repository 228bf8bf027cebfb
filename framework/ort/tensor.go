package ort

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"unsafe"

	lib "github.com/yalue/onnxruntime_go"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
)

// Tensor is a dense tensor in row-major order over memory of the caller's: Run
// reads inputs from it and writes outputs into it without a copy. It holds
// nothing that needs closing. A Tensor may be an input of several Runs at once;
// while a Run uses it as an output, nothing else may touch it.
type Tensor struct {
	dtype onnx.DType
	shape []int
	data  unsafe.Pointer // keeps the caller's memory alive, where Go owns it
	size  int            // bytes
}

// NewTensor makes a tensor over data, which must have exactly the shape's number
// of elements; no dimensions make a scalar.
func NewTensor[T onnx.Element](data []T, shape ...int) (*Tensor, error) {
	t := &Tensor{onnx.TypeOf[T](), slices.Clone(shape), unsafe.Pointer(unsafe.SliceData(data)), 0}
	t.size = len(data) * t.dtype.Size()
	return t, t.check()
}

// FromBytes makes a tensor over memory that holds elements of type t in the
// machine's byte order, for instance a mapped file; Go's garbage collector need
// not know it.
func FromBytes(t onnx.DType, data []byte, shape ...int) (*Tensor, error) {
	out := &Tensor{t, slices.Clone(shape), unsafe.Pointer(unsafe.SliceData(data)), len(data)}
	if err := out.check(); err != nil {
		return nil, err
	}
	if uintptr(out.data)%uintptr(t.Size()) != 0 {
		return nil, fault.New(fault.Internal, "%s tensor: memory is not aligned to %d bytes", t, t.Size())
	}
	return out, nil
}

// Zeros makes a tensor over new memory.
func Zeros(t onnx.DType, shape ...int) (*Tensor, error) {
	n, ok := elements(shape)
	if !ok || t.Size() == 0 {
		return nil, fault.New(fault.Internal, "tensor of type %s and shape %v: not possible", t, shape)
	}
	words := make([]uint64, (n*t.Size()+7)/8)
	return &Tensor{t, slices.Clone(shape), unsafe.Pointer(unsafe.SliceData(words)), n * t.Size()}, nil
}

func (t *Tensor) check() error {
	n, ok := elements(t.shape)
	if !ok || t.dtype.Size() == 0 {
		return fault.New(fault.Internal, "tensor of type %s and shape %v: not possible", t.dtype, t.shape)
	}
	if n*t.dtype.Size() != t.size {
		return fault.New(fault.Internal, "%s tensor of shape %v needs %d bytes, the memory has %d",
			t.dtype, t.shape, n*t.dtype.Size(), t.size)
	}
	return nil
}

// elements is the number of elements; false for a negative dimension or more
// elements than fit memory.
func elements(shape []int) (int, bool) {
	n, empty := 1, false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			empty = true
		case n > math.MaxInt/16/d:
			return 0, false
		default:
			n *= d
		}
	}
	if empty {
		return 0, true
	}
	return n, true
}

// DType is the type of the elements.
func (t *Tensor) DType() onnx.DType { return t.dtype }

// Shape is the tensor's shape; not to be changed.
func (t *Tensor) Shape() []int { return t.shape }

// Len is the number of elements.
func (t *Tensor) Len() int { return t.size / t.dtype.Size() }

// Data is the tensor's memory as elements of type T, which must be its own.
func Data[T onnx.Element](t *Tensor) ([]T, error) {
	if want := onnx.TypeOf[T](); want != t.dtype {
		return nil, fault.New(fault.Internal, "tensor holds %s, not %s", t.dtype, want)
	}
	return unsafe.Slice((*T)(t.data), t.Len()), nil
}

func (t *Tensor) String() string { return fmt.Sprintf("%s%v", t.dtype, t.shape) }

// bound is a tensor as ONNX Runtime sees it during one Run.
type bound struct {
	lib.Value
	after func() // copies a scalar out; nil for all others
}

var nothing [8]byte // what an empty tensor points to

// bind wraps t's memory, pinned by p, for ONNX Runtime.
func (t *Tensor) bind(p *runtime.Pinner) (bound, error) {
	if len(t.shape) == 0 {
		k, ok := kinds[t.dtype]
		if !ok {
			return bound{}, fmt.Errorf("a scalar of type %s is not supported; give it the shape [1]", t.dtype)
		}
		return k.scalar(t)
	}
	mem := nothing[:]
	if t.size > 0 {
		p.Pin(t.data)
		mem = unsafe.Slice((*byte)(t.data), t.size)
	}
	shape := make(lib.Shape, len(t.shape))
	for i, d := range t.shape {
		shape[i] = int64(d)
	}
	v, err := lib.NewCustomDataTensor(shape, mem, lib.TensorElementDataType(t.dtype))
	return bound{Value: v}, err
}

// kind has what needs the Go type of elements: scalars, which the binding keeps
// in memory of its own, and outputs that ONNX Runtime allocated.
type kind struct {
	scalar func(*Tensor) (bound, error)
	adopt  func(lib.Value) (*Tensor, bool)
}

// kinds lacks float16, for which the binding has no typed tensor.
var kinds = map[onnx.DType]kind{
	onnx.Float32: kindOf[float32](), onnx.Float64: kindOf[float64](), onnx.Bool: kindOf[bool](),
	onnx.Int8: kindOf[int8](), onnx.Int16: kindOf[int16](), onnx.Int32: kindOf[int32](), onnx.Int64: kindOf[int64](),
	onnx.Uint8: kindOf[uint8](), onnx.Uint16: kindOf[uint16](), onnx.Uint32: kindOf[uint32](), onnx.Uint64: kindOf[uint64](),
}

func kindOf[T interface {
	onnx.Element
	lib.TensorData
}]() kind {
	return kind{
		scalar: func(t *Tensor) (bound, error) {
			s, err := lib.NewScalar(*(*T)(t.data))
			return bound{s, func() { *(*T)(t.data) = s.GetData() }}, err
		},
		adopt: func(v lib.Value) (*Tensor, bool) {
			out, ok := v.(*lib.Tensor[T])
			if !ok {
				return nil, false
			}
			data := out.GetData()
			t := &Tensor{onnx.TypeOf[T](), nil, unsafe.Pointer(unsafe.SliceData(data)), 0}
			t.size = len(data) * t.dtype.Size()
			for _, d := range out.GetShape() {
				t.shape = append(t.shape, int(d))
			}
			return t, true
		},
	}
}

// adopt makes a Tensor of an output that ONNX Runtime allocated.
func adopt(v lib.Value) (*Tensor, error) {
	for _, k := range kinds {
		if t, ok := k.adopt(v); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("of a type that cannot be allocated (give Run a tensor for it)")
}
