package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// kernel is an ONNX operator that does what an operation does.
type kernel struct {
	op    string
	types []dtypes.DType
	wraps bool // see widened
}

var integers64 = []dtypes.DType{dtypes.Int32, dtypes.Int64, dtypes.Uint32, dtypes.Uint64}

// ordered has kernels that compare. Those of Max, Min and Sign for int64 are wrong on
// some machines (ONNX Runtime 1.27 compares the lower halves as signed numbers).
var (
	ordered  = append(slices.Clone(floats), integers64...)
	exactMax = append(slices.Clone(floats), dtypes.Int32, dtypes.Uint32, dtypes.Uint64)
)

// kernels has the operations that are one ONNX operator.
var kernels = map[backends.OpType]kernel{
	backends.OpTypeAbs:            {"Abs", numerical, false},
	backends.OpTypeAdd:            {"Add", numerical, true},
	backends.OpTypeCeil:           {"Ceil", floats, false},
	backends.OpTypeCos:            {"Cos", floats, false},
	backends.OpTypeErf:            {"Erf", floats[:1], false},
	backends.OpTypeEqual:          {"Equal", append([]dtypes.DType{dtypes.Bool}, numerical...), true},
	backends.OpTypeExp:            {"Exp", floats, false},
	backends.OpTypeFloor:          {"Floor", floats, false},
	backends.OpTypeGreaterOrEqual: {"GreaterOrEqual", ordered, false},
	backends.OpTypeGreaterThan:    {"Greater", ordered, false},
	backends.OpTypeLessOrEqual:    {"LessOrEqual", ordered, false},
	backends.OpTypeLessThan:       {"Less", ordered, false},
	backends.OpTypeLog:            {"Log", floats, false},
	backends.OpTypeLogicalAnd:     {"And", onlyBool, false},
	backends.OpTypeLogicalNot:     {"Not", onlyBool, false},
	backends.OpTypeLogicalOr:      {"Or", onlyBool, false},
	backends.OpTypeLogicalXor:     {"Xor", onlyBool, false},
	backends.OpTypeLogistic:       {"Sigmoid", floats, false},
	backends.OpTypeMax:            {"Max", exactMax, false},
	backends.OpTypeMin:            {"Min", exactMax, false},
	backends.OpTypeMul:            {"Mul", numerical, true},
	backends.OpTypeNeg:            {"Neg", numerical, true},
	backends.OpTypePow:            {"Pow", numerical, true},
	backends.OpTypeRound:          {"Round", floats, false},
	backends.OpTypeSign:           {"Sign", exactMax, false},
	backends.OpTypeSin:            {"Sin", floats, false},
	backends.OpTypeSqrt:           {"Sqrt", floats, false},
	backends.OpTypeSub:            {"Sub", numerical, true},
	backends.OpTypeTanh:           {"Tanh", floats, false},
}

func lowerKernel(l *lowerer, n *node) view {
	k := kernels[n.op]
	return l.elementwise(n, k.op, k.types, k.wraps, n.in...)
}

// lowerExtreme chooses one of two int64s by comparison; see ordered.
func lowerExtreme(l *lowerer, n *node) view {
	if n.shape.DType != dtypes.Int64 {
		return lowerKernel(l, n)
	}
	g, x, y := n.graph, n.in[0], n.in[1]
	yes, no := g.spread(x, n.dims()), g.spread(y, n.dims())
	if n.op == backends.OpTypeMax {
		yes, no = no, yes
	}
	return l.view(g.where(g.spread(g.compare(backends.OpTypeLessThan, x, y), n.dims()), yes, no))
}

// lowerSign compares int64s; see ordered.
func lowerSign(l *lowerer, n *node) view {
	if n.shape.DType != dtypes.Int64 {
		return lowerKernel(l, n)
	}
	g, x := n.graph, n.in[0]
	zero := g.constantLike(x, 0)
	positive := g.where(g.compare(backends.OpTypeGreaterThan, x, zero), g.fill(1, n.shape), g.fill(0, n.shape))
	return l.view(g.where(g.compare(backends.OpTypeLessThan, x, zero), g.fill(-1, n.shape), positive))
}

// composition lowers an operation as a graph of others, made by f. The others are
// not simplified, so nothing changes what f is careful about. Small floating-point
// types are computed as float32, so that only the result is rounded.
func composition(f func(g *graph, n *node) *node) lowering {
	return func(l *lowerer, n *node) view {
		g, t := n.graph, n.shape.DType
		if t != dtypes.Float16 && t != dtypes.BFloat16 {
			return l.view(f(g, n))
		}
		shape := n.shape.Clone()
		shape.DType = dtypes.Float32
		in := make([]*node, len(n.in))
		for i, x := range n.in {
			in[i] = g.convert(x, dtypes.Float32)
		}
		return l.view(g.convert(g.add(n.op, shape, n.attr, in...), t))
	}
}

