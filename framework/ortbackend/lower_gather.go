package ortbackend

import (
	"github.com/gomlx/gomlx/backends"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

func lowerGather(l *lowerer, n *node) view {
	return whole(n, l.out.Op("Gather", l.fulls(n.in...), onnx.Int("axis", 0)))
}

func lowerDynamicSlice(l *lowerer, n *node) view {
	s, o := n.attr.(slicing), l.out
	starts := l.full(n.in[1])
	limits := o.Op("Add", []string{starts, o.Shape(s.limits...)})
	return whole(n, o.Op("Slice", []string{l.full(n.in[0]), starts, limits, o.Shape(s.starts...)}))
}

func init() {
	register(lowerGather, backends.OpTypeGather)
	register(lowerDynamicSlice, backends.OpTypeDynamicSlice)
}
