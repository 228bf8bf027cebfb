package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
)

var paddable = append([]dtypes.DType{dtypes.Bool, dtypes.Int8, dtypes.Uint8, dtypes.Uint32, dtypes.Uint64}, numerical...)

func lowerPad(l *lowerer, n *node) view {
	t, e := n.shape.DType, n.attr.(edges)
	compute, err := widened("Pad", t, paddable, false)
	if err != nil {
		l.fail(err)
	}
	x, fill := l.full(n.in[0]), l.full(n.in[1])
	if compute != t {
		x, fill = l.cast(x, compute), l.cast(fill, compute)
	}
	name := l.out.Op("Pad", []string{x, l.out.Shape(slices.Concat(e.low, e.high)...), fill})
	if compute != t {
		name = l.cast(name, t)
	}
	return whole(n, name)
}

func init() { register(lowerPad, backends.OpTypePad) }