// constantLike is a scalar of x's type.
func (g *graph) constantLike(x *node, v float64) *node { return g.fill(v, shapes.Make(x.shape.DType)) }

// expm1 is exp(x)-1, without loss near 0: tanh(x/2) (exp(x)+1) there, and the
// difference where it is exact enough.
func expm1(g *graph, n *node) *node {
	x := n.in[0]
	one := g.constantLike(x, 1)
	e := g.unary(backends.OpTypeExp, x)
	half := g.binary(backends.OpTypeMul, x, g.constantLike(x, 0.5))
	near := g.binary(backends.OpTypeMul, g.unary(backends.OpTypeTanh, half), g.binary(backends.OpTypeAdd, e, one))
	small := g.compare(backends.OpTypeLessThan, g.unary(backends.OpTypeAbs, x), one)
	return g.where(small, near, g.binary(backends.OpTypeSub, e, one))
}

// log1p is log(1+x), without loss near 0: the error of rounding 1+x to u is undone
// by the factor x/(u-1) (Goldberg 1991, theorem 4).
func log1p(g *graph, n *node) *node {
	x := n.in[0]
	one := g.constantLike(x, 1)
	u := g.binary(backends.OpTypeAdd, x, one)
	log := g.unary(backends.OpTypeLog, u)
	rest := g.binary(backends.OpTypeSub, u, one)
	tiny := g.compare(backends.OpTypeEqual, rest, g.constantLike(x, 0))
	large := g.compare(backends.OpTypeGreaterThan, x, g.constantLike(x, 1e6))
	divisor := g.where(tiny, g.spreadLike(one, x), rest)
	exact := g.binary(backends.OpTypeDiv, g.binary(backends.OpTypeMul, log, x), divisor)
	return g.where(large, log, g.where(tiny, x, exact))
}

// spreadLike broadcasts a scalar to x's shape.
func (g *graph) spreadLike(scalar, x *node) *node {
	return g.broadcast(scalar, shapes.Make(scalar.shape.DType, x.dims()...), nil)
}

// cosine is for float64, which has a kernel for sines only: 1 - 2 sin(x/2)^2.
func cosine(l *lowerer, n *node) view {
	if n.shape.DType != dtypes.Float64 {
		return lowerKernel(l, n)
	}
	g, x := n.graph, n.in[0]
	sin := g.unary(backends.OpTypeSin, g.binary(backends.OpTypeMul, x, g.constantLike(x, 0.5)))
	twice := g.binary(backends.OpTypeMul, g.binary(backends.OpTypeMul, sin, sin), g.constantLike(x, 2))
	return l.view(g.binary(backends.OpTypeSub, g.spreadLike(g.constantLike(x, 1), x), twice))
}

func lowerAbs(l *lowerer, n *node) view {
	if n.shape.DType.IsUnsigned() {
		return l.view(n.in[0])
	}
	return lowerKernel(l, n)
}

func rsqrt(l *lowerer, n *node) view {
	v := l.view(n.in[0])
	name := l.inKernel("Sqrt", n.shape.DType, floats, []string{v.name}, func(in []string) string {
		return l.out.Op("Reciprocal", []string{l.out.Op("Sqrt", in)})
	})
	return view{name, v.dims}
}

func notEqual(g *graph, n *node) *node {
	return g.unary(backends.OpTypeLogicalNot, g.compare(backends.OpTypeEqual, n.in[0], n.in[1]))
}

// lowerDiv guards integers: ONNX Runtime dies of a division by zero, and of the
// least number by -1. By zero XLA's result is -1, all bits set, and so is ours.
func lowerDiv(l *lowerer, n *node) view {
	if n.shape.DType.IsFloat() {
		return l.quotient(n)
	}
	g, x, y := n.graph, n.in[0], n.in[1]
	zero, minus, quotient := intDiv(g, n.shape, x, y)
	if minus != nil {
		quotient = g.where(g.spread(minus, n.dims()), g.spread(g.unary(backends.OpTypeNeg, x), n.dims()), quotient)
	}
	return l.view(g.where(g.spread(zero, n.dims()), g.fill(-1, n.shape), quotient))
}

