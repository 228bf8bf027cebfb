package ortbackend

import (
	"testing"

	"github.com/gomlx/gomlx/backends"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// source is where element i of an axis of size d, padded, comes from; -1 if it is
// padding.
func source(i, d int, p backends.PadAxis) int {
	i -= p.Start
	if step := p.Interior + 1; i >= 0 && i%step == 0 && i/step < d {
		return i / step
	}
	return -1
}

func TestPad(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(21)
	for _, dtype := range allTypes {
		for range 12 {
			dims := randomDims(r, r.IntN(5), true)
			var axes []backends.PadAxis
			var out []int
			for _, d := range dims {
				p := backends.PadAxis{Start: r.IntN(9) - 4, End: r.IntN(9) - 4, Interior: max(0, r.IntN(5)-2)}
				if r.IntN(3) == 0 {
					p = backends.PadAxis{}
				}
				size := p.Start + p.End
				if d > 0 {
					size += (d-1)*(p.Interior+1) + 1
				}
				if size < 0 {
					p.End -= size
					size = 0
				}
				axes, out = append(axes, p), append(out, size)
			}
			x, fill := random(r, shapes.Make(dtype, dims...), true), random(r, shapes.Make(dtype), true)
			e := elementsOf(x)
			want := []any{}
			for i := range elements(out) {
				at := position(i, out)
				inside := true
				for a := range at {
					at[a] = source(at[a], dims[a], axes[a])
					inside = inside && at[a] >= 0
				}
				if inside {
					want = append(want, e[index(at, dims)])
				} else {
					want = append(want, elementsOf(fill)[0])
				}
			}
			f := func(xs []*Node) []*Node { return []*Node{Pad(xs[0], xs[1], axes...)} }
			checkElements(t, s, "Pad", dtype, f, []*tensors.Tensor{x, fill}, want)
		}
	}
}
