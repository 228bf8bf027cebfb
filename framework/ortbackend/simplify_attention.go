package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// sumThroughDot: where D = A·B and O = W·B', with B' the transpose of B, the sum of
// D*W over the last axis is the sum of A*O over theirs. In the gradient of attention
// D is the gradient of the probabilities, W the probabilities (times the mask of
// dropout), A the gradient of the output O: the right side is smaller, and O is
// there already (Dao et al., FlashAttention, NeurIPS 2022, appendix B.2).
func sumThroughDot(g *graph, _ shapes.Shape, attr any, in []*node) *node {
	x := in[0]
	last := x.shape.Rank() - 1
	if axes := attr.([]int); len(axes) != 1 || axes[0] != last {
		return nil
	}
	d, w := g.dotFactor(x)
	if d == nil {
		return nil
	}
	a, b := d.attr.(dotAxes), d.in[1]
	rest := free(b.shape.Rank(), a.rightContract, a.rightBatch)
	if len(rest) != 1 || len(a.leftContract) != 1 || len(a.leftBatch) == 0 {
		return nil
	}
	left := d.in[0]
	order := slices.Concat(a.leftBatch, free(left.shape.Rank(), a.leftContract, a.leftBatch), a.leftContract)
	shape := shapes.Make(d.shape.DType, pick(left.dims(), order)...)
	if shape.Size()*2 > x.shape.Size() {
		return nil
	}
	o := g.find(backends.OpTypeDotGeneral, shape, dotAxes{
		leftContract: []int{last}, leftBatch: sequence(0, len(a.leftBatch)), rightContract: rest, rightBatch: a.rightBatch,
	}, w, b)
	if o == nil {
		return nil
	}
	return g.reduce(backends.OpTypeReduceSum, g.binary(backends.OpTypeMul, g.transpose(left, order...), o), last)
}

// dotFactor splits a product of two or three factors, all of its size, into a dot
// product and the rest, which the graph must have as one node.
func (g *graph) dotFactor(x *node) (d, rest *node) {
	if x.op != backends.OpTypeMul {
		return nil, nil
	}
	for i, y := range x.in {
		other := x.in[1-i]
		if y.op == backends.OpTypeDotGeneral && other.shape.Equal(x.shape) {
			return y, other
		}
		if y.op != backends.OpTypeMul || !other.shape.Equal(x.shape) {
			continue
		}
		for j, z := range y.in {
			mask := y.in[1-j]
			if z.op != backends.OpTypeDotGeneral || !z.shape.Equal(x.shape) {
				continue
			}
			for _, pair := range [][]*node{{mask, other}, {other, mask}} {
				if w := g.find(backends.OpTypeMul, x.shape, nil, pair...); w != nil {
					return z, w
				}
			}
		}
	}
	return nil, nil
}
