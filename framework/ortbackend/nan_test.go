package ortbackend

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// A NaN among the elements is the result of every reduction over them.
func TestReduceNaN(t *testing.T) {
	s := newSpy(t, "cpu")
	nan := math.NaN()
	for name, f := range map[string]func(*Node, ...int) *Node{"max": ReduceMax, "min": ReduceMin, "sum": ReduceSum, "product": ReduceMultiply} {
		for axis := range 2 {
			for at := range 12 {
				x := make([]float64, 12)
				for i := range x {
					x[i] = float64(i) - 4
				}
				x[at] = nan
				x32 := make([]float32, 12)
				for i, v := range x {
					x32[i] = float32(v)
				}
				out, err := evaluate(s, func(xs []*Node) []*Node { return []*Node{f(xs[0], axis), f(xs[1], axis), f(xs[0])} },
					[]*tensors.Tensor{tensors.FromFlatDataAndDimensions(x32, 3, 4), tensors.FromFlatDataAndDimensions(x, 3, 4)})
				if err != nil {
					t.Fatal(err)
				}
				hit := at % 4
				if axis == 1 {
					hit = at / 4
				}
				for i, o := range out {
					for j, e := range elementsOf(o) {
						if v := e.(float64); math.IsNaN(v) != (j == hit || i == 2) {
							t.Errorf("%s along axis %d with NaN at %d: result %d of %d is %v", name, axis, at, j, i, v)
						}
					}
				}
			}
		}
	}
}
