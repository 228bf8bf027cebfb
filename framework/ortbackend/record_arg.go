package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// extreme is the attr of an ArgMinMax, whose result is int64 and which knows
// nothing of NaN.
type extreme struct {
	axis int
	min  bool
}

// ArgMinMax is the index of the smallest or largest element along an axis: of
// several the first. If there are NaNs it is that of the first of them.
func (b *Builder) ArgMinMax(x backends.Op, axis int, t dtypes.DType, isMin bool) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	shape, err := shapeinference.ArgMinMaxOp(in[0].shape, axis, t)
	if err != nil {
		return nil, err
	}
	if _, err := elementType(t); err != nil {
		return nil, err
	}
	if in[0].dims()[axis] == 0 && shape.Size() > 0 {
		return nil, unsupported(backends.OpTypeArgMinMax, "along axis %d of %s", axis, in[0].shape)
	}
	return b.graph.convert(b.graph.argument(in[0], extreme{axis, isMin}), t), nil
}

// argument adds an ArgMinMax.
func (g *graph) argument(x *node, e extreme) *node {
	op, t := backends.OpTypeArgMinMax, x.shape.DType
	shape := shapes.Make(dtypes.Int64, pick(x.dims(), free(x.shape.Rank(), []int{e.axis}, nil))...)
	if shape.Size() == 0 {
		return g.constant(nil, shape)
	}
	if t.IsFloat() {
		nans := g.convert(g.compare(backends.OpTypeNotEqual, x, x), dtypes.Int32)
		found := g.convert(g.reduce(backends.OpTypeReduceMax, nans, e.axis), dtypes.Bool)
		return g.where(found, g.make(op, shape, extreme{e.axis, false}, nans), g.make(op, shape, e, x))
	}
	if t != dtypes.Int64 && t != dtypes.Uint32 && t != dtypes.Uint64 {
		return g.make(op, shape, e, x)
	}
	// There are no exact kernels: where is the extreme?
	reduce := backends.OpTypeReduceMax
	if e.min {
		reduce = backends.OpTypeReduceMin
	}
	kept := slices.Clone(x.dims())
	kept[e.axis] = 1
	best := g.reshape(g.reduce(reduce, x, e.axis), kept...)
	hits := g.convert(g.compare(backends.OpTypeEqual, x, best), dtypes.Int32)
	return g.make(op, shape, extreme{e.axis, false}, hits)
}
