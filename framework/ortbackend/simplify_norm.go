package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// A layer normalisation is written as c/s, with c = x - mean x and s the standard
// deviation, and the quotient rule makes of it v/s and c/(s*s). The rules below
// leave one full-size quotient, c/s, which the forward pass has anyway. (ONNX
// Runtime's kernel LayerNormalization is not used: on CPUs it takes four times as
// long as the primitives.)

// find is the node of that operation if the graph has it, else nil.
func (g *graph) find(op backends.OpType, shape shapes.Shape, attr any, in ...*node) *node {
	return g.known[key(op, shape, attr, in)]
}

// overSquare: c/(s*s) = (c/s)/s, if c/s is there.
func overSquare(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	c, square := in[0], in[1]
	if square.op != backends.OpTypeMul || square.in[0] != square.in[1] {
		return nil
	}
	s := square.in[0]
	same := []*node{s}
	if s.op == backends.OpTypeBroadcastInDim {
		same = append(same, s.in[0])
	}
	for _, d := range same {
		if q := g.find(backends.OpTypeDiv, shape, nil, c, d); q != nil {
			return g.binary(backends.OpTypeDiv, q, s)
		}
	}
	return nil
}

// addTwice: (a + r*c) + r*c = a + (2r)*c, where r repeats a smaller tensor. The
// gradient of a square has this form.
func addTwice(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	x, y := in[0], in[1]
	if x.op != backends.OpTypeAdd || x.in[1] != y || y.op != backends.OpTypeMul || !shape.DType.IsFloat() {
		return nil
	}
	for i, r := range y.in {
		if r.op == backends.OpTypeBroadcastInDim {
			core := r.in[0]
			double := g.binary(backends.OpTypeMul, core, g.constantLike(core, 2))
			both := []*node{y.in[0], y.in[1]}
			both[i] = g.broadcast(double, r.shape, r.attr.([]int))
			return g.binary(backends.OpTypeAdd, x.in[0], g.binary(backends.OpTypeMul, both[0], both[1]))
		}
	}
	return nil
}

// indicator: sign(sign(x)+1), which is how GoMLX's gradient of a maximum asks for
// x >= 0, is that comparison. ONNX Runtime's Sign takes ten times as long.
func indicator(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	x := in[0]
	if x.op != backends.OpTypeAdd || !x.in[1].is(1) || x.in[0].op != backends.OpTypeSign || !slices.Equal(x.in[0].dims(), shape.Dimensions) {
		return nil
	}
	y := x.in[0].in[0]
	yes := g.compare(backends.OpTypeGreaterOrEqual, y, g.constantLike(y, 0))
	return g.convert(yes, shape.DType)
}
