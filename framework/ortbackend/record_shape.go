package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// reshape adds a new arrangement of the elements.
func (g *graph) reshape(x *node, dims ...int) *node {
	return g.make(backends.OpTypeReshape, shapes.Make(x.shape.DType, dims...), nil, x)
}

// Reshape arranges the elements of x anew.
func (b *Builder) Reshape(x backends.Op, dims ...int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.ReshapeOp(in[0].shape, dims); err != nil {
		return nil, err
	}
	return b.graph.reshape(in[0], dims...), nil
}

// transpose adds a permutation of the axes: axis i of the result is axis perm[i].
func (g *graph) transpose(x *node, perm ...int) *node {
	shape := shapes.Make(x.shape.DType)
	for _, p := range perm {
		shape.Dimensions = append(shape.Dimensions, x.dims()[p])
	}
	return g.make(backends.OpTypeTranspose, shape, slices.Clone(perm), x)
}

// Transpose permutes the axes.
func (b *Builder) Transpose(x backends.Op, perm ...int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.TransposeOp(in[0].shape, perm); err != nil {
		return nil, err
	}
	return b.graph.transpose(in[0], perm...), nil
}

// broadcast adds a repetition of x: its axis i becomes axes[i].
func (g *graph) broadcast(x *node, shape shapes.Shape, axes []int) *node {
	return g.make(backends.OpTypeBroadcastInDim, shape, slices.Clone(axes), x)
}

// spread broadcasts x, of dims' rank with ones, or a scalar, to dims.
func (g *graph) spread(x *node, dims []int) *node {
	return g.broadcast(x, shapes.Make(x.shape.DType, dims...), sequence(0, x.shape.Rank()))
}

// BroadcastInDim repeats x along new axes and those of size 1.
func (b *Builder) BroadcastInDim(x backends.Op, shape shapes.Shape, axes []int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if err := shapeinference.BroadcastInDimOp(in[0].shape, shape, axes); err != nil {
		return nil, err
	}
	shape = shape.Clone()
	shape.DType = in[0].shape.DType
	// The rules rely on axes in ascending order.
	perm := sequence(0, len(axes))
	slices.SortFunc(perm, func(i, j int) int { return axes[i] - axes[j] })
	return b.graph.broadcast(b.graph.transpose(in[0], perm...), shape, pick(axes, perm)), nil
}

// slicing is the attr of a Slice, with an entry for each axis.
type slicing struct{ starts, limits, strides []int }

// slice adds a part of x.
func (g *graph) slice(x *node, s slicing) *node {
	shape := shapes.Make(x.shape.DType)
	for i := range s.starts {
		shape.Dimensions = append(shape.Dimensions, (s.limits[i]-s.starts[i]+s.strides[i]-1)/s.strides[i])
	}
	return g.make(backends.OpTypeSlice, shape, s, x)
}

// Slice takes a box out of x.
func (b *Builder) Slice(x backends.Op, starts, limits, strides []int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.SliceOp(in[0].shape, starts, limits, strides); err != nil {
		return nil, err
	}
	s := slicing{slices.Clone(starts), slices.Clone(limits), slices.Clone(strides)}
	if len(strides) == 0 {
		s.strides = slices.Repeat([]int{1}, len(starts))
	}
	return b.graph.slice(in[0], s), nil
}

// concatenate joins the parts.
func (g *graph) concatenate(axis int, parts ...*node) *node {
	shape := parts[0].shape.Clone()
	shape.Dimensions[axis] = 0
	var some []*node
	for _, p := range parts {
		shape.Dimensions[axis] += p.dims()[axis]
		if p.shape.Size() > 0 {
			some = append(some, p)
		}
	}
	if len(some) == 1 {
		return some[0]
	}
	return g.make(backends.OpTypeConcatenate, shape, axis, some...)
}

// Concatenate joins operands along an axis.
func (b *Builder) Concatenate(axis int, xs ...backends.Op) (backends.Op, error) {
	in, err := b.nodes(xs...)
	if err != nil {
		return nil, err
	}
	in = slices.Clone(in)
	all := make([]shapes.Shape, len(in))
	for i, n := range in {
		all[i] = n.shape
	}
	if _, err := shapeinference.ConcatenateOp(all, axis); err != nil {
		return nil, err
	}
	return b.graph.concatenate(axis, in...), nil
}

// Iota counts along an axis.
func (b *Builder) Iota(shape shapes.Shape, axis int) (backends.Op, error) {
	if _, err := b.nodes(); err != nil {
		return nil, err
	}
	if axis < 0 || axis >= shape.Rank() {
		return nil, unsupported(backends.OpTypeIota, "along axis %d of %s", axis, shape)
	}
	if t := shape.DType; t == dtypes.Bool {
		return nil, unsupported(backends.OpTypeIota, "for %s", t)
	}
	if _, err := elementType(shape.DType); err != nil {
		return nil, err
	}
	var bytes []byte
	for i := range shape.Dimensions[axis] {
		bytes = append(bytes, element(shape.DType, float64(i))...)
	}
	line := b.graph.constant(bytes, shapes.Make(shape.DType, shape.Dimensions[axis]))
	return b.graph.broadcast(line, shape.Clone(), []int{axis}), nil
}

// Reverse reverses the order of the elements along axes.
func (b *Builder) Reverse(x backends.Op, axes ...int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	for _, a := range axes {
		if a < 0 || a >= in[0].shape.Rank() {
			return nil, unsupported(backends.OpTypeReverse, "along axis %d of %s", a, in[0].shape)
		}
	}
	return b.graph.make(backends.OpTypeReverse, in[0].shape, slices.Clone(axes), in[0]), nil
}
