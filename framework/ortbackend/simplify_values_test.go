package ortbackend

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// constantPrograms are chains with constants, which rules join or drop.
func constantPrograms(x *Node, c, d float64) []*Node {
	a, b := Scalar(x.Graph(), x.DType(), c), Scalar(x.Graph(), x.DType(), d)
	return []*Node{
		Add(x, a), Add(a, x), Sub(x, a), Sub(a, x), Mul(x, a), Mul(a, x),
		Mul(Mul(x, a), b), Mul(a, Mul(b, x)), Add(Add(x, a), b), Sub(Sub(x, a), b), Sub(a, Sub(b, x)),
		Add(x, Mul(a, b)), Mul(x, Add(a, b)), Add(x, Sub(a, b)), // folded
	}
}

func TestConstantRules(t *testing.T) {
	s := newSpy(t, "cpu")
	inf, nan := math.Inf(1), math.NaN()
	values := []float64{0, math.Copysign(0, -1), 1, -1, 2, 0.5, 1e-30, 1e30, inf, -inf, nan}
	x := tensors.FromValue([][]float32{{0, 1, -1, float32(inf)}, {float32(-inf), float32(nan), 1e30, -1e30}, {1e-30, -1e-30, 3, 0.1}})
	for _, c := range values {
		for _, d := range values {
			compare(t, s, func(xs []*Node) []*Node {
				out := constantPrograms(xs[0], c, d)
				a, b := Scalar(xs[0].Graph(), dtypes.Float32, c), Scalar(xs[0].Graph(), dtypes.Float32, d)
				return append(out, Div(xs[0], a), Div(a, xs[0]), Div(Div(xs[0], a), b), Add(xs[0], Div(a, b)), Neg(Neg(xs[0])), Mul(Div(xs[0], a), b))
			}, []*tensors.Tensor{x}, 1e-6)
		}
	}
	for _, dtype := range []dtypes.DType{dtypes.Int32, dtypes.Int64, dtypes.Uint8, dtypes.Uint32} {
		x := random(newRand(210), shapes.Make(dtype, 3, 4), true)
		for _, c := range []float64{0, 1, 2, 7, 100} {
			for _, d := range []float64{0, 1, 3, 50} {
				compare(t, s, func(xs []*Node) []*Node { return constantPrograms(xs[0], c, d) }, []*tensors.Tensor{x}, 0)
			}
		}
	}
	// A constant that repeats the other operand is not dropped.
	small := floatsOf(211, dtypes.Float32, []int{3, 1})
	compare(t, s, func(xs []*Node) []*Node {
		zeros, ones := Zeros(xs[0].Graph(), shapes.Make(dtypes.Float32, 3, 4)), Ones(xs[0].Graph(), shapes.Make(dtypes.Float32, 3, 4))
		x := xs[0]
		return []*Node{Add(x, zeros), Add(zeros, x), Sub(x, zeros), Sub(zeros, x), Mul(x, ones), Mul(ones, x), Div(x, ones), Mul(x, Neg(ones)), Mul(Mul(x, ones), ones)}
	}, small, 0)
}

