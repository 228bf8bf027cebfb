package ltad

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	timage "github.com/gomlx/gomlx/pkg/core/tensors/images"
	"github.com/gomlx/gomlx/pkg/ml/layers/activations"

	"github.com/ltadbench/ltadbench/plugins/internal/bert"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// vae is the architecture of phase 1 (section 5.1): features are encoded by the
// frozen encoder, whose vector z of the last level gives mean and variance of a
// latent vector; with the text feature of the class it is decoded to all levels.
//
// The decoder mirrors the encoder, at the size of the grid: the encoder ends with the
// mean over a map of half the grid's side, so the decoder begins with a linear map to
// one such; the map is enlarged, and each stage, from the last level to the first,
// convolves it and gives its level through a linear layer, as the encoder's stages
// gave theirs. Batch norms, which the encoder's blocks have, it has none.
type vae struct {
	Height, Width int
	Levels        []int // channels of each
	Embedding     int   // length of z
	Latent        int
	Text          int // length of t_c; 0 if the decoder is not told it
	Classes       int

	Variational bool
	KL          float64
	MeanLoss    bool // over a level's elements, instead of their sum

	Start, Wide, Blocks int // of the decoder; see Options

	// Names: the text features are those of names that are learned, of so many tokens;
	// 0 if t_c is an input.
	Names int
	Norm  bool          // text features are scaled to length 1
	text  *bert.Encoder // for Names
}

func (v vae) tokens() int { return v.Height * v.Width }

func (v vae) channels() int {
	n := 0
	for _, c := range v.Levels {
		n += c
	}
	return n
}

// half is the size of the decoder's first map.
func (v vae) half() (h, w int) { return (v.Height + 1) / 2, (v.Width + 1) / 2 }

func (v vae) width(level int) int {
	if v.Wide > 0 {
		return v.Wide
	}
	return v.Levels[level]
}

// namesWeight are the pseudo class names: [K, S, hidden size of the text encoder].
const namesWeight = "names"

// weights are what phase 1 trains, but for the names.
func (v vae) weights() []train.Initial {
	var out []train.Initial
	linear := func(name string, to, from int) {
		out = append(out, train.Initial{Name: name + ".weight", Shape: []int{to, from}, Init: train.Uniform(math.Sqrt(6 / float64(to+from)))},
			train.Initial{Name: name + ".bias", Shape: []int{to}, Init: train.Constant(0)})
	}
	linear("vae.mu", v.Latent, v.Embedding)
	if v.Variational {
		// It begins as the standard deviation 1: the exponential of anything else may be
		// huge.
		out = append(out, train.Initial{Name: "vae.logvar.weight", Shape: []int{v.Latent, v.Embedding}, Init: train.Constant(0)},
			train.Initial{Name: "vae.logvar.bias", Shape: []int{v.Latent}, Init: train.Constant(0)})
	}
	h, w := v.half()
	linear("decoder.start", h*w*v.Start, v.Latent+v.Text)
	from := v.Start
	for l := len(v.Levels) - 1; l >= 0; l-- {
		to := v.width(l)
		for b := range v.Blocks {
			name := fmt.Sprintf("decoder.%d.conv%d", l, b)
			out = append(out, train.Initial{Name: name + ".weight", Shape: []int{3, 3, from, to}, Init: train.Uniform(math.Sqrt(6 / float64(9*(from+to))))},
				train.Initial{Name: name + ".bias", Shape: []int{to}, Init: train.Constant(0)})
			from = to
		}
		linear(fmt.Sprintf("decoder.%d.out", l), v.Levels[l], to)
	}
	return out
}

// inputs are the shapes of the loss's inputs for a batch of n images: features [n, T,
// C], z [n, Z], normals [n, V] of the latent vector, and, if the decoder is told the
// class, [n, K] with a one at the class of each for learned names, else t_c [n, d].
func (v vae) inputs(n int) []shapes.Shape {
	out := []shapes.Shape{shapes.Make(dtypes.Float32, n, v.tokens(), v.channels()), shapes.Make(dtypes.Float32, n, v.Embedding)}
	if v.Variational {
		out = append(out, shapes.Make(dtypes.Float32, n, v.Latent))
	}
	switch {
	case v.Names > 0:
		out = append(out, shapes.Make(dtypes.Float32, n, v.Classes))
	case v.Text > 0:
		out = append(out, shapes.Make(dtypes.Float32, n, v.Text))
	}
	return out
}

