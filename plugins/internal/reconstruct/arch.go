// Package reconstruct is the reconstruction transformer of UniAD (You et al.,
// NeurIPS 2022, arXiv 2206.03687), which LTAD uses as its reconstruction module: the
// architecture, its options, its initial weights, and the noise that it is trained
// with. What is made of the reconstruction, the methods know.
//
// Tokens, [T, C] row by row, are projected to the hidden size; position embeddings of
// row and column, both learned, are added to queries and keys of every attention,
// not to values. A layer of the encoder is self-attention and a feed-forward
// network, each with a residual and a layer norm behind it. A layer of the decoder is
// attention of its learned query over the encoder's output, attention over the output
// of the layer below (the encoder's, for the lowest), and a feed-forward network. A
// layer norm and a projection to C channels end it. Attention leaves out a window of
// 7 x 7 tokens around each, in training and afterwards.
//
// ../../uniad/testdata/reference.py is the same in PyTorch; UniAD's tests check the
// numbers here against those that it makes.
package reconstruct

import (
	"strconv"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// Arch is the transformer's architecture.
type Arch struct {
	Channels int // of a token
	Height   int // of the grid of tokens
	Width    int

	Hidden   int
	Heads    int
	Encoders int
	Decoders int
	FFN      int
	GELU     bool // instead of ReLU

	Window [2]int   // height and width of the neighbour mask
	Masked []string // the attentions that have it

	Dropout float64
	Jitter  float64 // scale
}

// Tokens is the number of tokens of an image.
func (a Arch) Tokens() int { return a.Height * a.Width }

// The attentions, as option neighbor_mask_in names them.
const (
	InEncoder  = "encoder"
	InDecoder1 = "decoder1"
	InDecoder2 = "decoder2"
)

// Input is the shape of the tokens of n images: [n, T, C].
func (a Arch) Input(n int) shapes.Shape {
	return shapes.Make(dtypes.Float32, n, a.Tokens(), a.Channels)
}

// Sites are the shapes of what dropout is applied to, for a batch of n images, in
// the order of the forward pass: in a layer of the encoder the attention's
// probabilities, its output, the hidden layer after the ReLU, and the FFN's output;
// in one of the decoder the first two for both attentions.
func (a Arch) Sites(n int) [][]int {
	if a.Dropout == 0 {
		return nil
	}
	t := a.Tokens()
	attention := [][]int{{n, a.Heads, t, t}, {n, t, a.Hidden}}
	ffn := [][]int{{n, t, a.FFN}, {n, t, a.Hidden}}
	var out [][]int
	for range a.Encoders {
		out = append(append(out, attention...), ffn...)
	}
	for range a.Decoders {
		out = append(append(append(out, attention...), attention...), ffn...)
	}
	return out
}

// Noise are the shapes of the random inputs of training, for a batch of n images: if
// there is jitter, standard normals of the tokens' shape; and for each site of
// dropout its keep bits, packed as stream.Bernoulli packs them.
func (a Arch) Noise(n int) []shapes.Shape {
	var out []shapes.Shape
	if a.Jitter > 0 {
		out = append(out, a.Input(n))
	}
	for _, site := range a.Sites(n) {
		out = append(out, shapes.Make(dtypes.Uint8, (train.Size(site)+7)/8))
	}
	return out
}

// Draws draws the noise of a step, from streams of the method that are named by the
// step's number.
type Draws struct {
	Arch
	Seed   uint64
	Method string
	Prob   float64 // that a batch is jittered
}

// Tasks are what has to be done for the noise of a step with n images, the longest
// first; they are independent of each other.
func (d Draws) Tasks(number, n int, noise []any) []func() {
	step := strconv.Itoa(number)
	var normals []float32
	if d.Jitter > 0 {
		normals, noise = noise[0].([]float32), noise[1:]
		if stream.New(d.Seed, d.Method, "jitter", step).Float64() >= d.Prob {
			clear(normals)
			normals = nil
		}
	}
	var tasks []func()
	for i, bits := range noise {
		tasks = append(tasks, func() {
			stream.New(d.Seed, d.Method, "dropout", step, strconv.Itoa(i)).Bernoulli(bits.([]uint8), 1-d.Dropout)
		})
	}
	if normals == nil {
		return tasks
	}
	size := d.Tokens() * d.Channels
	for i := range n {
		tasks = append(tasks, func() {
			stream.New(d.Seed, d.Method, "jitter", step, strconv.Itoa(i)).Norms(normals[i*size:][:size])
		})
	}
	return tasks
}

// Noisy adds noise to tokens [B, T, C]: to each token normals, scaled by its length:
// |token|/C times the jitter's scale. noise is that of Arch.Noise; what remains of
// it is for Reconstruct.
func (a Arch) Noisy(x *graph.Node, noise []*graph.Node) (noisy *graph.Node, bits []*graph.Node) {
	if a.Jitter == 0 {
		return x, noise
	}
	length := graph.Sqrt(graph.ReduceAndKeep(graph.Square(x), graph.ReduceSum, -1))
	return graph.Add(x, graph.Mul(noise[0], graph.MulScalar(length, a.Jitter/float64(a.Channels)))), noise[1:]
}

// Reconstruct is the transformer: [B, T, C] to [B, T, C]. bits are the keep bits of
// its sites in training; without them it drops nothing.
func (a Arch) Reconstruct(w train.Values, x *graph.Node, bits []*graph.Node) *graph.Node {
	p := &pass{Arch: a, w: w, batch: x.Shape().Dimensions[0]}
	if len(bits) > 0 {
		p.keep = bits
	}
	return p.reconstruct(x)
}
