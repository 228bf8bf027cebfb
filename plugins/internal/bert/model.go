package bert

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/layers/activations"
)

// The names of a layer's parts, behind that of the layer.
const (
	query      = "attention.self.query"
	key        = "attention.self.key"
	value      = "attention.self.value"
	output     = "attention.output.dense"
	outputNorm = "attention.output.LayerNorm"
	ffnIn      = "intermediate.dense"
	ffnOut     = "output.dense"
	ffnNorm    = "output.LayerNorm"
)

const projection = "projection"

// Encode builds the encoder's graph: words, float32 [N, n, Hidden], are the word
// embeddings of N texts of n tokens each, [CLS] first and [SEP] last, and the
// features are [N, Dim]. w gives the nodes of Weights by name. It panics with an
// error, which is how graph functions fail, if n is above MaxTokens.
func (e *Encoder) Encode(w func(name string) *graph.Node, words *graph.Node) *graph.Node {
	dims := words.Shape().Dimensions
	if len(dims) != 3 || dims[1] > e.MaxTokens || dims[2] != e.Hidden {
		panic(fmt.Errorf("text encoder: words of shape %v, want [N, n, %d] with n at most %d", dims, e.Hidden, e.MaxTokens))
	}
	p := &pass{Encoder: e, w: w}
	position := graph.Slice(w("embeddings.position_embeddings.weight"), graph.AxisRange(0, dims[1]))
	kind := graph.Slice(w("embeddings.token_type_embeddings.weight"), graph.AxisRange(0, 1))
	x := p.norm("embeddings.LayerNorm", graph.Add(words, graph.InsertAxes(graph.Add(position, kind), 0)))
	for i := range e.layers {
		// What the last layer makes of other tokens than [CLS] is not used.
		of := x
		if i == e.layers-1 {
			of = firstToken(x)
		}
		x = p.layer(layer(i), of, x)
	}
	x = graph.Reshape(x, dims[0], e.Hidden)
	if e.files.Projection != "" {
		x = p.linear(projection, x)
	}
	return x
}

// firstToken takes the first of n tokens, [N, n, D] to [N, 1, D]: by a sum, since
// GoMLX's backend in Go has no gradient of slices.
func firstToken(x *graph.Node) *graph.Node {
	mask := make([]float32, x.Shape().Dimensions[1])
	mask[0] = 1
	one := graph.ConstTensor(x.Graph(), tensors.FromFlatDataAndDimensions(mask, 1, len(mask), 1))
	return graph.ReduceAndKeep(graph.Mul(x, one), graph.ReduceSum, 1)
}

// pass builds one forward pass.
type pass struct {
	*Encoder
	w func(name string) *graph.Node
}

// layer gives the states [N, m, Hidden] after a layer for the tokens whose states
// before it are x, which are some of all tokens, [N, n, Hidden].
func (p *pass) layer(name string, x, all *graph.Node) *graph.Node {
	x = p.norm(name+outputNorm, graph.Add(x, p.linear(name+output, p.attention(name, x, all))))
	inner := p.linear(name+ffnIn, x)
	if p.files.Activation == "gelu" {
		inner = activations.Gelu(inner)
	} else {
		inner = graph.MaxScalar(inner, 0)
	}
	return p.norm(name+ffnNorm, graph.Add(x, p.linear(name+ffnOut, inner)))
}

// attention is multi-head attention before its output layer: [N, m, Hidden].
func (p *pass) attention(name string, x, all *graph.Node) *graph.Node {
	d := p.Hidden / p.files.Heads
	heads := func(x *graph.Node) *graph.Node {
		dims := x.Shape().Dimensions
		return graph.Reshape(x, dims[0], dims[1], p.files.Heads, d)
	}
	q := heads(graph.MulScalar(p.linear(name+query, x), 1/math.Sqrt(float64(d))))
	k, v := heads(p.linear(name+key, all)), heads(p.linear(name+value, all))
	logits := graph.DotGeneral(q, []int{3}, []int{0, 2}, k, []int{3}, []int{0, 2})                       // [N, heads, m, n]
	seen := graph.DotGeneral(graph.Softmax(logits, -1), []int{3}, []int{0, 1}, v, []int{1}, []int{0, 2}) // [N, heads, m, d]
	return graph.Reshape(graph.TransposeAllAxes(seen, 0, 2, 1, 3), x.Shape().Dimensions...)
}

// linear is torch.nn.Linear over the last axis: its weight is [out, in].
func (p *pass) linear(name string, x *graph.Node) *graph.Node {
	weight, bias := p.w(name+".weight"), p.w(name+".bias")
	dims := append([]int(nil), x.Shape().Dimensions...)
	last := len(dims) - 1
	flat := graph.Reshape(x, -1, dims[last])
	y := graph.DotGeneral(flat, []int{1}, nil, weight, []int{1}, nil)
	dims[last] = weight.Shape().Dimensions[0]
	return graph.Reshape(graph.Add(y, graph.InsertAxes(bias, 0)), dims...)
}

// norm is layer normalisation over the last of three axes.
func (p *pass) norm(name string, x *graph.Node) *graph.Node {
	centered := graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, -1))
	variance := graph.ReduceAndKeep(graph.Square(centered), graph.ReduceMean, -1)
	normal := graph.Div(centered, graph.Sqrt(graph.AddScalar(variance, p.files.Eps)))
	row := func(what string) *graph.Node { return graph.InsertAxes(p.w(name+what), 0, 0) }
	return graph.Add(graph.Mul(normal, row(".weight")), row(".bias"))
}
