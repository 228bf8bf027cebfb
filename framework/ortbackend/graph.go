package ortbackend

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/x448/float16"
)

// Operations that GoMLX does not have, for which ONNX Runtime has a kernel.
const (
	opSoftmax   = backends.OpTypeLast + 1 + iota // over the last axis
	opSumSquare                                  // of all elements
	opGelu                                       // with erf
	opIntDiv                                     // of integers, none of which is divided by zero
)

var ownNames = map[backends.OpType]string{
	opSoftmax: "Softmax", opSumSquare: "SumSquare", opGelu: "Gelu", opIntDiv: "IntDiv",
}

func opName(op backends.OpType) string {
	if name, ok := ownNames[op]; ok {
		return name
	}
	return op.String()
}

// node is one operation of a graph and its result. Nodes are immutable, and equal
// ones are the same pointer.
type node struct {
	graph *graph
	id    int // inputs have smaller ones
	op    backends.OpType
	in    []*node
	shape shapes.Shape
	attr  any // what else the operation needs; prints the same only if it is the same
}

// constant is the attr of a Constant.
type constant struct {
	bytes []byte // the elements, as they are in memory
	key   string
}

func (c *constant) String() string { return c.key }

// parameter is the attr of a Parameter.
type parameter struct {
	index int
	name  string
}

// graph holds the nodes of one computation.
type graph struct {
	known map[string]*node
	count int
}

// add returns the node of that operation, a new one if there is none yet. It does
// not simplify: see make.
func (g *graph) add(op backends.OpType, shape shapes.Shape, attr any, in ...*node) *node {
	k := key(op, shape, attr, in)
	if n, ok := g.known[k]; ok {
		return n
	}
	n := &node{graph: g, id: g.count, op: op, in: in, shape: shape, attr: attr}
	g.count++
	g.known[k] = n
	return n
}

// key is the same for equal operations only.
func key(op backends.OpType, shape shapes.Shape, attr any, in []*node) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s %v", op, shape, attr)
	for _, i := range in {
		fmt.Fprintf(&b, " %d", i.id)
	}
	return b.String()
}

// constant adds a constant of the bytes, which it keeps.
func (g *graph) constant(bytes []byte, shape shapes.Shape) *node {
	c := &constant{bytes: bytes}
	if len(bytes) <= 64 {
		c.key = fmt.Sprintf("%x", bytes)
	} else {
		c.key = fmt.Sprintf("#%d", g.count) // large ones are rarely equal
	}
	return g.add(backends.OpTypeConstant, shape, c)
}

// fill is a constant scalar of the value, broadcast to the shape.
func (g *graph) fill(v float64, shape shapes.Shape) *node {
	scalar := g.constant(element(shape.DType, v), shapes.Make(shape.DType))
	if shape.Size() == 0 {
		return g.constant(nil, shape)
	}
	if shape.IsScalar() {
		return scalar
	}
	return g.add(backends.OpTypeBroadcastInDim, shape, []int(nil), scalar)
}

// element is v as one element of the type.
func element(t dtypes.DType, v float64) []byte {
	le := binary.LittleEndian
	switch t {
	case dtypes.Float32:
		return le.AppendUint32(nil, math.Float32bits(float32(v)))
	case dtypes.Float64:
		return le.AppendUint64(nil, math.Float64bits(v))
	case dtypes.Float16:
		return le.AppendUint16(nil, float16.Fromfloat32(float32(v)).Bits())
	case dtypes.BFloat16:
		bits := math.Float32bits(float32(v))
		if v == v { // to nearest, ties to even; bfloat16.FromFloat32 would truncate
			bits += 0x7fff + bits>>16&1
		}
		return le.AppendUint16(nil, uint16(bits>>16))
	}
	var bits uint64
	switch {
	case v < 0:
		bits = uint64(int64(v))
	case t == dtypes.Int64 && v >= 1<<63: // what the largest numbers are as float64
		bits = math.MaxInt64
	case v >= 1<<64:
		bits = math.MaxUint64
	default:
		bits = uint64(v)
	}
	return le.AppendUint64(nil, bits)[:t.Size()]
}

// value is the single value of a node whose elements are all equal and known.
func (n *node) value() (float64, bool) {
	for n.op == backends.OpTypeBroadcastInDim || n.op == backends.OpTypeReshape {
		n = n.in[0]
	}
	c, ok := n.attr.(*constant)
	if n.op != backends.OpTypeConstant || !ok || n.shape.Size() != 1 {
		return 0, false
	}
	le := binary.LittleEndian
	switch n.shape.DType {
	case dtypes.Float32:
		return float64(math.Float32frombits(le.Uint32(c.bytes))), true
	case dtypes.Float64:
		return math.Float64frombits(le.Uint64(c.bytes)), true
	case dtypes.Int32:
		return float64(int32(le.Uint32(c.bytes))), true
	}
	return 0, false
}

// is says whether all elements of n are known to be v.
func (n *node) is(v float64) bool {
	got, ok := n.value()
	return ok && got == v
}

func (n *node) dims() []int { return n.shape.Dimensions }

// String shows the node for errors and tests.
func (n *node) String() string {
	return fmt.Sprintf("%s%s", opName(n.op), n.shape)
}

// dump prints the nodes that the outputs need, one a line.
func dump(outputs []*node) string {
	var b strings.Builder
	for _, n := range reachable(outputs) {
		fmt.Fprintf(&b, "%d = %s", n.id, n)
		for _, i := range n.in {
			fmt.Fprintf(&b, " %d", i.id)
		}
		if n.attr != nil {
			fmt.Fprintf(&b, " %v", n.attr)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// reachable is the nodes that the outputs need, inputs before users.
func reachable(outputs []*node) []*node {
	seen := map[*node]bool{}
	var list []*node
	stack := slices.Clone(outputs)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !seen[n] {
			seen[n] = true
			list = append(list, n)
			stack = append(stack, n.in...)
		}
	}
	slices.SortFunc(list, func(a, b *node) int { return a.id - b.id })
	return list
}
