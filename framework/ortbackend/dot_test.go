package ortbackend

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// dotCase is a dot product of any mix of axes.
type dotCase struct {
	axes        dotAxes
	left, right []int // dimensions
}

// randomDot makes up to two axes of each kind and puts each operand's in any order.
func randomDot(r *rand.Rand, zero bool) dotCase {
	var c dotCase
	const contract, batch, rest = 0, 1, 2
	var sizes [2][]int
	for kind := range sizes {
		sizes[kind] = randomDims(r, r.IntN(3), zero)
	}
	operand := func() (dims, contracted, batched []int) {
		type axis struct{ kind, index, size int }
		var all []axis
		for i, d := range sizes[contract] {
			all = append(all, axis{contract, i, d})
		}
		for i, d := range sizes[batch] {
			all = append(all, axis{batch, i, d})
		}
		for i, d := range randomDims(r, r.IntN(3), zero) {
			all = append(all, axis{rest, i, d})
		}
		if r.IntN(3) > 0 { // else as they are, an order that needs no transposition
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		contracted, batched = make([]int, len(sizes[contract])), make([]int, len(sizes[batch]))
		for i, a := range all {
			dims = append(dims, a.size)
			switch a.kind {
			case contract:
				contracted[a.index] = i
			case batch:
				batched[a.index] = i
			}
		}
		return dims, contracted, batched
	}
	c.left, c.axes.leftContract, c.axes.leftBatch = operand()
	c.right, c.axes.rightContract, c.axes.rightBatch = operand()
	return c
}

func (c dotCase) on(l, r *Node) *Node {
	a := c.axes
	return DotGeneral(l, a.leftContract, a.leftBatch, r, a.rightContract, a.rightBatch)
}

// oracle sums the products one by one.
func (c dotCase) oracle(x, y *tensors.Tensor) []any {
	a, t := c.axes, x.DType()
	leftFree, rightFree := free(len(c.left), a.leftContract, a.leftBatch), free(len(c.right), a.rightContract, a.rightBatch)
	batch, lf, rf, inner := pick(c.left, a.leftBatch), pick(c.left, leftFree), pick(c.right, rightFree), pick(c.left, a.leftContract)
	dims := slices.Concat(batch, lf, rf)
	ex, ey := elementsOf(x), elementsOf(y)
	want := []any{}
	for i := range elements(dims) {
		at := position(i, dims)
		l, r := make([]int, len(c.left)), make([]int, len(c.right))
		for j, axis := range a.leftBatch {
			l[axis], r[a.rightBatch[j]] = at[j], at[j]
		}
		for j, axis := range leftFree {
			l[axis] = at[len(batch)+j]
		}
		for j, axis := range rightFree {
			r[axis] = at[len(batch)+len(lf)+j]
		}
		float, whole := 0., int64(0)
		for k := range elements(inner) {
			for j, p := range position(k, inner) {
				l[a.leftContract[j]], r[a.rightContract[j]] = p, p
			}
			u, v := ex[index(l, c.left)], ey[index(r, c.right)]
			if t.IsFloat() {
				float += u.(float64) * v.(float64)
			} else {
				whole += u.(int64) * v.(int64)
			}
		}
		if t.IsFloat() {
			want = append(want, rounded(float, t))
		} else {
			want = append(want, cut(whole, t))
		}
	}
	return want
}

// two is random operands.
func (c dotCase) two(r *rand.Rand, t dtypes.DType, special bool) []*tensors.Tensor {
	return []*tensors.Tensor{random(r, shapes.Make(t, c.left...), special), random(r, shapes.Make(t, c.right...), special)}
}

func TestDotGeneral(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(20)
	for _, dtype := range numberTypes {
		for range 25 {
			c := randomDot(r, true)
			in := c.two(r, dtype, !dtype.IsFloat())
			f := func(xs []*Node) []*Node { return []*Node{c.on(xs[0], xs[1])} }
			checkSums(t, s, "DotGeneral", dtype, f, in, c.oracle(in[0], in[1]))
		}
	}
}

// Infinities and NaN meet in sums as they do in Go.
func TestDotSpecial(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(21)
	for range 40 {
		c := randomDot(r, false)
		in := c.two(r, dtypes.Float32, true)
		checkSums(t, s, "DotGeneral", dtypes.Float32, func(xs []*Node) []*Node { return []*Node{c.on(xs[0], xs[1])} }, in, c.oracle(in[0], in[1]))
	}
}

func TestDot(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(22)
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
		for _, dims := range [][2][]int{{{4}, {4}}, {{1}, {1}}, {{3, 4}, {4}}, {{3, 4}, {4, 2}}, {{1, 4}, {4, 1}}, {{3, 1}, {1, 2}}} {
			in := []*tensors.Tensor{random(r, shapes.Make(dtype, dims[0]...), false), random(r, shapes.Make(dtype, dims[1]...), false)}
			compare(t, s, withGradients(func(xs []*Node) []*Node { return []*Node{Dot(xs[0], xs[1])} }), in, closeTo(dtype))
		}
	}
}

