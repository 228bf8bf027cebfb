package ortbackend

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// The scatters are nodes of a table, the numbers of rows, which are in range, and
// the rows that these are to be joined with: see the gathers.

// scatter joins windows of x with updates. As in XLA, a window that does not lie
// within x altogether is left out; the updates are joined in their order.
func (b *Builder) scatter(op backends.OpType, x, indices, updates backends.Op, vectorAxis int, windowAxes, inserted, axes []int) (backends.Op, error) {
	in, err := b.nodes(x, indices, updates)
	if err != nil {
		return nil, err
	}
	g, table, t := b.graph, in[0], in[0].shape.DType
	vectors, err := g.vectors(op, in[1], vectorAxis)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.ScatterOp(table.shape, vectors.shape, in[2].shape, 0, windowAxes, inserted, axes); err != nil {
		return nil, err
	}
	batchAxes := free(in[2].shape.Rank(), windowAxes, nil)
	if batch := pick(in[2].dims(), batchAxes); !slices.IsSorted(windowAxes) || !slices.Equal(batch, vectors.dims()[1:]) || t == dtypes.Bool {
		return nil, unsupported(op, "of %s with updates %s, windows along %v, and indices %s", table.shape, in[2].shape, windowAxes, in[1].shape)
	}
	if table.shape.Size() == 0 || in[2].shape.Size() == 0 {
		return table, nil
	}
	// A window has size 1 along inserted axes; where it is placed by an index even a
	// whole axis is one of rows, as the index may be wrong.
	rank := table.shape.Rank()
	w := windows{dims: table.dims(), sizes: slices.Repeat([]int{1}, rank), batch: vectors.dims()[1:], starts: make([]*node, rank)}
	from := map[int]int{} // axes of the updates, by axis of the table
	for i, a := range free(rank, inserted, nil) {
		from[a] = windowAxes[i]
		w.sizes[a] = in[2].dims()[windowAxes[i]]
	}
	for a := range rank {
		if w.sizes[a] != w.dims[a] || slices.Contains(axes, a) {
			w.rowAxes = append(w.rowAxes, a)
		}
	}
	var valid *node
	wide := indexType(vectors.shape.DType, product(w.dims, w.rowAxes))
	for i, a := range axes {
		start, fits := g.clampIndex(g.vectorEntry(vectors, i), w.dims[a]-w.sizes[a], wide)
		w.starts[a] = start
		if valid == nil {
			valid = fits
		} else if fits != nil {
			valid = g.binary(backends.OpTypeLogicalAnd, valid, fits)
		}
	}

	perm := batchAxes
	for _, a := range w.order() {
		if u, ok := from[a]; ok {
			perm = append(perm[:len(perm):len(perm)], u)
		}
	}
	rows := w.rows(g, wide)
	flat := w.table(g, table)
	count, width := rows.shape.Size(), elements(flat.dims()[1:])
	update := g.transpose(in[2], perm...)
	if valid != nil { // what is left out adds nothing
		n := valid.shape.Size()
		update = g.reshape(update, n, in[2].shape.Size()/n)
		nothing := g.fill(nothingFor(op, t), update.shape)
		update = g.where(g.spread(g.reshape(valid, n, 1), update.dims()), update, nothing)
	}
	y := g.scatterRows(op, g.reshape(flat, flat.dims()[0], width), g.reshape(rows, count), g.reshape(update, count, width))
	return w.back(g, y), nil
}

// nothingFor is what a scatter may join with anything without a change: -0 for
// sums, as 0 is not for -0.
func nothingFor(op backends.OpType, t dtypes.DType) float64 {
	switch op {
	case backends.OpTypeScatterMax:
		return lowest(t)
	case backends.OpTypeScatterMin:
		return highest(t)
	}
	return math.Copysign(0, -1)
}

// scatterRows adds a scatter. Small floating-point types are joined as float32, so
// that only the result is rounded. ONNX Runtime's extremes skip NaN, so those are
// marked apart.
func (g *graph) scatterRows(op backends.OpType, x, rows, update *node) *node {
	t := x.shape.DType
	if t == dtypes.Float16 || t == dtypes.BFloat16 {
		x, update = g.convert(x, dtypes.Float32), g.convert(update, dtypes.Float32)
		return g.convert(g.scatterRows(op, x, rows, update), t)
	}
	y := g.make(op, x.shape, nil, x, rows, update)
	if op == backends.OpTypeScatterSum || !t.IsFloat() {
		return y
	}
	marks := g.convert(g.compare(backends.OpTypeNotEqual, update, update), dtypes.Int32)
	none := g.convert(g.compare(backends.OpTypeNotEqual, x, x), dtypes.Int32)
	marked := g.make(backends.OpTypeScatterMax, none.shape, nil, none, rows, marks)
	return g.where(g.convert(marked, dtypes.Bool), g.fill(math.NaN(), y.shape), y)
}

