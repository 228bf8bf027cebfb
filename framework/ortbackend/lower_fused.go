package ortbackend

import (
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

func lowerSoftmax(l *lowerer, n *node) view {
	t := n.shape.DType
	compute, err := widened("Softmax", t, floats, false)
	if err != nil {
		l.fail(err)
	}
	name := l.full(n.in[0])
	if compute != t {
		name = l.cast(name, compute)
	}
	name = l.out.Op("Softmax", []string{name}, onnx.Int("axis", -1))
	if compute != t {
		name = l.cast(name, t)
	}
	return whole(n, name)
}

// lowerSumSquare and lowerGelu are for float32 and float64, as their rules see to.
func lowerSumSquare(l *lowerer, n *node) view {
	return whole(n, l.out.Op("ReduceSumSquare", []string{l.full(n.in[0])}, onnx.Int("keepdims", 0)))
}

func lowerGelu(l *lowerer, n *node) view {
	v := l.view(n.in[0])
	return view{l.out.Op("com.microsoft.Gelu", []string{v.name}), v.dims}
}

// fmod is the remainder of floating-point division.
func (l *lowerer) fmod(n, x, y *node, types []dtypes.DType) view {
	t := n.shape.DType
	compute, err := widened("Mod", t, types, false)
	if err != nil {
		l.fail(err)
	}
	g := n.graph
	a, b := l.full(g.spread(x, n.dims())), l.full(g.spread(y, n.dims()))
	if compute != t {
		a, b = l.cast(a, compute), l.cast(b, compute)
	}
	name := l.out.Op("Mod", []string{a, b}, onnx.Int("fmod", 1))
	if compute != t {
		name = l.cast(name, t)
	}
	return whole(n, name)
}

func init() {
	register(lowerSoftmax, opSoftmax)
	register(lowerSumSquare, opSumSquare)
	register(lowerGelu, opGelu)
}
