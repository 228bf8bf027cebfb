package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// sumOfSum sums at once what is summed in two steps.
func sumOfSum(g *graph, _ shapes.Shape, attr any, in []*node) *node {
	x := in[0]
	if x.op != backends.OpTypeReduceSum {
		return nil
	}
	first := x.attr.([]int)
	left := free(x.in[0].shape.Rank(), first, nil)
	axes := append(slices.Clone(first), pick(left, attr.([]int))...)
	slices.Sort(axes)
	return g.reduce(backends.OpTypeReduceSum, x.in[0], axes...)
}

func sumOfNegative(g *graph, _ shapes.Shape, attr any, in []*node) *node {
	if x := in[0]; x.op == backends.OpTypeNeg {
		return g.unary(backends.OpTypeNeg, g.reduce(backends.OpTypeReduceSum, x.in[0], attr.([]int)...))
	}
	return nil
}

// sumOfScaled scales the sum instead of what is summed.
func sumOfScaled(g *graph, shape shapes.Shape, attr any, in []*node) *node {
	x := in[0]
	if x.op != backends.OpTypeMul || !slices.Equal(x.in[0].dims(), x.dims()) || !x.shape.DType.IsFloat() {
		return nil
	}
	if v, ok := x.in[1].value(); ok && moderate(v) {
		sum := g.reduce(backends.OpTypeReduceSum, x.in[0], attr.([]int)...)
		return g.binary(backends.OpTypeMul, sum, g.fill(v, shape))
	}
	return nil
}

// part is an operand of a product, without axes along which it is constant: axis i
// of the product is axis axes[i] of x, or -1.
type part struct {
	x    *node
	axes []int
}

func partOf(x *node, dims []int) part {
	p := part{x: x, axes: make([]int, len(dims))}
	for i := range dims {
		p.axes[i] = i
	}
	if x.shape.IsScalar() {
		for i := range dims {
			p.axes[i] = -1
		}
	}
	for p.x.op == backends.OpTypeBroadcastInDim {
		back := map[int]int{} // from p.x's axes to those of its operand
		for from, to := range p.x.attr.([]int) {
			back[to] = from
		}
		for i, a := range p.axes {
			p.axes[i] = -1
			if from, ok := back[a]; ok && a >= 0 {
				p.axes[i] = from
			}
		}
		p.x = p.x.in[0]
	}
	for i, a := range p.axes {
		if a >= 0 && (p.x.dims()[a] == 1 || dims[i] == 1) {
			p.axes[i] = -1
		}
	}
	return p
}

// squeezed reshapes the part to the axes that it has.
func (p part) squeezed(g *graph) *node {
	var dims []int
	for _, a := range p.axes {
		if a >= 0 {
			dims = append(dims, p.x.dims()[a])
		}
	}
	return g.reshape(p.x, dims...)
}

// sumOfProducts writes the sum of a product of two operands, each constant along
// axes where the other is not, as a dot product. GoMLX's gradient of a dot product
// has this form, and computed literally it would be far larger than its operands.
func sumOfProducts(g *graph, shape shapes.Shape, attr any, in []*node) *node {
	x, axes := in[0], attr.([]int)
	if x.op != backends.OpTypeMul || !x.shape.DType.IsFloat() {
		return nil
	}
	l, r := partOf(x.in[0], x.dims()), partOf(x.in[1], x.dims())
	var a dotAxes
	var order []int    // the result's axes, as those of the product: batch, left, right
	var leftAxes []int // of the product
	var rightAxes []int
	nl, nr := 0, 0
	for i, d := range x.dims() {
		inLeft, inRight, summed := l.axes[i] >= 0, r.axes[i] >= 0, slices.Contains(axes, i)
		switch {
		case d == 1:
			continue
		case !inLeft && !inRight:
			return nil
		case summed && inLeft && inRight:
			a.leftContract, a.rightContract = append(a.leftContract, nl), append(a.rightContract, nr)
		case summed:
			return nil // one operand can be summed by itself, which lowering sees to
		case inLeft && inRight:
			a.leftBatch, a.rightBatch = append(a.leftBatch, nl), append(a.rightBatch, nr)
			order = append(order, i)
		case inLeft:
			leftAxes = append(leftAxes, i)
		default:
			rightAxes = append(rightAxes, i)
		}
		if inLeft {
			nl++
		}
		if inRight {
			nr++
		}
	}
	if len(leftAxes) == 0 || len(rightAxes) == 0 {
		if len(order) > 0 || len(leftAxes)+len(rightAxes) == 0 {
			return nil // a sum along rows: no matrix product would be faster
		}
	}
	order = append(append(order, leftAxes...), rightAxes...)
	dot := g.dot(l.squeezed(g), r.squeezed(g), a)
	// The axes have to be in the product's order again.
	perm := make([]int, 0, len(order))
	sorted := slices.Sorted(slices.Values(order))
	for _, i := range sorted {
		perm = append(perm, slices.Index(order, i))
	}
	return g.reshape(g.transpose(dot, perm...), shape.Dimensions...)
}

