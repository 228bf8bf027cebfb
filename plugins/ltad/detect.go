package ltad

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// detector is the architecture of phase 2 (section 5.3) and of the scores (section
// 4): the reconstruction module, the semantic module, or both.
type detector struct {
	Transformer reconstruct.Arch // of the reconstruction module; its grid and noise also without that
	Levels      []int
	Classes     int
	Text        int // length of text features, and of what patches are projected to

	Rec, Sem bool
	RecSum   bool // L_rec sums over channels, instead of the mean
	Score    string

	Joined, Mean bool // one projection for all levels; mean over levels instead of max
	Learned      bool // the classifier's vectors are weights
	Printed      bool // L_sem as printed
	Tau          float64

	Synthetic bool // features may be synthetic
	VAE       vae  // for Synthetic
}

const (
	recPrefix  = "rm."
	normalOf   = "classifier.normal"
	abnormalOf = "classifier.abnormal"
)

func under(prefix string, w train.Values) train.Values {
	return func(name string) *graph.Node { return w(prefix + name) }
}

// weights are what phase 2 trains.
func (d detector) weights() []train.Initial {
	var out []train.Initial
	if d.Rec {
		for _, w := range d.Transformer.Weights() {
			w.Name = recPrefix + w.Name
			out = append(out, w)
		}
	}
	if !d.Sem {
		return out
	}
	project := func(name string, from int) {
		out = append(out,
			train.Initial{Name: name + ".weight", Shape: []int{d.Text, from}, Init: train.Uniform(math.Sqrt(6 / float64(d.Text+from)))},
			train.Initial{Name: name + ".bias", Shape: []int{d.Text}, Init: train.Constant(0)})
	}
	if d.Joined {
		project("phi", d.Transformer.Channels)
	} else {
		for l, c := range d.Levels {
			project(phi(l), c)
		}
	}
	if d.Learned {
		for _, name := range []string{normalOf, abnormalOf} {
			out = append(out, train.Initial{Name: name, Shape: []int{d.Classes, d.Text}, Init: train.Normal})
		}
	}
	return out
}

func phi(level int) string { return fmt.Sprintf("phi.%d", level) }

// inputs are the shapes of the loss's inputs for a batch of n images: features [n, T,
// C]; for the semantic module the classifier [n, d], t_a,c - t_n,c of each image's
// class, or, if it is learned, [n, K] with a one at the class; if features may be
// synthetic z [n, Z], normals [n, V], t_c [n, d] as far as the VAE has them, and [n]
// with 1 for real and 0 for synthetic features; and the noise.
func (d detector) inputs(n int) []shapes.Shape {
	out := []shapes.Shape{d.Transformer.Input(n)}
	if d.Sem {
		out = append(out, d.classifierShape(n))
	}
	if d.Synthetic {
		v := d.VAE
		v.Names = 0
		out = append(append(out, v.inputs(n)[1:]...), shapes.Make(dtypes.Float32, n))
	}
	return append(out, d.noisy().Noise(n)...)
}

func (d detector) classifierShape(n int) shapes.Shape {
	if d.Learned {
		return shapes.Make(dtypes.Float32, n, d.Classes)
	}
	return shapes.Make(dtypes.Float32, n, d.Text)
}

// noisy is what the noise is for: without a transformer there is no dropout.
func (d detector) noisy() reconstruct.Arch {
	a := d.Transformer
	if !d.Rec {
		a.Dropout = 0
	}
	return a
}

// loss is L_rec + L_sem (section 5.3), or one of the two.
func (d detector) loss(w train.Values, in []*graph.Node) *graph.Node {
	rec, sem := d.losses(w, in)
	switch {
	case sem == nil:
		return rec
	case rec == nil:
		return sem
	}
	return graph.Add(rec, sem)
}

