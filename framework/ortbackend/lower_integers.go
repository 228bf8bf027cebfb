package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
)

// ONNX Runtime adds and multiplies the elements of integer tensors as float64 and
// does not wrap. Here they are, as everywhere, numbers modulo a power of two.

// integerSum is a sum of integers as a dot product with ones.
func integerSum(l *lowerer, n *node) view {
	x, axes := n.in[0], n.attr.([]int)
	ones := n.shape.Clone()
	ones.Dimensions = pick(x.dims(), axes)
	all := sequence(0, len(axes))
	return l.view(n.graph.dot(x, n.graph.fill(1, ones), dotAxes{leftContract: axes, rightContract: all}))
}

// fold joins one half of the elements with the other until one is left.
func fold(l *lowerer, n *node, op backends.OpType) view {
	g, x, axes := n.graph, n.in[0], n.attr.([]int)
	rest := free(x.shape.Rank(), axes, nil)
	kept, size := pick(x.dims(), rest), product(x.dims(), axes)
	x = g.reshape(g.transpose(x, slices.Concat(axes, rest)...), append([]int{size}, kept...)...)
	part := func(from, to int) *node {
		s := slicing{make([]int, x.shape.Rank()), slices.Clone(x.dims()), slices.Repeat([]int{1}, x.shape.Rank())}
		s.starts[0], s.limits[0] = from, to
		return g.slice(x, s)
	}
	for size > 1 {
		half := size / 2
		next := g.binary(op, part(0, half), part(half, 2*half))
		if size%2 == 1 {
			next = g.concatenate(0, next, part(size-1, size))
		}
		x, size = next, size-half
	}
	return l.view(g.reshape(x, kept...))
}

// lowerIntegerReduce is for the reductions of integers whose kernels are not exact:
// ordered says what is wrong with the extremes of int64, which uint32 would need.
func lowerIntegerReduce(l *lowerer, n *node) (v view, ok bool) {
	t := n.shape.DType
	wide := t == dtypes.Int64 || t == dtypes.Uint32 || t == dtypes.Uint64
	switch {
	case t.IsInt() && n.op == backends.OpTypeReduceSum:
		return integerSum(l, n), true
	case t.IsInt() && n.op == backends.OpTypeReduceProduct:
		return fold(l, n, backends.OpTypeMul), true
	case wide && n.op == backends.OpTypeReduceMax:
		return fold(l, n, backends.OpTypeMax), true
	case wide && n.op == backends.OpTypeReduceMin:
		return fold(l, n, backends.OpTypeMin), true
	}
	return view{}, false
}