// dotOfTransposed takes the operands of a dot product as they are in memory, where
// the order of the free axes allows.
func dotOfTransposed(g *graph, _ shapes.Shape, attr any, in []*node) *node {
	a := attr.(dotAxes)
	left, right := in[0], in[1]
	changed := false
	if left.op == backends.OpTypeTranspose {
		perm := left.attr.([]int)
		if slices.IsSorted(pick(perm, free(len(perm), a.leftContract, a.leftBatch))) {
			left, a.leftContract, a.leftBatch = left.in[0], pick(perm, a.leftContract), pick(perm, a.leftBatch)
			changed = true
		}
	}
	if right.op == backends.OpTypeTranspose {
		perm := right.attr.([]int)
		if slices.IsSorted(pick(perm, free(len(perm), a.rightContract, a.rightBatch))) {
			right, a.rightContract, a.rightBatch = right.in[0], pick(perm, a.rightContract), pick(perm, a.rightBatch)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return g.dot(left, right, a)
}

// sumOfSquares has a kernel of its own for the sum of all squares. (Along single
// axes it is slower than a product and a sum.)
func sumOfSquares(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	if x := in[0]; shape.IsScalar() && x.op == backends.OpTypeMul && x.in[0] == x.in[1] && slices.Contains(floats, shape.DType) {
		return g.add(opSumSquare, shape, nil, x.in[0])
	}
	return nil
}

// awkward says that the left operand of a batched dot product, the larger one, lies
// in memory with the summed axes first, which is slow to multiply from the left.
func awkward(l, r *node, a dotAxes) bool {
	rest := free(l.shape.Rank(), a.leftContract, a.leftBatch)
	return len(a.leftBatch) > 0 && l.shape.Size() > 2*r.shape.Size() &&
		!inOrder(l.dims(), slices.Concat(a.leftBatch, rest, a.leftContract)) &&
		inOrder(l.dims(), slices.Concat(a.leftBatch, a.leftContract, rest))
}

// orientDot exchanges the operands of an awkward dot product, and transposes the
// result, which is smaller.
func orientDot(g *graph, shape shapes.Shape, attr any, in []*node) *node {
	a := attr.(dotAxes)
	l, r := in[0], in[1]
	if !awkward(l, r, a) {
		return nil
	}
	batch, left := len(a.leftBatch), len(free(l.shape.Rank(), a.leftContract, a.leftBatch))
	right := shape.Rank() - batch - left
	var perm []int
	for i := range shape.Rank() {
		switch {
		case i < batch:
			perm = append(perm, i)
		case i < batch+left:
			perm = append(perm, i+right)
		default:
			perm = append(perm, i-left)
		}
	}
	return g.transpose(g.dot(r, l, dotAxes{a.rightContract, a.rightBatch, a.leftContract, a.leftBatch}), perm...)
}
