package ortbackend

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/layers/activations"
)

// counts is how often each operation is in what was compiled last.
func (s *spy) counts() map[backends.OpType]int {
	out := map[backends.OpType]int{}
	for _, n := range reachable(s.outputs) {
		out[n.op]++
	}
	return out
}

// largest is the largest node that is not merely a repetition.
func (s *spy) largest() int {
	size := 0
	for _, n := range reachable(s.outputs) {
		if n.op != backends.OpTypeBroadcastInDim {
			size = max(size, n.shape.Size())
		}
	}
	return size
}

// expect fails unless the operations are there as often as said.
func (s *spy) expect(t *testing.T, want map[backends.OpType]int) {
	t.Helper()
	got := s.counts()
	for op, n := range want {
		if got[op] != n {
			t.Errorf("%d times %s, not %d, in\n%s", got[op], opName(op), n, dump(s.outputs))
		}
	}
}

// floatsOf is random operands of the dimensions.
func floatsOf(stream uint64, t dtypes.DType, dims ...[]int) []*tensors.Tensor {
	r := newRand(stream)
	var in []*tensors.Tensor
	for _, d := range dims {
		in = append(in, random(r, shapes.Make(t, d...), false))
	}
	return in
}

func one(f func(x *Node) *Node) program {
	return func(xs []*Node) []*Node { return []*Node{f(xs[0])} }
}

// weighted multiplies y with what depends on none of its operands, so that its
// gradient is not constant along any axis.
func weighted(y *Node) *Node {
	return Mul(y, Sin(IotaFull(y.Graph(), y.Shape())))
}

var rowShapes = [][]int{{7}, {1}, {3, 5}, {1, 5}, {3, 1}, {2, 3, 4}, {1, 1, 4}, {2, 1, 3, 5}, {4, 70}}

func TestSoftmaxRule(t *testing.T) {
	s := newSpy(t, "cpu")
	for i, dims := range rowShapes {
		for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.BFloat16} { // go has no float16
			in := floatsOf(uint64(100+i), dtype, dims)
			compare(t, s, one(func(x *Node) *Node { return Softmax(x) }), in, closeTo(dtype))
			s.expect(t, map[backends.OpType]int{opSoftmax: 1, backends.OpTypeExp: 0, backends.OpTypeDiv: 0})
			if dtype == dtypes.Float32 || dtype == dtypes.Float64 { // go rounds each step of bfloat16
				compare(t, s, withGradients(one(func(x *Node) *Node { return Softmax(x) })), in, closeTo(dtype))
			}
		}
		// The gradient alone is P*(v-sum(v*P)).
		f := func(xs []*Node) []*Node { return Gradient(ReduceAllSum(weighted(Softmax(xs[0]))), xs[0]) }
		compare(t, s, f, floatsOf(uint64(100+i), dtypes.Float32, dims), 2e-5)
		if dims[len(dims)-1] > 1 && len(dims) > 1 {
			s.expect(t, map[backends.OpType]int{opSoftmax: 1, backends.OpTypeExp: 0, backends.OpTypeDiv: 0})
		}
		for axis := range dims { // of others than the last axis
			compare(t, s, withGradients(one(func(x *Node) *Node { return Softmax(x, axis) })), floatsOf(uint64(100+i), dtypes.Float32, dims), 2e-5)
		}
		compare(t, s, withGradients(one(func(x *Node) *Node { return LogSoftmax(x) })), floatsOf(uint64(100+i), dtypes.Float32, dims), 2e-5)
	}
}

