package ortbackend

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// view is a value of the ONNX graph that stands for a node. Along axes where the
// node repeats itself the value may have the size 1 instead: broadcasts cost
// nothing until an operator needs all elements.
type view struct {
	name string
	dims []int // of the value; of the node's rank
}

// lowerer writes nodes into an ONNX graph, each at most once.
type lowerer struct {
	out   *onnx.Builder
	views map[*node]view
	users map[*node]int // how many nodes, or outputs, need it
	err   error
}

// lowering writes one node.
type lowering func(l *lowerer, n *node) view

// lowerings has every operation that can be lowered; the files lower_*.go fill it.
var lowerings = map[backends.OpType]lowering{}

// composed are the operations that are recorded as others.
var composed = []backends.OpType{
	backends.OpTypeClamp, backends.OpTypeDot, backends.OpTypeIdentity, backends.OpTypeIota,
	backends.OpTypeIsFinite, backends.OpTypeIsNaN, backends.OpTypeReal,
	backends.OpTypeShiftRightArithmetic, backends.OpTypeBitCount, backends.OpTypeClz, backends.OpTypeBitcast, backends.OpTypeRNGBitGenerator,
	backends.OpTypeReduceWindow, backends.OpTypeBatchNormForInference, backends.OpTypeBatchNormForTraining, backends.OpTypeBatchNormGradient,
}

func register(f lowering, ops ...backends.OpType) {
	for _, op := range ops {
		lowerings[op] = f
	}
}

func newLowerer(name string, outputs []*node) *lowerer {
	l := &lowerer{
		out: onnx.NewBuilder(name, 18), views: map[*node]view{}, users: map[*node]int{},
	}
	for _, n := range reachable(outputs) {
		for _, in := range n.in {
			l.users[in]++
		}
	}
	for _, n := range outputs {
		l.users[n]++
	}
	return l
}

func (l *lowerer) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// view lowers a node and what it needs.
func (l *lowerer) view(n *node) view {
	if v, ok := l.views[n]; ok {
		return v
	}
	f, ok := lowerings[n.op]
	if !ok {
		l.fail(unsupported(n.op, ""))
		f = func(*lowerer, *node) view { return view{"", n.dims()} }
	}
	v := f(l, n)
	l.views[n] = v
	return v
}

// full is the name of a value with all of n's elements.
func (l *lowerer) full(n *node) string {
	v := l.view(n)
	if !slices.Equal(v.dims, n.dims()) {
		name := v.name
		if n.shape.DType == dtypes.BFloat16 { // for which there is no kernel
			name = l.cast(name, dtypes.Float32)
		}
		name = l.out.Op("Expand", []string{name, l.out.Shape(n.dims()...)})
		if n.shape.DType == dtypes.BFloat16 {
			name = l.cast(name, dtypes.BFloat16)
		}
		v = view{name, n.dims()}
		l.views[n] = v
	}
	return v.name
}

// fulls is full of several nodes.
func (l *lowerer) fulls(ns ...*node) []string {
	names := make([]string, len(ns))
	for i, n := range ns {
		names[i] = l.full(n)
	}
	return names
}

// whole is the view of a node all of whose elements the value has.
func whole(n *node, name string) view { return view{name, n.dims()} }

// reshape brings a value from one shape to another.
func (l *lowerer) reshape(name string, from, to []int) string {
	if slices.Equal(from, to) {
		return name
	}
	return l.out.Op("Reshape", []string{name, l.out.Shape(to...)}, onnx.Int("allowzero", 1))
}

// cast converts a value to an element type.
func (l *lowerer) cast(name string, to dtypes.DType) string {
	t, err := elementType(to)
	if err != nil {
		l.fail(err)
	}
	return l.out.Op("Cast", []string{name}, onnx.Int("to", int(t)))
}

// Which element types ONNX Runtime's CPU kernels take: an operator is computed in
// the node's own type if it is listed, else in the first listed type that holds
// all of its values (see widened).
var (
	floats    = []dtypes.DType{dtypes.Float32, dtypes.Float64}
	numerical = []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.Int32, dtypes.Int64}
	onlyBool  = []dtypes.DType{dtypes.Bool}
)

