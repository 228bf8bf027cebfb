package ortbackend

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

func lowerReshape(l *lowerer, n *node) view {
	x := n.in[0]
	v := l.view(x)
	if slices.Equal(v.dims, x.dims()) {
		return whole(n, l.reshape(v.name, v.dims, n.dims()))
	}
	// A repeated value stays small if only axes of size 1 come and go.
	var from []int
	for i, d := range x.dims() {
		if d != 1 {
			from = append(from, i)
		}
	}
	small := slices.Repeat([]int{1}, n.shape.Rank())
	next := 0
	for i, d := range n.dims() {
		if d == 1 {
			continue
		}
		if next == len(from) || x.dims()[from[next]] != d {
			return whole(n, l.reshape(l.full(x), x.dims(), n.dims()))
		}
		small[i] = v.dims[from[next]]
		next++
	}
	return view{l.reshape(v.name, v.dims, small), small}
}

func lowerTranspose(l *lowerer, n *node) view {
	v, perm := l.view(n.in[0]), n.attr.([]int)
	dims := pick(v.dims, perm)
	return view{l.out.Op("Transpose", []string{v.name}, onnx.Ints("perm", perm...)), dims}
}

func lowerBroadcast(l *lowerer, n *node) view {
	v := l.view(n.in[0])
	small := slices.Repeat([]int{1}, n.shape.Rank())
	for i, a := range n.attr.([]int) {
		small[a] = v.dims[i]
	}
	return view{l.reshape(v.name, v.dims, small), small}
}

func lowerSlice(l *lowerer, n *node) view {
	s, v := n.attr.(slicing), l.view(n.in[0])
	var starts, limits, axes, strides []int
	dims := slices.Clone(v.dims)
	for i, d := range v.dims {
		if d == 1 || s.starts[i] == 0 && s.limits[i] == d && s.strides[i] == 1 {
			continue
		}
		starts, limits = append(starts, s.starts[i]), append(limits, s.limits[i])
		axes, strides = append(axes, i), append(strides, s.strides[i])
		dims[i] = n.dims()[i]
	}
	if len(axes) == 0 {
		return view{v.name, dims}
	}
	o := l.out
	return view{o.Op("Slice", []string{v.name, o.Shape(starts...), o.Shape(limits...), o.Shape(axes...), o.Shape(strides...)}), dims}
}

func lowerReverse(l *lowerer, n *node) view {
	v, o := l.view(n.in[0]), l.out
	var starts, limits, axes, strides []int
	for _, a := range n.attr.([]int) {
		if v.dims[a] > 1 {
			starts, limits = append(starts, -1), append(limits, math.MinInt32)
			axes, strides = append(axes, a), append(strides, -1)
		}
	}
	if len(axes) == 0 {
		return v
	}
	return view{o.Op("Slice", []string{v.name, o.Shape(starts...), o.Shape(limits...), o.Shape(axes...), o.Shape(strides...)}), v.dims}
}

func lowerConcatenate(l *lowerer, n *node) view {
	return whole(n, l.out.Op("Concat", l.fulls(n.in...), onnx.Int("axis", n.attr.(int))))
}

// reductions are ONNX's operators.
var reductions = map[backends.OpType]kernel{
	backends.OpTypeReduceSum:     {"ReduceSum", floats, false},
	backends.OpTypeReduceProduct: {"ReduceProd", floats, false},
	backends.OpTypeReduceMax:     {"ReduceMax", numerical[:3], false},
	backends.OpTypeReduceMin:     {"ReduceMin", numerical[:3], false},
}

// lowerReduce reduces a value that is small where it repeats itself, so that
// maxima skip the repetitions and sums count them.
func lowerReduce(l *lowerer, n *node) view {
	x, axes := n.in[0], n.attr.([]int)
	k, t := reductions[n.op], x.shape.DType
	if v, ok := lowerIntegerReduce(l, n); ok {
		return v
	}
	compute, err := widened(k.op, t, k.types, k.wraps)
	if err != nil {
		l.fail(err)
	}
	v := l.view(x)
	repeats := 1
	var real []int // axes with elements of their own
	for _, a := range axes {
		if v.dims[a] == 1 {
			repeats *= x.dims()[a]
		} else {
			real = append(real, a)
		}
	}
	if repeats > 1 && n.op == backends.OpTypeReduceProduct {
		l.full(x)
		v, repeats, real = l.view(x), 1, axes
	}
	name, dims := v.name, slices.Clone(v.dims)
	if compute != t {
		name = l.cast(name, compute)
	}
	if len(real) > 0 {
		if n.op == backends.OpTypeReduceSum && compute == dtypes.Float32 && leading(real, v.dims) {
			name = l.sumOfRows(name, v.dims, len(real))
		} else {
			name = l.reduceOp(k.op, name, real)
		}
		for _, a := range real {
			dims[a] = 1
		}
	}
	if n.op == backends.OpTypeReduceSum && repeats > 1 {
		count, err := elementType(compute)
		if err != nil {
			l.fail(err)
		}
		name = l.out.Op("Mul", []string{name, l.out.Bytes(count, element(compute, float64(repeats)))})
	}
	if compute != t {
		name = l.cast(name, t)
	}
	kept := pick(dims, free(len(dims), axes, nil))
	return view{l.reshape(name, dims, kept), kept}
}

