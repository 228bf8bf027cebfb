package reconstruct

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/layers/activations"

	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// pass builds one forward pass. Activations are [B, T, D], or [1, T, D] where they
// are the same for all images.
type pass struct {
	Arch
	w     train.Values
	batch int
	keep  []*graph.Node // keep bits of the sites to come; nil without dropout
	mask  *graph.Node   // neighbour mask [1, 1, T, T]
}

// reconstruct is the transformer: [B, T, C] to [B, T, C].
func (p *pass) reconstruct(x *graph.Node) *graph.Node {
	p.mask = p.neighbourMask(x.Graph())
	// Its gradients are added up for each image, and then once over the images.
	onePos := p.position()
	pos := graph.BroadcastToDims(onePos, p.batch, p.Tokens(), p.Hidden)
	x = p.linear("input_proj", x)
	for i := range p.Encoders {
		l := fmt.Sprintf("encoder.%d.", i)
		placed := graph.Add(x, pos)
		x = p.norm(l+"norm1", graph.Add(x, p.attention(l+"attn", InEncoder, placed, placed, x)))
		x = p.norm(l+"norm2", graph.Add(x, p.feedForward(l+"ffn", x)))
	}
	memory := x
	placedMemory := graph.Add(memory, pos)
	for i := range p.Decoders {
		l := fmt.Sprintf("decoder.%d.", i)
		query := graph.InsertAxes(p.w(l+"query"), 0)
		below, placedBelow := x, placedMemory
		if i > 0 {
			placedBelow = graph.Add(below, pos)
		}
		x = p.norm(l+"norm1", graph.Add(query, p.attention(l+"attn1", InDecoder1, graph.Add(query, onePos), placedMemory, memory)))
		x = p.norm(l+"norm2", graph.Add(x, p.attention(l+"attn2", InDecoder2, graph.Add(x, pos), placedBelow, below)))
		x = p.norm(l+"norm3", graph.Add(x, p.feedForward(l+"ffn", x)))
	}
	return p.linear("output_proj", p.norm("norm", x))
}

// position is the learned embedding of a token's column and row, one behind the
// other: [1, T, D].
func (p *pass) position() *graph.Node {
	half := p.Hidden / 2
	col := graph.BroadcastToDims(graph.InsertAxes(p.w("pos.col"), 0), p.Height, p.Width, half)
	row := graph.BroadcastToDims(graph.InsertAxes(p.w("pos.row"), 1), p.Height, p.Width, half)
	return graph.Reshape(graph.Concatenate([]*graph.Node{col, row}, -1), 1, p.Tokens(), p.Hidden)
}

// hidden is what the mask adds to the logit of a token that is not to be seen: next
// to it all others vanish, and unlike infinity it makes no NaN.
const hidden = -1e9

// neighbourMask hides from each token those in a window around it, itself included:
// [1, 1, T, T], of hidden and 0.
func (p *pass) neighbourMask(g *graph.Graph) *graph.Node {
	t := p.Tokens()
	m := tensors.FromShape(shapes.Make(dtypes.Float32, 1, 1, t, t))
	tensors.MustMutableFlatData(m, func(flat []float32) {
		for i := range t {
			y, x := i/p.Width, i%p.Width
			for v := max(0, y-p.Window[0]/2); v <= min(p.Height-1, y+p.Window[0]/2); v++ {
				for u := max(0, x-p.Window[1]/2); u <= min(p.Width-1, x+p.Window[1]/2); u++ {
					flat[i*t+v*p.Width+u] = hidden
				}
			}
		}
	})
	return graph.ConstTensor(g, m)
}

