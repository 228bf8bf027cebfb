package ortbackend

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

var scatterTests = []struct {
	name string
	f    func(x, i, u *Node, vectorAxis int, windows, inserted, axes []int, sorted, unique bool) *Node
	join func(x, y any, t dtypes.DType) any
}{
	{"ScatterSum", BackendScatterSum, reduceTests[0].join},
	{"ScatterMax", BackendScatterMax, reduceTests[2].join},
	{"ScatterMin", BackendScatterMin, reduceTests[3].join},
}

// GoMLX's backend in Go writes outside of the tensor where a window does, so the
// reference is this test's.
func TestScatter(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(49)
	for _, c := range scatterTests {
		for _, dtype := range numberTypes {
			special := c.name != "ScatterSum" || !dtype.IsFloat() // sums of infinities depend on the order
			for range 12 {
				f := randomForm(r)
				in := []*tensors.Tensor{
					random(r, shapes.Make(dtype, f.dims...), special),
					randomIndices(r, intTypes[r.IntN(len(intTypes))], f.indices...),
					random(r, shapes.Make(dtype, f.result...), special),
				}
				want, u := elementsOf(in[0]), elementsOf(in[2])
				for i := range u {
					pos, fits := f.from(position(i, f.result), in[1])
					if to := index(pos, f.dims); fits {
						want[to] = c.join(want[to], u[i], dtype)
					}
				}
				for i, v := range want {
					if n, ok := v.(int64); ok {
						want[i] = cut(n, dtype)
					} else {
						want[i] = rounded(v, dtype)
					}
				}
				checkSums(t, s, c.name, dtype, func(xs []*Node) []*Node {
					return []*Node{c.f(xs[0], xs[1], xs[2], f.vectorAxis, f.offset, f.collapsed, f.startMap, false, false)}
				}, in, want)
				if t.Failed() {
					t.Fatalf("%+v", f)
				}
			}
		}
	}
}

func TestScatterGradient(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(50)
	for _, dtype := range floatTypes[:2] {
		in := []*tensors.Tensor{
			random(r, shapes.Make(dtype, 4, 3, 2), false),
			within(r, 4, 9, 1), random(r, shapes.Make(dtype, 9, 3, 2), false),
			within(r, 3, 6, 2), random(r, shapes.Make(dtype, 6, 2), false),
		}
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			var ys []*Node
			for _, f := range []func(x, i, u *Node, sorted, unique bool) *Node{ScatterSum, ScatterMax, ScatterMin} {
				ys = append(ys, f(xs[0], xs[1], xs[2], false, false), f(xs[0], xs[3], xs[4], false, false))
			}
			return ys
		}), in, closeTo(dtype))
	}
}

// The gradient of an embedding adds many rows to few. It must be the sum in the
// order of the rows, and the same bits each time, with several threads.
func TestEmbeddingGradient(t *testing.T) {
	s := newSpy(t, "cpu,threads=4")
	r := newRand(51)
	const words, width, tokens = 7, 24, 3000
	in := []*tensors.Tensor{randomFloats(r, words, width), within(r, words, tokens, 1), randomFloats(r, tokens, width)}
	e, err := NewExec(s, func(xs []*Node) *Node {
		return Gradient(ReduceAllSum(Mul(Gather(xs[0], xs[1]), xs[2])), xs[0])[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Finalize()
	want := make([]float32, words*width)
	rows, u := elementsOf(in[1]), elementsOf(in[2])
	for i, row := range rows {
		for j := range width {
			want[int(row.(int64))*width+j] += float32(u[i*width+j].(float64))
		}
	}
	for range 20 {
		out, err := e.Exec(in[0], in[1], in[2])
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range elementsOf(out[0]) {
			if math.Float32bits(float32(v.(float64))) != math.Float32bits(want[i]) {
				t.Fatalf("element %d is %v, not %v", i, v, want[i])
			}
		}
	}
}
