package train

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlctx "github.com/gomlx/gomlx/pkg/ml/context"
)

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019) in
// the formulas of torch.optim.AdamW, after the gradients are clipped as
// torch.nn.utils.clip_grad_norm_ does.
type AdamW struct {
	Beta1, Beta2 float64
	Eps          float64
	WeightDecay  float64
	Clip         float64 // bound of the global norm of the gradients; 0 for none
}

// The moments are variables like the weights, of the same names, in scopes of
// their own.
const (
	firstMoment  = "first moment"
	secondMoment = "second moment"
)

// Loss builds the loss, a scalar, of one batch.
type Loss func(v Values, in []*graph.Node) *graph.Node

// Stepper updates weights, one batch at a time.
type Stepper struct {
	opt     AdamW
	weights *Weights
	exec    *mlctx.Exec
	done    int
	// Beta1 and Beta2 to the power of done: by multiplication, since math.Pow differs
	// between machines.
	power1, power2 float64
}

// NewStepper makes a stepper for all weights, with moments of zero.
func NewStepper(b backends.Backend, w *Weights, loss Loss, opt AdamW) (*Stepper, error) {
	s := &Stepper{opt: opt, weights: w, power1: 1, power2: 1}
	for _, name := range w.names {
		shape := variable(w.ctx, name).Shape()
		for _, scope := range []string{firstMoment, secondMoment} {
			w.ctx.In(scope).VariableWithValue(name, tensors.FromShape(shape)).SetTrainable(false)
		}
	}
	var err error
	s.exec, err = mlctx.NewExec(b, w.ctx, func(c *mlctx.Context, in []*graph.Node) *graph.Node {
		n := len(in) - scalars
		l := loss(inGraph(c, in[0].Graph()), in[:n])
		s.update(c, l, in[n:])
		return l
	})
	return s, err
}

// scalars is how many numbers a step takes behind the inputs of the loss: what the
// weights are multiplied with, the size of the step, and epsilon.
const scalars = 3

// update sets the weights and moments after a step:
//
//	g = g min(1, clip/(|g|+1e-6))
//	m = b1 m + (1-b1) g
//	v = b2 v + (1-b2) g g
//	w = w (1 - lr decay) - lr/(1-b1^t) m / (sqrt(v)/sqrt(1-b2^t) + eps)
//
// where the last quotient is multiplied by sqrt(1-b2^t) above and below, which saves
// one pass over the weights.
func (s *Stepper) update(c *mlctx.Context, loss *graph.Node, numbers []*graph.Node) {
	g := loss.Graph()
	shrink, size, eps := numbers[0], numbers[1], numbers[2]
	nodes := make([]*graph.Node, len(s.weights.names))
	for i, name := range s.weights.names {
		nodes[i] = variable(c, name).ValueGraph(g)
	}
	grads := graph.Gradient(loss, nodes...)
	var factor *graph.Node
	if s.opt.Clip > 0 {
		var sum *graph.Node
		for _, grad := range grads {
			one := graph.ReduceAllSum(graph.Square(grad))
			if sum == nil {
				sum = one
			} else {
				sum = graph.Add(sum, one)
			}
		}
		bound := graph.Scalar(g, dtypes.Float32, s.opt.Clip)
		factor = graph.MinScalar(graph.Div(bound, graph.AddScalar(graph.Sqrt(sum), 1e-6)), 1)
	}
	for i, name := range s.weights.names {
		grad := grads[i]
		if factor != nil {
			grad = graph.Mul(grad, factor)
		}
		first, second := variable(c.In(firstMoment), name), variable(c.In(secondMoment), name)
		m := graph.Add(graph.MulScalar(first.ValueGraph(g), s.opt.Beta1), graph.MulScalar(grad, 1-s.opt.Beta1))
		v := graph.Add(graph.MulScalar(second.ValueGraph(g), s.opt.Beta2), graph.MulScalar(graph.Square(grad), 1-s.opt.Beta2))
		first.SetValueGraph(m)
		second.SetValueGraph(v)
		move := graph.Div(graph.Mul(m, size), graph.Add(graph.Sqrt(v), eps))
		variable(c, name).SetValueGraph(graph.Sub(graph.Mul(nodes[i], shrink), move))
	}
}

// Step updates the weights with one batch at a learning rate, and gives its loss.
func (s *Stepper) Step(inputs []*tensors.Tensor, lr float64) (float64, error) {
	s.skip(1)
	root := math.Sqrt(1 - s.power2)
	args := make([]any, 0, len(inputs)+scalars)
	for _, t := range inputs {
		args = append(args, t)
	}
	args = append(args, float32(1-lr*s.opt.WeightDecay), float32(lr*root/(1-s.power1)), float32(s.opt.Eps*root))
	out, err := s.exec.Exec(args...)
	if err != nil {
		return 0, fmt.Errorf("training step %d: %w", s.done, err)
	}
	loss, err := tensors.CopyFlatData[float32](out[0])
	if err == nil {
		err = out[0].FinalizeAll()
	}
	if err != nil {
		return 0, fmt.Errorf("training step %d: %w", s.done, err)
	}
	return float64(loss[0]), nil
}

// skip counts steps that are done.
func (s *Stepper) skip(n int) {
	for range n {
		s.done++
		s.power1 *= s.opt.Beta1
		s.power2 *= s.opt.Beta2
	}
}

// reset makes it as new, for weights of these values.
func (s *Stepper) reset(values Trained) error {
	s.done, s.power1, s.power2 = 0, 1, 1
	for _, name := range s.weights.names {
		if err := s.weights.Set(name, values[name]); err != nil {
			return err
		}
		for _, scope := range []string{firstMoment, secondMoment} {
			v := variable(s.weights.ctx.In(scope), name)
			if err := v.SetValue(tensors.FromShape(v.Shape())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close frees the compiled graphs; the weights stay.
func (s *Stepper) Close() { s.exec.Finalize() }

// StepLR divides training into parts of Every epochs; the learning rate of each is
// Gamma times that of the part before (torch.optim.lr_scheduler.StepLR).
type StepLR struct {
	LR    float64
	Every int
	Gamma float64
}

// At is the learning rate in an epoch, counted from 0.
func (s StepLR) At(epoch int) float64 {
	lr := s.LR
	for range epoch / max(1, s.Every) {
		lr *= s.Gamma
	}
	return lr
}