// loss is Eq. 6, with the signs of a VAE: its printed form subtracts the divergence,
// which would reward distributions far from the prior.
func (v vae) loss(w train.Values, in []*graph.Node) *graph.Node {
	reconstruction, divergence := v.losses(w, in)
	if divergence == nil {
		return reconstruction
	}
	return graph.Add(reconstruction, graph.MulScalar(divergence, v.KL))
}

// losses are the mean over levels of the squared error, and the divergence, nil if
// there is none, both means over the batch.
func (v vae) losses(w train.Values, in []*graph.Node) (reconstruction, divergence *graph.Node) {
	x, z, in := in[0], in[1], in[2:]
	var eps, condition *graph.Node
	if v.Variational {
		eps, in = in[0], in[1:]
	}
	if v.Text > 0 {
		condition = in[0]
	}
	if v.Names > 0 {
		condition = v.named(w, condition)
	}
	latent, mean, logVar := v.latent(w, z, eps)
	levels := v.decode(w, latent, condition)
	at := 0
	for l, syn := range levels {
		c := v.Levels[l]
		real := graph.Slice(x, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(at, at+c))
		at += c
		scale := 1 / float64(len(v.Levels)*x.Shape().Dimensions[0])
		if v.MeanLoss {
			scale /= float64(v.tokens() * c)
		}
		one := graph.MulScalar(graph.ReduceAllSum(graph.Square(graph.Sub(syn, real))), scale)
		if reconstruction == nil {
			reconstruction = one
		} else {
			reconstruction = graph.Add(reconstruction, one)
		}
	}
	if v.Variational {
		sum := graph.ReduceAllSum(graph.Sub(graph.Add(graph.Square(mean), graph.Exp(logVar)), graph.AddScalar(logVar, 1)))
		divergence = graph.MulScalar(sum, 0.5/float64(x.Shape().Dimensions[0]))
	}
	return reconstruction, divergence
}

// named is t_c = T(s_c) of the batch's classes, given with ones at the class: [B, d].
func (v vae) named(w train.Values, classes *graph.Node) *graph.Node {
	n, h := classes.Shape().Dimensions[0], v.text.Hidden
	all := graph.Reshape(w(namesWeight), v.Classes, v.Names*h)
	names := graph.Reshape(graph.DotGeneral(classes, []int{1}, nil, all, []int{0}, nil), n, v.Names, h)
	end := func(word []float32) *graph.Node {
		return graph.BroadcastToDims(graph.Reshape(graph.Const(classes.Graph(), word), 1, 1, h), n, 1, h)
	}
	t := v.text.Encode(textValues(w), graph.Concatenate([]*graph.Node{end(v.text.Start()), names, end(v.text.End())}, 1))
	if v.Norm {
		t = graph.Div(t, graph.Sqrt(graph.ReduceAndKeep(graph.Square(t), graph.ReduceSum, -1)))
	}
	return t
}

// latent is mean and log variance of the latent vector, and a sample of it by the
// normals eps; without eps the mean itself. All are [B, V].
func (v vae) latent(w train.Values, z, eps *graph.Node) (sample, mean, logVar *graph.Node) {
	mean = linear(w, "vae.mu", z)
	if !v.Variational {
		return mean, mean, nil
	}
	logVar = linear(w, "vae.logvar", z)
	return graph.Add(mean, graph.Mul(graph.Exp(graph.MulScalar(logVar, 0.5)), eps)), mean, logVar
}

// decode is D: the levels' features as tokens, [B, T, C_l].
func (v vae) decode(w train.Values, latent, condition *graph.Node) []*graph.Node {
	if condition != nil {
		latent = graph.Concatenate([]*graph.Node{latent, condition}, -1)
	}
	n := latent.Shape().Dimensions[0]
	h, wide := v.half()
	y := graph.Reshape(activations.Swish(linear(w, "decoder.start", latent)), n, h, 1, wide, 1, v.Start)
	y = graph.Reshape(graph.BroadcastToDims(y, n, h, 2, wide, 2, v.Start), n, 2*h, 2*wide, v.Start)
	y = first(first(y, 1, v.Height), 2, v.Width)
	levels := make([]*graph.Node, len(v.Levels))
	for l := len(levels) - 1; l >= 0; l-- {
		for b := range v.Blocks {
			next := activations.Swish(convolve(w, fmt.Sprintf("decoder.%d.conv%d", l, b), y))
			if b > 0 {
				next = graph.Add(y, next)
			}
			y = next
		}
		flat := graph.Reshape(y, n*v.tokens(), v.width(l))
		levels[l] = graph.Reshape(linear(w, fmt.Sprintf("decoder.%d.out", l), flat), n, v.tokens(), v.Levels[l])
	}
	return levels
}

