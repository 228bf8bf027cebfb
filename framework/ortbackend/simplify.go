package ortbackend

import (
	"math"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// make returns a node that computes the operation: the simplest that the rules of
// this package know. Operands have been checked.
func (g *graph) make(op backends.OpType, shape shapes.Shape, attr any, in ...*node) *node {
	if shape.Size() == 0 {
		return g.constant(nil, shape)
	}
	for _, rule := range rules[op] {
		// A rule that does not see that operands repeat each other does not apply.
		if n := rule(g, shape, attr, in); n != nil && n.shape.Equal(shape) {
			return n
		}
	}
	return g.add(op, shape, attr, in...)
}

// rule computes an operation in a simpler way; nil if it does not apply.
type rule func(g *graph, shape shapes.Shape, attr any, in []*node) *node

// rules are tried in order. The ones for chains of operations are in the other
// simplify files.
var rules map[backends.OpType][]rule

func init() {
	rules = map[backends.OpType][]rule{
		backends.OpTypeReshape:        {reshapeTwice, reshapeOfFill},
		backends.OpTypeTranspose:      {transposeTwice, transposeOfFill, transposeOfOnes, transposeOfDot},
		backends.OpTypeBroadcastInDim: {broadcastTwice},
		backends.OpTypeConvertDType:   {convertNothing},
		backends.OpTypeAdd:            {foldValues(backends.OpTypeAdd), addZero, addNegative, addTwice, factorDivision},
		backends.OpTypeSub:            {foldValues(backends.OpTypeSub), subtractZero, subtractNegative, factorSubtraction},
		backends.OpTypeMul:            {foldValues(backends.OpTypeMul), multiplyByOne, multiplyTwice, geluOfParts, cancelQuotient},
		backends.OpTypeDiv:            {foldValues(backends.OpTypeDiv), divideByOne, softmaxOfParts, softmaxOverSquare, overSquare},
		backends.OpTypeNeg:            {negateTwice},
		backends.OpTypeSign:           {indicator},
		backends.OpTypeReduceSum:      {sumOfSum, sumOfNegative, sumOfScaled, sumOfSquares, sumOfQuotient, sumThroughDot, sumOfProducts},
		backends.OpTypeDotGeneral:     {dotOfTransposed, orientDot},
		backends.OpTypeWhere:          {whereSame},
	}
}

func reshapeTwice(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	switch x := in[0]; {
	case slices.Equal(x.dims(), shape.Dimensions):
		return x
	case x.op == backends.OpTypeReshape:
		return g.reshape(x.in[0], shape.Dimensions...)
	}
	return nil
}

func reshapeOfFill(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	if x := in[0]; x.op == backends.OpTypeBroadcastInDim && x.in[0].shape.IsScalar() {
		return g.broadcast(x.in[0], shape, nil)
	}
	return nil
}

func transposeTwice(g *graph, _ shapes.Shape, attr any, in []*node) *node {
	x, perm := in[0], attr.([]int)
	if slices.IsSorted(perm) {
		return x
	}
	if x.op == backends.OpTypeTranspose {
		return g.transpose(x.in[0], pick(x.attr.([]int), perm)...)
	}
	return nil
}

func transposeOfFill(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	return reshapeOfFill(g, shape, nil, in)
}

// transposeOfOnes is a reshape if only axes of size 1 change places.
func transposeOfOnes(g *graph, shape shapes.Shape, attr any, in []*node) *node {
	last := -1
	for _, p := range attr.([]int) {
		if in[0].dims()[p] == 1 {
			continue
		}
		if p < last {
			return nil
		}
		last = p
	}
	return g.reshape(in[0], shape.Dimensions...)
}

// transposeOfDot exchanges the operands of a dot product whose two blocks of free
// axes change places.
func transposeOfDot(g *graph, _ shapes.Shape, attr any, in []*node) *node {
	x, perm := in[0], attr.([]int)
	if x.op != backends.OpTypeDotGeneral {
		return nil
	}
	a := x.attr.(dotAxes)
	batch := len(a.leftBatch)
	left := len(free(x.in[0].shape.Rank(), a.leftContract, a.leftBatch))
	var swapped []int
	for i := range batch {
		swapped = append(swapped, i)
	}
	for i := batch + left; i < len(perm); i++ {
		swapped = append(swapped, i)
	}
	for i := batch; i < batch+left; i++ {
		swapped = append(swapped, i)
	}
	if !slices.Equal(perm, swapped) || awkward(x.in[1], x.in[0], dotAxes{a.rightContract, a.rightBatch, a.leftContract, a.leftBatch}) {
		return nil
	}
	return g.dot(x.in[1], x.in[0], dotAxes{a.rightContract, a.rightBatch, a.leftContract, a.leftBatch})
}

func broadcastTwice(g *graph, shape shapes.Shape, attr any, in []*node) *node {
	x, axes := in[0], attr.([]int)
	if slices.Equal(x.dims(), shape.Dimensions) {
		return x
	}
	if x.op == backends.OpTypeBroadcastInDim {
		return g.broadcast(x.in[0], shape, pick(axes, x.attr.([]int)))
	}
	if x.shape.Size() == shape.Size() {
		return g.reshape(x, shape.Dimensions...)
	}
	return nil
}

func convertNothing(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	if in[0].shape.DType == shape.DType {
		return in[0]
	}
	if v, ok := in[0].value(); ok && shape.DType.IsFloat() {
		return g.fill(v, shape)
	}
	return nil
}

// foldValues computes what is known, in the arithmetic of the element type.
func foldValues(op backends.OpType) rule {
	return func(g *graph, shape shapes.Shape, _ any, in []*node) *node {
		x, okx := in[0].value()
		y, oky := in[1].value()
		if !okx || !oky || shape.DType != dtypes.Float32 && shape.DType != dtypes.Float64 {
			return nil
		}
		// Products, sums and quotients of float32 are rounded correctly by way of float64.
		switch op {
		case backends.OpTypeAdd:
			x += y
		case backends.OpTypeSub:
			x -= y
		case backends.OpTypeMul:
			x *= y
		case backends.OpTypeDiv:
			x /= y
		}
		return g.fill(x, shape)
	}
}

// same is x if it has the shape already: an operand that does nothing can only be
// dropped if it does not broadcast either.
func same(x *node, shape shapes.Shape) *node {
	if slices.Equal(x.dims(), shape.Dimensions) {
		return x
	}
	return nil
}

func addZero(_ *graph, shape shapes.Shape, _ any, in []*node) *node {
	if in[1].is(0) {
		return same(in[0], shape)
	}
	if in[0].is(0) {
		return same(in[1], shape)
	}
	return nil
}

func addNegative(g *graph, _ shapes.Shape, _ any, in []*node) *node {
	if y := in[1]; y.op == backends.OpTypeNeg {
		return g.binary(backends.OpTypeSub, in[0], y.in[0])
	}
	if x := in[0]; x.op == backends.OpTypeNeg {
		return g.binary(backends.OpTypeSub, in[1], x.in[0])
	}
	// A negated column that is repeated: x + repeat(-y) = x - repeat(y).
	if y := in[1]; y.op == backends.OpTypeBroadcastInDim {
		if core := unshaped(y.in[0]); core.op == backends.OpTypeNeg {
			positive := g.broadcast(g.reshape(core.in[0], y.in[0].dims()...), y.shape, y.attr.([]int))
			return g.binary(backends.OpTypeSub, in[0], positive)
		}
	}
	return nil
}

// unshaped is what x is a rearrangement of.
func unshaped(x *node) *node {
	if x.op == backends.OpTypeReshape {
		return x.in[0]
	}
	return x
}

func subtractZero(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	if in[1].is(0) {
		return same(in[0], shape)
	}
	if in[0].is(0) && shape.DType.IsFloat() {
		if x := same(in[1], shape); x != nil {
			return g.unary(backends.OpTypeNeg, x)
		}
	}
	return nil
}

func subtractNegative(g *graph, _ shapes.Shape, _ any, in []*node) *node {
	if y := in[1]; y.op == backends.OpTypeNeg {
		return g.binary(backends.OpTypeAdd, in[0], y.in[0])
	}
	return nil
}

func multiplyByOne(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	if in[1].is(1) {
		return same(in[0], shape)
	}
	if in[0].is(1) {
		return same(in[1], shape)
	}
	if in[1].is(-1) && shape.DType.IsFloat() {
		if x := same(in[0], shape); x != nil {
			return g.unary(backends.OpTypeNeg, x)
		}
	}
	return nil
}

// multiplyTwice joins two constant factors into one; x*c puts the constant second.
func multiplyTwice(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	x, y := in[0], in[1]
	_, okx := x.value()
	v, oky := y.value()
	if okx && !oky {
		return g.make(backends.OpTypeMul, shape, nil, y, x)
	}
	if !oky || x.op != backends.OpTypeMul || !slices.Equal(x.dims(), shape.Dimensions) {
		return nil
	}
	if w, ok := x.in[1].value(); !ok || !moderate(v) || !moderate(w) || !moderate(v*w) {
		return nil
	}
	return g.binary(backends.OpTypeMul, x.in[0], g.binary(backends.OpTypeMul, x.in[1], y))
}

// moderate says that a factor makes numbers infinite or zero only if they almost are.
func moderate(v float64) bool { return math.Abs(v) > 1e-12 && math.Abs(v) < 1e12 }

func divideByOne(_ *graph, shape shapes.Shape, _ any, in []*node) *node {
	if in[1].is(1) {
		return same(in[0], shape)
	}
	return nil
}

func negateTwice(_ *graph, _ shapes.Shape, _ any, in []*node) *node {
	if in[0].op == backends.OpTypeNeg {
		return in[0].in[0]
	}
	return nil
}

func whereSame(_ *graph, shape shapes.Shape, _ any, in []*node) *node {
	if in[1] == in[2] {
		return same(in[1], shape)
	}
	return nil
}
