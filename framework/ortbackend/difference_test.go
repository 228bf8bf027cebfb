package ortbackend

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// checkDifferences compares the gradients of a scalar with central differences.
func checkDifferences(t *testing.T, s *spy, f func(xs []*Node) *Node, in []*tensors.Tensor) {
	t.Helper()
	e := MustNewExec(s, func(xs []*Node) []*Node { return append(Gradient(f(xs), xs...), f(xs)) })
	defer e.Finalize()
	run := func() [][]any {
		args := make([]any, len(in))
		for i, x := range in {
			copied, err := x.LocalClone()
			if err != nil {
				t.Fatal(err)
			}
			args[i] = copied
		}
		var out [][]any
		for _, x := range e.MustExec(args...) {
			out = append(out, elementsOf(x))
		}
		return out
	}
	const h = 1e-5
	gradients := run()
	for i, x := range in {
		for j, g := range gradients[i] {
			at := func(step float64) float64 {
				var before float64
				tensors.MustMutableFlatData(x, func(flat []float64) { before, flat[j] = flat[j], flat[j]+step })
				loss := run()[len(in)][0].(float64)
				tensors.MustMutableFlatData(x, func(flat []float64) { flat[j] = before })
				return loss
			}
			if want := (at(h) - at(-h)) / (2 * h); math.Abs(g.(float64)-want) > 1e-7*(1+math.Abs(want)) {
				t.Errorf("gradient of operand %d, element %d is %v, not %v", i, j, g, want)
			}
		}
	}
}

func TestDifferences(t *testing.T) {
	s := newSpy(t, "cpu,threads=1")
	row := []int{2, 2, 5, 2}
	checkDifferences(t, s, func(xs []*Node) *Node {
		return ReduceAllSum(weighted(attention(xs[0], xs[1], xs[2], xs[3], nil)))
	}, floatsOf(800, dtypes.Float64, row, row, row, []int{2, 1, 1, 5}))
	checkDifferences(t, s, func(xs []*Node) *Node {
		h := layerNorm(xs[0], xs[1], xs[2])
		return ReduceAllSum(weighted(Add(xs[0], dense(Tanh(dense(h, xs[3], xs[4])), xs[5], xs[6]))))
	}, floatsOf(801, dtypes.Float64, []int{2, 3, 4}, []int{4}, []int{4}, []int{4, 6}, []int{6}, []int{6, 4}, []int{4}))
	checkDifferences(t, s, func(xs []*Node) *Node {
		return crossEntropy(xs[0], Const(xs[0].Graph(), [][]int32{{0, 3, 1}, {2, 2, 4}}))
	}, floatsOf(802, dtypes.Float64, []int{2, 3, 5}))
	checkDifferences(t, s, func(xs []*Node) *Node {
		p := Softmax(xs[0])
		return Add(ReduceAllSum(Mul(p, Log(p))), Sqrt(ReduceAllSum(Square(Einsum("ij,jk->ki", xs[0], xs[1])))))
	}, floatsOf(803, dtypes.Float64, []int{3, 4}, []int{4, 2}))
}