// losses are Eq. 7 and Eq. 8, means over the batch; nil without the module.
func (d detector) losses(w train.Values, in []*graph.Node) (rec, sem *graph.Node) {
	f, in := in[0], in[1:]
	var classifier *graph.Node
	if d.Sem {
		classifier, in = in[0], in[1:]
	}
	if d.Synthetic {
		f, in = d.augmented(w, f, in)
	}
	noisy, bits := d.noisy().Noisy(f, in)
	if d.Rec {
		square := graph.Square(graph.Sub(d.Transformer.Reconstruct(under(recPrefix, w), noisy, bits), f))
		rec = graph.ReduceAllMean(square)
		if d.RecSum {
			rec = graph.MulScalar(rec, float64(d.Transformer.Channels))
		}
	}
	if d.Sem {
		n := f.Shape().Dimensions[0]
		if d.Learned {
			classifier = d.learned(w, classifier)
		}
		anomalous := softplus(graph.Neg(d.logits(w, noisy, classifier)))
		if d.Printed {
			return rec, graph.ReduceAllMean(anomalous)
		}
		normal := softplus(d.logits(w, f, classifier))
		sem = graph.MulScalar(graph.Add(graph.ReduceAllSum(normal), graph.ReduceAllSum(anomalous)), 0.5/float64(n*d.Transformer.Tokens()))
	}
	return rec, sem
}

// augmented is f: of each image either x or what the VAE makes of its z.
func (d detector) augmented(w train.Values, x *graph.Node, in []*graph.Node) (f *graph.Node, rest []*graph.Node) {
	z, in := in[0], in[1:]
	var eps, condition *graph.Node
	if d.VAE.Variational {
		eps, in = in[0], in[1:]
	}
	if d.VAE.Text > 0 {
		condition, in = in[0], in[1:]
	}
	real := graph.InsertAxes(in[0], -1, -1)
	f = graph.Add(graph.Mul(x, real), graph.Mul(d.VAE.synthesize(w, z, eps, condition), graph.OneMinus(real)))
	return graph.StopGradient(f), in[1:]
}

// learned is the classifier of each image from weights: [B, d].
func (d detector) learned(w train.Values, classes *graph.Node) *graph.Node {
	return graph.DotGeneral(classes, []int{1}, nil, graph.Sub(w(abnormalOf), w(normalOf)), []int{0}, nil)
}

// logits are the logits of "anomalous" of patches p [B, T, C]: the projection of a
// patch (Eq. 2) times t_a,c - t_n,c of its class (classifier, [B, d]), over tau. The
// sigmoid of it is Eq. 3, the softmax over two classes. [B, T].
func (d detector) logits(w train.Values, p, classifier *graph.Node) *graph.Node {
	n, t := p.Shape().Dimensions[0], d.Transformer.Tokens()
	project := func(name string, x *graph.Node) *graph.Node {
		c := x.Shape().Dimensions[2]
		return linear(w, name, graph.Reshape(x, n*t, c))
	}
	var projected *graph.Node
	if d.Joined {
		projected = project("phi", p)
	} else {
		at := 0
		for l, c := range d.Levels {
			one := project(phi(l), graph.Slice(p, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(at, at+c)))
			at += c
			switch {
			case l == 0:
				projected = one
			case d.Mean:
				projected = graph.Add(projected, one)
			default:
				projected = graph.Max(projected, one)
			}
		}
		if d.Mean {
			projected = graph.DivScalar(projected, float64(len(d.Levels)))
		}
	}
	dots := graph.DotGeneral(graph.Reshape(projected, n, t, d.Text), []int{2}, []int{0}, classifier, []int{1}, []int{0})
	return graph.MulScalar(dots, 1/d.Tau)
}

// softplus is log(1 + exp(x)), without overflow.
func softplus(x *graph.Node) *graph.Node {
	return graph.Add(graph.MaxScalar(x, 0), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(x)))))
}

// scores are S_rec (Eq. 1) and S_sem (Eq. 3) of the patches of images, [B, T] each:
// of features [B, T, C] and, for the semantic module, classifiers [B, d].
func (d detector) scores(w train.Values, in []*graph.Node) []*graph.Node {
	x := in[0]
	var out []*graph.Node
	if d.Rec {
		s := graph.ReduceSum(graph.Square(graph.Sub(d.Transformer.Reconstruct(under(recPrefix, w), x, nil), x)), -1)
		switch d.Score {
		case "mean":
			s = graph.DivScalar(s, float64(d.Transformer.Channels))
		case "root":
			s = graph.Sqrt(s)
		}
		out = append(out, s)
	}
	if d.Sem {
		out = append(out, graph.Sigmoid(d.logits(w, x, in[1])))
	}
	return out
}
