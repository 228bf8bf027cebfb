package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

var bitwise = map[backends.OpType]string{
	backends.OpTypeBitwiseAnd: "BitwiseAnd", backends.OpTypeBitwiseOr: "BitwiseOr",
	backends.OpTypeBitwiseXor: "BitwiseXor", backends.OpTypeBitwiseNot: "BitwiseNot",
}

// lowerBitwise has kernels for all integers.
func lowerBitwise(l *lowerer, n *node) view {
	t := n.shape.DType
	if !t.IsInt() {
		l.fail(unsupported(n.op, "of %s", t))
	}
	return l.elementwise(n, bitwise[n.op], []dtypes.DType{t}, true, n.in...)
}

// lowerShift is for words and amounts below their size.
func lowerShift(l *lowerer, n *node) view {
	direction := "RIGHT"
	if n.op == backends.OpTypeShiftLeft {
		direction = "LEFT"
	}
	x, y := l.view(n.in[0]), l.view(n.in[1])
	dims := slices.Repeat([]int{1}, n.shape.Rank())
	for _, v := range []view{x, y} {
		for i, d := range v.dims {
			dims[i] = max(dims[i], d)
		}
	}
	return view{l.out.Op("BitShift", []string{x.name, y.name}, onnx.String("direction", direction)), dims}
}

func init() {
	for op := range bitwise {
		register(lowerBitwise, op)
	}
	register(lowerShift, backends.OpTypeShiftLeft, backends.OpTypeShiftRightLogical)
	for reduce, op := range map[backends.OpType]backends.OpType{
		backends.OpTypeReduceBitwiseAnd: backends.OpTypeBitwiseAnd,
		backends.OpTypeReduceBitwiseOr:  backends.OpTypeBitwiseOr,
		backends.OpTypeReduceBitwiseXor: backends.OpTypeBitwiseXor,
	} {
		register(func(l *lowerer, n *node) view { return fold(l, n, op) }, reduce)
	}
}
