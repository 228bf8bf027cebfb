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

// position is the indices of element i of a tensor.
func position(i int, dims []int) []int {
	at := make([]int, len(dims))
	for axis := len(dims) - 1; axis >= 0; axis-- {
		at[axis] = i % dims[axis]
		i /= dims[axis]
	}
	return at
}

// index is position's inverse.
func index(at, dims []int) int {
	i := 0
	for axis, a := range at {
		i = i*dims[axis] + a
	}
	return i
}

// moved is the elements that a tensor of the dimensions has if each comes from that
// position of x.
func moved(x *tensors.Tensor, dims []int, from func(at []int) []int) []any {
	e := elementsOf(x)
	want := []any{}
	for i := range shapes.Make(dtypes.Bool, dims...).Size() {
		want = append(want, e[index(from(position(i, dims)), x.Shape().Dimensions)])
	}
	return want
}

func TestMove(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(7)
	for _, dtype := range allTypes {
		for range 8 {
			rank := r.IntN(6)
			dims := randomDims(r, rank, true)
			x := random(r, shapes.Make(dtype, dims...), true)
			in := []*tensors.Tensor{x}
			check := func(name string, f func(x *Node) *Node, want []any) {
				t.Helper()
				checkElements(t, s, name, dtype, func(xs []*Node) []*Node { return []*Node{f(xs[0])} }, in, want)
			}
			same := moved(x, dims, func(at []int) []int { return at })
			check("Identity", Identity, same)

			perm := r.Perm(rank)
			permuted := pick(dims, perm)
			check("Transpose", func(x *Node) *Node { return TransposeAllAxes(x, perm...) }, moved(x, permuted, func(at []int) []int {
				from := make([]int, rank)
				for i, p := range perm {
					from[p] = at[i]
				}
				return from
			}))

			var other []int // the same number of elements, in other axes
			for _, d := range permuted {
				if r.IntN(3) == 0 && len(other) > 0 {
					other[len(other)-1] *= d
				} else {
					other = append(other, d)
				}
				if r.IntN(4) == 0 {
					other = append(other, 1)
				}
			}
			if rank == 0 {
				other = []int{1, 1}
			}
			check("Reshape", func(x *Node) *Node { return Reshape(x, other...) }, same)

			// Broadcasting, after which each operation must still be right.
			wide, axes := []int{}, []int{}
			for _, d := range dims {
				if r.IntN(2) == 0 {
					wide = append(wide, 1+r.IntN(3))
				}
				axes = append(axes, len(wide))
				if d == 1 {
					d = 1 + r.IntN(3)
				}
				wide = append(wide, d)
			}
			target := shapes.Make(dtype, wide...)
			broadcast := func(x *Node) *Node { return BroadcastToShape(ExpandAxes(x, missing(len(wide), axes)...), target) }
			origin := func(at []int) []int {
				from := make([]int, rank)
				for i, a := range axes {
					if dims[i] != 1 {
						from[i] = at[a]
					}
				}
				return from
			}
			check("Broadcast", broadcast, moved(x, wide, origin))

			back := r.Perm(len(wide))
			check("Transpose of broadcast", func(x *Node) *Node { return TransposeAllAxes(broadcast(x), back...) }, moved(x, pick(wide, back), func(at []int) []int {
				from := make([]int, len(wide))
				for i, p := range back {
					from[p] = at[i]
				}
				return origin(from)
			}))

			if len(wide) > 0 && target.Size() > 0 {
				starts, limits, strides, sizes := randomSlice(r, wide)
				var specs []SliceAxisSpec
				for i := range wide {
					specs = append(specs, AxisRange(starts[i], limits[i]).Stride(strides[i]))
				}
				check("Slice of broadcast", func(x *Node) *Node { return Slice(broadcast(x), specs...) }, moved(x, sizes, func(at []int) []int {
					from := make([]int, len(wide))
					for i, a := range at {
						from[i] = starts[i] + a*strides[i]
					}
					return origin(from)
				}))
			}

			var reversed []int
			for i := range wide {
				if r.IntN(2) == 0 {
					reversed = append(reversed, i)
				}
			}
			check("Reverse of broadcast", func(x *Node) *Node { return Reverse(broadcast(x), reversed...) }, moved(x, wide, func(at []int) []int {
				from := slices.Clone(at)
				for _, a := range reversed {
					from[a] = wide[a] - 1 - at[a]
				}
				return origin(from)
			}))
		}
	}
}

func randomSlice(r *rand.Rand, dims []int) (starts, limits, strides, sizes []int) {
	for _, d := range dims {
		start := r.IntN(d)
		limit := start + 1 + r.IntN(d-start)
		stride := 1 + r.IntN(3)
		starts, limits, strides = append(starts, start), append(limits, limit), append(strides, stride)
		sizes = append(sizes, (limit-start+stride-1)/stride)
	}
	return starts, limits, strides, sizes
}

// missing lists the axes below rank that are not in axes.
func missing(rank int, axes []int) []int { return free(rank, axes, nil) }

func TestConcatenate(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(8)
	for _, dtype := range allTypes {
		for range 8 {
			dims := randomDims(r, 1+r.IntN(5), true)
			axis := r.IntN(len(dims))
			var in []*tensors.Tensor
			total := slices.Clone(dims)
			total[axis] = 0
			for range 1 + r.IntN(4) {
				d := slices.Clone(dims)
				d[axis] = r.IntN(4)
				total[axis] += d[axis]
				in = append(in, random(r, shapes.Make(dtype, d...), true))
			}
			var want []any
			for i := range shapes.Make(dtype, total...).Size() {
				at := position(i, total)
				for _, x := range in {
					if n := x.Shape().Dimensions[axis]; at[axis] >= n {
						at[axis] -= n
						continue
					}
					want = append(want, elementsOf(x)[index(at, x.Shape().Dimensions)])
					break
				}
			}
			checkElements(t, s, "Concatenate", dtype, func(xs []*Node) []*Node { return []*Node{Concatenate(xs, axis)} }, in, want)
		}
	}
}

