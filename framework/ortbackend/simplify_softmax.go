package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// A softmax is written as E/S, with E = exp(x - max x) and S the sum of E, and its
// gradient, by the quotient rule, with v/S, E/S² and products with E. With
// P = softmax(x) all of it is P*(v - sum(v*P)), and E and S are not needed: the
// rules below take P for E/S wherever quotients by S meet E, sum before they
// divide, and divide once.

// softmaxOfParts recognises E/S over the last axis.
func softmaxOfParts(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	e := in[0]
	last := shape.Rank() - 1
	if !shape.DType.IsFloat() || last < 0 || e.op != backends.OpTypeExp || !sumOfLast(in[1], e, last) {
		return nil
	}
	shifted := e.in[0]
	if shifted.op != backends.OpTypeSub || !shape.Equal(shifted.in[0].shape) {
		return nil
	}
	x := shifted.in[0]
	m, ok := column(shifted.in[1], last)
	if !ok || m.op != backends.OpTypeReduceMax || m.in[0] != x || len(m.attr.([]int)) != 1 || m.attr.([]int)[0] != last {
		return nil
	}
	return g.add(opSoftmax, shape, nil, x)
}

// sumOfLast says whether s is the sum of e over its last axis, repeated along it.
func sumOfLast(s, e *node, last int) bool {
	m, ok := column(s, last)
	return ok && m.op == backends.OpTypeReduceSum && m.in[0] == e && len(m.attr.([]int)) == 1 && m.attr.([]int)[0] == last
}

// column strips from x what makes it constant along the last axis of a tensor of
// that rank: a repetition, and the reshape that gave it an axis of size 1. false if
// x is not known to be constant along it.
func column(x *node, last int) (*node, bool) {
	if x.op == backends.OpTypeBroadcastInDim {
		axes, y := x.attr.([]int), x.in[0]
		if y.shape.Rank() == last+1 && y.dims()[last] == 1 {
			return column(y, last)
		}
		if y.shape.Rank() == last { // all axes but the last
			for i, a := range axes {
				if a != i {
					return nil, false
				}
			}
			return y, true
		}
		return nil, false
	}
	if x.shape.Rank() == last+1 && x.dims()[last] == 1 {
		return unshaped(x), true
	}
	return nil, false
}

// softmaxOf finds the softmax of which e is the exponential and s the sum, if the
// graph has it.
func (g *graph) softmaxOf(e, s *node) *node {
	if e.op != backends.OpTypeExp || !sumOfLast(s, e, e.shape.Rank()-1) {
		return nil
	}
	return softmaxOfParts(g, e.shape, nil, []*node{e, s})
}

// softmaxOverSquare: E/(S*S) = P/S.
func softmaxOverSquare(g *graph, _ shapes.Shape, _ any, in []*node) *node {
	e, square := in[0], in[1]
	if square.op != backends.OpTypeMul || square.in[0] != square.in[1] {
		return nil
	}
	if p := g.softmaxOf(e, square.in[0]); p != nil {
		return g.binary(backends.OpTypeDiv, p, square.in[0])
	}
	return nil
}

// sumOfQuotient: the sum of v*(P/s), or of v/s, over axes along which s does not
// change is the sum of v*P, or v, over s. (Not of float16, whose range the sum of v
// may leave.)
func sumOfQuotient(g *graph, shape shapes.Shape, attr any, in []*node) *node {
	x, axes := in[0], attr.([]int)
	last := x.shape.Rank() - 1
	if len(axes) != 1 || axes[0] != last || !slices.Contains(floats, x.shape.DType) {
		return nil
	}
	var numerator, s *node
	switch {
	case x.op == backends.OpTypeDiv:
		numerator, s = x.in[0], x.in[1]
	case x.op == backends.OpTypeMul && x.in[1].op == backends.OpTypeDiv:
		q := x.in[1]
		numerator, s = g.binary(backends.OpTypeMul, x.in[0], q.in[0]), q.in[1]
	default:
		return nil
	}
	c, ok := column(s, last)
	if !ok || numerator.dims()[last] != x.dims()[last] {
		return nil
	}
	dims := shape.Dimensions
	if c.shape.Size() == 1 {
		dims = nil
	} else if c.shape.Size() != shape.Size() {
		return nil // it repeats itself along other axes, too
	}
	sum := g.reduce(backends.OpTypeReduceSum, numerator, last)
	return g.binary(backends.OpTypeDiv, sum, g.reshape(c, dims...))
}

// factorDivision: v/s + repeat(t/s) = (v + repeat(t))/s, with s constant along the
// last axis; and the same for differences.
func factorDivision(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	return factor(g, backends.OpTypeAdd, shape, in)
}

func factorSubtraction(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	return factor(g, backends.OpTypeSub, shape, in)
}

func factor(g *graph, op backends.OpType, shape shapes.Shape, in []*node) *node {
	x, y := in[0], in[1]
	if op == backends.OpTypeAdd && y.op == backends.OpTypeDiv && x.op != backends.OpTypeDiv {
		x, y = y, x
	}
	last := shape.Rank() - 1
	if last < 0 || x.op != backends.OpTypeDiv || !shape.Equal(x.shape) || !slices.Contains(floats, shape.DType) {
		return nil
	}
	s, ok := column(x.in[1], last)
	if !ok {
		return nil
	}
	t, ok := column(y, last)
	if !ok || t.op != backends.OpTypeDiv {
		return nil
	}
	// t's divisor must be s, whatever axes of size 1 either has; and unless all rows
	// have one of their own, or all the same, the two could repeat it differently.
	rows := elements(shape.Dimensions[:last])
	if d := unshaped(s); unshaped(t.in[1]) != d || t.in[0].shape.Size() != rows || d.shape.Size() != rows && d.shape.Size() != 1 {
		return nil
	}
	dims := append(append([]int{}, shape.Dimensions[:last]...), 1)
	whole := g.binary(op, x.in[0], g.spread(g.reshape(t.in[0], dims...), shape.Dimensions))
	return g.binary(backends.OpTypeDiv, whole, x.in[1])
}

// cancelQuotient: (v/S)*E = v*P.
func cancelQuotient(g *graph, _ shapes.Shape, _ any, in []*node) *node {
	for i, q := range in {
		if q.op != backends.OpTypeDiv {
			continue
		}
		if p := g.softmaxOf(in[1-i], q.in[1]); p != nil {
			return g.binary(backends.OpTypeMul, q.in[0], p)
		}
	}
	return nil
}
