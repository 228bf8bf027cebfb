package onnx

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"github.com/ltadbench/ltadbench/framework/onnx/internal/onnxpb"
)

// irVersion 8 goes with operator sets up to 18 and is read by every ONNX Runtime
// that this module can load; later ones add nothing that the builder writes.
const irVersion = 8

// Builder builds a graph. Values are handled by their names: its methods take
// the names of what exists already and return the names of what they add, so a
// graph is in topological order by construction. The first mistake is kept and
// returned by Marshal, and what follows a mistake does no harm; so calls nest
// without checks in between. Not safe for concurrent use.
type Builder struct {
	model   *onnxpb.ModelProto
	known   map[string]bool // names of values
	domains map[string]bool
	inputs  map[string]bool
	made    map[string]bool // by nodes
	fresh   int
	err     error
}

// NewBuilder starts a graph of the name that uses the operators of the ONNX
// operator set (18 is a good choice).
func NewBuilder(name string, opset int) *Builder {
	b := &Builder{
		model: &onnxpb.ModelProto{
			IrVersion:    proto.Int64(irVersion),
			ProducerName: proto.String("ltadbench"),
			Graph:        &onnxpb.GraphProto{Name: &name},
		},
		known: map[string]bool{}, domains: map[string]bool{}, inputs: map[string]bool{}, made: map[string]bool{},
	}
	b.Domain("", opset)
	return b
}

// Domain says which version of another operator domain the graph uses. Without
// it a domain is used at version 1, which com.microsoft is.
func (b *Builder) Domain(domain string, version int) {
	if b.domains[domain] {
		b.fail("operator domain %q is given twice, or after it was used", domain)
		return
	}
	b.domains[domain] = true
	b.model.OpsetImport = append(b.model.OpsetImport, &onnxpb.OperatorSetIdProto{
		Domain: &domain, Version: proto.Int64(int64(version)),
	})
}

// Meta adds an entry to the model's metadata.
func (b *Builder) Meta(key, value string) {
	b.model.MetadataProps = append(b.model.MetadataProps, &onnxpb.StringStringEntryProto{Key: &key, Value: &value})
}

// Input adds an input of the graph and returns its name. A dimension is an int,
// or a string that names a size known only at run time; no dimensions make a
// scalar.
func (b *Builder) Input(name string, t DType, dims ...any) string {
	b.define(name)
	b.inputs[name] = true
	b.model.Graph.Input = append(b.model.Graph.Input, b.valueInfo(name, t, dims))
	return name
}

// Output makes an existing value an output of the graph with the name and type.
// Output order is call order.
func (b *Builder) Output(name, value string, t DType, dims ...any) {
	b.use(value)
	if name == value {
		for _, o := range b.model.Graph.Output {
			if o.GetName() == name {
				b.fail("%q is an output already", name)
			}
		}
		if b.inputs[name] {
			b.fail("%q is an input and cannot be an output of the same name", name)
		}
	} else {
		b.node("Identity", []string{value}, []string{name}, nil)
	}
	b.model.Graph.Output = append(b.model.Graph.Output, b.valueInfo(name, t, dims))
}

// Made says whether a node makes the value, so that it can be an output of the graph
// under its own name, without a copy.
func (b *Builder) Made(value string) bool { return b.made[value] }

// Const adds a constant tensor and returns its name, which Const makes up. No
// dimensions make a scalar. The data is copied.
func Const[T Element](b *Builder, data []T, dims ...int) string {
	return Initializer(b, b.name("Const"), data, dims...)
}

// Bytes adds a constant tensor whose elements, of type t, are given as they are in
// memory, and returns its name. The data is copied.
func (b *Builder) Bytes(t DType, data []byte, dims ...int) string {
	name := b.name("Const")
	n := t.Size()
	for _, d := range dims {
		n *= d
	}
	if n != len(data) || t.Size() == 0 {
		b.fail("constant of type %s and shape %v: %d bytes given", t, dims, len(data))
		return name
	}
	b.define(name)
	pb := &onnxpb.TensorProto{Name: &name, DataType: proto.Int32(int32(t)), RawData: append([]byte{}, data...)}
	for _, d := range dims {
		pb.Dims = append(pb.Dims, int64(d))
	}
	b.model.Graph.Initializer = append(b.model.Graph.Initializer, pb)
	return name
}

// Shape adds a constant rank-1 int64 tensor, the form in which operators take
// shapes, axes and pads.
func (b *Builder) Shape(dims ...int) string {
	v := make([]int64, len(dims))
	for i, d := range dims {
		v[i] = int64(d)
	}
	return Const(b, v, len(v))
}

