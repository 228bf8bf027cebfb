package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// lowerSelect finds for each window where its extreme is, and adds the sources
// there. The first one wins, unless it is NaN; padding never does.
func lowerSelect(l *lowerer, n *node) view {
	g, w, x, source := n.graph, n.attr.(pooling), n.in[0], n.in[1]
	if t := x.shape.DType; t == dtypes.Float16 || t == dtypes.BFloat16 {
		x = g.convert(x, dtypes.Float32) // once, not for each comparison
	}
	better := backends.OpTypeGreaterOrEqual
	if n.op == backends.OpTypeSelectAndScatterMin {
		better = backends.OpTypeLessOrEqual
	}
	dims := source.dims()
	padded := g.pad(x, g.zero(x.shape.DType), w.pads)

	var best, where *node // the extreme so far, and how far into the window it is
	place := strides(x.dims())
	for _, at := range offsets(w.sizes, slices.Repeat([]int{1}, len(dims))) {
		first, inside := w.bounds(at, x.dims(), dims)
		next := g.window(padded, 0, at, dims, w.strides)
		far := 0
		for i, p := range place {
			far += at[i] * p
		}
		there := g.fill(float64(far), shapes.Make(dtypes.Int32, dims...))
		if best == nil {
			best, where = next, there
			continue
		}
		change := g.unary(backends.OpTypeLogicalNot, g.compare(better, best, next))
		if m, all := g.mask(inside); !all {
			change = g.binary(backends.OpTypeLogicalAnd, change, m)
		}
		if !slices.ContainsFunc(first, func(f []bool) bool { return !slices.Contains(f, true) }) {
			m, _ := g.mask(first)
			change = g.binary(backends.OpTypeLogicalOr, change, m)
		}
		best, where = g.where(change, next, best), g.where(change, there, where)
	}

	// Where windows begin in x, which may be before it; those that miss x add zero.
	var some [][]bool
	begin := make([]int32, elements(dims))
	for i, d := range dims {
		inner := elements(dims[i+1:])
		for j := range begin {
			begin[j] += int32((j/inner%d*w.strides[i] - w.pads[i].Start) * place[i])
		}
		meets := make([]bool, d)
		for j := range meets {
			low := j*w.strides[i] - w.pads[i].Start
			meets[j] = low < x.dims()[i] && low+w.sizes[i] > 0
		}
		some = append(some, meets)
	}
	index := g.binary(backends.OpTypeAdd, where, numbers(g, begin, dims...))
	if m, all := g.mask(some); !all {
		m = g.spread(m, dims)
		index = g.where(m, index, g.fill(0, index.shape))
		source = g.where(m, source, g.fill(0, source.shape))
	}

	t := n.shape.DType
	compute, err := widened("ScatterElements", t, numerical, true)
	if err != nil {
		l.fail(err)
	}
	count, size := source.shape.Size(), n.shape.Size()
	zeros := l.full(g.fill(0, shapes.Make(compute, size)))
	at := l.full(g.reshape(index, count))
	from := l.full(g.convert(g.reshape(source, count), compute))
	name := l.out.Op("ScatterElements", []string{zeros, at, from}, onnx.String("reduction", "add"))
	if compute != t {
		name = l.cast(name, t)
	}
	return whole(n, l.reshape(name, []int{size}, n.dims()))
}

// bounds says for each axis, and for each window along it, whether the position at
// of the window is the first that lies in the tensor, and whether it lies there.
func (w pooling) bounds(at, dims, count []int) (first, inside [][]bool) {
	for i, d := range dims {
		f, in := make([]bool, count[i]), make([]bool, count[i])
		for j := range in {
			low := j*w.strides[i] - w.pads[i].Start
			p := low + at[i]
			in[j] = p >= 0 && p < d
			f[j] = in[j] && at[i] == max(0, -low)
		}
		first, inside = append(first, f), append(inside, in)
	}
	return first, inside
}

// mask is true where all axes are, with axes of size 1 where they are true
// throughout; and whether it is true everywhere.
func (g *graph) mask(axes [][]bool) (m *node, all bool) {
	m, all = g.fill(1, shapes.Make(dtypes.Bool, slices.Repeat([]int{1}, len(axes))...)), true
	for i, axis := range axes {
		if !slices.Contains(axis, false) {
			continue
		}
		dims := slices.Repeat([]int{1}, len(axes))
		dims[i] = len(axis)
		line := numbers(g, axis, dims...)
		if all {
			m, all = line, false
		} else {
			m = g.binary(backends.OpTypeLogicalAnd, m, line)
		}
	}
	return m, all
}

// strides is how far apart in memory neighbours along each axis are.
func strides(dims []int) []int {
	out := make([]int, len(dims))
	for i := range dims {
		out[i] = elements(dims[i+1:])
	}
	return out
}

func init() {
	register(lowerSelect, backends.OpTypeSelectAndScatterMax, backends.OpTypeSelectAndScatterMin)
}