// Masks make rows of -Inf, or of numbers that are as good as that.
func TestSoftmaxMasks(t *testing.T) {
	s := newSpy(t, "cpu")
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := tensors.FromValue([][]float32{
		{1, 2, 3, 4}, {1, -1e9, 3, -1e9}, {-1e9, -1e9, -1e9, -1e9}, {1, -inf, 2, -inf}, {-inf, -inf, -inf, 5},
		{-inf, -inf, -inf, -inf}, {inf, 1, 2, 3}, {nan, 1, 2, 3}, {1, 2, nan, -inf}, {80, -80, 300, 299}, {-3e38, 3e38, 0, 0},
		{-500, -600, -700, -800}, {0, 0, 0, 0},
	})
	softmax := one(func(x *Node) *Node { return Softmax(x) })
	compare(t, s, softmax, []*tensors.Tensor{x}, 1e-6)
	wide := one(func(x *Node) *Node { return Softmax(Concatenate([]*Node{x, x, x, x, x, x, x, x, x}, 1)) }) // as kernels with vectors see it
	compare(t, s, wide, []*tensors.Tensor{x}, 1e-6)
	compare(t, s, withGradients(softmax), []*tensors.Tensor{x}, 1e-6)
	mask := tensors.FromValue([][]bool{{true, false, true}, {false, false, true}, {true, true, true}})
	y := floatsOf(120, dtypes.Float32, []int{3, 3})[0]
	compare(t, s, withGradients(func(xs []*Node) []*Node { return []*Node{MaskedSoftmax(xs[0], xs[1])} }), []*tensors.Tensor{y, mask}, 1e-5)
}

// The parts of a softmax may be outputs, too.
func TestSoftmaxParts(t *testing.T) {
	s := newSpy(t, "cpu")
	for i, dims := range rowShapes {
		f := func(xs []*Node) []*Node {
			x := xs[0]
			m := ReduceAndKeep(x, ReduceMax, -1)
			e := Exp(Sub(x, m))
			sum := ReduceAndKeep(e, ReduceSum, -1)
			return []*Node{Div(e, sum), e, sum, m, Div(e, Mul(sum, sum)), Mul(Div(x, sum), e), Div(Exp(x), ReduceAndKeep(Exp(x), ReduceSum, -1))}
		}
		compare(t, s, f, floatsOf(uint64(130+i), dtypes.Float32, dims), 2e-5)
		compare(t, s, withGradients(f), floatsOf(uint64(130+i), dtypes.Float32, dims), 1e-4)
	}
}

// norms are forms of layer normalisation.
var norms = map[string]func(x *Node) *Node{
	"divided": func(x *Node) *Node {
		c := Sub(x, ReduceAndKeep(x, ReduceMean, -1))
		return Div(c, Sqrt(AddScalar(ReduceAndKeep(Square(c), ReduceMean, -1), 1e-5)))
	},
	"rsqrt": func(x *Node) *Node {
		c := Sub(x, ReduceAndKeep(x, ReduceMean, -1))
		return Mul(c, Rsqrt(AddScalar(ReduceAndKeep(Square(c), ReduceMean, -1), 1e-5)))
	},
	"of squares": func(x *Node) *Node { // variance as a difference
		m := ReduceAndKeep(x, ReduceMean, -1)
		v := Sub(ReduceAndKeep(Square(x), ReduceMean, -1), Square(m))
		return Div(Sub(x, m), Sqrt(AddScalar(v, 1e-1)))
	},
	"rms": func(x *Node) *Node {
		return Div(x, Sqrt(AddScalar(ReduceAndKeep(Square(x), ReduceMean, -1), 1e-5)))
	},
	"first axis": func(x *Node) *Node {
		c := Sub(x, ReduceAndKeep(x, ReduceMean, 0))
		return Div(c, Sqrt(AddScalar(ReduceAndKeep(Square(c), ReduceMean, 0), 1e-3)))
	},
}