// Initializer adds a constant tensor of the given name and returns the name.
func Initializer[T Element](b *Builder, name string, data []T, dims ...int) string {
	n := 1
	for _, d := range dims {
		if d < 0 || d != 0 && n > math.MaxInt32/d {
			b.fail("constant %q: bad shape %v", name, dims)
			return name
		}
		n *= d
	}
	if n != len(data) {
		b.fail("constant %q: shape %v holds %d elements, there are %d", name, dims, n, len(data))
		return name
	}
	b.define(name)
	b.model.Graph.Initializer = append(b.model.Graph.Initializer, tensor(name, data, dims))
	return name
}

// tensor copies data. All supported machines are little-endian, as the format is.
func tensor[T Element](name string, data []T, dims []int) *onnxpb.TensorProto {
	t := &onnxpb.TensorProto{DataType: proto.Int32(int32(TypeOf[T]()))}
	if name != "" {
		t.Name = &name
	}
	for _, d := range dims {
		t.Dims = append(t.Dims, int64(d))
	}
	size := len(data) * TypeOf[T]().Size()
	t.RawData = append([]byte{}, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), size)...)
	return t
}

// Op adds a node with one output and returns the output's name. An operator of
// another domain is written with it: "com.microsoft.FusedMatMul". An optional
// input that is left out in the middle is "".
func (b *Builder) Op(op string, inputs []string, attrs ...Attr) string {
	return b.Ops(op, 1, inputs, attrs...)[0]
}

// Ops is Op for a node with several outputs.
func (b *Builder) Ops(op string, outputs int, inputs []string, attrs ...Attr) []string {
	out := make([]string, outputs)
	for i := range out {
		out[i] = b.name(op[strings.LastIndexByte(op, '.')+1:])
	}
	b.node(op, inputs, out, attrs)
	return out
}

func (b *Builder) node(op string, in, out []string, attrs []Attr) {
	for _, name := range in {
		if name != "" {
			b.use(name)
		}
	}
	for _, name := range out {
		b.define(name)
		b.made[name] = true
	}
	domain := ""
	if dot := strings.LastIndexByte(op, '.'); dot >= 0 {
		domain, op = op[:dot], op[dot+1:]
	}
	if op == "" {
		b.fail("a node has no operator")
	}
	if !b.domains[domain] {
		b.Domain(domain, 1)
	}
	n := &onnxpb.NodeProto{
		Name: proto.String("n" + strconv.Itoa(len(b.model.Graph.Node))), OpType: &op,
		Input: append([]string{}, in...), Output: append([]string{}, out...),
	}
	if domain != "" {
		n.Domain = &domain
	}
	for _, a := range attrs {
		n.Attribute = append(n.Attribute, a.pb)
	}
	b.model.Graph.Node = append(b.model.Graph.Node, n)
}

// Marshal is the finished model's bytes: equal calls give equal bytes, on every
// machine. It returns the first mistake made while building.
func (b *Builder) Marshal() ([]byte, error) {
	g := b.model.Graph
	if b.err == nil && len(g.Output) == 0 {
		b.fail("no outputs")
	}
	if b.err != nil {
		return nil, b.err
	}
	return marshal(b.model)
}

func marshal(m *onnxpb.ModelProto) ([]byte, error) {
	if size := proto.Size(m); size > math.MaxInt32 {
		return nil, fmt.Errorf("onnx graph %q: %d bytes are more than the format's 2 GiB", m.GetGraph().GetName(), size)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("onnx graph %q: %w", b.model.Graph.GetName(), fmt.Errorf(format, args...))
	}
}

func (b *Builder) name(base string) string {
	for {
		name := base + "_" + strconv.Itoa(b.fresh)
		b.fresh++
		if !b.known[name] {
			return name
		}
	}
}

func (b *Builder) define(name string) {
	switch {
	case name == "":
		b.fail("a value has no name")
	case b.known[name]:
		b.fail("two values have the name %q", name)
	}
	b.known[name] = true
}

func (b *Builder) use(name string) {
	if !b.known[name] {
		b.fail("no value has the name %q", name)
	}
}

var errDim = errors.New("a dimension is an int from 0 on or a name")

func (b *Builder) valueInfo(name string, t DType, dims []any) *onnxpb.ValueInfoProto {
	if t.Size() == 0 {
		b.fail("value %q: %s is not an element type", name, t)
	}
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		dim := &onnxpb.TensorShapeProto_Dimension{}
		switch d := d.(type) {
		case int:
			if d < 0 {
				b.fail("value %q: %w", name, errDim)
			}
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}
		case string:
			dim.Value = &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: d}
		default:
			b.fail("value %q: %w", name, errDim)
		}
		shape.Dim = append(shape.Dim, dim)
	}
	return &onnxpb.ValueInfoProto{Name: &name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(t)), Shape: shape},
	}}}
}
