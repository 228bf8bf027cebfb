package uniad

import (
	"fmt"
	"math"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// weight is one of the model's tensors: its name, its shape, and how its values
// begin.
type weight struct {
	name  string
	shape []int
	init  func(dst []float32, s *stream.Stream)
}

// weights are the model's tensors. They begin as in UniAD's code: linear layers with
// Xavier's uniform distribution and biases of zero, the projections of queries, keys
// and values as one layer of three times the width (torch.nn.MultiheadAttention's
// in_proj), the decoder's queries with the normal distribution, and positions with
// the uniform one in [0, 1).
func (a arch) weights() []weight {
	var out []weight
	add := func(name string, init func([]float32, *stream.Stream), shape ...int) {
		out = append(out, weight{name, shape, init})
	}
	linear := func(name string, to, from, fans int) {
		add(name+".weight", uniform(math.Sqrt(6/float64(fans))), to, from)
		add(name+".bias", constant(0), to)
	}
	d := a.Hidden
	attention := func(name string) {
		for _, part := range []string{".q", ".k", ".v"} {
			linear(name+part, d, d, d+3*d)
		}
		linear(name+".o", d, d, d+d)
	}
	ffn := func(name string) {
		linear(name+".1", a.FFN, d, d+a.FFN)
		linear(name+".2", d, a.FFN, d+a.FFN)
	}
	norm := func(name string) {
		add(name+".weight", constant(1), d)
		add(name+".bias", constant(0), d)
	}

	linear("input_proj", d, a.Channels, d+a.Channels)
	add("pos.row", unit, a.Height, d/2)
	add("pos.col", unit, a.Width, d/2)
	for i := range a.Encoders {
		l := fmt.Sprintf("encoder.%d.", i)
		attention(l + "attn")
		ffn(l + "ffn")
		norm(l + "norm1")
		norm(l + "norm2")
	}
	for i := range a.Decoders {
		l := fmt.Sprintf("decoder.%d.", i)
		add(l+"query", normal, a.tokens(), d)
		attention(l + "attn1")
		attention(l + "attn2")
		ffn(l + "ffn")
		norm(l + "norm1")
		norm(l + "norm2")
		norm(l + "norm3")
	}
	norm("norm")
	linear("output_proj", a.Channels, d, d+a.Channels)
	return out
}

func constant(v float32) func([]float32, *stream.Stream) {
	return func(dst []float32, _ *stream.Stream) {
		for i := range dst {
			dst[i] = v
		}
	}
}

// uniform draws from [-bound, bound).
func uniform(bound float64) func([]float32, *stream.Stream) {
	return func(dst []float32, s *stream.Stream) {
		for i := range dst {
			dst[i] = float32(bound * (2*s.Float64() - 1))
		}
	}
}

func unit(dst []float32, s *stream.Stream) {
	for i := range dst {
		dst[i] = s.Float32()
	}
}

func normal(dst []float32, s *stream.Stream) { s.Norms(dst) }

// initial draws the values of a weight; each has a stream of its own.
func (w weight) initial(seed uint64) []float32 {
	dst := make([]float32, product(w.shape))
	w.init(dst, stream.New(seed, name, "init", w.name))
	return dst
}