// Sums of scaled, negated, squared and divided tensors.
func TestSumRules(t *testing.T) {
	s := newSpy(t, "cpu")
	inf := math.Inf(1)
	inputs := []*tensors.Tensor{
		tensors.FromValue([][]float32{{1, 2, -1}, {0, 0, 0}, {float32(inf), 1, 2}, {float32(inf), float32(-inf), 0}, {float32(math.NaN()), 1, 2}}),
		floatsOf(220, dtypes.Float32, []int{4, 5})[0], floatsOf(221, dtypes.Float32, []int{1, 5})[0], floatsOf(222, dtypes.Float32, []int{4, 1})[0],
	}
	for _, x := range inputs {
		for _, c := range []float64{0, 1, -2, inf, -inf, math.NaN()} {
			compare(t, s, func(xs []*Node) []*Node {
				x, by := xs[0], Scalar(xs[0].Graph(), dtypes.Float32, c)
				return []*Node{
					ReduceSum(Mul(x, by), 1), ReduceSum(Mul(x, by), 0), ReduceAllSum(Mul(by, x)), ReduceSum(Neg(x), 1), ReduceAllSum(Neg(x)),
					ReduceSum(ReduceSum(x, 1), 0), ReduceAllSum(Mul(x, x)), ReduceSum(Mul(x, x), 0), ReduceAllMean(x), ReduceSum(Div(x, by), 1),
				}
			}, []*tensors.Tensor{x}, 2e-6)
		}
	}
	// Quotients by columns, which are divided after the sum, and columns of zeros.
	in := append(floatsOf(223, dtypes.Float32, []int{3, 4}, []int{3, 4}), tensors.FromValue([][]float32{{2}, {-3}, {0.5}}))
	f := func(xs []*Node) []*Node {
		x, y, c := xs[0], xs[1], xs[2]
		column := func(z *Node) *Node { return Div(ReduceAndKeep(z, ReduceSum, -1), c) }
		return []*Node{
			ReduceSum(Div(x, c), 1), ReduceSum(Div(x, c), 0), ReduceSum(Mul(y, Div(x, c)), 1), ReduceSum(Mul(Div(x, c), y), 1),
			Add(Div(x, c), column(y)), Add(column(y), Div(x, c)), Sub(Div(x, c), column(y)), Sub(column(y), Div(x, c)), Div(c, Mul(c, c)),
			ReduceSum(Div(c, c), 1), Add(column(x), column(y)), Sub(column(x), column(y)), Div(x, Mul(c, c)),
		}
	}
	compare(t, s, f, in, 1e-5)
	in[2] = tensors.FromValue([][]float32{{0}, {-3}, {float32(inf)}}) // which of infinity and NaN may differ
	compare(t, s, func(xs []*Node) []*Node {
		var out []*Node
		for _, y := range f(xs) {
			out = append(out, IsFinite(y), Where(IsFinite(y), y, ZerosLike(y)))
		}
		return out
	}, in, 1e-5)
	// A sum of float16 that is in its range only if the terms are divided first.
	x := random(newRand(224), shapes.Make(dtypes.Uint8, 1, 200), false)
	got, err := evaluate(s, func(xs []*Node) []*Node {
		v := AddScalar(MulScalar(ConvertDType(xs[0], dtypes.Float16), 0), 1024)
		return []*Node{ReduceSum(Div(v, AddScalar(MulScalar(ReduceAndKeep(v, ReduceMax, 1), 0), 256)), 1)}
	}, []*tensors.Tensor{x})
	if err != nil {
		t.Fatal(err)
	}
	if got := elementsOf(got[0])[0]; got != 800. {
		t.Errorf("the sum of 200 times 1024/256 is %v", got)
	}
}

func TestOtherRules(t *testing.T) {
	s := newSpy(t, "cpu")
	for _, dims := range [][]int{{3, 4}, {1, 4}, {3, 1}, {1, 1}} {
		in := floatsOf(230, dtypes.Float32, dims, []int{dims[0], 1}, dims)
		// (a + r*c) + r*c, and the same with other operands in between
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			r := BroadcastToDims(xs[1], dims...)
			y := Mul(r, xs[2])
			return []*Node{Add(Add(xs[0], y), y), Add(Add(y, xs[0]), y), Add(y, y), Add(Add(xs[0], y), xs[0]), y}
		}), in, 1e-5)
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			n := BroadcastToDims(Neg(xs[1]), dims...)
			return []*Node{Add(xs[0], n), Add(n, xs[0]), Sub(xs[0], n), Sub(n, xs[0]), Add(Neg(xs[0]), xs[2]), Add(Neg(xs[0]), Neg(xs[2])), Sub(Neg(xs[0]), Neg(xs[2])), Neg(n)}
		}), in, 1e-5)
		compare(t, s, func(xs []*Node) []*Node {
			c := GreaterThan(xs[0], xs[2])
			return []*Node{Where(c, xs[0], xs[0]), Where(c, xs[0], xs[2]), ConvertDType(ConvertDType(xs[0], dtypes.Float64), dtypes.Float32)}
		}, in, 0)
	}
	compare(t, s, func(xs []*Node) []*Node {
		y := Mul(BroadcastToDims(xs[1], 3, 4), xs[2])
		return []*Node{Add(Add(xs[0], y), y)}
	}, floatsOf(230, dtypes.Float32, []int{3, 4}, []int{3, 1}, []int{3, 4}), 1e-6)
	s.expect(t, map[backends.OpType]int{backends.OpTypeAdd: 1})
	// A constant is converted when the graph is built.
	compare(t, s, one(func(x *Node) *Node { return Add(x, ConvertDType(Scalar(x.Graph(), dtypes.Int32, 7), dtypes.Float32)) }), floatsOf(231, dtypes.Float32, []int{3}), 0)
	s.expect(t, map[backends.OpType]int{backends.OpTypeConvertDType: 0})
	compare(t, s, one(func(x *Node) *Node { return MulScalar(MulScalar(x, 3), 5) }), floatsOf(231, dtypes.Float32, []int{3}), 1e-6)
	s.expect(t, map[backends.OpType]int{backends.OpTypeMul: 1})
	compare(t, s, one(func(x *Node) *Node { return TransposeAllAxes(TransposeAllAxes(x, 1, 0), 1, 0) }), floatsOf(232, dtypes.Float32, []int{3, 4}), 0)
	s.expect(t, map[backends.OpType]int{backends.OpTypeTranspose: 0})
}

