package ortbackend

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// edges is the attr of a Pad: how many elements come before and after those of each
// axis. None is negative; what else GoMLX's Pad does is made of other operations.
type edges struct{ low, high []int }

// padded is the size of an axis after padding.
func padded(d int, p backends.PadAxis) int {
	if d > 0 {
		d += (d - 1) * p.Interior
	}
	return d + p.Start + p.End
}

// pad adds elements fill, a scalar, around and between those of x, and takes some
// away where an edge is negative. There is an entry of axes for each axis.
func (g *graph) pad(x, fill *node, axes []backends.PadAxis) *node {
	rank := x.shape.Rank()
	out := shapes.Make(x.shape.DType)
	for i, d := range x.dims() {
		out.Dimensions = append(out.Dimensions, padded(d, axes[i]))
	}
	if x.shape.Size() == 0 || out.Size() == 0 {
		return g.broadcast(fill, out, nil)
	}
	x, axes = g.dilate(x, fill, axes)

	// What is taken away goes first, so that less is copied.
	s := slicing{make([]int, rank), slices.Clone(x.dims()), slices.Repeat([]int{1}, rank)}
	e := edges{make([]int, rank), make([]int, rank)}
	for i, p := range axes {
		s.starts[i], s.limits[i] = max(0, -p.Start), s.limits[i]+min(0, p.End)
		e.low[i], e.high[i] = max(0, p.Start), max(0, p.End)
		if s.starts[i] >= s.limits[i] {
			return g.broadcast(fill, out, nil)
		}
	}
	x = g.part(x, s)
	if slices.Equal(x.dims(), out.Dimensions) {
		return x
	}
	return g.make(backends.OpTypePad, out, e, x, fill)
}

// dilate puts the interior padding after each element, the last one too, and
// returns what is to be done at the edges then.
func (g *graph) dilate(x, fill *node, axes []backends.PadAxis) (*node, []backends.PadAxis) {
	var apart, wide, joined []int // dimensions: an axis of size 1 after each, padded, and as one again
	var e edges
	rest := slices.Clone(axes)
	for i, d := range x.dims() {
		n := axes[i].Interior
		if d == 1 {
			n = 0 // there is nothing in between
		}
		rest[i].Interior = 0
		rest[i].End -= n
		joined = append(joined, d*(n+1))
		apart, wide, e.low, e.high = append(apart, d), append(wide, d), append(e.low, 0), append(e.high, 0)
		if n > 0 {
			apart, wide, e.low, e.high = append(apart, 1), append(wide, n+1), append(e.low, 0), append(e.high, n)
		}
	}
	if len(apart) == len(joined) {
		return x, rest
	}
	x = g.make(backends.OpTypePad, shapes.Make(x.shape.DType, wide...), e, g.reshape(x, apart...), fill)
	return g.reshape(x, joined...), rest
}

// part is slice, but nothing if all of x is taken.
func (g *graph) part(x *node, s slicing) *node {
	for i, d := range x.dims() {
		if s.starts[i] != 0 || s.limits[i] != d || s.strides[i] != 1 {
			return g.slice(x, s)
		}
	}
	return x
}

// Pad adds elements at the edges and between the elements of x.
func (b *Builder) Pad(x, fill backends.Op, axes ...backends.PadAxis) (backends.Op, error) {
	in, err := b.nodes(x, fill)
	if err != nil {
		return nil, err
	}
	shape := in[0].shape
	if !in[1].shape.Equal(shapes.Make(shape.DType)) || len(axes) > shape.Rank() {
		return nil, fmt.Errorf("ort backend: Pad of %s with %s along %d axes", shape, in[1].shape, len(axes))
	}
	all := make([]backends.PadAxis, shape.Rank())
	copy(all, axes)
	for i, d := range shape.Dimensions {
		if all[i].Interior < 0 || padded(d, all[i]) < 0 {
			return nil, fmt.Errorf("ort backend: Pad of axis %d of %s by %+v", i, shape, all[i])
		}
	}
	return b.graph.pad(in[0], in[1], all), nil
}

// zero is a scalar of the type.
func (g *graph) zero(t dtypes.DType) *node { return g.fill(0, shapes.Make(t)) }