func TestLayerNormRules(t *testing.T) {
	s := newSpy(t, "cpu")
	for name, f := range norms {
		t.Run(name, func(t *testing.T) {
			for i, dims := range rowShapes {
				if dims[len(dims)-1] == 1 && name != "rms" { // 0 over almost 0: nothing but rounding errors
					continue
				}
				for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
					in := floatsOf(uint64(150+i), dtype, dims, dims[len(dims)-1:], dims[len(dims)-1:])
					affine := func(xs []*Node) []*Node {
						y := f(xs[0])
						return []*Node{Add(Mul(y, ExpandLeftToRank(xs[1], y.Rank())), ExpandLeftToRank(xs[2], y.Rank()))}
					}
					if name == "rsqrt" { // whose gradient GoMLX does not have
						compare(t, s, affine, in, closeTo(dtype))
					} else {
						compare(t, s, withGradients(affine), in, 50*closeTo(dtype))
					}
				}
			}
		})
	}
	// One full-size quotient is left of forward and backward pass.
	in := floatsOf(160, dtypes.Float32, []int{6, 10})
	compare(t, s, func(xs []*Node) []*Node {
		y := norms["divided"](xs[0])
		return append(Gradient(ReduceAllSum(weighted(y)), xs[0]), y)
	}, in, 1e-4)
	full := 0
	for _, n := range reachable(s.outputs) {
		if n.op == backends.OpTypeDiv && n.shape.Size() == 60 && n.in[0].shape.Size() == 60 {
			full++
		}
	}
	if full > 2 {
		t.Errorf("%d quotients of full size in\n%s", full, dump(s.outputs))
	}
}

func TestGeluRule(t *testing.T) {
	s := newSpy(t, "cpu")
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := tensors.FromValue([]float32{0, float32(math.Copysign(0, -1)), inf, nan, 1e-30, -1e-30, 4, -4, 20, -20, 1e30, -1e30, 0.5, -0.5, 6, -6})
	for _, dims := range rowShapes {
		in := floatsOf(170, dtypes.Float32, dims)
		compare(t, s, one(activations.Gelu), in, 1e-6)
		s.expect(t, map[backends.OpType]int{opGelu: 1, backends.OpTypeErf: 0})
		compare(t, s, withGradients(one(activations.Gelu)), in, 2e-6)
	}
	compare(t, s, one(activations.Gelu), []*tensors.Tensor{special}, 1e-7)
	compare(t, s, withGradients(one(activations.Gelu)), []*tensors.Tensor{special}, 1e-6)
	// Almost a GELU.
	for name, f := range map[string]func(x *Node) *Node{
		"other root":  func(x *Node) *Node { return Mul(x, MulScalar(AddScalar(Erf(DivScalar(x, 1.5)), 1), 0.5)) },
		"other sum":   func(x *Node) *Node { return Mul(x, MulScalar(AddScalar(Erf(DivScalar(x, math.Sqrt2)), 2), 0.5)) },
		"other half":  func(x *Node) *Node { return Mul(x, MulScalar(AddScalar(Erf(DivScalar(x, math.Sqrt2)), 1), 0.25)) },
		"other x":     func(x *Node) *Node { return Mul(Exp(x), MulScalar(AddScalar(Erf(DivScalar(x, math.Sqrt2)), 1), 0.5)) },
		"approximate": activations.GeluApproximate,
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, s, withGradients(one(f)), floatsOf(171, dtypes.Float32, []int{4, 5}), 1e-5)
			s.expect(t, map[backends.OpType]int{opGelu: 0})
		})
	}
}

// A product of two repeated operands is not computed to be summed.
func TestSumOfProductsRule(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(180)
	for i := range 120 {
		dtype := []dtypes.DType{dtypes.Float32, dtypes.Float64}[i%2]
		dims := randomDims(r, 1+r.IntN(5), false)
		in := []*tensors.Tensor{random(r, shapes.Make(dtype, narrowed(r, dims)...), false), random(r, shapes.Make(dtype, narrowed(r, dims)...), false)}
		axes := r.Perm(len(dims))[:1+r.IntN(len(dims))]
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			x, y := BroadcastToDims(xs[0], dims...), BroadcastToDims(xs[1], dims...)
			return []*Node{ReduceSum(Mul(x, y), axes...), ReduceSum(Mul(x, x), axes...), Exp(xs[0])}
		}), in, closeTo(dtype))
	}
	in := floatsOf(181, dtypes.Float32, []int{3, 20, 30}, []int{3, 30, 25})
	dot := func(xs []*Node) []*Node { return []*Node{Einsum("bij,bjk->bik", xs[0], xs[1])} }
	compare(t, s, withGradients(dot), in, 2e-5)
	if n := s.largest(); n > 3*30*25 {
		t.Errorf("a node of %d elements in\n%s", n, dump(s.outputs))
	}
	compare(t, s, one(func(x *Node) *Node { return ReduceAllSum(Square(x)) }), in[:1], 1e-5)
	s.expect(t, map[backends.OpType]int{opSumSquare: 1})
}

