package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// Shifts, of which ONNX has those of unsigned integers, and what counts bits are
// computed in uint32 or uint64. Conversions between integers keep the bits.

// word is the type in which to compute with the bits of t.
func word(t dtypes.DType) dtypes.DType {
	if t.Size() == 8 {
		return dtypes.Uint64
	}
	return dtypes.Uint32
}

// bits converts integers to words, with zeros before the type's own bits.
func (g *graph) bits(x *node) *node {
	t := x.shape.DType
	if same := map[dtypes.DType]dtypes.DType{
		dtypes.Int8: dtypes.Uint8, dtypes.Int16: dtypes.Uint16, dtypes.Int32: dtypes.Uint32, dtypes.Int64: dtypes.Uint64,
	}; !t.IsUnsigned() {
		x = g.convert(x, same[t])
	}
	return g.convert(x, word(t))
}

// pattern is a scalar word; of a uint32 it is the lower half.
func (g *graph) pattern(t dtypes.DType, v uint64) *node {
	if t == dtypes.Uint64 {
		return numbers(g, []uint64{v})
	}
	return numbers(g, []uint32{uint32(v)})
}

// shift checks the operands of a shift and converts them to words. As in XLA an
// amount is unsigned, so one of the type's size or more, or less than 0, shifts
// everything out: too says where; amounts are bounded there.
func (b *Builder) shift(op backends.OpType, x, amount backends.Op) (in []*node, words, by, too *node, err error) {
	in, err = b.nodes(x, amount)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	// shapeinference does not know the shifts, but other operations like them.
	if _, err := shapeinference.BinaryOp(backends.OpTypeBitwiseAnd, in[0].shape, in[1].shape); err != nil {
		return nil, nil, nil, nil, err
	}
	g, t := b.graph, in[0].shape.DType
	words, by = g.bits(in[0]), g.bits(in[1])
	most := g.pattern(word(t), uint64(8*t.Size()-1))
	too = g.compare(backends.OpTypeGreaterThan, by, most)
	return in, words, g.binary(backends.OpTypeMin, by, most), too, nil
}

// cleared is x, but 0 where all was shifted out, in type t.
func (g *graph) cleared(x, too *node, t dtypes.DType) *node {
	return g.convert(g.where(g.spread(too, x.dims()), g.fill(0, x.shape), x), t)
}

// ShiftLeft shifts bits towards the highest.
func (b *Builder) ShiftLeft(x, amount backends.Op) (backends.Op, error) {
	in, words, by, too, err := b.shift(backends.OpTypeShiftLeft, x, amount)
	if err != nil {
		return nil, err
	}
	return b.graph.cleared(b.graph.binary(backends.OpTypeShiftLeft, words, by), too, in[0].shape.DType), nil
}

// ShiftRightLogical shifts bits towards the lowest; zeros follow.
func (b *Builder) ShiftRightLogical(x, amount backends.Op) (backends.Op, error) {
	in, words, by, too, err := b.shift(backends.OpTypeShiftRightLogical, x, amount)
	if err != nil {
		return nil, err
	}
	return b.graph.cleared(b.graph.binary(backends.OpTypeShiftRightLogical, words, by), too, in[0].shape.DType), nil
}

// ShiftRightArithmetic shifts bits towards the lowest; copies of the sign follow,
// which unsigned integers, too, have in their highest bit.
func (b *Builder) ShiftRightArithmetic(x, amount backends.Op) (backends.Op, error) {
	in, words, by, _, err := b.shift(backends.OpTypeShiftRightArithmetic, x, amount)
	if err != nil {
		return nil, err
	}
	g, t := b.graph, in[0].shape.DType
	w, size := word(t), uint64(8*t.Size())
	// A negative number is shifted as its complement.
	top := g.binary(backends.OpTypeShiftRightLogical, words, g.pattern(w, size-1))
	negative := g.compare(backends.OpTypeGreaterThan, top, g.pattern(w, 0))
	ones := g.spreadLike(g.pattern(w, 1<<size-1), words)
	flip := g.where(negative, ones, g.fill(0, words.shape))
	shifted := g.binary(backends.OpTypeShiftRightLogical, g.binary(backends.OpTypeBitwiseXor, words, flip), by)
	return g.convert(g.binary(backends.OpTypeBitwiseXor, shifted, flip), t), nil
}

// population counts the bits of words: of pairs of bits, of fours, and so on.
func (g *graph) population(x *node) *node {
	t := x.shape.DType
	for i, mask := range []uint64{0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff, 0x0000ffff0000ffff, 0x00000000ffffffff} {
		if 1<<i < 8*t.Size() {
			m := g.pattern(t, mask)
			high := g.binary(backends.OpTypeShiftRightLogical, x, g.pattern(t, 1<<i))
			x = g.binary(backends.OpTypeAdd, g.binary(backends.OpTypeBitwiseAnd, x, m), g.binary(backends.OpTypeBitwiseAnd, high, m))
		}
	}
	return x
}

