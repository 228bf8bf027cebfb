package ortbackend

import (
	"fmt"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// norm is a batch normalisation as it is composed of other operations: of a tensor
// with statistics for each index of one axis. Small floating-point types are
// computed as float32.
type norm struct {
	g       *graph
	t       dtypes.DType // of the operands
	x       *node
	axis    int
	epsilon float32
}

// norm checks the operands: x, those of x's shape, and those of its axis.
func (b *Builder) norm(op backends.OpType, epsilon float32, axis int, xs, lines []backends.Op) (norm, []*node, []*node, error) {
	full, err := b.nodes(xs...)
	if err != nil {
		return norm{}, nil, nil, err
	}
	line, err := b.nodes(lines...)
	if err != nil {
		return norm{}, nil, nil, err
	}
	x := full[0]
	t := x.shape.DType
	if axis < 0 || axis >= x.shape.Rank() || !t.IsFloat() {
		return norm{}, nil, nil, unsupported(op, "of %s along axis %d", x.shape, axis)
	}
	for _, f := range full {
		if !f.shape.Equal(x.shape) {
			return norm{}, nil, nil, fmt.Errorf("ort backend: %s of %s and %s", op, x.shape, f.shape)
		}
	}
	for _, s := range line {
		if !s.shape.Equal(shapes.Make(t, x.dims()[axis])) {
			return norm{}, nil, nil, fmt.Errorf("ort backend: %s of %s with %s along axis %d", op, x.shape, s.shape, axis)
		}
	}
	if t == dtypes.Float16 || t == dtypes.BFloat16 {
		for _, list := range [][]*node{full, line} {
			for i := range list {
				list[i] = b.graph.convert(list[i], dtypes.Float32)
			}
		}
	}
	return norm{b.graph, t, full[0], axis, epsilon}, full, line, nil
}

// wide repeats a statistic along all axes but its own.
func (n norm) wide(s *node) *node { return n.g.broadcast(s, n.x.shape, []int{n.axis}) }

// mean is the mean over all axes but one.
func (n norm) mean(x *node) *node {
	sum := n.sum(x)
	return n.g.binary(backends.OpTypeDiv, sum, n.g.constantLike(sum, float64(x.shape.Size())/float64(max(1, sum.shape.Size()))))
}

func (n norm) sum(x *node) *node {
	return n.g.reduce(backends.OpTypeReduceSum, x, free(x.shape.Rank(), []int{n.axis}, nil)...)
}

// deviation is the standard deviation, epsilon included.
func (n norm) deviation(variance *node) *node {
	return n.g.unary(backends.OpTypeSqrt, n.g.binary(backends.OpTypeAdd, variance, n.g.constantLike(variance, float64(n.epsilon))))
}

// centred is x less its mean.
func (n norm) centred(mean *node) *node { return n.g.binary(backends.OpTypeSub, n.x, n.wide(mean)) }

func (n norm) apply(scale, offset, mean, variance *node) *node {
	factor := n.g.binary(backends.OpTypeDiv, scale, n.deviation(variance))
	return n.g.binary(backends.OpTypeAdd, n.g.binary(backends.OpTypeMul, n.centred(mean), n.wide(factor)), n.wide(offset))
}

func (n norm) result(x *node) *node { return n.g.convert(x, n.t) }

// BatchNormForInference normalises with given statistics.
func (b *Builder) BatchNormForInference(x, scale, offset, mean, variance backends.Op, epsilon float32, axis int) (backends.Op, error) {
	n, _, s, err := b.norm(backends.OpTypeBatchNormForInference, epsilon, axis, []backends.Op{x}, []backends.Op{scale, offset, mean, variance})
	if err != nil {
		return nil, err
	}
	return n.result(n.apply(s[0], s[1], s[2], s[3])), nil
}

// BatchNormForTraining normalises with the mean and the variance of x, and returns
// them too.
func (b *Builder) BatchNormForTraining(x, scale, offset backends.Op, epsilon float32, axis int) (y, mean, variance backends.Op, err error) {
	n, _, s, err := b.norm(backends.OpTypeBatchNormForTraining, epsilon, axis, []backends.Op{x}, []backends.Op{scale, offset})
	if err != nil {
		return nil, nil, nil, err
	}
	m := n.mean(n.x)
	c := n.centred(m)
	v := n.mean(n.g.binary(backends.OpTypeMul, c, c))
	return n.result(n.apply(s[0], s[1], m, v)), n.result(m), n.result(v), nil
}

// BatchNormGradient is the gradient of BatchNormForTraining by x, scale and offset.
func (b *Builder) BatchNormGradient(x, scale, mean, variance, dy backends.Op, epsilon float32, axis int) (dx, dscale, doffset backends.Op, err error) {
	n, full, s, err := b.norm(backends.OpTypeBatchNormGradient, epsilon, axis, []backends.Op{x, dy}, []backends.Op{scale, mean, variance})
	if err != nil {
		return nil, nil, nil, err
	}
	g, d := n.g, n.deviation(s[2])
	unit := g.binary(backends.OpTypeDiv, n.centred(s[1]), n.wide(d))
	along := g.binary(backends.OpTypeMul, full[1], unit)
	rest := g.binary(backends.OpTypeSub, full[1], n.wide(n.mean(full[1])))
	rest = g.binary(backends.OpTypeSub, rest, g.binary(backends.OpTypeMul, unit, n.wide(n.mean(along))))
	by := g.binary(backends.OpTypeMul, rest, n.wide(g.binary(backends.OpTypeDiv, s[0], d)))
	return n.result(by), n.result(n.sum(along)), n.result(n.sum(full[1])), nil
}
