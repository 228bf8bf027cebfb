package ortbackend

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// randomPooling is windows over a tensor of the dimensions, which it may enlarge so
// that there is one; and how many there are. Plain ones have a gradient in GoMLX.
func randomPooling(r *rand.Rand, dims []int, plain bool) (w pooling, paddings [][2]int, count []int) {
	rank := len(dims)
	w = newPooling(rank, nil, nil, nil, nil, nil)
	paddings = make([][2]int, rank)
	for i := range dims {
		if r.IntN(3) > 0 {
			w.sizes[i], w.strides[i] = 1+r.IntN(4), 1+r.IntN(3)
			if !plain {
				w.dilations[i], w.pads[i].Interior = 1+r.IntN(2), max(0, r.IntN(5)-2)
			}
			if !plain && r.IntN(8) == 0 {
				w.sizes[i] = 9 + r.IntN(8)
			}
			paddings[i] = [2]int{r.IntN(3), r.IntN(3)}
			if plain {
				paddings[i] = [2]int{r.IntN(w.sizes[i]), r.IntN(w.sizes[i])}
			}
		}
		span := (w.sizes[i]-1)*w.dilations[i] + 1
		w.pads[i].Start, w.pads[i].End = paddings[i][0], paddings[i][1]
		for padded(dims[i], w.pads[i]) < span {
			dims[i]++
		}
		count = append(count, (padded(dims[i], w.pads[i])-span)/w.strides[i]+1)
	}
	return w, paddings, count
}

// each calls f for every element of every window, in order, padding aside.
func (w pooling) each(dims, count []int, f func(o, x int)) {
	from := make([]int, len(dims))
	for o := range elements(count) {
		at := position(o, count)
		for j := range elements(w.sizes) {
			inside := true
			for i, k := range position(j, w.sizes) {
				from[i] = source(at[i]*w.strides[i]+k*w.dilations[i], dims[i], w.pads[i])
				inside = inside && from[i] >= 0
			}
			if inside {
				f(o, index(from, dims))
			}
		}
	}
}

func interiors(w pooling) []int {
	var out []int
	for _, p := range w.pads {
		out = append(out, p.Interior+1)
	}
	return out
}

func TestReduceWindow(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(31)
	types := []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.Int32, dtypes.Int64, dtypes.Uint8, dtypes.Float16, dtypes.BFloat16, dtypes.Bool}
	reductions := []backends.ReduceOpType{backends.ReduceOpMax, backends.ReduceOpMin, backends.ReduceOpSum, backends.ReduceOpProduct}
	for i := range 400 {
		dtype, reduction := types[i%len(types)], reductions[r.IntN(4)]
		if dtype == dtypes.Bool {
			reduction = reductions[r.IntN(2)]
		}
		dims := randomDims(r, r.IntN(5), false)
		w, paddings, count := randomPooling(r, dims, false)
		extreme := reduction == backends.ReduceOpMax || reduction == backends.ReduceOpMin
		x := random(r, shapes.Make(dtype, dims...), extreme && dtype.IsFloat())
		f := func(xs []*Node) []*Node {
			return []*Node{BackendReduceWindow(xs[0], reduction, w.sizes, w.strides, interiors(w), w.dilations, paddings)}
		}
		if dtype == dtypes.Float32 { // whatever else holds, GoMLX agrees
			finite := random(r, shapes.Make(dtype, dims...), false)
			compare(t, s, f, []*tensors.Tensor{finite}, closeTo(dtype))
		}
		got, err := evaluate(s, f, []*tensors.Tensor{x})
		if err != nil {
			t.Fatalf("%s %s %v %+v: %v", reduction, dtype, dims, w, err)
		}
		xs, want := numbersOf(x), make([]float64, elements(count))
		for o := range want {
			want[o] = neutral(foldings[reduction].axis, dtype)
		}
		w.each(dims, count, func(o, x int) {
			switch reduction {
			case backends.ReduceOpMax:
				want[o] = max(want[o], xs[x])
			case backends.ReduceOpMin:
				want[o] = min(want[o], xs[x])
			case backends.ReduceOpSum:
				want[o] += xs[x]
			default:
				want[o] *= xs[x]
			}
			if dtype == dtypes.Uint8 || dtype == dtypes.Int32 { // numbers small enough for float64 to wrap exactly
				want[o] = numbersOfBits(want[o], dtype)
			}
		})
		if dtype == dtypes.Int64 && slices.ContainsFunc(want, func(v float64) bool { return math.Abs(v) >= 1<<53 }) {
			continue
		}
		if diff := differ(elementsOf(got[0]), anys(want, dtype), closeTo(dtype), magnitude(got[0])); diff != "" {
			t.Fatalf("%s %s %v %+v: %s\n%s", reduction, dtype, dims, w, diff, dump(s.outputs))
		}
	}
}

