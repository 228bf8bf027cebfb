package uniad

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// tiny is an architecture in which no two sizes are alike.
var tiny = arch{reconstruct.Arch{
	Channels: 5, Height: 4, Width: 3, Hidden: 6, Heads: 3, Encoders: 1, Decoders: 2, FFN: 7,
	Window: [2]int{3, 1}, Masked: []string{reconstruct.InEncoder, reconstruct.InDecoder1, reconstruct.InDecoder2}, Dropout: 0.25, Jitter: 2,
}}

// random gives the weights values that are away from zero and one, so that each of
// them matters, and inputs for a batch of n.
func random(a arch, n int) (map[string][]float32, []*tensors.Tensor) {
	s := stream.New(3, "test")
	weights := map[string][]float32{}
	for _, w := range a.Weights() {
		values := w.Draw(1, name)
		noise := make([]float32, len(values))
		s.Norms(noise)
		for i := range values {
			values[i] += 0.1 * noise[i]
		}
		weights[w.Name] = values
	}
	var inputs []*tensors.Tensor
	for _, sh := range a.inputs(n) {
		t := tensors.FromShape(sh)
		t.MustMutableFlatData(func(flat any) {
			switch flat := flat.(type) {
			case []float32:
				s.Norms(flat)
			case []uint8:
				s.Bernoulli(flat, 1-a.Dropout)
			}
		})
		inputs = append(inputs, t)
	}
	return weights, inputs
}

func weightsOf(a arch, values map[string][]float32) *train.Weights {
	w := train.NewWeights()
	for _, one := range a.Weights() {
		w.Add(one.Name, values[one.Name], one.Shape...)
	}
	return w
}

// The gradient by each weight, along a random direction, is the slope of the loss.
// GELU has no kinks, over which finite differences are wrong; the oracle has ReLU.
func TestGradients(t *testing.T) {
	a := tiny
	a.GELU = true
	b := methodtest.Backend(t, "go")
	values, inputs := random(a, 3)
	w := weightsOf(a, values)
	defer w.Close()
	_, grads := methodtest.Gradients(t, b, w, a.loss, inputs)
	exec, err := w.Graph(b, func(v train.Values, in []*graph.Node) []*graph.Node { return []*graph.Node{a.loss(v, in)} })
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	s := stream.New(5, "direction")
	for _, one := range a.Weights() {
		base, direction := values[one.Name], make([]float32, train.Size(one.Shape))
		s.Norms(direction)
		length := 0.0
		for _, d := range direction {
			length += float64(d) * float64(d)
		}
		length = math.Sqrt(length)
		slope := 0.0
		for i, d := range direction {
			slope += float64(d) / length * float64(grads[one.Name][i])
		}
		at := func(h float64) float64 {
			moved := make([]float32, len(base))
			for i, d := range direction {
				moved[i] = base[i] + float32(h/length*float64(d))
			}
			if err := w.Set(one.Name, moved); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Exec(methodtest.Args(inputs)...)
			if err != nil {
				t.Fatal(err)
			}
			return float64(tensors.MustCopyFlatData[float32](out[0])[0])
		}
		const h = 0.02
		want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
		at(0)
		if math.Abs(want-slope) > 1e-4+1e-3*math.Abs(want) {
			t.Errorf("%s: slope %g, by finite differences %g", one.Name, slope, want)
		}
	}
}
