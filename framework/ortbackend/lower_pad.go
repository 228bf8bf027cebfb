package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
)

var paddable = append([]dtypes.DType{dtypes.Bool, dtypes.Int8, dtypes.Uint8, dtypes.Uint32, dtypes.Uint64}, numerical...)

func lowerPad(l *lowerer, n *node) view {
	e := n.attr.(edges)
	return whole(n, l.inKernel("Pad", n.shape.DType, paddable, l.fulls(n.in...), func(in []string) string {
		return l.out.Op("Pad", []string{in[0], l.out.Shape(slices.Concat(e.low, e.high)...), in[1]})
	}))
}

func init() { register(lowerPad, backends.OpTypePad) }
