package ltad

import (
	"context"
	"strconv"

	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// source is what both phases read.
type source struct {
	images  plugin.Samples
	sampler *reconstruct.Sampler
	seed    uint64
	threads int
}

// row is image i's part of an input for a batch of n images.
func row(input any, i, n int) []float32 {
	flat := input.([]float32)
	size := len(flat) / n
	return flat[i*size:][:size:size]
}

// inputs hands out the inputs of a step one by one.
type inputs []any

func (in *inputs) next() any {
	first := (*in)[0]
	*in = (*in)[1:]
	return first
}

// latent fills the inputs of the VAE: z, and normals of a stream of this phase and
// step.
func (s source) latent(v vae, phase string, step train.Step, in *inputs) []func() {
	z := in.next()
	var eps any
	if v.Variational {
		eps = in.next()
	}
	var out []func()
	for i, image := range step.Images {
		out = append(out, func() {
			s.images.Embedding(image, row(z, i, len(step.Images)))
			if eps != nil {
				stream.New(s.seed, name, phase, "latent", strconv.Itoa(step.Number), strconv.Itoa(i)).Norms(row(eps, i, len(step.Images)))
			}
		})
	}
	return out
}

// perClass fills an input with what each image's class has in a table; without a table
// with a one at the class.
func (s source) perClass(table [][]float32, step train.Step, input any) {
	for i, image := range step.Images {
		class, dst := s.images.Classes[image], row(input, i, len(step.Images))
		if table != nil {
			copy(dst, table[class])
			continue
		}
		clear(dst)
		dst[class] = 1
	}
}

func (s source) features(step train.Step, input any) []func() {
	var out []func()
	for i, image := range step.Images {
		out = append(out, func() { s.sampler.Read(row(input, i, len(step.Images)), s.images, image) })
	}
	return out
}

// feed1 gives phase 1 its inputs, see vae.inputs.
type feed1 struct {
	vae
	source
	condition [][]float32 // t_c of each class, for names that are not learned
}

func (f *feed1) Shapes(n int) []shapes.Shape { return f.inputs(n) }

func (f *feed1) Fill(ctx context.Context, step train.Step, all []any) error {
	in := inputs(all)
	todo := f.features(step, in.next())
	todo = append(todo, f.source.latent(f.vae, "phase1", step, &in)...)
	if f.Text > 0 {
		f.perClass(f.condition, step, in.next())
	}
	return work.Do(ctx, f.threads, todo)
}

// feed2 gives phase 2 its inputs, see detector.inputs.
type feed2 struct {
	detector
	source
	draws      reconstruct.Draws
	classifier [][]float32 // t_a,c - t_n,c of each class; nil if it is learned
	condition  [][]float32 // t_c of each class
	real       []float64   // probability of real features, of each class
}

func (f *feed2) Shapes(n int) []shapes.Shape { return f.inputs(n) }

func (f *feed2) Fill(ctx context.Context, step train.Step, all []any) error {
	in := inputs(all)
	todo := f.features(step, in.next())
	if f.Sem {
		f.perClass(f.classifier, step, in.next())
	}
	if f.Synthetic {
		todo = append(todo, f.source.latent(f.VAE, "phase2", step, &in)...)
		if f.VAE.Text > 0 {
			f.perClass(f.condition, step, in.next())
		}
		choice, s := in.next().([]float32), stream.New(f.seed, name, "real", strconv.Itoa(step.Number))
		for i, image := range step.Images {
			choice[i] = 0
			if s.Float64() < f.real[f.images.Classes[image]] {
				choice[i] = 1
			}
		}
	}
	todo = append(f.draws.Tasks(step.Number, len(step.Images), in), todo...) // the longest first
	return work.Do(ctx, f.threads, todo)
}

// realProbability is that of real features, of each class (section 5.2).
func realProbability(o Options, images plugin.Samples, classes int) []float64 {
	counts, least := make([]int, classes), images.Len()
	for _, c := range images.Classes {
		counts[c]++
	}
	for _, n := range counts {
		if n > 0 {
			least = min(least, n)
		}
	}
	out := make([]float64, classes)
	for c := range out {
		out[c] = o.RealProb
		if o.DAS && counts[c] > 0 {
			out[c] = 1 - float64(least)/float64(counts[c])
		}
	}
	return out
}
