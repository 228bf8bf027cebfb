package ortbackend

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// A Gather node takes rows of a table: the operands are the table, with an axis of
// rows and then those of a row, and the numbers of rows, which are in range. All of
// GoMLX's forms become one, with transposes and reshapes around it.

// Gather takes windows out of x, at starts that are moved to where the window fits.
func (b *Builder) Gather(x, indices backends.Op, vectorAxis int, offsetAxes, collapsed, startMap, sizes []int, sorted bool) (backends.Op, error) {
	in, err := b.nodes(x, indices)
	if err != nil {
		return nil, err
	}
	g, table := b.graph, in[0]
	vectors, err := g.vectors(backends.OpTypeGather, in[1], vectorAxis)
	if err != nil {
		return nil, err
	}
	// Vectors first is a form that shapeinference checks correctly.
	shape, err := shapeinference.Gather(table.shape, vectors.shape, 0, offsetAxes, collapsed, startMap, sizes, sorted)
	if err != nil {
		return nil, err
	}
	if !slices.IsSorted(offsetAxes) {
		return nil, unsupported(backends.OpTypeGather, "with offset axes %v out of order", offsetAxes)
	}
	if shape.Size() == 0 {
		return g.constant(nil, shape), nil
	}
	batch := slices.Clone(vectors.dims()[1:])
	rowAxes := partial(table.dims(), sizes)
	w := windows{dims: table.dims(), sizes: sizes, rowAxes: rowAxes, batch: batch, starts: make([]*node, table.shape.Rank())}
	t := indexType(vectors.shape.DType, product(w.dims, rowAxes))
	for i, a := range startMap {
		if slices.Contains(rowAxes, a) {
			w.starts[a], _ = g.clampIndex(g.vectorEntry(vectors, i), w.dims[a]-sizes[a], t)
		}
	}
	taken := g.gatherRows(w.table(g, table), w.rows(g, t))

	// The axes now are the batch's and the window's, those of rows first.
	dims, position := batch, map[int]int{}
	for _, a := range w.order() {
		if !slices.Contains(collapsed, a) {
			position[a] = len(dims)
			dims = append(dims[:len(dims):len(dims)], sizes[a])
		}
	}
	kept := free(table.shape.Rank(), collapsed, nil)
	perm, nextBatch, nextOffset := make([]int, len(dims)), 0, 0
	for i := range perm {
		if slices.Contains(offsetAxes, i) {
			perm[i] = position[kept[nextOffset]]
			nextOffset++
		} else {
			perm[i] = nextBatch
			nextBatch++
		}
	}
	return g.transpose(g.reshape(taken, dims...), perm...), nil
}

// gatherRows takes rows of a table.
func (g *graph) gatherRows(table, rows *node) *node {
	dims := slices.Concat(rows.dims(), table.dims()[1:])
	return g.make(backends.OpTypeGather, shapes.Make(table.shape.DType, dims...), nil, table, rows)
}

// vectors moves the axis of the index vectors, which may be an implied one of size
// 1, to the front.
func (g *graph) vectors(op backends.OpType, indices *node, axis int) (*node, error) {
	rank := indices.shape.Rank()
	if !indices.shape.DType.IsInt() || axis < 0 || axis > rank {
		return nil, unsupported(op, "with indices %s and index vectors along axis %d", indices.shape, axis)
	}
	if axis == rank {
		return g.reshape(indices, append([]int{1}, indices.dims()...)...), nil
	}
	perm := []int{axis}
	for i := range rank {
		if i != axis {
			perm = append(perm, i)
		}
	}
	return g.transpose(indices, perm...), nil
}

// vectorEntry is entry i of each index vector.
func (g *graph) vectorEntry(vectors *node, i int) *node {
	s := slicing{make([]int, vectors.shape.Rank()), slices.Clone(vectors.dims()), slices.Repeat([]int{1}, vectors.shape.Rank())}
	s.starts[0], s.limits[0] = i, i+1
	x := vectors
	if vectors.dims()[0] > 1 {
		x = g.slice(vectors, s)
	}
	return g.reshape(x, vectors.dims()[1:]...)
}

// partial is the axes along which a window is smaller than what it is taken from.
func partial(dims, sizes []int) []int {
	var axes []int
	for i, d := range dims {
		if sizes[i] != d {
			axes = append(axes, i)
		}
	}
	return axes
}

// windows are boxes of one size in a tensor, which is seen as a table: its rows are
// numbered along rowAxes, and a window spans whole rows.
type windows struct {
	dims, sizes []int   // of the tensor and of a window
	rowAxes     []int   // the others are those of a row
	batch       []int   // dimensions of the starts
	starts      []*node // by axis; nil is 0
}

