package ortbackend

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/ort"
)

// executable is a computation loaded into ONNX Runtime. It may run several times
// at once.
type executable struct {
	backend    *Backend
	name       string
	session    *ort.Session
	parameters []*node // all, whether used or not
	used       []int   // the session's inputs, as indices of parameters
	outputs    []shapes.Shape
}

// Compile lowers what the outputs need and loads it.
func (b *Builder) Compile(outputs []backends.Op, _ []*backends.ShardingSpec) (backends.Executable, error) {
	nodes, err := b.nodes(outputs...)
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return nil, errOutputs
	}
	b.compiled = true
	e := &executable{backend: b.backend, name: b.name, parameters: b.parameters}
	model, err := b.model(nodes, e)
	if err != nil {
		return nil, fmt.Errorf("computation %q: %w", b.name, err)
	}
	e.session, err = ort.NewSession(model, ort.SessionOptions{Device: b.backend.device, Threads: b.backend.threads, Prepared: true})
	if err != nil {
		return nil, fmt.Errorf("computation %q: %w", b.name, err)
	}
	b.graph.known = nil // nothing is added any more
	return e, nil
}

// model writes the ONNX graph and fills in what e tells of its edges.
func (b *Builder) model(outputs []*node, e *executable) ([]byte, error) {
	l := newLowerer(b.name, outputs)
	for _, n := range reachable(outputs) {
		if p, ok := n.attr.(parameter); ok {
			l.view(n) // inputs in the order of the parameters
			e.used = append(e.used, p.index)
		}
	}
	if len(e.used) == 0 { // a session needs one
		l.out.Input("none", 1, 1)
	}
	taken := map[string]bool{}
	for i, n := range outputs {
		e.outputs = append(e.outputs, n.shape)
		name := l.full(n)
		dims := n.dims()
		if len(dims) == 0 {
			name, dims = l.reshape(name, nil, []int{1}), []int{1}
		}
		t, err := elementType(n.shape.DType)
		if err != nil {
			return nil, err
		}
		sizes := make([]any, len(dims))
		for j, d := range dims {
			sizes[j] = d
		}
		out := outputName(i)
		if l.out.Made(name) && !taken[name] {
			out, taken[name] = name, true
		}
		l.out.Output(out, name, t, sizes...)
	}
	if l.err != nil {
		return nil, l.err
	}
	return l.out.Marshal()
}

// Finalize unloads the computation.
func (e *executable) Finalize() { _ = e.session.Close() } // it has nothing left to lose

// Inputs are the parameters, in the order of their creation.
func (e *executable) Inputs() (names []string, inputs []shapes.Shape) {
	for _, n := range e.parameters {
		names, inputs = append(names, n.attr.(parameter).name), append(inputs, n.shape)
	}
	return names, inputs
}

// Outputs are the shapes of the results.
func (e *executable) Outputs() []shapes.Shape { return e.outputs }

// Execute runs the computation. Outputs take the memory of buffers that earlier
// calls were given by donation; that of this call's is free for the next.
func (e *executable) Execute(inputs []backends.Buffer, donate []bool, _ backends.DeviceNum) ([]backends.Buffer, error) {
	if len(inputs) != len(e.parameters) {
		return nil, fmt.Errorf("computation %q: %d inputs given, it has %d", e.name, len(inputs), len(e.parameters))
	}
	given := make([]*buffer, len(inputs))
	for i, x := range inputs {
		f, err := asBuffer(x)
		if err != nil {
			return nil, fmt.Errorf("computation %q: input %d: %w", e.name, i, err)
		}
		if want := e.parameters[i].shape; !f.shape.Equal(want) {
			return nil, fmt.Errorf("computation %q: input %d is %s, not %s", e.name, i, f.shape, want)
		}
		given[i] = f
	}
	in := make([]*ort.Tensor, 0, len(e.used)+1)
	for _, i := range e.used {
		in = append(in, given[i].tensor)
	}
	if len(in) == 0 {
		none, err := ort.NewTensor([]float32{0}, 1)
		if err != nil {
			return nil, err
		}
		in = append(in, none)
	}
	results, out := make([]*buffer, len(e.outputs)), make([]*ort.Tensor, len(e.outputs))
	for i, shape := range e.outputs {
		f, err := e.backend.newBuffer(shape)
		if err != nil {
			return nil, err
		}
		results[i], out[i] = f, f.tensor
	}
	if err := e.session.Run(context.Background(), in, out); err != nil {
		for _, f := range results {
			e.backend.release(f)
		}
		return nil, fmt.Errorf("computation %q: %w", e.name, err)
	}
	for i, f := range given {
		if i < len(donate) && donate[i] && f.tensor != nil {
			e.backend.release(f)
		}
	}
	buffers := make([]backends.Buffer, len(results))
	for i, f := range results {
		buffers[i] = f
	}
	return buffers, nil
}