// TestWindowsOfNothing: windows that have only padding reduce to the neutral element,
// and their gradient is lost.
func TestWindowsOfNothing(t *testing.T) {
	s := newSpy(t, "cpu")
	for reduction, want := range map[backends.ReduceOpType]float64{
		backends.ReduceOpMax: math.Inf(-1), backends.ReduceOpMin: math.Inf(1), backends.ReduceOpSum: 0, backends.ReduceOpProduct: 1,
	} {
		for _, dims := range [][]int{{0, 2}, {1, 2}} {
			x := random(newRand(35), shapes.Make(dtypes.Float32, dims...), false)
			f := func(xs []*Node) []*Node {
				return []*Node{BackendReduceWindow(xs[0], reduction, []int{2, 1}, []int{2, 1}, nil, nil, [][2]int{{2, 2}, {0, 0}})}
			}
			got, err := evaluate(s, f, []*tensors.Tensor{x})
			if err != nil {
				t.Fatalf("%v: %v", dims, err)
			}
			e := elementsOf(got[0])
			if len(e) < 4 || e[0] != want {
				t.Errorf("%s of %v: %v", reduction, dims, e)
			}
			if reduction == backends.ReduceOpProduct { // which has no gradient in GoMLX
				continue
			}
			gradient, err := evaluate(s, withGradients(f), []*tensors.Tensor{x})
			if err != nil {
				t.Fatalf("%v: %v", dims, err)
			}
			ws := weightsOf(dtypes.Float32, []int{2, 2})
			if want := anys(ws[2:2+2*dims[0]], dtypes.Float32); differ(elementsOf(gradient[1]), want, 0, 0) != "" && dims[0] > 0 {
				t.Errorf("gradient of %s of %v: %v, not %v", reduction, dims, elementsOf(gradient[1]), want)
			}
		}
	}
}

// numbersOfBits wraps a number to the integer type.
func numbersOfBits(v float64, t dtypes.DType) float64 {
	if t == dtypes.Uint8 {
		return float64(uint8(int64(v)))
	}
	return float64(int32(int64(v)))
}

func TestPoolGradients(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(32)
	for i := range 250 {
		dtype := []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.Float16, dtypes.BFloat16}[i%4]
		reduction := []backends.ReduceOpType{backends.ReduceOpMax, backends.ReduceOpMin, backends.ReduceOpSum}[i%3]
		dims := randomDims(r, r.IntN(4), false)
		w, paddings, count := randomPooling(r, dims, true)
		x := random(r, shapes.Make(dtype, dims...), r.IntN(3) == 0 && reduction != backends.ReduceOpSum)
		if r.IntN(2) == 0 { // ties
			x = random(r, shapes.Make(dtypes.Int32, dims...), false)
		}
		f := func(xs []*Node) []*Node {
			return []*Node{BackendReduceWindow(xs[0], reduction, w.sizes, w.strides, nil, nil, paddings)}
		}
		whole := func(xs []*Node) []*Node { return withGradients(f)([]*Node{ConvertDType(xs[0], dtype)}) }
		got, err := evaluate(s, whole, []*tensors.Tensor{x})
		if err != nil {
			t.Fatalf("%s %s %v %+v: %v", reduction, dtype, dims, w, err)
		}
		xs, ws, want := numbersOf(x), weightsOf(dtype, count), make([]float64, elements(dims))
		if reduction == backends.ReduceOpSum {
			w.each(dims, count, func(o, x int) { want[x] += ws[o] })
		} else {
			best := slices.Repeat([]int{-1}, len(ws))
			w.each(dims, count, func(o, x int) {
				b := best[o]
				stays := b >= 0 && (reduction == backends.ReduceOpMax && xs[b] >= xs[x] || reduction == backends.ReduceOpMin && xs[b] <= xs[x])
				if !stays {
					best[o] = x
				}
			})
			for o, b := range best {
				if b >= 0 {
					want[b] += ws[o]
				}
			}
		}
		if diff := differ(elementsOf(got[1]), anys(want, dtype), closeTo(dtype), magnitude(got[1])); diff != "" {
			t.Fatalf("%s %s %v %+v: %s\n%s", reduction, dtype, dims, w, diff, dump(s.outputs))
		}
	}
}

