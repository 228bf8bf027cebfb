package ortbackend

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/notimplemented"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// Builder records one computation.
type Builder struct {
	notimplemented.Builder // answers for the operations that are not supported
	backend                *Backend
	name                   string
	graph                  *graph
	parameters             []*node
	compiled               bool
}

var _ backends.Builder = (*Builder)(nil)

// Builder starts a computation.
func (b *Backend) Builder(name string) backends.Builder {
	out := &Builder{backend: b, name: name, graph: &graph{known: map[string]*node{}}}
	out.ErrFn = func(op backends.OpType) error { return unsupported(op, "") }
	return out
}

// unsupported is the error for what cannot be lowered; it wraps GoMLX's own.
func unsupported(op backends.OpType, why string, args ...any) error {
	if why != "" {
		why = " " + fmt.Sprintf(why, args...)
	}
	return fmt.Errorf("ort backend: operation %s%s is %w", opName(op), why, notimplemented.NotImplementedError)
}

// Name of the computation.
func (b *Builder) Name() string { return b.name }

// OpShape is the shape of an operation's result.
func (b *Builder) OpShape(x backends.Op) (shapes.Shape, error) {
	ns, err := b.nodes(x)
	if err != nil {
		return shapes.Invalid(), err
	}
	return ns[0].shape, nil
}

// nodes checks operands: they must be of this computation, which must still grow.
func (b *Builder) nodes(xs ...backends.Op) ([]*node, error) {
	if b.compiled {
		return nil, fmt.Errorf("ort backend: computation %q is compiled already", b.name)
	}
	out := make([]*node, len(xs))
	for i, x := range xs {
		n, ok := x.(*node)
		if !ok || n == nil || n.graph != b.graph {
			return nil, fmt.Errorf("ort backend: operand %d (%T) does not belong to computation %q", i, x, b.name)
		}
		out[i] = n
	}
	return out, nil
}

// Parameter adds an input of the computation.
func (b *Builder) Parameter(name string, shape shapes.Shape, _ *backends.ShardingSpec) (backends.Op, error) {
	if _, err := elementType(shape.DType); err != nil {
		return nil, fmt.Errorf("parameter %q: %w", name, err)
	}
	n := b.graph.add(backends.OpTypeParameter, shape.Clone(), parameter{len(b.parameters), name})
	b.parameters = append(b.parameters, n)
	return n, nil
}

// Constant adds a constant of the slice's elements.
func (b *Builder) Constant(flat any, dims ...int) (backends.Op, error) {
	v := reflect.ValueOf(flat)
	if v.Kind() != reflect.Slice {
		return nil, fmt.Errorf("ort backend: a constant is given as %T, not as a slice", flat)
	}
	t := dtypes.FromGoType(v.Type().Elem())
	if _, err := elementType(t); err != nil {
		return nil, err
	}
	shape := shapes.Make(t, dims...)
	bytes, err := flatBytes(flat, shape)
	if err != nil {
		return nil, err
	}
	return b.graph.constantNode(slices.Clone(bytes), shape), nil
}

// constantNode is constant, as a broadcast scalar if all elements are the same, so
// that it costs nothing and its value is seen.
func (g *graph) constantNode(bytes []byte, shape shapes.Shape) *node {
	size := shape.DType.Size()
	if shape.Size() < 2 || !sameElements(bytes, size) {
		return g.constant(bytes, shape)
	}
	scalar := g.constant(bytes[:size:size], shapes.Make(shape.DType))
	return g.add(backends.OpTypeBroadcastInDim, shape, []int(nil), scalar)
}

func sameElements(bytes []byte, size int) bool {
	for i := size; i < len(bytes); i++ {
		if bytes[i] != bytes[i-size] {
			return false
		}
	}
	return true
}

// numbers is a constant of the elements.
func numbers[T dtypes.Supported](g *graph, flat []T, dims ...int) *node {
	shape := shapes.Make(dtypes.FromGenericsType[T](), dims...)
	var bytes []byte
	if len(flat) > 0 {
		bytes = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(flat))), len(flat)*shape.DType.Size())
	}
	return g.constantNode(slices.Clone(bytes), shape)
}

// Identity returns x.
func (b *Builder) Identity(x backends.Op) (backends.Op, error) {
	ns, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	return ns[0], nil
}

// DistributedSPMD fails for more than one device.
func (b *Builder) DistributedSPMD(devices int) error {
	if devices != 1 {
		return fmt.Errorf("ort backend: %d devices asked for, there is one", devices)
	}
	return nil
}

var errOutputs = errors.New("ort backend: a computation without outputs")
