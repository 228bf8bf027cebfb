package ortbackend

import (
	"math"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

var scatterReductions = map[backends.OpType]string{
	backends.OpTypeScatterSum: "add", backends.OpTypeScatterMax: "max", backends.OpTypeScatterMin: "min",
}

// lowerScatter writes ScatterElements, which goes through the updates in order.
// ScatterND, which would not need an index for each element, lets several
// threads add to one row at once: its sums differ from run to run (ONNX Runtime 1.27).
func lowerScatter(l *lowerer, n *node) view {
	rows, update := n.in[1], n.in[2]
	if n.dims()[0] <= math.MaxInt32 { // half as much to read
		rows = n.graph.convert(rows, dtypes.Int32)
	}
	each := n.graph.spread(n.graph.reshape(rows, rows.dims()[0], 1), update.dims())
	return whole(n, l.out.Op("ScatterElements", l.fulls(n.in[0], each, update),
		onnx.Int("axis", 0), onnx.String("reduction", scatterReductions[n.op])))
}

// lowerDynamicUpdateSlice replaces rows, each at most once.
func lowerDynamicUpdateSlice(l *lowerer, n *node) view {
	rows := n.graph.reshape(n.in[1], n.in[1].dims()[0], 1)
	return whole(n, l.out.Op("ScatterND", l.fulls(n.in[0], rows, n.in[2])))
}

func init() {
	for op := range scatterReductions {
		register(lowerScatter, op)
	}
	register(lowerDynamicUpdateSlice, backends.OpTypeDynamicUpdateSlice)
}