func TestDotGradients(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(23)
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
		for range 40 {
			c := randomDot(r, false)
			f := func(xs []*Node) []*Node { return []*Node{c.on(xs[0], xs[1])} }
			compare(t, s, withGradients(f), c.two(r, dtype, false), closeTo(dtype))
		}
	}
}

// What is done to operands and results of a dot product becomes part of it. Each
// variant is a program of the operands and a vector along the last axis.
func TestDotSurroundings(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(24)
	biased := func(y, b *Node) *Node { return Add(y, BroadcastToShape(ExpandLeftToRank(b, y.Rank()), y.Shape())) }
	flat := func(y *Node) *Node {
		return Reshape(y, y.Shape().Size()/y.Shape().Dimensions[y.Rank()-1], y.Shape().Dimensions[y.Rank()-1])
	}
	variants := map[string]func(y, b *Node) []*Node{
		"scaled":           func(y, _ *Node) []*Node { return []*Node{MulScalar(y, -2.5)} },
		"scaled by 0":      func(y, _ *Node) []*Node { return []*Node{MulScalar(y, 0)} },
		"scaled, reshaped": func(y, _ *Node) []*Node { return []*Node{MulScalar(flat(y), 0.3)} },
		"scaled and used":  func(y, _ *Node) []*Node { return []*Node{MulScalar(y, 0.3), y} },
		"biased":           func(y, b *Node) []*Node { return []*Node{biased(y, b)} },
		"bias first": func(y, b *Node) []*Node {
			return []*Node{Add(BroadcastToShape(ExpandLeftToRank(b, y.Rank()), y.Shape()), y)}
		},
		"biased, reshaped": func(y, b *Node) []*Node { return []*Node{biased(flat(y), b)} },
		"biased and used":  func(y, b *Node) []*Node { return []*Node{biased(y, b), Exp(y)} },
		"scaled, biased":   func(y, b *Node) []*Node { return []*Node{biased(MulScalar(y, 3), b)} },
		"biased, scaled":   func(y, b *Node) []*Node { return []*Node{MulScalar(biased(y, b), 3)} },
		"constant bias":    func(y, _ *Node) []*Node { return []*Node{AddScalar(y, 3)} },
		"twice":            func(y, _ *Node) []*Node { return []*Node{Add(y, y)} },
		"square":           func(y, _ *Node) []*Node { return []*Node{Mul(y, y)} },
		"transposed":       func(y, _ *Node) []*Node { return []*Node{TransposeAllAxes(y, r.Perm(y.Rank())...)} },
		"column bias": func(y, b *Node) []*Node { // along the first axis if that is as long
			if d := y.Shape().Dimensions; d[0] != b.Shape().Dimensions[0] {
				return []*Node{y}
			}
			dims := slices.Repeat([]int{1}, y.Rank())
			dims[0] = b.Shape().Dimensions[0]
			return []*Node{Add(y, Reshape(b, dims...))}
		},
	}
	for name, f := range variants {
		t.Run(name, func(t *testing.T) {
			for i := range 14 {
				dtype := []dtypes.DType{dtypes.Float32, dtypes.Float32, dtypes.Float64}[i%3]
				c := randomDot(r, false)
				if i == 0 { // a square, in which rows and columns could be mistaken
					c = dotCase{dotAxes{leftContract: []int{1}, rightContract: []int{0}}, []int{4, 3}, []int{3, 4}}
				}
				last := shapeOf(c)
				if len(last) == 0 {
					continue
				}
				in := append(c.two(r, dtype, false), random(r, shapes.Make(dtype, last[len(last)-1]), false))
				seed := r.Uint64()
				program := withGradients(func(xs []*Node) []*Node {
					r = rand.New(rand.NewPCG(seed, 1)) // the same permutation on both backends
					return append(f(c.on(xs[0], xs[1]), xs[2]), Exp(xs[2]))
				})
				compare(t, s, program, in, closeTo(dtype))
			}
		})
	}
}