// randomProgram grows a graph of a few operations on matrices, of which any may be
// a result, so that rules meet in ways that nobody thought of.
func randomProgram(seed uint64, rows, columns int) program {
	return func(xs []*Node) []*Node {
		r := rand.New(rand.NewPCG(seed, 5))
		pool := append([]*Node{}, xs...)
		some := func() *Node { return pool[r.IntN(len(pool))] }
		for range 6 + r.IntN(14) {
			x, y := some(), some()
			positive := AddScalar(Square(y), 1)
			c := []float64{0, 1, -1, 2, 0.5}[r.IntN(5)]
			dims := []int{rows, columns}
			wide := func(x *Node) *Node { return BroadcastToDims(x, dims...) }
			axis := r.IntN(2)
			var z *Node
			switch r.IntN(19) {
			case 0:
				z = Add(x, y)
			case 1:
				z = Sub(x, y)
			case 2, 3:
				z = Mul(x, y)
			case 4:
				z = Div(x, positive)
			case 5:
				z = Neg(x)
			case 6:
				z = MulScalar(x, c)
			case 7:
				z = AddScalar(x, c)
			case 8:
				z = wide(ReduceAndKeep(x, ReduceSum, axis))
			case 9:
				z = wide(ReduceAndKeep(MulScalar(Mul(x, y), 0.1), ReduceSum, axis))
			case 10:
				z = Div(x, wide(ReduceAndKeep(positive, ReduceSum, axis)))
			case 11:
				z = Softmax(x, axis)
			case 12:
				z = Mul(Div(x, ReduceAndKeep(positive, ReduceSum, 1)), y)
			case 13:
				z = MulScalar(Dot(Dot(x, Transpose(y, 0, 1)), x), 0.1)
			case 14:
				z = wide(Reshape(ReduceAllSum(Mul(x, y)), 1, 1))
			case 15:
				z = Max(x, y)
			case 16:
				z = Tanh(x)
			case 17:
				z = Sub(x, ReduceAndKeep(x, ReduceMean, axis))
			default:
				z = Div(x, Mul(positive, positive))
			}
			pool = append(pool, Tanh(z), z)
		}
		var out []*Node
		for i := range 3 {
			out = append(out, Sin(pool[len(pool)-1-i*3]))
		}
		return out
	}
}

func TestRandomPrograms(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(240)
	for i := range 150 {
		rows, columns := 1+r.IntN(4), 1+r.IntN(4)
		seed := r.Uint64()
		in := floatsOf(r.Uint64(), dtypes.Float64, []int{rows, columns}, []int{rows, columns}, []int{rows, columns})
		if i%2 == 0 {
			compare(t, s, randomProgram(seed, rows, columns), in, 1e-9)
		} else {
			compare(t, s, withGradients(randomProgram(seed, rows, columns)), in, 1e-8)
		}
	}
}

// Operands that repeat each other along some axes only, or along rows that are
// equally many as the columns.
func TestNarrowRules(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(250)
	for range 60 {
		dims := randomDims(r, 1+r.IntN(3), false)
		if r.IntN(2) == 0 {
			dims = []int{3, 3, 2}
		}
		var in []*tensors.Tensor
		for range 4 {
			d := narrowed(r, dims)
			if d == nil {
				d = []int{1, 1, 1}[:len(dims)]
			}
			in = append(in, random(r, shapes.Make(dtypes.Float64, d...), false))
		}
		core := random(r, shapes.Make(dtypes.Float64, dims[0]), false)
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			x, y, z := xs[0], xs[1], xs[2]
			p, last := AddScalar(Square(xs[3]), 1), len(dims)-1
			e := Exp(Sub(x, ReduceAndKeep(x, ReduceMax, -1)))
			sum := ReduceAndKeep(e, ReduceSum, -1)
			wide := BroadcastToDims(sum, dims...)
			d := AddScalar(Square(xs[4]), 1) // along one axis or, if it is as long, another
			column := func(axis int) *Node {
				if dims[axis] != dims[0] {
					axis = 0
				}
				sizes := []int{1, 1, 1}[:len(dims)]
				sizes[axis] = dims[0]
				return Reshape(d, sizes...)
			}
			return []*Node{
				ReduceSum(Div(x, p), last), ReduceSum(Mul(y, Div(x, p)), last), Add(Div(x, p), Div(ReduceAndKeep(y, ReduceSum, -1), p)),
				Sub(Div(x, p), Div(z, p)), Div(x, Mul(p, p)), Div(e, wide), Div(e, Mul(wide, wide)), Mul(Div(y, sum), e), Mul(Div(y, wide), e),
				Add(Div(x, column(0)), Div(ReduceAndKeep(y, ReduceSum, -1), column(min(1, last)))), ReduceSum(Mul(BroadcastToDims(x, dims...), column(last)), last),
			}
		}), append(in, core), 1e-9)
	}
}