// back undoes table.
func (w windows) back(g *graph, x *node) *node {
	order := w.order()
	perm := make([]int, len(order))
	for i, a := range order {
		perm[a] = i
	}
	return g.transpose(g.reshape(x, pick(w.dims, order)...), perm...)
}

// ScatterSum adds updates to windows of x.
func (b *Builder) ScatterSum(x, indices, updates backends.Op, vectorAxis int, windowAxes, inserted, axes []int, _, _ bool) (backends.Op, error) {
	return b.scatter(backends.OpTypeScatterSum, x, indices, updates, vectorAxis, windowAxes, inserted, axes)
}

// ScatterMax takes the largest of the elements of windows of x and updates.
func (b *Builder) ScatterMax(x, indices, updates backends.Op, vectorAxis int, windowAxes, inserted, axes []int, _, _ bool) (backends.Op, error) {
	return b.scatter(backends.OpTypeScatterMax, x, indices, updates, vectorAxis, windowAxes, inserted, axes)
}

// ScatterMin takes the smallest of the elements of windows of x and updates.
func (b *Builder) ScatterMin(x, indices, updates backends.Op, vectorAxis int, windowAxes, inserted, axes []int, _, _ bool) (backends.Op, error) {
	return b.scatter(backends.OpTypeScatterMin, x, indices, updates, vectorAxis, windowAxes, inserted, axes)
}

// starts checks the scalars, or the vector, that say where a window of the sizes
// begins, and moves them to where it fits.
func (b *Builder) starts(op backends.OpType, x *node, starts []backends.Op, sizes []int, t dtypes.DType) ([]*node, error) {
	in, err := b.nodes(starts...)
	if err != nil {
		return nil, err
	}
	rank := x.shape.Rank()
	if len(in) == 1 && slices.Equal(in[0].dims(), []int{rank}) { // one vector with all
		vector := in[0]
		in = make([]*node, rank)
		for i := range in {
			in[i] = b.graph.vectorEntry(vector, i)
		}
	}
	if len(in) != rank || len(sizes) != rank {
		return nil, unsupported(op, "of %s with %d starts and a window of %v", x.shape, len(in), sizes)
	}
	out := make([]*node, rank)
	for i, s := range in {
		if !s.shape.IsScalar() || !s.shape.DType.IsInt() || sizes[i] < 0 || sizes[i] > x.dims()[i] {
			return nil, unsupported(op, "of %s with a start %s and a window of %v", x.shape, s.shape, sizes)
		}
		out[i], _ = b.graph.clampIndex(s, x.dims()[i]-sizes[i], t)
	}
	return out, nil
}

// DynamicSlice takes a window out of x. The attr of its node is the axes that it
// slices (starts) and the sizes there (limits); where it begins is an operand.
func (b *Builder) DynamicSlice(x backends.Op, starts []backends.Op, sizes []int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	begin, err := b.starts(backends.OpTypeDynamicSlice, in[0], starts, sizes, dtypes.Int64)
	if err != nil {
		return nil, err
	}
	axes := partial(in[0].dims(), sizes)
	if len(axes) == 0 {
		return in[0], nil
	}
	var parts []*node
	for _, a := range axes {
		parts = append(parts, b.graph.reshape(begin[a], 1))
	}
	shape := shapes.Make(in[0].shape.DType, sizes...)
	return b.graph.make(backends.OpTypeDynamicSlice, shape, slicing{starts: axes, limits: pick(sizes, axes)},
		in[0], b.graph.concatenate(0, parts...)), nil
}

// DynamicUpdateSlice replaces a window of x: rows of a table, with different numbers.
func (b *Builder) DynamicUpdateSlice(x, update backends.Op, starts []backends.Op) (backends.Op, error) {
	in, err := b.nodes(x, update)
	if err != nil {
		return nil, err
	}
	g, table := b.graph, in[0]
	begin, err := b.starts(backends.OpTypeDynamicUpdateSlice, table, starts, in[1].dims(), dtypes.Int64)
	if err != nil {
		return nil, err
	}
	if table.shape.DType != in[1].shape.DType {
		return nil, unsupported(backends.OpTypeDynamicUpdateSlice, "of %s with %s", table.shape, in[1].shape)
	}
	w := windows{dims: table.dims(), sizes: in[1].dims(), rowAxes: partial(table.dims(), in[1].dims()), starts: begin}
	if len(w.rowAxes) == 0 {
		return in[1], nil
	}
	if in[1].shape.Size() == 0 {
		return table, nil
	}
	flat, rows := w.table(g, table), w.rows(g, dtypes.Int64)
	count, width := rows.shape.Size(), elements(flat.dims()[1:])
	flat = g.reshape(flat, flat.dims()[0], width)
	part := g.reshape(g.transpose(in[1], w.order()...), count, width)
	y := g.make(backends.OpTypeDynamicUpdateSlice, flat.shape, nil, flat, g.reshape(rows, count), part)
	return w.back(g, y), nil
}