// BitCount counts the bits that are set.
func (b *Builder) BitCount(x backends.Op) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	shape, err := shapeinference.UnaryOp(backends.OpTypeBitCount, in[0].shape)
	if err != nil {
		return nil, err
	}
	return b.graph.convert(b.graph.population(b.graph.bits(in[0])), shape.DType), nil
}

// Clz counts the zeros before the highest bit that is set.
func (b *Builder) Clz(x backends.Op) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	shape, err := shapeinference.UnaryOp(backends.OpTypeClz, in[0].shape)
	if err != nil {
		return nil, err
	}
	g, t := b.graph, shape.DType
	w, y := word(t), b.graph.bits(in[0])
	for s := 1; s < 8*t.Size(); s *= 2 { // all bits below the highest
		y = g.binary(backends.OpTypeBitwiseOr, y, g.binary(backends.OpTypeShiftRightLogical, y, g.pattern(w, uint64(s))))
	}
	return g.convert(g.binary(backends.OpTypeSub, g.pattern(w, uint64(8*t.Size())), g.population(y)), t), nil
}

// Bitcast is for integers alone: ONNX Runtime has no operator that gives the bits
// of floating-point numbers.
func (b *Builder) Bitcast(x backends.Op, t dtypes.DType) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	g, y, from := b.graph, in[0], in[0].shape.DType
	if from == t {
		return y, nil
	}
	if _, err := elementType(t); err != nil || !from.IsInt() || !t.IsInt() {
		return nil, unsupported(backends.OpTypeBitcast, "from %s to %s", from, t)
	}
	rank, small, large := y.shape.Rank(), t.Size(), from.Size()
	switch {
	case small < large: // a new last axis, lowest bits first
		words := g.bits(y)
		var parts []*node
		for i := range large / small {
			part := g.binary(backends.OpTypeShiftRightLogical, words, g.pattern(words.shape.DType, uint64(8*small*i)))
			parts = append(parts, g.reshape(g.convert(part, t), append(slices.Clone(y.dims()), 1)...))
		}
		if y.shape.Size() == 0 {
			return g.constant(nil, shapes.Make(t, append(slices.Clone(y.dims()), len(parts))...)), nil
		}
		return g.concatenate(rank, parts...), nil
	case small > large: // the last axis vanishes
		count := small / large
		if rank == 0 || y.dims()[rank-1] != count {
			return nil, unsupported(backends.OpTypeBitcast, "from %s to %s", y.shape, t)
		}
		vectors := g.transpose(g.reshape(y, y.shape.Size()/count, count), 1, 0)
		var joined *node
		for i := range count {
			part := g.convert(g.bits(g.vectorEntry(vectors, i)), word(t))
			part = g.binary(backends.OpTypeShiftLeft, part, g.pattern(word(t), uint64(8*large*i)))
			if joined == nil {
				joined = part
			} else {
				joined = g.binary(backends.OpTypeBitwiseOr, joined, part)
			}
		}
		return g.reshape(g.convert(joined, t), y.dims()[:rank-1]...), nil
	}
	return g.convert(y, t), nil
}

// The operations below are those of GoMLX's StandardOps, which documents them.

func (b *Builder) BitwiseAnd(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeBitwiseAnd, x, y)
}
func (b *Builder) BitwiseOr(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeBitwiseOr, x, y)
}
func (b *Builder) BitwiseXor(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeBitwiseXor, x, y)
}
func (b *Builder) BitwiseNot(x backends.Op) (backends.Op, error) {
	return b.unary(backends.OpTypeBitwiseNot, x)
}

func (b *Builder) bitwiseReduction(op backends.OpType, x backends.Op, axes []int) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if !in[0].shape.DType.IsInt() {
		return nil, unsupported(op, "of %s", in[0].shape)
	}
	return b.reduction(op, x, axes)
}

func (b *Builder) ReduceBitwiseAnd(x backends.Op, axes ...int) (backends.Op, error) {
	return b.bitwiseReduction(backends.OpTypeReduceBitwiseAnd, x, axes)
}
func (b *Builder) ReduceBitwiseOr(x backends.Op, axes ...int) (backends.Op, error) {
	return b.bitwiseReduction(backends.OpTypeReduceBitwiseOr, x, axes)
}
func (b *Builder) ReduceBitwiseXor(x backends.Op, axes ...int) (backends.Op, error) {
	return b.bitwiseReduction(backends.OpTypeReduceBitwiseXor, x, axes)
}
