package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// Convolutions that ONNX Runtime has no kernel for, or a slow one, are written as
// dot products of parts of the input.

// fewResults bounds how many results, along the axes of space, a convolution of
// float32 may have that is written so. The gradient by a kernel is one: its results
// are few, its kernel is an image; that of 3 by 3 takes half as long as with ONNX
// Runtime's Conv. manyParts bounds how large a graph becomes.
const (
	fewResults = 64
	manyParts  = 1024
)

// window is a part of x: sizes elements along each of the axes from first on, steps
// apart.
func (g *graph) window(x *node, first int, start, sizes, steps []int) *node {
	rank := x.shape.Rank()
	s := slicing{make([]int, rank), slices.Clone(x.dims()), slices.Repeat([]int{1}, rank)}
	for i, size := range sizes {
		s.starts[first+i], s.limits[first+i], s.strides[first+i] = start[i], start[i]+(size-1)*steps[i]+1, steps[i]
	}
	return g.part(x, s)
}

// offsets lists the positions in a box, each times steps.
func offsets(dims, steps []int) [][]int {
	out := [][]int{{}}
	for i, d := range dims {
		var next [][]int
		for _, at := range out {
			for j := range d {
				next = append(next, append(slices.Clone(at), j*steps[i]))
			}
		}
		out = next
	}
	return out
}

// convolveByTap collects what each tap of the kernel meets and multiplies once. x is
// padded.
func (g *graph) convolveByTap(x, k *node, shape shapes.Shape, c convolution) *node {
	n := len(c.strides)
	x = g.transpose(x, append(append([]int{0}, sequence(2, n+2)...), 1)...)
	x = g.reshape(x, append(slices.Clone(x.dims()[:n+1]), c.groups, k.dims()[1])...)
	var parts []*node
	for _, at := range offsets(k.dims()[2:], c.dilations) {
		parts = append(parts, g.window(x, 1, at, shape.Dimensions[2:], c.strides))
	}
	x = g.concatenate(n+2, parts...) // [batch, space..., group, tap and channel]
	k = g.transpose(k, append(sequence(2, n+2), 1, 0)...)
	k = g.reshape(k, x.dims()[n+2], c.groups, shape.Dimensions[1]/c.groups)
	y := g.dot(x, k, dotAxes{[]int{n + 2}, []int{n + 1}, []int{0}, []int{1}}) // [group, batch, space..., channel]
	y = g.transpose(y, append([]int{1, 0, n + 2}, sequence(2, n+2)...)...)
	return g.reshape(y, shape.Dimensions...)
}

// convolveByResult multiplies what the kernel covers for each result. x is padded.
// The axes are in the order in which the gradient by a kernel whose channels are
// last comes without being transposed.
func (g *graph) convolveByResult(x, k *node, shape shapes.Shape, c convolution) *node {
	n, batch := len(c.strides), shape.Dimensions[0]
	x = g.transpose(x, append(sequence(1, n+2), 0)...)
	x = g.reshape(x, append([]int{c.groups, k.dims()[1]}, x.dims()[1:]...)...) // [group, channel, space..., batch]
	taps := k.dims()[2:]
	k = g.transpose(k, append(sequence(1, n+2), 0)...)
	k = g.reshape(k, append(slices.Clone(k.dims()[:n+1]), c.groups, shape.Dimensions[1]/c.groups)...) // [channel, space..., group, output channel]
	a := dotAxes{sequence(1, n+2), []int{0}, sequence(0, n+1), []int{n + 1}}
	var parts []*node
	for _, at := range offsets(shape.Dimensions[2:], c.strides) {
		y := g.dot(g.window(x, 2, at, taps, c.dilations), k, a) // [group, batch, output channel]
		parts = append(parts, g.reshape(y, append([]int{1}, y.dims()...)...))
	}
	y := g.concatenate(0, parts...)
	if c.groups == 1 { // fewer axes, so that transposes meet
		y = g.transpose(g.reshape(y, len(parts), batch, shape.Dimensions[1]), 1, 2, 0)
	} else {
		y = g.transpose(y, 2, 1, 3, 0)
	}
	return g.reshape(y, shape.Dimensions...)
}
