package uniad

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// The environment variables of BenchmarkStep.
const (
	benchPython  = "LTADBENCH_BENCH_PYTHON"  // a Python with PyTorch, for the peer; unset: no peer
	benchVariant = "LTADBENCH_BENCH_VARIANT" // of torch_step.py, with commas; unset: uniad,sdpa,lean
	benchEngine  = "LTADBENCH_BENCH_ENGINE"  // unset: ort
	benchDevice  = "LTADBENCH_BENCH_DEVICE"  // unset: cpu
	benchThreads = "LTADBENCH_BENCH_THREADS" // unset: 2
)

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// runner runs n steps and gives the milliseconds of each.
type runner func(n int) ([]float64, error)

// BenchmarkStep times steps of the full configuration, batch 8, 196 tokens, 272
// channels: of training with all that a step has (noise, reading the batch, the
// loss), and of inference with reading and the map. With a Python that has PyTorch
// in LTADBENCH_BENCH_PYTHON the same is done by testdata/torch_step.py, in turns, so
// that other work on the machine slows all: as UniAD's code does it (uniad), with
// PyTorch's fused attention and less to compute (sdpa), and with dropout that PyTorch
// does not have (lean).
//
//	LTADBENCH_BENCH_PYTHON=python go test -run - -bench Step -benchtime 10x ./plugins/uniad
func BenchmarkStep(b *testing.B) {
	threads, err := strconv.Atoi(env(benchThreads, "2"))
	if err != nil {
		b.Fatal(err)
	}
	for _, mode := range []string{"train", "infer"} {
		b.Run(mode, func(b *testing.B) {
			bench := map[string]func(*testing.B, int) runner{"train": benchTrain, "infer": benchInfer}[mode]
			names, runners := []string{""}, []runner{bench(b, threads)}
			if python := os.Getenv(benchPython); python != "" {
				for v := range strings.SplitSeq(env(benchVariant, "uniad,sdpa,lean"), ",") {
					names, runners = append(names, v), append(runners, benchTorch(b, python, mode, v, threads))
				}
			}
			times := make([][]float64, len(runners))
			const turn = 3
			for b.Loop() {
				for i, run := range runners {
					ms, err := run(turn)
					if err != nil {
						b.Fatal(err)
					}
					times[i] = append(times[i], ms...)
				}
			}
			b.ReportMetric(0, "ns/op")
			ours := median(times[0])
			b.ReportMetric(ours, "ms/step")
			for i, v := range names[1:] {
				b.ReportMetric(median(times[i+1]), v+"-ms/step")
				b.ReportMetric(median(times[i+1])/ours, v+"/ours")
			}
		})
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

const benchBatch = 8

func benchImages(b *testing.B) plugin.Samples {
	const side, channels = 14, 272
	return methodtest.Samples(b, tensors.Float32, methodtest.Numbers(1, benchBatch*side*side*channels), benchBatch, side, side, channels, nil)
}

func benchSession(b *testing.B, m plugin.Method, threads int, change map[string]any) plugin.Session {
	s := methodtest.Session(b, m, threads, change)
	s.Engine, s.Device, s.Log = env(benchEngine, plugin.EngineORT), env(benchDevice, "cpu"), hclog.NewNullLogger()
	return s
}

// benchTrain trains in the background, and stops between the turns.
func benchTrain(b *testing.B, threads int) runner {
	m, data := New(), benchImages(b)
	ctx, cancel := context.WithCancel(context.Background())
	steps, next, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := benchSession(b, m, threads, map[string]any{"epochs": 1 << 30})
	s.Report = func(float64, float64, string) {
		select {
		case steps <- struct{}{}:
			<-next
		case <-ctx.Done():
		}
	}
	go func() { ended <- m.Fit(ctx, s, data) }()
	b.Cleanup(func() { cancel(); close(next); <-ended })
	wait := func() error {
		select {
		case <-steps:
			return nil
		case err := <-ended:
			ended <- err
			return fmt.Errorf("training ended: %w", err)
		}
	}
	for i := range 3 { // warm-up
		if i > 0 {
			next <- struct{}{}
		}
		if err := wait(); err != nil {
			b.Fatal(err)
		}
	}
	return func(n int) (ms []float64, err error) {
		for range n {
			t := time.Now()
			next <- struct{}{}
			if err := wait(); err != nil {
				return nil, err
			}
			ms = append(ms, time.Since(t).Seconds()*1e3)
		}
		return ms, nil
	}
}

func benchInfer(b *testing.B, threads int) runner {
	m, data := New().(*Method), benchImages(b)
	s := benchSession(b, m, threads, nil)
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
	b.Cleanup(md.close)
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

// benchTorch starts the peer.
func benchTorch(b *testing.B, python, mode, variant string, threads int) runner {
	cmd := exec.Command(python, filepath.Join("testdata", "torch_step.py"), "--mode", mode, "--threads", strconv.Itoa(threads), "--variant", variant)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	answer := func() ([]float64, error) {
		var line struct{ MS []float64 }
		if !lines.Scan() {
			return nil, fmt.Errorf("torch_step.py ended: %w", lines.Err())
		}
		err := json.Unmarshal(lines.Bytes(), &line)
		return line.MS, err
	}
	if _, err := answer(); err != nil { // it is ready
		b.Fatal(err)
	}
	return func(n int) ([]float64, error) {
		if _, err := fmt.Fprintln(in, "go", n); err != nil {
			return nil, err
		}
		return answer()
	}
}

// BenchmarkBuild times what comes before a training's first step: recording,
// differentiating, simplifying and lowering the full configuration's step, and
// loading it into ONNX Runtime; one step is in it.
func BenchmarkBuild(b *testing.B) {
	images := benchImages(b)
	h, w, c := images.FeatureShape()
	a := arch{defaults().Arch(h, w, c, hclog.NewNullLogger())}
	backend, err := engine.Open(b.Context(), env(benchEngine, plugin.EngineORT), env(benchDevice, "cpu"), 2)
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
			weights.Add(one.Name, make([]float32, train.Size(one.Shape)), one.Shape...)
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
