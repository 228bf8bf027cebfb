package uniad

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	gomlx "github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// BenchmarkStep times steps of the full configuration, batch 8, 196 tokens, 272
// channels: of training with all that a step has (noise, reading the batch, the
// loss), and of inference with reading and the map. With a Python that has PyTorch
// in LTADBENCH_BENCH_PYTHON the same is done by testdata/torch_step.py, in turns: as
// UniAD's code does it (uniad), with PyTorch's fused attention and less to compute
// (sdpa), and with dropout that PyTorch does not have (lean).
//
//	LTADBENCH_BENCH_PYTHON=python go test -run - -bench Step -benchtime 10x ./plugins/uniad
func BenchmarkStep(b *testing.B) {
	for _, mode := range []string{"train", "infer"} {
		b.Run(mode, func(b *testing.B) {
			ours := map[string]func(*testing.B) methodtest.Steps{"train": benchTrain, "infer": benchInfer}[mode](b)
			methodtest.Beside(b, ours, filepath.Join("testdata", "torch_step.py"), []string{"uniad", "sdpa", "lean"}, "--mode", mode)
		})
	}
}

const benchBatch = 8

func benchImages(b *testing.B) plugin.Samples {
	const side, channels = 14, 272
	return methodtest.Samples(b, tensors.Float32, methodtest.Numbers(1, benchBatch*side*side*channels), benchBatch, side, side, channels, nil)
}

func benchTrain(b *testing.B) methodtest.Steps {
	m := New()
	s := methodtest.BenchSession(b, m, map[string]any{"epochs": 1 << 30})
	return methodtest.Training(b, m, s, benchImages(b), func(string) bool { return true })
}

func benchInfer(b *testing.B) methodtest.Steps {
	m, data := New().(*Method), benchImages(b)
	s := methodtest.BenchSession(b, m, nil)
	if err := m.configure(s); err != nil {
		b.Fatal(err)
	}
	h, w, c := data.FeatureShape()
	a := arch{m.opts.Arch(h, w, c, s.Log)}
	md := &model{shape: shape{Options: m.opts, Height: h, Width: w, Channels: c}, arch: a, sampler: reconstruct.NewSampler(h, w, c, a.Arch), weights: train.Trained{}}
	for _, one := range a.Weights() {
		md.weights[one.Name] = one.Draw(1, name)
	}
	m.adopt(md, s)
	b.Cleanup(func() { md.served.Close() })
	methodtest.Predict(b, m, data) // warm-up
	return func(n int) (ms []float64, err error) {
		for range n {
			t := time.Now()
			if err := m.Predict(context.Background(), data, func(int, plugin.Prediction) error { return nil }); err != nil {
				return nil, err
			}
			ms = append(ms, time.Since(t).Seconds()*1e3)
		}
		return ms, nil
	}
}

// BenchmarkBuild times what comes before a training's first step: recording,
// differentiating, simplifying and lowering the full configuration's step, and
// loading it into ONNX Runtime; one step is in it.
func BenchmarkBuild(b *testing.B) {
	images := benchImages(b)
	h, w, c := images.FeatureShape()
	a := arch{defaults().Arch(h, w, c, hclog.NewNullLogger())}
	backend, err := engine.Open(b.Context(), methodtest.BenchEngine(), methodtest.BenchDevice(), 2)
	if err != nil {
		b.Fatal(err)
	}
	defer backend.Finalize()
	var inputs []*gomlx.Tensor
	for _, s := range a.inputs(benchBatch) {
		inputs = append(inputs, gomlx.FromShape(s))
	}
	for b.Loop() {
		weights := train.NewWeights()
		for _, one := range a.Weights() {
			weights.Add(one.Name, make([]float32, one.Size()), one.Shape...)
		}
		s, err := train.NewStepper(backend, weights, a.loss, train.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Clip: 0.1})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Step(inputs, 1e-4); err != nil {
			b.Fatal(err)
		}
		s.Close()
		weights.Close()
	}
}
