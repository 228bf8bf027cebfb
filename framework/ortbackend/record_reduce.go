package ortbackend

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// reduce adds a reduction over axes, which vanish; axes are sorted and not empty.
func (g *graph) reduce(op backends.OpType, x *node, axes ...int) *node {
	shape := shapes.Make(x.shape.DType)
	for i, d := range x.dims() {
		if !slices.Contains(axes, i) {
			shape.Dimensions = append(shape.Dimensions, d)
		}
	}
	if len(axes) == 0 {
		return x
	}
	if x.shape.Size() == 0 {
		return g.fill(neutral(op, x.shape.DType), shape)
	}
	return g.make(op, shape, slices.Clone(axes), x)
}

// neutral is the reduction of nothing.
func neutral(op backends.OpType, t dtypes.DType) float64 {
	switch op {
	case backends.OpTypeReduceProduct, backends.OpTypeReduceLogicalAnd:
		return 1
	case backends.OpTypeReduceBitwiseAnd:
		return -1
	case backends.OpTypeReduceMax:
		return lowest(t)
	case backends.OpTypeReduceMin:
		return highest(t)
	}
	return 0
}

func lowest(t dtypes.DType) float64 {
	switch {
	case t.IsFloat():
		return math.Inf(-1)
	case t.IsUnsigned() || t == dtypes.Bool:
		return 0
	}
	return -math.Ldexp(1, 8*t.Size()-1)
}

func highest(t dtypes.DType) float64 {
	switch {
	case t.IsFloat():
		return math.Inf(1)
	case t == dtypes.Bool:
		return 1
	case t.IsUnsigned():
		return math.Ldexp(1, 8*t.Size()) - 1
	}
	return math.Ldexp(1, 8*t.Size()-1) - 1
}

func (b *Builder) reduction(op backends.OpType, x backends.Op, axes []int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if len(axes) == 0 {
		for i := range in[0].dims() {
			axes = append(axes, i)
		}
	}
	if _, err := shapeinference.ReduceOp(in[0].shape, axes); err != nil {
		return nil, err
	}
	axes = slices.Clone(axes)
	slices.Sort(axes)
	return b.graph.reduce(op, in[0], axes...), nil
}

// The reductions are those of GoMLX's StandardOps; no axes mean all.

func (b *Builder) ReduceMax(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceMax, x, axes)
}
func (b *Builder) ReduceMin(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceMin, x, axes)
}
func (b *Builder) ReduceSum(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceSum, x, axes)
}
func (b *Builder) ReduceProduct(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceProduct, x, axes)
}
func (b *Builder) ReduceLogicalAnd(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceLogicalAnd, x, axes)
}
func (b *Builder) ReduceLogicalOr(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceLogicalOr, x, axes)
}
func (b *Builder) ReduceLogicalXor(x backends.Op, axes ...int) (backends.Op, error) {
	return b.reduction(backends.OpTypeReduceLogicalXor, x, axes)
}
