package ortbackend

import (
	"slices"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// matrix is an operand of a dot product as a stack of matrices.
type matrix struct {
	name        string
	dims        []int // as the value has them
	batch       int
	free, inner int  // sizes of the free and the contracted axes
	innerFirst  bool // [batch, inner, free] in memory, not [batch, free, inner]
}

// matrix arranges an operand. If its axes are in one of the two orders in memory
// nothing is moved; else it is transposed, the right operand so that its last axis
// stays, which moves whole rows. (The left one never to inner first, which takes
// longer to multiply.)
func (l *lowerer) matrix(x *node, contract, batch []int, right bool) matrix {
	rest := free(x.shape.Rank(), contract, batch)
	m := matrix{name: l.full(x), dims: x.dims(), batch: product(x.dims(), batch), free: product(x.dims(), rest), inner: product(x.dims(), contract)}
	outer := slices.Concat(batch, rest, contract)
	inner := slices.Concat(batch, contract, rest)
	if !inOrder(x.dims(), outer) {
		if m.innerFirst = inOrder(x.dims(), inner); !m.innerFirst {
			order := outer
			if last := x.shape.Rank() - 1; right && inner[last] == last {
				order, m.innerFirst = inner, true
			}
			m.name, m.dims = l.out.Op("Transpose", []string{m.name}, onnx.Ints("perm", order...)), pick(m.dims, order)
		}
	}
	return m
}

// inOrder says whether the axes, those of size 1 aside, are in ascending order.
func inOrder(dims, axes []int) bool {
	last := -1
	for _, a := range axes {
		if dims[a] == 1 {
			continue
		}
		if a < last {
			return false
		}
		last = a
	}
	return true
}

func product(dims, axes []int) int {
	p := 1
	for _, a := range axes {
		p *= dims[a]
	}
	return p
}

// shape is the matrix's dimensions in memory, without a batch of one if flat.
func (m matrix) shape(flat bool) []int {
	dims := []int{m.batch, m.free, m.inner}
	if m.innerFirst {
		dims = []int{m.batch, m.inner, m.free}
	}
	if flat {
		return dims[1:]
	}
	return dims
}

// contraction orders the contracted axes of both operands alike, so that as few
// operands as possible must be transposed.
func contraction(n *node) dotAxes {
	a := n.attr.(dotAxes)
	order := sequence(0, len(a.leftContract))
	by := func(axes []int) []int {
		return slices.SortedFunc(slices.Values(order), func(i, j int) int { return axes[i] - axes[j] })
	}
	// The larger operand decides.
	key := a.leftContract
	if n.in[1].shape.Size() > n.in[0].shape.Size() {
		key = a.rightContract
	}
	o := by(key)
	a.leftContract, a.rightContract = pick(a.leftContract, o), pick(a.rightContract, o)
	return a
}

// lowerDot writes a dot product as MatMul, or, where an operand lies transposed in
// memory, as Gemm or FusedMatMul, which take it as it is.
func lowerDot(l *lowerer, n *node) view { return whole(n, l.dot(n, 1, nil)) }

// dot is lowerDot with a factor and a bias of the free axes of the right operand;
// both need float32.
func (l *lowerer) dot(n *node, alpha float32, bias *node) string {
	a, t := contraction(n), n.shape.DType
	compute, err := widened("MatMul", t, append(slices.Clone(floats), integers64...), true)
	if err != nil {
		l.fail(err)
	}
	left := l.matrix(n.in[0], a.leftContract, a.leftBatch, false)
	right := l.matrix(n.in[1], a.rightContract, a.rightBatch, true)
	flat := left.batch == 1
	for _, m := range []*matrix{&left, &right} {
		m.name = l.reshape(m.name, m.dims, m.shape(flat))
		if compute != t {
			m.name = l.cast(m.name, compute)
		}
	}

	var name string
	switch plain := !left.innerFirst && right.innerFirst; {
	case compute == dtypes.Float32 && flat && (bias != nil || alpha == 1 && !plain):
		in := []string{left.name, right.name}
		if bias != nil {
			in = append(in, l.full(bias))
		}
		name = l.out.Op("Gemm", in, onnx.Int("transA", bit(left.innerFirst)), onnx.Int("transB", bit(!right.innerFirst)),
			onnx.Float("alpha", alpha))
	case compute == dtypes.Float32 && (!plain || alpha != 1):
		name = l.out.Op("com.microsoft.FusedMatMul", []string{left.name, right.name},
			onnx.Int("transA", bit(left.innerFirst)), onnx.Int("transB", bit(!right.innerFirst)), onnx.Float("alpha", alpha))
	default:
		if left.innerFirst {
			left.name = l.swapLast(left.name, flat)
		}
		if !right.innerFirst {
			right.name = l.swapLast(right.name, flat)
		}
		name = l.out.Op("MatMul", []string{left.name, right.name})
	}
	if compute != t {
		name = l.cast(name, t)
	}
	dims := []int{left.batch, left.free, right.free}
	if flat {
		dims = dims[1:]
	}
	return l.reshape(name, dims, n.dims())
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *lowerer) swapLast(name string, flat bool) string {
	if flat {
		return l.out.Op("Transpose", []string{name}, onnx.Ints("perm", 1, 0))
	}
	return l.out.Op("Transpose", []string{name}, onnx.Ints("perm", 0, 2, 1))
}

// scalable says whether a dot product that only n needs can take over what n does
// to its result.
func (l *lowerer) scalable(n *node) bool {
	_, done := l.views[n]
	return n.op == backends.OpTypeDotGeneral && n.shape.DType == dtypes.Float32 && l.users[n] == 1 && !done
}

// lowerMul makes a constant factor the alpha of a dot product, or the scale with
// which bytes become numbers.
func lowerMul(l *lowerer, n *node) view {
	x := n.in[0]
	v, ok := n.in[1].value()
	if ok && x.op == backends.OpTypeConvertDType && x.in[0].shape.DType == dtypes.Uint8 && n.shape.DType == dtypes.Float32 &&
		l.users[x] == 1 && slices.Equal(n.dims(), x.dims()) {
		b := l.view(x.in[0])
		return view{l.out.Op("DequantizeLinear", []string{b.name, onnx.Const(l.out, []float32{float32(v)})}), b.dims}
	}
	back := x
	for back.op == backends.OpTypeReshape && l.users[back] == 1 {
		back = back.in[0]
	}
	if !ok || !l.scalable(back) || !slices.Equal(n.dims(), x.dims()) {
		return lowerKernel(l, n)
	}
	return whole(n, l.reshape(l.dot(back, float32(v), nil), back.dims(), n.dims()))
}

// lowerAdd makes a bias the C of Gemm.
func lowerAdd(l *lowerer, n *node) view {
	for i, x := range n.in {
		back := x
		for back.op == backends.OpTypeReshape && l.users[back] == 1 {
			back = back.in[0]
		}
		if !slices.Equal(x.dims(), n.dims()) || !l.scalable(back) || n.shape.Rank() == 0 {
			continue
		}
		a := back.attr.(dotAxes)
		right := product(back.in[1].dims(), free(back.in[1].shape.Rank(), a.rightContract, a.rightBatch))
		bias := partOf(n.in[1-i], n.dims())
		last := n.shape.Rank() - 1
		if len(a.leftBatch) > 0 || n.dims()[last] != right || right == 1 || bias.axes[last] < 0 || bias.x.shape.Size() != right {
			continue
		}
		return whole(n, l.reshape(l.dot(back, 1, n.graph.reshape(bias.x, right)), back.dims(), n.dims()))
	}
	return lowerKernel(l, n)
}

func init() {
	register(lowerDot, backends.OpTypeDotGeneral)
	register(lowerMul, backends.OpTypeMul)
	register(lowerAdd, backends.OpTypeAdd)
}