func TestIota(t *testing.T) {
	s := newSpy(t, "cpu")
	for _, dtype := range numberTypes {
		dims := []int{3, 1, 5}
		for axis := range dims {
			x := random(newRand(9), shapes.Make(dtype, dims...), false)
			var want []any
			for i := range 15 {
				if at := position(i, dims)[axis]; dtype.IsFloat() {
					want = append(want, float64(at))
				} else {
					want = append(want, int64(at))
				}
			}
			checkElements(t, s, "Iota", dtype, func(xs []*Node) []*Node {
				return []*Node{Iota(xs[0].Graph(), xs[0].Shape(), axis)}
			}, []*tensors.Tensor{x}, want)
		}
	}
}

var reduceTests = []struct {
	name  string
	f     func(x *Node, axes ...int) *Node
	types []dtypes.DType
	join  func(x, y any, t dtypes.DType) any
	none  func(t dtypes.DType) any
}{
	{"ReduceSum", ReduceSum, numberTypes, func(x, y any, _ dtypes.DType) any {
		if v, ok := x.(float64); ok {
			return v + y.(float64)
		}
		return x.(int64) + y.(int64)
	}, func(t dtypes.DType) any { return number(t, 0) }},
	{"ReduceMultiply", ReduceMultiply, numberTypes, func(x, y any, _ dtypes.DType) any {
		if v, ok := x.(float64); ok {
			return v * y.(float64)
		}
		return x.(int64) * y.(int64)
	}, func(t dtypes.DType) any { return number(t, 1) }},
	{"ReduceMax", ReduceMax, numberTypes, func(x, y any, t dtypes.DType) any {
		if v, ok := x.(float64); ok {
			return max(v, y.(float64))
		}
		if less(x.(int64), y.(int64), t) {
			return y
		}
		return x
	}, func(t dtypes.DType) any { return lowestOf(t) }},
	{"ReduceMin", ReduceMin, numberTypes, func(x, y any, t dtypes.DType) any {
		if v, ok := x.(float64); ok {
			return min(v, y.(float64))
		}
		if less(x.(int64), y.(int64), t) {
			return x
		}
		return y
	}, func(t dtypes.DType) any { return highestOf(t) }},
	{"ReduceAnd", ReduceLogicalAnd, boolType, func(x, y any, _ dtypes.DType) any { return x.(int64) & y.(int64) }, func(dtypes.DType) any { return int64(1) }},
	{"ReduceOr", ReduceLogicalOr, boolType, func(x, y any, _ dtypes.DType) any { return x.(int64) | y.(int64) }, func(dtypes.DType) any { return int64(0) }},
	{"ReduceXor", ReduceLogicalXor, boolType, func(x, y any, _ dtypes.DType) any { return x.(int64) ^ y.(int64) }, func(dtypes.DType) any { return int64(0) }},
}

// number is v as an element in these tests.
func number(t dtypes.DType, v float64) any {
	if t.IsFloat() {
		return v
	}
	return int64(v)
}

func lowestOf(t dtypes.DType) any {
	switch {
	case t.IsFloat():
		return math.Inf(-1)
	case t.IsUnsigned():
		return int64(0)
	}
	return int64(-1) << (8*t.Size() - 1)
}

func highestOf(t dtypes.DType) any {
	switch {
	case t.IsFloat():
		return math.Inf(1)
	case t.IsUnsigned():
		return cut(-1, t)
	}
	return ^lowestOf(t).(int64)
}

func TestReduce(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(10)
	for _, c := range reduceTests {
		for _, dtype := range c.types {
			for range 8 {
				dims := randomDims(r, 1+r.IntN(5), true)
				narrow := narrowed(r, dims) // repeated along some axes
				x := random(r, shapes.Make(dtype, narrow...), !dtype.IsFloat())
				axes := r.Perm(len(dims))[:1+r.IntN(len(dims))]
				kept := free(len(dims), axes, nil)
				result := pick(dims, kept)
				want := make([]any, shapes.Make(dtype, result...).Size())
				for i := range want {
					want[i] = c.none(dtype)
				}
				e := elementsOf(x)
				for i := range shapes.Make(dtype, dims...).Size() {
					to := index(pick(position(i, dims), kept), result)
					want[to] = c.join(want[to], e[broadcastIndex(i, dims, narrow)], dtype)
				}
				for i, v := range want {
					if n, ok := v.(int64); ok {
						want[i] = cut(n, dtype)
					} else {
						want[i] = rounded(v, dtype)
					}
				}
				checkSums(t, s, c.name, dtype, func(xs []*Node) []*Node {
					return []*Node{c.f(BroadcastToDims(xs[0], dims...), axes...)}
				}, []*tensors.Tensor{x}, want)
			}
		}
	}
}

// checkSums is checkElements for results of several terms each: rounding errors
// are relative to the largest.
func checkSums(t *testing.T, s *spy, name string, dtype dtypes.DType, f program, in []*tensors.Tensor, want []any) {
	t.Helper()
	scale := 1.
	for _, v := range want {
		if v, ok := v.(float64); ok && !math.IsInf(v, 0) && !math.IsNaN(v) {
			scale = max(scale, math.Abs(v))
		}
	}
	check(t, s, name, dtype, f, in, want, scale)
}
