package ortbackend

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// dotAxes is the attr of a DotGeneral: the axes of both operands that are summed
// over and those that run along, pairwise. The result has the batch axes, then the
// other axes of the left operand, then those of the right one, in their order.
type dotAxes struct {
	leftContract, leftBatch   []int
	rightContract, rightBatch []int
}

// free lists the axes of an operand that are in neither list.
func free(rank int, contract, batch []int) []int {
	var out []int
	for i := range rank {
		if !slices.Contains(contract, i) && !slices.Contains(batch, i) {
			out = append(out, i)
		}
	}
	return out
}

// sequence is the numbers from a up to, but not, b.
func sequence(a, b int) []int {
	var out []int
	for i := a; i < b; i++ {
		out = append(out, i)
	}
	return out
}

// pick is the elements of list at the indices.
func pick(list, indices []int) []int {
	out := make([]int, len(indices))
	for i, x := range indices {
		out[i] = list[x]
	}
	return out
}

// dot adds a sum of products.
func (g *graph) dot(l, r *node, a dotAxes) *node {
	dims := pick(l.dims(), a.leftBatch)
	dims = append(dims, pick(l.dims(), free(l.shape.Rank(), a.leftContract, a.leftBatch))...)
	dims = append(dims, pick(r.dims(), free(r.shape.Rank(), a.rightContract, a.rightBatch))...)
	shape := shapes.Make(l.shape.DType, dims...)
	if l.shape.Size() == 0 || r.shape.Size() == 0 {
		return g.fill(0, shape)
	}
	return g.make(backends.OpTypeDotGeneral, shape, a, l, r)
}

// Dot is the product of vectors and matrices.
func (b *Builder) Dot(l, r backends.Op) (backends.Op, error) {
	in, err := b.nodes(l, r)
	if err != nil {
		return nil, err
	}
	left, right := in[0].shape.Rank(), in[1].shape.Rank()
	if left < 1 || left > 2 || right < 1 || right > 2 {
		return nil, unsupported(backends.OpTypeDot, "of %s and %s", in[0].shape, in[1].shape)
	}
	return b.DotGeneral(l, []int{left - 1}, nil, r, []int{0}, nil)
}

// DotGeneral sums products over the contracting axes, for each batch.
func (b *Builder) DotGeneral(l backends.Op, leftContract, leftBatch []int, r backends.Op, rightContract, rightBatch []int) (backends.Op, error) {
	in, err := b.nodes(l, r)
	if err != nil {
		return nil, err
	}
	left, right := in[0], in[1]
	if left.shape.DType != right.shape.DType || left.shape.DType == dtypes.Bool {
		return nil, fmt.Errorf("ort backend: DotGeneral of %s and %s", left.shape, right.shape)
	}
	adjust := func(axes []int, rank int) ([]int, error) {
		out := slices.Clone(axes)
		for i := range out {
			if out[i] < 0 {
				out[i] += rank
			}
			if out[i] < 0 || out[i] >= rank {
				return nil, fmt.Errorf("ort backend: DotGeneral of %s and %s has no axis %d", left.shape, right.shape, axes[i])
			}
		}
		return out, nil
	}
	var a dotAxes
	for _, s := range []struct {
		to   *[]int
		from []int
		rank int
	}{
		{&a.leftContract, leftContract, left.shape.Rank()}, {&a.leftBatch, leftBatch, left.shape.Rank()},
		{&a.rightContract, rightContract, right.shape.Rank()}, {&a.rightBatch, rightBatch, right.shape.Rank()},
	} {
		if *s.to, err = adjust(s.from, s.rank); err != nil {
			return nil, err
		}
	}
	if !slices.Equal(pick(left.dims(), a.leftContract), pick(right.dims(), a.rightContract)) ||
		!slices.Equal(pick(left.dims(), a.leftBatch), pick(right.dims(), a.rightBatch)) {
		return nil, fmt.Errorf("ort backend: DotGeneral of %s and %s: axes %+v do not match", left.shape, right.shape, a)
	}
	return b.graph.dot(left, right, a), nil
}
