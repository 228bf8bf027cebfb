package uniad

import (
	"context"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// arch is UniAD's architecture: the transformer, what it is trained for, and the map.
type arch struct{ reconstruct.Arch }

// inputs are the shapes of the loss's inputs for a batch of n images: the features
// [n, T, C], and the noise.
func (a arch) inputs(n int) []shapes.Shape {
	return append([]shapes.Shape{a.Input(n)}, a.Noise(n)...)
}

// loss is the mean squared error between the reconstruction of jittered features
// and the features themselves.
func (a arch) loss(w train.Values, in []*graph.Node) *graph.Node {
	x := in[0]
	noisy, bits := a.Noisy(x, in[1:])
	return graph.ReduceAllMean(graph.Square(graph.Sub(a.Reconstruct(w, noisy, bits), x)))
}

// anomalyMap is the distance between the features [B, T, C] of a place and their
// reconstruction: [B, H, W].
func (a arch) anomalyMap(w train.Values, in []*graph.Node) []*graph.Node {
	x := in[0]
	d := graph.Sqrt(graph.ReduceSum(graph.Square(graph.Sub(a.Reconstruct(w, x, nil), x)), -1))
	return []*graph.Node{graph.Reshape(d, x.Shape().Dimensions[0], a.Height, a.Width)}
}

// feed gives training its inputs, see arch.inputs: features of the images, and
// noise.
type feed struct {
	arch
	draws   reconstruct.Draws
	images  plugin.Samples
	sampler *reconstruct.Sampler
	threads int
}

func (f *feed) Shapes(n int) []shapes.Shape { return f.inputs(n) }

func (f *feed) Fill(ctx context.Context, s train.Step, inputs []any) error {
	features, size := inputs[0].([]float32), f.Tokens()*f.Channels
	tasks := f.draws.Tasks(s.Number, len(s.Images), inputs[1:])
	for i, image := range s.Images {
		tasks = append(tasks, func() { f.sampler.Read(features[i*size:][:size], f.images, image) })
	}
	return work.Do(ctx, f.threads, tasks)
}