// lowerReduceExtreme puts back NaN, which ONNX Runtime's kernels lose or keep as it
// happens to lie among the elements.
func lowerReduceExtreme(l *lowerer, n *node) view {
	g, x, axes, t := n.graph, n.in[0], n.attr.([]int), n.shape.DType
	switch {
	case t == dtypes.Float16 || t == dtypes.BFloat16:
		return l.view(g.convert(g.reduce(n.op, g.convert(x, dtypes.Float32), axes...), t))
	case !t.IsFloat():
		return lowerReduce(l, n)
	}
	v := lowerReduce(l, n)
	lost := l.view(g.reduce(backends.OpTypeReduceLogicalOr, g.compare(backends.OpTypeNotEqual, x, x), axes...))
	nan := l.view(g.constantLike(n, math.NaN()))
	dims := slices.Clone(v.dims)
	for i, d := range lost.dims {
		dims[i] = max(dims[i], d)
	}
	return view{l.out.Op("Where", []string{lost.name, nan.name, v.name}), dims}
}

// leading says whether the axes are the first ones, with many elements, and not all.
func leading(axes, dims []int) bool {
	rows := 1
	for i, a := range axes {
		if a != i {
			return false
		}
		rows *= dims[a]
	}
	return rows >= 64 && elements(dims) >= 16*rows
}

// sumOfRows sums over the first axes, and keeps them with size 1, as a product with
// a row of ones: two to three times as fast as ReduceSum.
func (l *lowerer) sumOfRows(x string, dims []int, axes int) string {
	rows := elements(dims[:axes])
	kept := append(slices.Repeat([]int{1}, axes), dims[axes:]...)
	ones := onnx.Const(l.out, slices.Repeat([]float32{1}, rows), 1, rows)
	flat := l.reshape(x, dims, []int{rows, elements(kept)})
	return l.reshape(l.out.Op("MatMul", []string{ones, flat}), []int{1, elements(kept)}, kept)
}

// reduceOp writes a reduction that keeps the axes with size 1. Of these ReduceSum
// alone takes its axes as an input in operator set 13 to 17; from 18 all do.
func (l *lowerer) reduceOp(op, x string, axes []int) string {
	return l.out.Op(op, []string{x, l.out.Shape(axes...)}, onnx.Int("keepdims", 1))
}

// lowerLogicalReduce counts.
func lowerLogicalReduce(l *lowerer, n *node) view {
	g, x, axes := n.graph, n.in[0], n.attr.([]int)
	number := g.convert(x, dtypes.Int32)
	var y *node
	switch n.op {
	case backends.OpTypeReduceLogicalAnd:
		y = g.reduce(backends.OpTypeReduceMin, number, axes...)
	case backends.OpTypeReduceLogicalOr:
		y = g.reduce(backends.OpTypeReduceMax, number, axes...)
	default:
		y = g.binary(backends.OpTypeRem, g.reduce(backends.OpTypeReduceSum, number, axes...), g.constantLike(number, 2))
	}
	return l.view(g.convert(y, dtypes.Bool))
}

func init() {
	register(lowerReshape, backends.OpTypeReshape)
	register(lowerTranspose, backends.OpTypeTranspose)
	register(lowerBroadcast, backends.OpTypeBroadcastInDim)
	register(lowerSlice, backends.OpTypeSlice)
	register(lowerReverse, backends.OpTypeReverse)
	register(lowerConcatenate, backends.OpTypeConcatenate)
	register(lowerReduce, backends.OpTypeReduceSum, backends.OpTypeReduceProduct)
	register(lowerReduceExtreme, backends.OpTypeReduceMax, backends.OpTypeReduceMin)
	register(lowerLogicalReduce, backends.OpTypeReduceLogicalAnd, backends.OpTypeReduceLogicalOr, backends.OpTypeReduceLogicalXor)
}