// intDiv is a quotient of integers, in which x is divided by 1 where y is zero or,
// in types that have it, minus one; and where those are.
func intDiv(g *graph, shape shapes.Shape, x, y *node) (zero, minus, quotient *node) {
	zero = g.compare(backends.OpTypeEqual, y, g.constantLike(y, 0))
	not := zero
	if !y.shape.DType.IsUnsigned() {
		minus = g.compare(backends.OpTypeEqual, y, g.constantLike(y, -1))
		not = g.binary(backends.OpTypeLogicalOr, zero, minus)
	}
	safe := g.where(not, g.spreadLike(g.constantLike(y, 1), y), y)
	return zero, minus, g.add(opIntDiv, shape, nil, x, safe)
}

// quotient multiplies by reciprocals where there are far fewer divisors.
func (l *lowerer) quotient(n *node) view {
	x, y := l.view(n.in[0]), l.view(n.in[1])
	if !slices.Contains(floats, n.shape.DType) || elements(y.dims)*8 > elements(x.dims) {
		return l.elementwise(n, "Div", numerical, false, n.in...)
	}
	name := l.out.Op("Mul", []string{x.name, l.out.Op("Reciprocal", []string{y.name})})
	dims := slices.Repeat([]int{1}, n.shape.Rank())
	for _, v := range []view{x, y} {
		for i, d := range v.dims {
			dims[i] = max(dims[i], d)
		}
	}
	return view{name, dims}
}

func elements(dims []int) int {
	p := 1
	for _, d := range dims {
		p *= d
	}
	return p
}

func lowerIntDiv(l *lowerer, n *node) view {
	return l.elementwise(n, "Div", integers64, false, n.in...)
}

// lowerRem is Go's remainder, with the sign of the dividend; of integers by zero it
// is the dividend, as in XLA.
func lowerRem(l *lowerer, n *node) view {
	g, x, y := n.graph, n.in[0], n.in[1]
	if n.shape.DType.IsFloat() {
		return l.fmod(n, x, y)
	}
	zero, minus, quotient := intDiv(g, n.shape, x, y)
	rest := g.binary(backends.OpTypeSub, x, g.binary(backends.OpTypeMul, quotient, y))
	if minus != nil {
		rest = g.where(g.spread(minus, n.dims()), g.fill(0, n.shape), rest)
	}
	return l.view(g.where(g.spread(zero, n.dims()), g.spread(x, n.dims()), rest))
}

// lowerWhere has kernels for few types; others that have as many values are cast.
func lowerWhere(l *lowerer, n *node) view {
	types := append([]dtypes.DType{dtypes.Uint8, dtypes.Bool}, numerical...)
	if n.shape.DType == dtypes.Bool { // no kernel for bool: (c and x) or (not c and y)
		g, c := n.graph, n.in[0]
		yes := g.binary(backends.OpTypeLogicalAnd, c, n.in[1])
		no := g.binary(backends.OpTypeLogicalAnd, g.unary(backends.OpTypeLogicalNot, c), n.in[2])
		return l.view(g.binary(backends.OpTypeLogicalOr, yes, no))
	}
	return l.elementwise(n, "Where", types, true, n.in...)
}

func lowerConvert(l *lowerer, n *node) view {
	from, to, v := n.in[0].shape.DType, n.shape.DType, l.view(n.in[0])
	if to == dtypes.Bool || from != dtypes.BFloat16 && to != dtypes.BFloat16 {
		return view{l.cast(v.name, to), v.dims}
	}
	// bfloat16 converts from and to float32 only.
	name := v.name
	if from != dtypes.Float32 {
		name = l.cast(name, dtypes.Float32)
	}
	if to != dtypes.Float32 {
		name = l.cast(name, to)
	}
	return view{name, v.dims}
}

func init() {
	for op := range kernels {
		if op != backends.OpTypeAdd && op != backends.OpTypeMul { // which dot products take in: lower_dot.go
			register(lowerKernel, op)
		}
	}
	register(lowerExtreme, backends.OpTypeMax, backends.OpTypeMin)
	register(lowerSign, backends.OpTypeSign)
	register(lowerAbs, backends.OpTypeAbs)
	register(cosine, backends.OpTypeCos)
	register(composition(expm1), backends.OpTypeExpm1)
	register(composition(log1p), backends.OpTypeLog1p)
	register(composition(notEqual), backends.OpTypeNotEqual)
	register(rsqrt, backends.OpTypeRsqrt)
	register(lowerDiv, backends.OpTypeDiv)
	register(lowerIntDiv, opIntDiv)
	register(lowerRem, backends.OpTypeRem)
	register(lowerWhere, backends.OpTypeWhere)
	register(lowerConvert, backends.OpTypeConvertDType)
}
