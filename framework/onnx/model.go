package onnx

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx/internal/onnxpb"
)

// Model is a network that was read. Not safe for concurrent use with AddOutput.
type Model struct{ pb *onnxpb.ModelProto }

// Node is one operation of a network. Attributes are not shown.
type Node struct {
	Name, Domain, Op string
	Inputs, Outputs  []string
}

// Read reads a network. It checks the format and that the graph has outputs with
// names, not that the graph makes sense: ONNX Runtime checks that. Errors are of
// kind Data.
func Read(data []byte) (*Model, error) {
	m := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(data, m); err != nil {
		return nil, notONNX(err)
	}
	if m.Graph == nil || len(m.OpsetImport) == 0 {
		return nil, notONNX(errIncomplete)
	}
	model := &Model{m}
	return model, checkNames(model.Inputs(), model.Outputs())
}

var errIncomplete = fmt.Errorf("no graph or no operator set")

func notONNX(err error) error {
	return fault.New(fault.Data, "not an ONNX model: %w", err).WithHint("the file may be cut short, or a Git LFS pointer instead of the model itself")
}

func checkNames(in, out []Value) error {
	seen := map[string]bool{}
	for _, v := range in {
		if v.Name == "" || seen[v.Name] {
			return fault.New(fault.Data, "bad ONNX model: two inputs with the name %q, or one without a name", v.Name)
		}
		seen[v.Name] = true
	}
	if len(out) == 0 {
		return fault.New(fault.Data, "bad ONNX model: the graph has no outputs")
	}
	seen = map[string]bool{}
	for _, v := range out {
		if v.Name == "" || seen[v.Name] {
			return fault.New(fault.Data, "bad ONNX model: two outputs with the name %q, or one without a name", v.Name)
		}
		seen[v.Name] = true
	}
	return nil
}

// Name is the name of the graph.
func (m *Model) Name() string { return m.pb.Graph.GetName() }

// Opsets maps each operator domain to its version; "" is ONNX itself.
func (m *Model) Opsets() map[string]int {
	sets := map[string]int{}
	for _, o := range m.pb.OpsetImport {
		domain := o.GetDomain()
		if domain == "ai.onnx" { // the other spelling of ""
			domain = ""
		}
		sets[domain] = int(o.GetVersion())
	}
	return sets
}

// Meta is the model's metadata.
func (m *Model) Meta() map[string]string {
	meta := map[string]string{}
	for _, e := range m.pb.MetadataProps {
		meta[e.GetKey()] = e.GetValue()
	}
	return meta
}

// Inputs are the tensors that a caller must give: inputs that an initializer
// provides are left out.
func (m *Model) Inputs() []Value {
	given := map[string]bool{}
	for _, t := range m.pb.Graph.Initializer {
		given[t.GetName()] = true
	}
	return required(m.pb.Graph.Input, given)
}

func required(in []*onnxpb.ValueInfoProto, given map[string]bool) []Value {
	var vs []Value
	for _, v := range in {
		if !given[v.GetName()] {
			vs = append(vs, value(v))
		}
	}
	return vs
}

// Outputs are the graph's outputs.
func (m *Model) Outputs() []Value { return values(m.pb.Graph.Output) }

// Initializers are the constants (weights) of the graph, without their data.
func (m *Model) Initializers() []Value {
	vs := make([]Value, len(m.pb.Graph.Initializer))
	for i, t := range m.pb.Graph.Initializer {
		vs[i] = Value{Name: t.GetName(), DType: known(t.GetDataType()), Ranked: true}
		for _, d := range t.Dims {
			vs[i].Shape = append(vs[i].Shape, Dim{Size: d})
		}
	}
	return vs
}

// Nodes are the graph's operations, in its order.
func (m *Model) Nodes() []Node {
	ns := make([]Node, len(m.pb.Graph.Node))
	for i, n := range m.pb.Graph.Node {
		ns[i] = Node{n.GetName(), n.GetDomain(), n.GetOpType(), n.Input, n.Output}
	}
	return ns
}

// AddOutput makes the tensor of that name, which some node computes, an output
// of the graph, after those it has; nothing happens if it is one already. Type
// and shape are declared only if the model says them for inner tensors.
func (m *Model) AddOutput(tensor string) error {
	g := m.pb.Graph
	for _, o := range g.Output {
		if o.GetName() == tensor {
			return nil
		}
	}
	made := false
	for _, n := range g.Node {
		for _, o := range n.Output {
			made = made || o == tensor
		}
	}
	if !made || tensor == "" {
		return fault.New(fault.Data, "onnx graph %q: no node computes a tensor %q", m.Name(), tensor)
	}
	out := &onnxpb.ValueInfoProto{Name: &tensor}
	for _, v := range g.ValueInfo {
		if v.GetName() == tensor {
			out = v
		}
	}
	g.Output = append(g.Output, out)
	return nil
}

// Marshal is the model's bytes.
func (m *Model) Marshal() ([]byte, error) { return marshal(m.pb) }

// ReadInterface reads what a model asks for and gives: it skips nodes and
// weights, so it takes neither time nor memory for a large model. Errors are
// of kind Data.
func ReadInterface(data []byte) (inputs, outputs []Value, err error) {
	m := &onnxpb.ModelHeader{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, m); err != nil {
		return nil, nil, notONNX(err)
	}
	if m.Graph == nil || len(m.OpsetImport) == 0 {
		return nil, nil, notONNX(errIncomplete)
	}
	given := map[string]bool{}
	for _, t := range m.Graph.Initializer {
		given[t.GetName()] = true
	}
	inputs, outputs = required(m.Graph.Input, given), values(m.Graph.Output)
	return inputs, outputs, checkNames(inputs, outputs)
}

func values(in []*onnxpb.ValueInfoProto) []Value {
	vs := make([]Value, len(in))
	for i, v := range in {
		vs[i] = value(v)
	}
	return vs
}

func value(v *onnxpb.ValueInfoProto) Value {
	t := v.GetType().GetTensorType()
	out := Value{Name: v.GetName(), DType: known(t.GetElemType()), Ranked: t.GetShape() != nil}
	for _, d := range t.GetShape().GetDim() {
		size, ok := d.GetValue().(*onnxpb.TensorShapeProto_Dimension_DimValue)
		if ok && size.DimValue >= 0 {
			out.Shape = append(out.Shape, Dim{Size: size.DimValue})
		} else {
			out.Shape = append(out.Shape, Dim{Size: -1, Name: d.GetDimParam()})
		}
	}
	return out
}

// known is the type, or Undefined for one that Go has no form of (strings,
// bfloat16, ...).
func known(t int32) DType {
	if DType(t).Size() == 0 {
		return Undefined
	}
	return DType(t)
}
