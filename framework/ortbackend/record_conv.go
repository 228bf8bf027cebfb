package ortbackend

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// convolution is the attr of a ConvGeneral, whose operands have the axes [batch,
// channels, space...] and [output channels, input channels of a group, space...].
// Entries are for the axes of space.
type convolution struct {
	strides, low, high, dilations []int // dilations are the kernel's
	groups                        int
	// transposed: strides are the distances of the input's elements in the result, to
	// which each adds the kernel; low and high are cut off. The kernel has the axes
	// [input channels, output channels of a group, space...].
	transposed bool
}

// ConvGeneral slides a kernel over space.
func (b *Builder) ConvGeneral(input, kernel backends.Op, axes backends.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (backends.Op, error) {
	in, err := b.nodes(input, kernel)
	if err != nil {
		return nil, err
	}
	g, x, k := b.graph, in[0], in[1]
	rank := x.shape.Rank()
	ones := slices.Repeat([]int{1}, max(rank-2, 0))
	for _, list := range []*[]int{&strides, &inputDilations, &kernelDilations} {
		if len(*list) == 0 {
			*list = ones
		}
	}
	if len(paddings) == 0 {
		paddings = make([][2]int, len(ones))
	}
	channelGroups, batchGroups = max(channelGroups, 1), max(batchGroups, 1)
	from := append([]int{axes.InputBatch, axes.InputChannels}, axes.InputSpatial...)
	with := append([]int{axes.KernelOutputChannels, axes.KernelInputChannels}, axes.KernelSpatial...)
	to := append([]int{axes.OutputBatch, axes.OutputChannels}, axes.OutputSpatial...)
	for _, list := range [][]int{from, with, to} {
		for _, a := range list {
			if a < 0 || a >= rank {
				return nil, fmt.Errorf("ort backend: ConvGeneral of %s has no axis %d", x.shape, a)
			}
		}
	}
	shape, err := shapeinference.ConvGeneralOp(x.shape, k.shape, axes, strides, paddings, inputDilations, kernelDilations, channelGroups, batchGroups)
	if err != nil {
		return nil, err
	}
	if t := x.shape.DType; t != k.shape.DType || t == dtypes.Bool {
		return nil, unsupported(backends.OpTypeConvGeneral, "of %s and %s", x.shape, k.shape)
	}
	if x.shape.Size() == 0 || k.shape.Size() == 0 || shape.Size() == 0 {
		return g.fill(0, shape), nil
	}

	x, k = g.transpose(x, from...), g.transpose(k, with...)
	if batchGroups > 1 {
		// Groups of the batch are groups of channels with a batch each.
		d := x.dims()
		small, channels := d[0]/batchGroups, d[1]
		x = g.reshape(x, append([]int{batchGroups, small}, d[1:]...)...)
		x = g.transpose(x, append([]int{1, 0}, sequence(2, rank+1)...)...)
		x = g.reshape(x, append([]int{small, batchGroups * channels}, d[2:]...)...)
		channelGroups = batchGroups
	}
	between := make([]backends.PadAxis, rank)
	for i, p := range paddings {
		between[2+i] = backends.PadAxis{Start: p[0], End: p[1], Interior: inputDilations[i] - 1}
	}
	y, err := g.convolve(x, k, between, convolution{strides: strides, dilations: kernelDilations, groups: channelGroups})
	if err != nil {
		return nil, err
	}
	perm := make([]int, rank)
	for i, a := range to {
		perm[a] = i
	}
	return g.transpose(y, perm...), nil
}

// convolve adds the convolution of x, padded, with k. ONNX Runtime has kernels for
// float32 and up to three axes of space.
func (g *graph) convolve(x, k *node, pads []backends.PadAxis, c convolution) (*node, error) {
	t := x.shape.DType
	if t == dtypes.Float16 || t == dtypes.BFloat16 {
		y, err := g.convolve(g.convert(x, dtypes.Float32), g.convert(k, dtypes.Float32), pads, c)
		if err != nil {
			return nil, err
		}
		return g.convert(y, t), nil
	}
	native := t == dtypes.Float32 && x.shape.Rank() <= 5
	if native {
		if y := g.convolveTransposed(x, k, pads, c); y != nil {
			return y, nil
		}
	}

	// The kernel pads edges itself, with zeros.
	rest, edge := slices.Clone(pads), make([]backends.PadAxis, len(pads))
	for i, p := range pads {
		if p.Interior == 0 || x.dims()[i] == 1 {
			edge[i] = backends.PadAxis{Start: max(p.Start, 0), End: max(p.End, 0)}
			rest[i] = backends.PadAxis{Start: min(p.Start, 0), End: min(p.End, 0)}
			if -rest[i].Start-rest[i].End >= x.dims()[i] { // nothing would be left
				rest[i], edge[i] = p, backends.PadAxis{}
			}
		}
	}
	x = g.pad(x, g.zero(t), rest)
	dims := []int{x.dims()[0], k.dims()[0]}
	for i, s := range c.strides {
		span := (k.dims()[2+i]-1)*c.dilations[i] + 1
		dims = append(dims, (padded(x.dims()[2+i], edge[2+i])-span)/s+1)
		c.low, c.high = append(c.low, edge[2+i].Start), append(c.high, edge[2+i].End)
	}
	shape := shapes.Make(t, dims...)
	taps, results := elements(k.dims()[2:]), elements(dims[2:])
	if !native || results < taps && results <= fewResults {
		if min(taps, results) > manyParts {
			return nil, unsupported(backends.OpTypeConvGeneral, "for %s with a kernel of %v and %v results", t, k.dims()[2:], dims[2:])
		}
		x = g.pad(x, g.zero(t), edge)
		if results < taps {
			return g.convolveByResult(x, k, shape, c), nil
		}
		return g.convolveByTap(x, k, shape, c), nil
	}
	return g.make(backends.OpTypeConvGeneral, shape, c, x, k), nil
}

// convolveTransposed is for an input with zeros between its elements: ONNX's
// ConvTranspose does without them. nil if it does not apply.
func (g *graph) convolveTransposed(x, k *node, pads []backends.PadAxis, c convolution) *node {
	out := convolution{dilations: c.dilations, groups: c.groups, transposed: true}
	dims := []int{x.dims()[0], k.dims()[0]}
	after := make([]backends.PadAxis, len(pads)) // results that no element reaches
	dilated := false
	for i, s := range c.strides {
		p, n := pads[2+i], x.dims()[2+i]
		if s != 1 {
			return nil
		}
		dilated = dilated || p.Interior > 0 && n > 1
		reach := (k.dims()[2+i] - 1) * c.dilations[i]
		after[2+i] = backends.PadAxis{Start: max(0, p.Start-reach), End: max(0, p.End-reach)}
		low, high := max(0, reach-p.Start), max(0, reach-p.End)
		size := (n-1)*(p.Interior+1) + 1 + reach - low - high
		if size < 1 {
			return nil
		}
		out.strides, out.low, out.high = append(out.strides, p.Interior+1), append(out.low, low), append(out.high, high)
		dims = append(dims, size)
	}
	if !dilated {
		return nil
	}
	k = g.reverse(k, sequence(2, k.shape.Rank())...)
	d := k.dims()
	if c.groups == 1 {
		k = g.transpose(k, append([]int{1, 0}, sequence(2, len(d))...)...)
	} else {
		k = g.reshape(k, append([]int{c.groups, d[0] / c.groups}, d[1:]...)...)
		k = g.transpose(k, append([]int{0, 2, 1}, sequence(3, len(d)+1)...)...)
		k = g.reshape(k, append([]int{c.groups * d[1], d[0] / c.groups}, d[2:]...)...)
	}
	y := g.make(backends.OpTypeConvGeneral, shapes.Make(x.shape.DType, dims...), out, x, k)
	return g.pad(y, g.zero(x.shape.DType), after)
}

// reverse adds a reversal along the axes, in ascending order. That of a reversal,
// transposed perhaps, is none: the gradient of a convolution by its input has one.
func (g *graph) reverse(x *node, axes ...int) *node {
	if axes = manyAxes(x.dims(), axes); len(axes) == 0 {
		return x
	}
	switch x.op {
	case backends.OpTypeTranspose:
		perm := x.attr.([]int)
		from := pick(perm, axes)
		slices.Sort(from)
		return g.transpose(g.reverse(x.in[0], from...), perm...)
	case backends.OpTypeReshape: // a transpose perhaps that moves axes of size 1 only
		was := x.in[0].dims()
		from, many := manyAxes(was, sequence(0, len(was))), manyAxes(x.dims(), sequence(0, x.shape.Rank()))
		if slices.Equal(pick(was, from), pick(x.dims(), many)) {
			var back []int
			for _, a := range axes {
				back = append(back, from[slices.Index(many, a)])
			}
			return g.reshape(g.reverse(x.in[0], back...), x.dims()...)
		}
	case backends.OpTypeReverse:
		done := slices.Sorted(slices.Values(x.attr.([]int)))
		if slices.Equal(manyAxes(x.dims(), done), axes) {
			return x.in[0]
		}
	}
	return g.make(backends.OpTypeReverse, x.shape, slices.Clone(axes), x)
}

// manyAxes lists those of the axes that have a size other than 1.
func manyAxes(dims, axes []int) []int {
	var out []int
	for _, a := range axes {
		if dims[a] != 1 {
			out = append(out, a)
		}
	}
	return out
}