func shapeOf(c dotCase) []int {
	a := c.axes
	return slices.Concat(pick(c.left, a.leftBatch), pick(c.left, free(len(c.left), a.leftContract, a.leftBatch)),
		pick(c.right, free(len(c.right), a.rightContract, a.rightBatch)))
}

// Operands that are transposed, repeated or constant.
func TestDotOperands(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(25)
	for i := range 60 {
		dtype := []dtypes.DType{dtypes.Float32, dtypes.Float64}[i%2]
		c := randomDot(r, false)
		in := c.two(r, dtype, false)
		var from [2][]int // each operand's axes before a transposition
		var wide [2][]int // and its dimensions before a repetition
		for j, dims := range [][]int{c.left, c.right} {
			perm := r.Perm(len(dims))
			from[j] = perm
			before := make([]int, len(dims))
			for k, p := range perm {
				before[p] = dims[k]
			}
			wide[j] = before
			narrow := slices.Clone(before)
			for k := range narrow {
				if r.IntN(4) == 0 {
					narrow[k] = 1
				}
			}
			in[j] = random(r, shapes.Make(dtype, narrow...), false)
		}
		constant := r.IntN(4) == 0
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			operand := func(j int) *Node {
				x := xs[j]
				if constant && j == 1 {
					x = Const(x.Graph(), in[1])
				}
				if x.Rank() == 0 {
					return x
				}
				return TransposeAllAxes(BroadcastToDims(x, wide[j]...), from[j]...)
			}
			return []*Node{c.on(operand(0), operand(1)), Exp(xs[1])}
		}), in, closeTo(dtype))
	}
}

// A factor of bytes is the scale of their conversion, and a factor that is not
// finite, or 0, does to a dot product's special values what it does to numbers.
func TestFactors(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(26)
	for _, dims := range [][]int{{}, {1}, {3, 4}, {2, 1, 5}} {
		in := []*tensors.Tensor{random(r, shapes.Make(dtypes.Uint8, dims...), true)}
		compare(t, s, func(xs []*Node) []*Node { return []*Node{MulScalar(ConvertDType(xs[0], dtypes.Float32), 1./255)} }, in, 1e-6)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := tensors.FromValue([][]float32{{1, 2, 3}, {inf, 0, 1}, {nan, 1, 1}, {0, 0, 0}})
	y := tensors.FromValue([][]float32{{1, 0}, {1, -1}, {2, 1}})
	for _, v := range []float64{0, -1, 0.5, math.Inf(1), math.NaN()} {
		compare(t, s, func(xs []*Node) []*Node {
			return []*Node{Mul(Dot(xs[0], xs[1]), Scalar(xs[0].Graph(), dtypes.Float32, v))}
		}, []*tensors.Tensor{x, y}, 1e-6)
	}
}
