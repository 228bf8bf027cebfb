package ortbackend

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
)

// buffer is a tensor in memory that both Go and ONNX Runtime use, so nothing is
// copied at a graph's edges.
type buffer struct {
	shape  shapes.Shape
	memory []uint64    // whole words, so that every element type is aligned
	tensor *ort.Tensor // over memory; scalars have the shape [1]
}

// pool keeps the memory of buffers that are no longer used for those to come: a
// training step gives back what it takes, so memory stays the same and is not
// cleared again and again.
type pool struct {
	mu    sync.Mutex
	free  map[int][][]uint64 // by number of words
	words int                // in free
}

// pooledWords bounds the pool: 2 GiB. What exceeds it is left to the garbage
// collector.
const pooledWords = 2 << 30 / 8

func (p *pool) take(words int) []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.free[words]; len(list) > 0 {
		m := list[len(list)-1]
		p.free[words] = list[:len(list)-1]
		p.words -= words
		return m
	}
	return make([]uint64, words)
}

func (p *pool) give(m []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(m) == 0 || p.words+len(m) > pooledWords {
		return
	}
	if p.free == nil {
		p.free = map[int][][]uint64{}
	}
	p.free[len(m)] = append(p.free[len(m)], m)
	p.words += len(m)
}

func (p *pool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free, p.words = nil, 0
}

// newBuffer makes a buffer whose elements are arbitrary.
func (b *Backend) newBuffer(shape shapes.Shape) (*buffer, error) {
	t, err := elementType(shape.DType)
	if err != nil {
		return nil, err
	}
	size := shape.Size() * t.Size()
	out := &buffer{shape: shape, memory: b.take((size + 7) / 8)}
	dims := shape.Dimensions
	if len(dims) == 0 {
		dims = []int{1}
	}
	out.tensor, err = ort.FromBytes(t, out.bytes(), dims...)
	return out, err
}

// bytes is the buffer's elements.
func (f *buffer) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f.memory))), len(f.memory)*8)[:f.shape.Size()*f.shape.DType.Size()]
}

// flat is the buffer's elements as a slice of their Go type.
func (f *buffer) flat() any {
	t := f.shape.DType.GoType()
	if f.shape.Size() == 0 {
		return reflect.MakeSlice(reflect.SliceOf(t), 0, 0).Interface()
	}
	array := reflect.NewAt(reflect.ArrayOf(f.shape.Size(), t), unsafe.Pointer(unsafe.SliceData(f.memory)))
	return array.Elem().Slice(0, f.shape.Size()).Interface()
}

func asBuffer(x backends.Buffer) (*buffer, error) {
	f, ok := x.(*buffer)
	if !ok || f == nil {
		return nil, fmt.Errorf("ort backend: a %T is not a buffer of this backend", x)
	}
	if f.tensor == nil {
		return nil, fmt.Errorf("ort backend: buffer %s is used after it was finalized or donated", f.shape)
	}
	return f, nil
}

// release gives the buffer's memory back.
func (b *Backend) release(f *buffer) {
	b.give(f.memory)
	f.memory, f.tensor = nil, nil
}

// BufferFinalize gives the buffer's memory back; later use is an error.
func (b *Backend) BufferFinalize(x backends.Buffer) error {
	f, err := asBuffer(x)
	if err == nil {
		b.release(f)
	}
	return err
}

// BufferShape is the buffer's shape.
func (b *Backend) BufferShape(x backends.Buffer) (shapes.Shape, error) {
	f, err := asBuffer(x)
	if err != nil {
		return shapes.Invalid(), err
	}
	return f.shape, nil
}

// BufferDeviceNum is 0.
func (b *Backend) BufferDeviceNum(x backends.Buffer) (backends.DeviceNum, error) {
	_, err := asBuffer(x)
	return 0, err
}

// BufferToFlatData copies the elements to the slice flat.
func (b *Backend) BufferToFlatData(x backends.Buffer, flat any) error {
	f, err := asBuffer(x)
	if err != nil {
		return err
	}
	to, err := flatBytes(flat, f.shape)
	copy(to, f.bytes())
	return err
}

// BufferFromFlatData makes a buffer of a copy of the elements.
func (b *Backend) BufferFromFlatData(_ backends.DeviceNum, flat any, shape shapes.Shape) (backends.Buffer, error) {
	from, err := flatBytes(flat, shape)
	if err != nil {
		return nil, err
	}
	f, err := b.newBuffer(shape)
	if err != nil {
		return nil, err
	}
	copy(f.bytes(), from)
	return f, nil
}

// flatBytes is the memory of a slice of shape's elements.
func flatBytes(flat any, shape shapes.Shape) ([]byte, error) {
	v := reflect.ValueOf(flat)
	if v.Kind() != reflect.Slice {
		return nil, fmt.Errorf("ort backend: a %T is not a slice of %s's elements", flat, shape)
	}
	if dtypes.FromGoType(v.Type().Elem()) != shape.DType || v.Len() != shape.Size() {
		return nil, fmt.Errorf("ort backend: %T with %d elements does not fit %s", flat, v.Len(), shape)
	}
	return unsafe.Slice((*byte)(v.UnsafePointer()), v.Len()*shape.DType.Size()), nil
}

// HasSharedBuffers is true: on the CPU, and at the edges of what runs on a GPU,
// buffers are memory of this process.
func (b *Backend) HasSharedBuffers() bool { return true }

// NewSharedBuffer makes a buffer of zeros and returns its elements, too.
func (b *Backend) NewSharedBuffer(_ backends.DeviceNum, shape shapes.Shape) (backends.Buffer, any, error) {
	f, err := b.newBuffer(shape)
	if err != nil {
		return nil, nil, err
	}
	clear(f.memory)
	return f, f.flat(), nil
}

// BufferData is the buffer's elements, valid until it is finalized or donated.
func (b *Backend) BufferData(x backends.Buffer) (any, error) {
	f, err := asBuffer(x)
	if err != nil {
		return nil, err
	}
	return f.flat(), nil
}

// BufferCopyToDevice fails: there is one device.
func (b *Backend) BufferCopyToDevice(backends.Buffer, backends.DeviceNum) (backends.Buffer, error) {
	return nil, fmt.Errorf("ort backend: there is only one device")
}

// elementTypes maps GoMLX's element types to ONNX's.
var elementTypes = map[dtypes.DType]onnx.DType{
	dtypes.Bool: onnx.Bool, dtypes.Float16: onnx.Float16, dtypes.BFloat16: onnx.BFloat16,
	dtypes.Float32: onnx.Float32, dtypes.Float64: onnx.Float64,
	dtypes.Int8: onnx.Int8, dtypes.Int16: onnx.Int16, dtypes.Int32: onnx.Int32, dtypes.Int64: onnx.Int64,
	dtypes.Uint8: onnx.Uint8, dtypes.Uint16: onnx.Uint16, dtypes.Uint32: onnx.Uint32, dtypes.Uint64: onnx.Uint64,
}

func elementType(t dtypes.DType) (onnx.DType, error) {
	if out, ok := elementTypes[t]; ok {
		return out, nil
	}
	return 0, fmt.Errorf("ort backend: element type %s is not supported", t)
}

func dtypesKnown() map[dtypes.DType]bool {
	known := map[dtypes.DType]bool{}
	for t := range elementTypes {
		known[t] = true
	}
	return known
}