// attention is multi-head attention with masks for rows and dropout if given.
func attention(q, k, v, bias, dropout *Node) *Node {
	scores := DivScalar(Einsum("bhtd,bhsd->bhts", q, k), math.Sqrt(float64(q.Shape().Dimensions[3])))
	if bias != nil {
		scores = Add(scores, BroadcastToShape(bias, scores.Shape()))
	}
	p := Softmax(scores)
	if dropout != nil {
		p = Mul(p, dropout)
	}
	return Einsum("bhts,bhsd->bhtd", p, v)
}

func TestAttentionRule(t *testing.T) {
	s := newSpy(t, "cpu")
	for _, sizes := range [][4]int{{2, 3, 12, 4}, {1, 1, 12, 4}, {1, 2, 9, 1}, {2, 1, 1, 4}, {1, 1, 1, 1}, {2, 2, 5, 8}} {
		b, h, n, d := sizes[0], sizes[1], sizes[2], sizes[3]
		row := []int{b, h, n, d}
		for _, masked := range []bool{false, true} {
			for _, dropped := range []bool{false, true} {
				t.Run(fmt.Sprint(sizes, masked, dropped), func(t *testing.T) {
					in := floatsOf(190, dtypes.Float32, row, row, row)
					in = append(in, floatsOf(191, dtypes.Float32, []int{b, 1, 1, n})...)
					drop := random(newRand(192), shapes.Make(dtypes.Bool, b, h, n, n), false)
					in = append(in, drop)
					compare(t, s, withGradients(func(xs []*Node) []*Node {
						var bias, dropout *Node
						if masked {
							bias = MulScalar(ConvertDType(GreaterThan(xs[3], ZerosLike(xs[3])), dtypes.Float32), -1e9)
						}
						if dropped {
							dropout = MulScalar(ConvertDType(xs[4], dtypes.Float32), 1/0.9)
						}
						return []*Node{attention(xs[0], xs[1], xs[2], bias, dropout), Exp(xs[3])}
					}), in, 2e-5)
					if n < 2*d || d == 1 || b*h == 1 { // a product of columns is a sum

						return
					}
					// The only sum is that of the smaller product; no other is over n x n.
					for _, x := range reachable(s.outputs) {
						if x.op == backends.OpTypeReduceSum && x.in[0].shape.Size() == b*h*n*n {
							t.Errorf("a sum of %s in\n%s", x.in[0], dump(s.outputs))
						}
					}
				})
			}
		}
	}
}

// The gradient of a maximum has the comparison instead of signs.
func TestIndicatorRule(t *testing.T) {
	s := newSpy(t, "cpu")
	for _, dims := range rowShapes {
		in := floatsOf(200, dtypes.Float32, dims, dims)
		compare(t, s, withGradients(func(xs []*Node) []*Node { return []*Node{Max(xs[0], xs[1]), Min(xs[0], xs[1])} }), in, 1e-6)
		s.expect(t, map[backends.OpType]int{backends.OpTypeSign: 0})
	}
	for _, x := range []any{[]int32{-3, 0, 5, math.MinInt32}, []float32{-3, 0, float32(math.Copysign(0, -1)), 1e-40, float32(math.Inf(1)), float32(math.Inf(-1))}} {
		compare(t, s, one(func(x *Node) *Node { return Sign(AddScalar(Sign(x), 1)) }), []*tensors.Tensor{tensors.FromAnyValue(x)}, 0)
		s.expect(t, map[backends.OpType]int{backends.OpTypeSign: 0})
	}
}
