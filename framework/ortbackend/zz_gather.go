package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// temporary: rows of a table
func (b *Builder) Gather(x, idx backends.Op, iv int, off, coll, start, sizes []int, sorted bool) (backends.Op, error) {
	in, err := b.nodes(x, idx)
	if err != nil {
		return nil, err
	}
	shape, err := shapeinference.Gather(in[0].shape, in[1].shape, iv, off, coll, start, sizes, sorted)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(coll, []int{0}) || !slices.Equal(start, []int{0}) || iv != in[1].shape.Rank()-1 {
		return nil, unsupported(backends.OpTypeGather, "")
	}
	return b.graph.make(backends.OpTypeGather, shape, nil, in...), nil
}

func init() {
	register(func(l *lowerer, n *node) view {
		d := n.in[1].dims()
		i := l.reshape(l.full(n.in[1]), d, d[:len(d)-1])
		return whole(n, l.out.Op("Gather", []string{l.full(n.in[0]), i}, onnx.Int("axis", 0)))
	}, backends.OpTypeGather)
}