// order is the axes of the tensor, those of rows first.
func (w windows) order() []int { return slices.Concat(w.rowAxes, free(len(w.dims), w.rowAxes, nil)) }

// table is x with an axis of rows and those of a row.
func (w windows) table(g *graph, x *node) *node {
	row := pick(w.dims, free(len(w.dims), w.rowAxes, nil))
	return g.reshape(g.transpose(x, w.order()...), append([]int{product(w.dims, w.rowAxes)}, row...)...)
}

// rows is the numbers of the rows that the windows have, along one more axis than
// the batch has if a window has several.
func (w windows) rows(g *graph, t dtypes.DType) *node {
	strides, count := make([]int, len(w.dims)), 1
	for _, a := range slices.Backward(w.rowAxes) {
		strides[a] = count
		count *= w.dims[a]
	}
	var first *node
	for _, a := range w.rowAxes {
		if w.starts[a] == nil {
			continue
		}
		term := w.starts[a]
		if strides[a] != 1 {
			term = g.binary(backends.OpTypeMul, term, g.fill(float64(strides[a]), shapes.Make(t)))
		}
		if first == nil {
			first = term
		} else {
			first = g.binary(backends.OpTypeAdd, first, term)
		}
	}
	if first == nil {
		first = g.fill(0, shapes.Make(t, w.batch...))
	}
	offsets := []int{0}
	for _, a := range w.rowAxes {
		var next []int
		for _, o := range offsets {
			for i := range w.sizes[a] {
				next = append(next, o+i*strides[a])
			}
		}
		offsets = next
	}
	if len(offsets) == 1 {
		return first
	}
	var bytes []byte
	for _, o := range offsets {
		bytes = append(bytes, element(t, float64(o))...)
	}
	ones := slices.Repeat([]int{1}, len(w.batch))
	line := g.constant(bytes, shapes.Make(t, append(ones, len(offsets))...))
	return g.binary(backends.OpTypeAdd, g.reshape(first, append(slices.Clone(w.batch), 1)...), line)
}

// indexType is the type in which to compute with indices of type t, and with the
// numbers of so many rows.
func indexType(t dtypes.DType, rows int) dtypes.DType {
	if rows > math.MaxInt32 || t == dtypes.Uint32 || t.Size() == 8 {
		return dtypes.Int64
	}
	return dtypes.Int32
}

// clampIndex moves indices into [0, limit] and converts them to the index type.
// It tells which ones stayed, nil if all are known to do, for which no operation
// is spent.
func (g *graph) clampIndex(x *node, limit int, t dtypes.DType) (clamped, valid *node) {
	low, high := bounds(x)
	if low >= 0 && high <= float64(limit) {
		return g.convert(x, t), nil
	}
	if x.shape.DType == dtypes.Uint64 { // which int64 does not hold
		most := g.binary(backends.OpTypeMin, x, numbers(g, []uint64{uint64(limit)}))
		return g.convert(most, t), g.compare(backends.OpTypeEqual, most, x)
	}
	x = g.convert(x, t)
	y := x
	if low < 0 {
		y = g.binary(backends.OpTypeMax, y, g.fill(0, shapes.Make(t)))
	}
	if high > float64(limit) {
		y = g.binary(backends.OpTypeMin, y, g.fill(float64(limit), shapes.Make(t)))
	}
	return y, g.compare(backends.OpTypeEqual, x, y)
}

// bounds is a range that integers are known to lie in.
func bounds(x *node) (low, high float64) {
	t := x.shape.DType
	low, high = lowest(t), highest(t)
	switch x.op {
	case backends.OpTypeReshape, backends.OpTypeTranspose, backends.OpTypeBroadcastInDim, backends.OpTypeSlice:
		return bounds(x.in[0])
	case backends.OpTypeConvertDType:
		if x.in[0].shape.DType.IsFloat() {
			break
		}
		if l, h := bounds(x.in[0]); l >= low && h <= high {
			return l, h
		}
	case backends.OpTypeConstant:
		if t.IsFloat() || t.Size() == 8 && t.IsUnsigned() || x.shape.Size() == 0 {
			break
		}
		low, high = high, low
		for bytes := x.attr.(*constant).bytes; len(bytes) > 0; bytes = bytes[t.Size():] {
			v := integer(bytes, t)
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// integer is the first of the elements of a type of at most 64 bits, uint64 aside.
func integer(bytes []byte, t dtypes.DType) float64 {
	var v uint64
	for i := range t.Size() {
		v |= uint64(bytes[i]) << (8 * i)
	}
	shift := 64 - 8*t.Size()
	if t.IsUnsigned() || t == dtypes.Bool {
		return float64(v)
	}
	return float64(int64(v<<shift) >> shift)
}