// synthesize is f_syn for z of images, normals and text features: [B, T, C].
func (v vae) synthesize(w train.Values, z, eps, condition *graph.Node) *graph.Node {
	latent, _, _ := v.latent(w, z, eps)
	return graph.Concatenate(v.decode(w, latent, condition), -1)
}

// first takes the first n of an axis of [B, H, W, C], which has n or n+1: by a product,
// since GoMLX's backend in Go has no gradient of slices.
func first(x *graph.Node, axis, n int) *graph.Node {
	dims := x.Shape().Dimensions
	if dims[axis] == n {
		return x
	}
	take := make([]float32, n*dims[axis])
	for i := range n {
		take[i*dims[axis]+i] = 1
	}
	matrix := graph.ConstTensor(x.Graph(), tensors.FromFlatDataAndDimensions(take, n, dims[axis]))
	y := graph.DotGeneral(matrix, []int{1}, nil, x, []int{axis}, nil) // the axis comes first
	if axis == 1 {
		return graph.TransposeAllAxes(y, 1, 0, 2, 3)
	}
	return graph.TransposeAllAxes(y, 1, 2, 0, 3)
}

// linear is torch.nn.Linear of [N, in]: its weight is [out, in].
func linear(w train.Values, name string, x *graph.Node) *graph.Node {
	y := graph.DotGeneral(x, []int{1}, nil, w(name+".weight"), []int{1}, nil)
	return graph.Add(y, graph.InsertAxes(w(name+".bias"), 0))
}

// convolve is a convolution of [B, H, W, in] with a kernel [3, 3, in, out], with
// zeros beyond the border.
func convolve(w train.Values, name string, x *graph.Node) *graph.Node {
	kernel, bias := w(name+".weight"), graph.InsertAxes(w(name+".bias"), 0, 0, 0)
	if x.Graph().Backend().Capabilities().Operations[backends.OpTypeReverse] {
		return graph.Add(graph.Convolve(x, kernel).ChannelsAxis(timage.ChannelsLast).PadSame().Done(), bias)
	}
	// The gradient of a convolution reverses the kernel, which GoMLX's backend in Go
	// cannot. It can multiply by the matrix that gives each place its nine neighbours.
	dims, k := x.Shape().Dimensions, kernel.Shape().Dimensions
	n, t, in, out := dims[0], dims[1]*dims[2], k[2], k[3]
	matrix := graph.ConstTensor(x.Graph(), neighbours(dims[1], dims[2]))
	around := graph.DotGeneral(graph.Reshape(x, n, t, in), []int{1}, nil, matrix, []int{1}, nil) // [n, in, 9 t]
	rows := graph.Reshape(graph.TransposeAllAxes(around, 0, 2, 1), n*t, 9*in)
	y := graph.DotGeneral(rows, []int{1}, nil, graph.Reshape(kernel, 9*in, out), []int{0}, nil)
	return graph.Add(graph.Reshape(y, n, dims[1], dims[2], out), bias)
}

// neighbours has a one where the second place is the neighbour of the first, of nine,
// on an h x w grid: [h*w*9, h*w].
func neighbours(h, w int) *tensors.Tensor {
	t := h * w
	m := make([]float32, t*9*t)
	for i := range t * 9 {
		y, x := i/9/w+i%9/3-1, i/9%w+i%3-1
		if y >= 0 && y < h && x >= 0 && x < w {
			m[i*t+y*w+x] = 1
		}
	}
	return tensors.FromFlatDataAndDimensions(m, t*9, t)
}

// textPrefix is that of the text encoder's weights, among others.
const textPrefix = "text."

func textValues(w train.Values) func(name string) *graph.Node {
	return func(name string) *graph.Node { return w(textPrefix + name) }
}
