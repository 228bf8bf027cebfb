package ortbackend

import (
	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/shapeinference"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

func (b *Builder) unary(op backends.OpType, x backends.Op) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.UnaryOp(op, in[0].shape); err != nil {
		return nil, err
	}
	return b.graph.unary(op, in[0]), nil
}

// unary adds an elementwise operation of one operand.
func (g *graph) unary(op backends.OpType, x *node) *node { return g.make(op, x.shape, nil, x) }

func (b *Builder) binary(op backends.OpType, x, y backends.Op) (backends.Op, error) {
	in, err := b.nodes(x, y)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.BinaryOp(op, in[0].shape, in[1].shape); err != nil {
		return nil, err
	}
	return b.graph.binary(op, in[0], in[1]), nil
}

// binary adds an elementwise operation of two operands, which must fit.
func (g *graph) binary(op backends.OpType, x, y *node) *node {
	return g.make(op, joined(x.shape.DType, x, y), nil, x, y)
}

// joined is the shape to which operands are broadcast: scalars fit everything,
// others have one rank.
func joined(t dtypes.DType, xs ...*node) shapes.Shape {
	out := shapes.Make(t)
	for _, x := range xs {
		for i, d := range x.dims() {
			if i == len(out.Dimensions) {
				out.Dimensions = append(out.Dimensions, d)
			} else if out.Dimensions[i] == 1 {
				out.Dimensions[i] = d
			}
		}
	}
	return out
}

func (b *Builder) comparison(op backends.OpType, x, y backends.Op) (backends.Op, error) {
	in, err := b.nodes(x, y)
	if err != nil {
		return nil, err
	}
	if in[0].shape.DType != dtypes.Bool || in[1].shape.DType != dtypes.Bool { // which shapeinference does not know
		if _, err := shapeinference.ComparisonOp(op, in[0].shape, in[1].shape); err != nil {
			return nil, err
		}
	}
	return b.graph.compare(op, in[0], in[1]), nil
}

// compare adds a comparison.
func (g *graph) compare(op backends.OpType, x, y *node) *node {
	return g.make(op, joined(dtypes.Bool, x, y), nil, x, y)
}

// where adds a choice between elements.
func (g *graph) where(condition, yes, no *node) *node {
	return g.make(backends.OpTypeWhere, joined(yes.shape.DType, condition, yes, no), nil, condition, yes, no)
}

// convert adds a change of the element type.
func (g *graph) convert(x *node, t dtypes.DType) *node {
	shape := x.shape.Clone()
	shape.DType = t
	return g.make(backends.OpTypeConvertDType, shape, nil, x)
}

// ConvertDType converts the elements; conversion to integers drops the fraction.
func (b *Builder) ConvertDType(x backends.Op, t dtypes.DType) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	if _, err := elementType(t); err != nil {
		return nil, err
	}
	return b.graph.convert(in[0], t), nil
}

// Where takes elements of yes where the condition holds, else of no.
func (b *Builder) Where(condition, yes, no backends.Op) (backends.Op, error) {
	in, err := b.nodes(condition, yes, no)
	if err != nil {
		return nil, err
	}
	if _, err := shapeinference.WhereOp(in[0].shape, in[1].shape, in[2].shape); err != nil {
		return nil, err
	}
	return b.graph.where(in[0], in[1], in[2]), nil
}

// Clamp bounds x from below and above.
func (b *Builder) Clamp(low, x, high backends.Op) (backends.Op, error) {
	y, err := b.Max(x, low)
	if err != nil {
		return nil, err
	}
	return b.Min(y, high)
}

// IsNaN says which elements are not a number.
func (b *Builder) IsNaN(x backends.Op) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	return b.graph.compare(backends.OpTypeNotEqual, in[0], in[0]), nil
}

// IsFinite says which elements are neither infinite nor NaN.
func (b *Builder) IsFinite(x backends.Op) (backends.Op, error) {
	in, err := b.nodes(x)
	if err != nil {
		return nil, err
	}
	g, t := b.graph, in[0].shape.DType
	if !t.IsFloat() {
		return g.fill(1, shapes.Make(dtypes.Bool, in[0].dims()...)), nil
	}
	// x - x is 0 where x is finite, and NaN elsewhere.
	none := g.binary(backends.OpTypeSub, in[0], in[0])
	return g.compare(backends.OpTypeEqual, none, none), nil
}

