// Package train trains models in GoMLX as PyTorch would: AdamW with decoupled
// weight decay, clipping by the global norm and a step schedule, in PyTorch's
// formulas; batches in seeded order, their inputs prepared while the step before
// runs; progress; and checkpoints from which a killed run goes on to the same final
// bytes.
//
// A model is a function that builds the loss from its weights and inputs (Loss), on
// whatever backend; Stepper does one step of it, Run all of them.
package train

import (
	"fmt"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlctx "github.com/gomlx/gomlx/pkg/ml/context"
)

// Weights are the float32 tensors of a model, by name. They live where the backend
// computes that they were last used with.
type Weights struct {
	ctx   *mlctx.Context
	names []string
}

// Values gives the node of a weight in the graph that is being built.
type Values func(name string) *graph.Node

// NewWeights makes an empty set.
func NewWeights() *Weights { return &Weights{ctx: mlctx.New().Checked(false)} }

// Add adds a weight with a copy of the values.
func (w *Weights) Add(name string, values []float32, shape ...int) {
	w.ctx.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, shape...))
	w.names = append(w.names, name)
}

// AddFrozen adds a tensor, with a copy of the values, that graphs read as they read
// weights, and that is never trained: it is not among Names, and no part of
// checkpoints.
func (w *Weights) AddFrozen(name string, values []float32, shape ...int) {
	w.ctx.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, shape...)).SetTrainable(false)
}

// Names are the weights' names in the order they were added. The slice is not to be
// changed.
func (w *Weights) Names() []string { return w.names }

// Get copies a weight to a new slice.
func (w *Weights) Get(name string) ([]float32, error) { return values(w.ctx, name) }

// Set replaces the values of a weight by a copy of values.
func (w *Weights) Set(name string, values []float32) error {
	v := variable(w.ctx, name)
	return v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...))
}

// Close frees the tensors; the weights are of no use afterwards.
func (w *Weights) Close() { w.ctx.Finalize() }

// Graph makes a function of inputs that reads the weights. It is compiled once for
// each combination of the inputs' shapes; its owner finalizes it.
func (w *Weights) Graph(b backends.Backend, f func(v Values, in []*graph.Node) []*graph.Node) (*mlctx.Exec, error) {
	return mlctx.NewExec(b, w.ctx, func(c *mlctx.Context, in []*graph.Node) []*graph.Node {
		return f(inGraph(c, in[0].Graph()), in)
	})
}

func inGraph(c *mlctx.Context, g *graph.Graph) Values {
	return func(name string) *graph.Node { return variable(c, name).ValueGraph(g) }
}

// variable is the variable in the context's scope. It panics with an error, which
// is how graph functions fail.
func variable(c *mlctx.Context, name string) *mlctx.Variable {
	v := c.GetVariable(name)
	if v == nil {
		panic(fmt.Errorf("there is no weight %q in %q", name, c.Scope()))
	}
	return v
}

func values(c *mlctx.Context, name string) ([]float32, error) {
	t, err := variable(c, name).Value()
	if err != nil {
		return nil, fmt.Errorf("weight %q: %w", name, err)
	}
	out, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, fmt.Errorf("weight %q: %w", name, err)
	}
	return out, nil
}