func TestPoolSlopes(t *testing.T) {
	s := newSpy(t, "cpu")
	in := []*tensors.Tensor{random(newRand(33), shapes.Make(dtypes.Float64, 1, 6, 5, 2), false)}
	checkSlopes(t, s, func(xs []*Node) []*Node { return []*Node{MaxPool(xs[0]).Window(3).Strides(2).PadSame().Done()} }, in)
	checkSlopes(t, s, func(xs []*Node) []*Node { return []*Node{MeanPool(xs[0]).Window(3).Strides(2).PadSame().Done()} }, in)
}

// TestBatchNorm compares the operations with what they are composed of in GoMLX.
func TestBatchNorm(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(34)
	for i := range 40 {
		dtype := []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.BFloat16}[i%3]
		dims := randomDims(r, 1+r.IntN(4), false)
		axis := r.IntN(len(dims))
		line := shapes.Make(dtype, dims[axis])
		in := []*tensors.Tensor{random(r, shapes.Make(dtype, dims...), false), random(r, line, false), random(r, line, false)}
		for _, training := range []bool{true, false} {
			own := func(xs []*Node) []*Node {
				if training {
					y, mean, variance := InternalBatchNormForTraining(xs[0], xs[1], xs[2], 0.125, axis)
					return []*Node{y, mean, variance}
				}
				return []*Node{InternalBatchNormForInference(xs[0], xs[1], xs[2], xs[1], Abs(xs[2]), 0.125, axis)}
			}
			composed := func(xs []*Node) []*Node {
				rest := free(len(dims), []int{axis}, nil)
				t := dtype
				if t != dtypes.Float64 {
					t = dtypes.Float32
				}
				x, scale, offset := ConvertDType(xs[0], t), ConvertDType(xs[1], t), ConvertDType(xs[2], t)
				mean, variance := scale, Abs(offset)
				wide := func(s *Node) *Node { return BroadcastToShape(ExpandAxes(s, rest...), x.Shape()) }
				if training {
					mean = x
					if len(rest) > 0 {
						mean = ReduceMean(x, rest...)
					}
					variance = Square(Sub(x, wide(mean)))
					if len(rest) > 0 {
						variance = ReduceMean(variance, rest...)
					}
				}
				y := Add(Mul(Div(Sub(x, wide(mean)), wide(Sqrt(AddScalar(variance, 0.125)))), wide(scale)), wide(offset))
				out := []*Node{ConvertDType(y, dtype)}
				if training {
					out = append(out, ConvertDType(mean, dtype), ConvertDType(variance, dtype))
				}
				return out
			}
			if training { // whose gradient GoMLX has by the first result only
				first := func(f program) program { return func(xs []*Node) []*Node { return f(xs)[:1] } }
				sameResults(t, s, withGradients(first(own)), withGradients(first(composed)), in, dtype)
			}
			sameResults(t, s, own, composed, in, dtype)
		}
	}
}

// sameResults runs one program on this backend and one on GoMLX's.
func sameResults(t *testing.T, s *spy, own, composed program, in []*tensors.Tensor, dtype dtypes.DType) {
	t.Helper()
	ref, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	want, err := evaluate(ref, composed, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := evaluate(s, own, in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if diff := difference(got[i], want[i], 4*closeTo(dtype), magnitude(want[i])); diff != "" {
			t.Fatalf("%s: result %d: %s\n%s", in[0].Shape(), i, diff, dump(s.outputs))
		}
	}
}
