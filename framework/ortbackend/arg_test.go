package ortbackend

import (
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

func TestArgMinMax(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(43)
	for _, dtype := range numberTypes {
		for range 8 {
			dims := randomDims(r, 1+r.IntN(4), true)
			axis := r.IntN(len(dims))
			dims[axis] = 1 + r.IntN(9)
			x := random(r, shapes.Make(dtype, dims...), true)
			to := intTypes[r.IntN(len(intTypes))]
			rest := free(len(dims), []int{axis}, nil)
			e, kept := elementsOf(x), pick(dims, rest)
			want := map[bool][]any{}
			for i := range shapes.Make(dtype, kept...).Size() {
				at := make([]int, len(dims))
				for j, p := range position(i, kept) {
					at[rest[j]] = p
				}
				var line []any
				for at[axis] = range dims[axis] {
					line = append(line, e[index(at, dims)])
				}
				for _, isMin := range []bool{true, false} {
					best := 0
					for j := range line {
						if v, ok := line[best].(float64); ok && v != v {
							break // the first NaN
						} else if u, ok := line[j].(float64); ok {
							if u != u || isMin && u < v || !isMin && u > v {
								best = j
							}
							continue
						}
						a, b := line[j].(int64), line[best].(int64)
						if !isMin {
							a, b = b, a
						}
						if less(a, b, dtype) {
							best = j
						}
					}
					want[isMin] = append(want[isMin], int64(best))
				}
			}
			checkElements(t, s, "ArgMin", to, func(xs []*Node) []*Node { return []*Node{ArgMin(xs[0], axis, to)} }, []*tensors.Tensor{x}, want[true])
			checkElements(t, s, "ArgMax", to, func(xs []*Node) []*Node { return []*Node{ArgMax(xs[0], axis, to)} }, []*tensors.Tensor{x}, want[false])
		}
	}
	_, err := evaluate(s, func(xs []*Node) []*Node { return []*Node{ArgMin(xs[0], 0)} }, []*tensors.Tensor{randomFloats(r, 0, 2)})
	if err == nil || !strings.Contains(err.Error(), "operation ArgMinMax along axis 0") {
		t.Errorf("along an empty axis: %v", err)
	}
}