// widened is the type in which to compute an operator that takes only some types:
// t itself or one that holds t's values. Arithmetic on wider integers wraps to the
// same result when it is narrowed again; where that is not so (see wraps) uint64
// is not widened to int64.
func widened(op string, t dtypes.DType, kernels []dtypes.DType, wraps bool) (dtypes.DType, error) {
	if slices.Contains(kernels, t) {
		return t, nil
	}
	var wider []dtypes.DType
	switch t {
	case dtypes.Float16, dtypes.BFloat16:
		wider = []dtypes.DType{dtypes.Float32}
	case dtypes.Int8, dtypes.Int16, dtypes.Uint8, dtypes.Uint16:
		wider = []dtypes.DType{dtypes.Int32, dtypes.Int64}
	case dtypes.Int32, dtypes.Uint32:
		wider = []dtypes.DType{dtypes.Int64}
	case dtypes.Uint64:
		if wraps {
			wider = []dtypes.DType{dtypes.Int64}
		}
	case dtypes.Bool:
		wider = []dtypes.DType{dtypes.Int32}
	}
	for _, w := range wider {
		if slices.Contains(kernels, w) {
			return w, nil
		}
	}
	return t, fmt.Errorf("ort backend: operator %s on %s is not supported", op, t)
}

// inKernel computes values of type t with f in a type for which the operator has
// kernels, and gives the result the type t.
func (l *lowerer) inKernel(op string, t dtypes.DType, kernels []dtypes.DType, in []string, f func(in []string) string) string {
	compute, err := widened(op, t, kernels, false)
	if err != nil {
		l.fail(err)
	}
	if compute == t {
		return f(in)
	}
	wide := make([]string, len(in))
	for i, name := range in {
		wide[i] = l.cast(name, compute)
	}
	return l.cast(f(wide), t)
}

// elementwise applies an ONNX operator to the views of operands that broadcast,
// and gives the result the type result. The operator takes the types kernels.
func (l *lowerer) elementwise(n *node, op string, kernels []dtypes.DType, wraps bool, in ...*node) view {
	t := in[len(in)-1].shape.DType
	compute, err := widened(op, t, kernels, wraps)
	if err != nil {
		l.fail(err)
	}
	names := make([]string, len(in))
	dims := slices.Repeat([]int{1}, n.shape.Rank())
	for i, x := range in {
		v := l.view(x)
		names[i] = v.name
		if compute != t && x.shape.DType == t {
			names[i] = l.cast(v.name, compute)
		}
		for j, d := range v.dims { // a scalar has none
			if d != 1 {
				dims[j] = d
			}
		}
	}
	name := l.out.Op(op, names)
	if compute != t && n.shape.DType == t {
		name = l.cast(name, t)
	}
	return view{name, dims}
}

func lowerParameter(l *lowerer, n *node) view {
	p := n.attr.(parameter)
	dims := make([]any, len(n.dims()))
	for i, d := range n.dims() {
		dims[i] = d
	}
	scalar := len(dims) == 0
	if scalar { // at the edges scalars have the shape [1]
		dims = []any{1}
	}
	t, err := elementType(n.shape.DType)
	if err != nil {
		l.fail(err)
	}
	name := l.out.Input(inputName(p.index), t, dims...)
	if scalar {
		name = l.reshape(name, []int{1}, nil)
	}
	return whole(n, name)
}

func inputName(i int) string  { return "in" + strconv.Itoa(i) }
func outputName(i int) string { return "out" + strconv.Itoa(i) }

func lowerConstant(l *lowerer, n *node) view {
	t, err := elementType(n.shape.DType)
	if err != nil {
		l.fail(err)
	}
	return whole(n, l.out.Bytes(t, n.attr.(*constant).bytes, n.dims()...))
}

func init() {
	register(lowerParameter, backends.OpTypeParameter)
	register(lowerConstant, backends.OpTypeConstant)
}
