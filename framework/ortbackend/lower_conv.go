package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// lowerConv is for float32, as record_conv.go sees to.
func lowerConv(l *lowerer, n *node) view {
	c := n.attr.(convolution)
	op := "Conv"
	if c.transposed {
		op = "ConvTranspose"
	}
	return whole(n, l.out.Op(op, l.fulls(n.in...), onnx.Ints("strides", c.strides...), onnx.Ints("dilations", c.dilations...),
		onnx.Ints("pads", slices.Concat(c.low, c.high)...), onnx.Int("group", c.groups)))
}

func init() { register(lowerConv, backends.OpTypeConvGeneral) }