// Expm1 is exp(x)-1 without loss near 0.
func (b *Builder) Expm1(x backends.Op) (backends.Op, error) { return b.unary(backends.OpTypeExpm1, x) }

// Real is x: there are no complex numbers here.
func (b *Builder) Real(x backends.Op) (backends.Op, error) { return b.Identity(x) }

// The operations below are those of GoMLX's StandardOps, which documents them.

func (b *Builder) Abs(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeAbs, x) }
func (b *Builder) Ceil(x backends.Op) (backends.Op, error)  { return b.unary(backends.OpTypeCeil, x) }
func (b *Builder) Cos(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeCos, x) }
func (b *Builder) Erf(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeErf, x) }
func (b *Builder) Exp(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeExp, x) }
func (b *Builder) Floor(x backends.Op) (backends.Op, error) { return b.unary(backends.OpTypeFloor, x) }
func (b *Builder) Log(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeLog, x) }
func (b *Builder) Log1p(x backends.Op) (backends.Op, error) { return b.unary(backends.OpTypeLog1p, x) }
func (b *Builder) LogicalNot(x backends.Op) (backends.Op, error) {
	return b.unary(backends.OpTypeLogicalNot, x)
}
func (b *Builder) Logistic(x backends.Op) (backends.Op, error) {
	return b.unary(backends.OpTypeLogistic, x)
}
func (b *Builder) Neg(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeNeg, x) }
func (b *Builder) Round(x backends.Op) (backends.Op, error) { return b.unary(backends.OpTypeRound, x) }
func (b *Builder) Rsqrt(x backends.Op) (backends.Op, error) { return b.unary(backends.OpTypeRsqrt, x) }
func (b *Builder) Sign(x backends.Op) (backends.Op, error)  { return b.unary(backends.OpTypeSign, x) }
func (b *Builder) Sin(x backends.Op) (backends.Op, error)   { return b.unary(backends.OpTypeSin, x) }
func (b *Builder) Sqrt(x backends.Op) (backends.Op, error)  { return b.unary(backends.OpTypeSqrt, x) }
func (b *Builder) Tanh(x backends.Op) (backends.Op, error)  { return b.unary(backends.OpTypeTanh, x) }

func (b *Builder) Add(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeAdd, x, y)
}
func (b *Builder) Div(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeDiv, x, y)
}
func (b *Builder) LogicalAnd(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeLogicalAnd, x, y)
}
func (b *Builder) LogicalOr(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeLogicalOr, x, y)
}
func (b *Builder) LogicalXor(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeLogicalXor, x, y)
}
func (b *Builder) Max(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeMax, x, y)
}
func (b *Builder) Min(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeMin, x, y)
}
func (b *Builder) Mul(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeMul, x, y)
}
func (b *Builder) Pow(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypePow, x, y)
}
func (b *Builder) Rem(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeRem, x, y)
}
func (b *Builder) Sub(x, y backends.Op) (backends.Op, error) {
	return b.binary(backends.OpTypeSub, x, y)
}
func (b *Builder) Equal(x, y backends.Op) (backends.Op, error) {
	return b.comparison(backends.OpTypeEqual, x, y)
}
func (b *Builder) NotEqual(x, y backends.Op) (backends.Op, error) {
	return b.comparison(backends.OpTypeNotEqual, x, y)
}
func (b *Builder) GreaterOrEqual(x, y backends.Op) (backends.Op, error) {
	return b.comparison(backends.OpTypeGreaterOrEqual, x, y)
}
func (b *Builder) GreaterThan(x, y backends.Op) (backends.Op, error) {
	return b.comparison(backends.OpTypeGreaterThan, x, y)
}
func (b *Builder) LessOrEqual(x, y backends.Op) (backends.Op, error) {
	return b.comparison(backends.OpTypeLessOrEqual, x, y)
}
func (b *Builder) LessThan(x, y backends.Op) (backends.Op, error) {
	return b.comparison(backends.OpTypeLessThan, x, y)
}
