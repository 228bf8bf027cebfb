package reconstruct

import (
	"fmt"
	"math"

	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// Weights are the model's tensors. They begin as in UniAD's code: linear layers with
// Xavier's uniform distribution and biases of zero, the projections of queries, keys
// and values as one layer of three times the width (torch.nn.MultiheadAttention's
// in_proj), the decoder's queries with the normal distribution, and positions with
// the uniform one in [0, 1).
func (a Arch) Weights() []train.Initial {
	var out []train.Initial
	add := func(name string, init func([]float32, *stream.Stream), shape ...int) {
		out = append(out, train.Initial{Name: name, Shape: shape, Init: init})
	}
	linear := func(name string, to, from, fans int) {
		add(name+".weight", train.Uniform(math.Sqrt(6/float64(fans))), to, from)
		add(name+".bias", train.Constant(0), to)
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
		add(name+".weight", train.Constant(1), d)
		add(name+".bias", train.Constant(0), d)
	}

	linear("input_proj", d, a.Channels, d+a.Channels)
	add("pos.row", train.Unit, a.Height, d/2)
	add("pos.col", train.Unit, a.Width, d/2)
	for i := range a.Encoders {
		l := fmt.Sprintf("encoder.%d.", i)
		attention(l + "attn")
		ffn(l + "ffn")
		norm(l + "norm1")
		norm(l + "norm2")
	}
	for i := range a.Decoders {
		l := fmt.Sprintf("decoder.%d.", i)
		add(l+"query", train.Normal, a.Tokens(), d)
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
