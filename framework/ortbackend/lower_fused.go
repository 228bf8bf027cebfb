package ortbackend

import (
	"github.com/ltadbench/ltadbench/framework/onnx"
)

func lowerSoftmax(l *lowerer, n *node) view {
	return whole(n, l.inKernel("Softmax", n.shape.DType, floats, l.fulls(n.in[0]), func(in []string) string {
		return l.out.Op("Softmax", in, onnx.Int("axis", -1))
	}))
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
func (l *lowerer) fmod(n, x, y *node) view {
	in := l.fulls(n.graph.spread(x, n.dims()), n.graph.spread(y, n.dims()))
	return whole(n, l.inKernel("Mod", n.shape.DType, floats, in, func(in []string) string {
		return l.out.Op("Mod", in, onnx.Int("fmod", 1))
	}))
}

func init() {
	register(lowerSoftmax, opSoftmax)
	register(lowerSumSquare, opSumSquare)
	register(lowerGelu, opGelu)
}
