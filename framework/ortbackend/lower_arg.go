package ortbackend

import (
	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// lowerArgMinMax is for the types that float32, float64 or int32 holds.
func lowerArgMinMax(l *lowerer, n *node) view {
	e, t, op := n.attr.(extreme), n.in[0].shape.DType, "ArgMax"
	if e.min {
		op = "ArgMin"
	}
	compute, err := widened(op, t, []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.Int32}, false)
	if err != nil {
		l.fail(err)
	}
	name := l.full(n.in[0])
	if compute != t {
		name = l.cast(name, compute)
	}
	return whole(n, l.out.Op(op, []string{name}, onnx.Int("axis", e.axis), onnx.Int("keepdims", 0)))
}

func init() { register(lowerArgMinMax, backends.OpTypeArgMinMax) }