// attention is multi-head attention with dropout of the probabilities and of the
// output. A query that is the same for all images is projected once.
func (p *pass) attention(name, kind string, query, key, value *graph.Node) *graph.Node {
	d := p.Hidden / p.Heads
	heads := func(x *graph.Node) *graph.Node {
		return graph.Reshape(x, x.Shape().Dimensions[0], p.Tokens(), p.Heads, d)
	}
	// The logits' scale is applied to what is smallest, the query's weights.
	scale := 1 / math.Sqrt(float64(d))
	q := heads(p.affine(query, graph.MulScalar(p.w(name+".q.weight"), scale), graph.MulScalar(p.w(name+".q.bias"), scale)))
	k, v := heads(p.linear(name+".k", key)), heads(p.linear(name+".v", value))
	q = graph.BroadcastToDims(q, k.Shape().Dimensions...)

	logits := graph.DotGeneral(q, []int{3}, []int{0, 2}, k, []int{3}, []int{0, 2}) // [B, heads, T, T]
	if slices.Contains(p.Masked, kind) {
		logits = graph.Add(logits, p.mask)
	}
	probs := p.dropout(graph.Softmax(logits, -1))
	seen := graph.DotGeneral(probs, []int{3}, []int{0, 1}, v, []int{1}, []int{0, 2}) // [B, heads, T, d]
	seen = graph.Reshape(graph.TransposeAllAxes(seen, 0, 2, 1, 3), p.batch, p.Tokens(), p.Hidden)
	return p.dropout(p.linear(name+".o", seen))
}

func (p *pass) feedForward(name string, x *graph.Node) *graph.Node {
	inner := p.linear(name+".1", x)
	if p.GELU {
		inner = activations.Gelu(inner)
	} else {
		inner = graph.MaxScalar(inner, 0)
	}
	return p.dropout(p.linear(name+".2", p.dropout(inner)))
}

// linear is torch.nn.Linear: its weight is [out, in].
func (p *pass) linear(name string, x *graph.Node) *graph.Node {
	return p.affine(x, p.w(name+".weight"), p.w(name+".bias"))
}

func (p *pass) affine(x, weight, bias *graph.Node) *graph.Node {
	dims := x.Shape().Dimensions
	n, out := dims[0], weight.Shape().Dimensions[0]
	flat := graph.Reshape(x, n*p.Tokens(), dims[2])
	y := graph.DotGeneral(flat, []int{1}, nil, weight, []int{1}, nil)
	return graph.Reshape(graph.Add(y, graph.InsertAxes(bias, 0)), n, p.Tokens(), out)
}

// normEps is torch.nn.LayerNorm's.
const normEps = 1e-5

// norm is layer normalization over the last axis.
func (p *pass) norm(name string, x *graph.Node) *graph.Node {
	centered := graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, -1))
	variance := graph.ReduceAndKeep(graph.Square(centered), graph.ReduceMean, -1)
	normal := graph.Div(centered, graph.Sqrt(graph.AddScalar(variance, normEps)))
	row := func(what string) *graph.Node { return graph.InsertAxes(p.w(name+what), 0, 0) }
	return graph.Add(graph.Mul(normal, row(".weight")), row(".bias"))
}

// dropout multiplies by the next site's mask.
func (p *pass) dropout(x *graph.Node) *graph.Node {
	if p.keep == nil {
		return x
	}
	bits := p.keep[0]
	p.keep = p.keep[1:]
	return graph.Mul(x, unpack(bits, 1/(1-p.Dropout), x.Shape().Dimensions...))
}

// unpack turns packed bits into a float32 tensor of so many dimensions: value where
// a bit is 1, else 0.
func unpack(bits *graph.Node, value float64, dims ...int) *graph.Node {
	table := tensors.FromShape(shapes.Make(dtypes.Float32, 256, 8))
	tensors.MustMutableFlatData(table, func(flat []float32) {
		for i := range flat {
			if i/8>>(i%8)&1 == 1 {
				flat[i] = float32(value)
			}
		}
	})
	index := graph.InsertAxes(graph.ConvertDType(bits, dtypes.Int32), -1)
	flat := graph.Reshape(graph.Gather(graph.ConstTensor(bits.Graph(), table), index), -1)
	if n := train.Size(dims); n%8 != 0 {
		flat = graph.Slice(flat, graph.AxisRange(0, n))
	}
	return graph.Reshape(flat, dims...)
}
