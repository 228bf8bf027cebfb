package ortbackend

import (
	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// RNGBitGenerator gives random bits of integers, and the state for the next ones, by
// Philox4x32-10 (Salmon et al., SC 2011): the state is the key and the counter's two
// halves, lower first. What is drawn depends on nothing but the state, but other
// backends of GoMLX draw other bits; the methods of this project draw their noise on
// the host instead (package stream), so that it is the same on all. The upper half
// of the counter stays: a state is good for 2^64 blocks of 16 bytes.
func (b *Builder) RNGBitGenerator(state backends.Op, shape shapes.Shape) (newState, values backends.Op, err error) {
	in, err := b.nodes(state)
	if err != nil {
		return nil, nil, err
	}
	s, t := in[0], shape.DType
	if !t.IsInt() || !s.shape.Equal(backends.RNGStateShape) {
		return nil, nil, unsupported(backends.OpTypeRNGBitGenerator, "of %s from a state %s", shape, s.shape)
	}
	if _, err := elementType(t); err != nil {
		return nil, nil, err
	}
	g, width := b.graph, max(4, t.Size()) // small integers take a whole word
	blocks := (shape.Size()*width + 15) / 16
	key, low, high := g.vectorEntry(s, 0), g.vectorEntry(s, 1), g.vectorEntry(s, 2)
	next := g.binary(backends.OpTypeAdd, low, numbers(g, []uint64{uint64(blocks)}))
	newState = g.concatenate(0, g.reshape(key, 1), g.reshape(next, 1), g.reshape(high, 1))
	if blocks == 0 {
		return newState, g.constant(nil, shape.Clone()), nil
	}

	words := g.philox(key, g.binary(backends.OpTypeAdd, g.counters(blocks), low), g.spread(high, []int{blocks}))
	if t.Size() == 8 { // two words make one element
		for i := range 2 {
			upper := g.binary(backends.OpTypeShiftLeft, words[2*i+1], numbers(g, []uint64{32}))
			words[i] = g.binary(backends.OpTypeBitwiseOr, words[2*i], upper)
		}
		words = words[:2]
	}
	columns := make([]*node, len(words))
	for i, w := range words {
		columns[i] = g.reshape(g.convert(w, t), blocks, 1)
	}
	flat := g.reshape(g.concatenate(1, columns...), blocks*len(words))
	flat = g.slice(flat, slicing{[]int{0}, []int{shape.Size()}, []int{1}})
	return newState, g.reshape(flat, shape.Dimensions...), nil
}

// counters is the numbers from 0 to n-1 as uint64, made of two short constants.
func (g *graph) counters(n int) *node {
	const row = 1024
	rows := (n + row - 1) / row
	up := func(n, step int) []uint64 {
		out := make([]uint64, n)
		for i := range out {
			out[i] = uint64(i * step)
		}
		return out
	}
	all := g.binary(backends.OpTypeAdd, numbers(g, up(rows, row), rows, 1), numbers(g, up(row, 1), 1, row))
	return g.slice(g.reshape(all, rows*row), slicing{[]int{0}, []int{n}, []int{1}})
}

// philox is Philox4x32-10 of counters, each of two halves of 64 bits: four 32-bit
// words, in uint64.
func (g *graph) philox(key, low, high *node) []*node {
	const half = 1<<32 - 1
	constant := func(v uint64) *node { return numbers(g, []uint64{v}) }
	lower := func(x *node) *node { return g.binary(backends.OpTypeBitwiseAnd, x, constant(half)) }
	upper := func(x *node) *node { return g.binary(backends.OpTypeShiftRightLogical, x, constant(32)) }
	xor := func(x, y *node) *node { return g.binary(backends.OpTypeBitwiseXor, x, y) }
	add := func(x *node, v uint64) *node { return lower(g.binary(backends.OpTypeAdd, x, constant(v))) }

	c := []*node{lower(low), upper(low), lower(high), upper(high)}
	k0, k1 := lower(key), upper(key)
	for range 10 {
		p := g.binary(backends.OpTypeMul, c[0], constant(0xD2511F53))
		q := g.binary(backends.OpTypeMul, c[2], constant(0xCD9E8D57))
		c = []*node{xor(xor(upper(q), c[1]), k0), lower(q), xor(xor(upper(p), c[3]), k1), lower(p)}
		k0, k1 = add(k0, 0x9E3779B9), add(k1, 0xBB67AE85)
	}
	return c
}
