package ortbackend

import (
	"math"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// geluOfParts recognises x * (erf(x/sqrt 2)+1)/2. Its gradient needs the parts, and
// keeps them; then this saves one pass, without the gradient four.
func geluOfParts(g *graph, shape shapes.Shape, _ any, in []*node) *node {
	x, cdf := in[0], in[1]
	if shape.DType != dtypes.Float32 || !shape.Equal(x.shape) || cdf.op != backends.OpTypeMul || !cdf.in[1].is(0.5) {
		return nil
	}
	sum := cdf.in[0]
	if sum.op != backends.OpTypeAdd || !sum.in[1].is(1) || sum.in[0].op != backends.OpTypeErf {
		return nil
	}
	scaled := sum.in[0].in[0]
	if len(scaled.in) != 2 || scaled.in[0] != x {
		return nil
	}
	root, ok := scaled.in[1].value()
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
	if !ok || !(scaled.op == backends.OpTypeDiv && near(root, math.Sqrt2) || scaled.op == backends.OpTypeMul && near(root, 1/math.Sqrt2)) {
		return nil
	}
	return g.add(opGelu, shape, nil, x)
}
