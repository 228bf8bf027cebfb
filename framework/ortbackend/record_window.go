package ortbackend

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
)

// pooling says where windows lie, with an entry for each axis of what they slide
// over.
type pooling struct {
	sizes, strides, dilations []int
	pads                      []backends.PadAxis // of the tensor
}

// newPooling fills in what GoMLX leaves out.
func newPooling(rank int, sizes, strides, baseDilations, dilations []int, paddings [][2]int) pooling {
	ones := slices.Repeat([]int{1}, rank)
	or := func(list, otherwise []int) []int {
		if len(list) == 0 {
			list = otherwise
		}
		return slices.Clone(list)
	}
	w := pooling{sizes: or(sizes, ones), dilations: or(dilations, ones), pads: make([]backends.PadAxis, rank)}
	w.strides = or(strides, w.sizes)
	for i, d := range or(baseDilations, ones) {
		w.pads[i].Interior = d - 1
	}
	for i, p := range paddings {
		w.pads[i].Start, w.pads[i].End = p[0], p[1]
	}
	return w
}

// folding is how a window is reduced: pairwise, or along a whole axis.
type folding struct{ pair, axis backends.OpType }

var foldings = map[backends.ReduceOpType]folding{
	backends.ReduceOpSum:     {backends.OpTypeAdd, backends.OpTypeReduceSum},
	backends.ReduceOpProduct: {backends.OpTypeMul, backends.OpTypeReduceProduct},
	backends.ReduceOpMax:     {backends.OpTypeMax, backends.OpTypeReduceMax},
	backends.ReduceOpMin:     {backends.OpTypeMin, backends.OpTypeReduceMin},
}

// ReduceWindow reduces what lies in each window.
func (b *Builder) ReduceWindow(x backends.Op, reduction backends.ReduceOpType, sizes, strides, baseDilations, dilations []int, paddings [][2]int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	n, t := in[0], in[0].shape.DType
	f, ok := foldings[reduction]
	if !ok || t == dtypes.Bool && reduction != backends.ReduceOpMax && reduction != backends.ReduceOpMin {
		return nil, unsupported(backends.OpTypeReduceWindow, "with %s of %s", reduction, t)
	}
	shape, err := shapeinference.ReduceWindowOp(n.shape, sizes, strides, baseDilations, dilations, paddings)
	if err != nil {
		return nil, err
	}
	w := newPooling(n.shape.Rank(), sizes, strides, baseDilations, dilations, paddings)
	if t == dtypes.Bool { // bytes have the same order, and their extremes are false and true
		bytes := b.graph.convert(n, dtypes.Uint8)
		return b.graph.convert(b.graph.reduceWindows(bytes, f, w, shape.Dimensions), t), nil
	}
	return b.graph.reduceWindows(n, f, w, shape.Dimensions), nil
}

// reduceWindows reduces along one axis after the other: a window of 3 by 3 costs
// four operations, not eight. (ONNX Runtime's MaxPool is not used: it does not keep
// minus infinity and NaN.)
func (g *graph) reduceWindows(x *node, f folding, w pooling, dims []int) *node {
	if t := x.shape.DType; t == dtypes.Float16 || t == dtypes.BFloat16 {
		return g.convert(g.reduceWindows(g.convert(x, dtypes.Float32), f, w, dims), t)
	}
	fill := g.constantLike(x, neutral(f.axis, x.shape.DType))
	if elements(dims) == 0 {
		shape := x.shape.Clone()
		shape.Dimensions = dims
		return g.broadcast(fill, shape, nil)
	}
	x = g.pad(x, fill, w.pads)
	for i, d := range dims {
		x = g.reduceAlong(x, f, i, w.sizes[i], w.strides[i], w.dilations[i], d)
	}
	return x
}

// directly is up to how large a window's elements are joined one by one.
const directly = 8

// reduceAlong reduces windows along one axis to count results.
func (g *graph) reduceAlong(x *node, f folding, axis, size, stride, dilation, count int) *node {
	take := func(x *node, start, count, step int) *node {
		return g.window(x, axis, []int{start}, []int{count}, []int{step})
	}
	if count == 1 && size > 1 {
		dims := slices.Clone(x.dims())
		dims[axis] = 1
		return g.reshape(g.reduce(f.axis, take(x, 0, size, dilation), axis), dims...)
	}
	if size <= directly {
		y := take(x, 0, count, stride)
		for i := 1; i < size; i++ {
			y = g.binary(f.pair, y, take(x, i*dilation, count, stride))
		}
		return y
	}
	// Windows of one, two, four elements and so on, one at each position, joined as
	// the binary digits of the size say.
	positions := (count-1)*stride + 1
	var y *node
	for done, span := 0, 1; ; span *= 2 {
		if size&span != 0 {
			next := take(x, done*dilation, positions, 1)
			if y == nil {
				y = next
			} else {
				y = g.binary(f.pair, y, next)
			}
			if done += span; done == size {
				return take(y, 0, count, stride)
			}
		}
		rest := x.dims()[axis] - span*dilation
		x = g.binary(f.pair, take(x, 0, rest, 1), take(x, span*dilation, rest, 1))
	}
}

// SelectAndScatterMax adds each element of source to a zero at the position of the
// maximum of its window of x.
func (b *Builder) SelectAndScatterMax(x, source backends.Op, sizes, strides []int, paddings [][2]int) (backends.Op, error) {
	return b.selectAndScatter(backends.OpTypeSelectAndScatterMax, x, source, sizes, strides, paddings)
}

// SelectAndScatterMin is SelectAndScatterMax for the minimum.
func (b *Builder) SelectAndScatterMin(x, source backends.Op, sizes, strides []int, paddings [][2]int) (backends.Op, error) {
	return b.selectAndScatter(backends.OpTypeSelectAndScatterMin, x, source, sizes, strides, paddings)
}

func (b *Builder) selectAndScatter(op backends.OpType, x, source backends.Op, sizes, strides []int, paddings [][2]int) (backends.Op, error) {
	in, err := b.nodes(x, source)
	if err != nil {
		return nil, err
	}
	n, s := in[0], in[1]
	if n.shape.DType == dtypes.Bool || s.shape.DType == dtypes.Bool {
		return nil, unsupported(op, "of %s and %s", n.shape, s.shape)
	}
	shape, err := shapeinference.ReduceWindowOp(n.shape, sizes, strides, nil, nil, paddings)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(shape.Dimensions, s.dims()) {
		return nil, fmt.Errorf("ort backend: %s of %s, whose windows have the shape %v, with %s", opName(op), n.shape, shape.Dimensions, s.shape)
	}
	w := newPooling(n.shape.Rank(), sizes, strides, nil, nil, paddings)
	if elements(w.sizes) > manyParts {
		return nil, unsupported(op, "with windows of %v", w.sizes)
	}
	out := n.shape.Clone()
	out.DType = s.shape.DType
	if s.shape.Size() == 0 || out.Size() == 0 {
		return b.graph.fill(0, out), nil
	}
	return b.graph.make(op, out, w, n, s), nil
}
