package ort

import (
	"context"
	"fmt"

	"github.com/ltadbench/ltadbench/framework/onnx"
)

// Info is the state of ONNX Runtime on this machine.
type Info struct {
	Library   Library  // the one that would be used; its zero value if none
	Tried     []Tried  // where there was none
	Providers []string // "cpu", "cuda"
	GPUs      []string // names of NVIDIA GPUs
	Problems  []Problem
}

// Problem is something missing, with the command that mends it.
type Problem struct {
	Err  error
	Mend string
	// Fatal says that nothing runs without it; otherwise only speed is lost.
	Fatal bool
}

// Doctor finds the library as Find does (path as there), loads it if none is
// loaded, runs a network on it and looks for GPUs. It fetches nothing.
func Doctor(ctx context.Context, path string) Info {
	info := Info{GPUs: gpus(ctx)}
	fatal := func(err error, mend string) Info {
		info.Problems = append(info.Problems, Problem{err, mend, true})
		return info
	}
	var err error
	if info.Library, info.Tried, err = Find(path); err != nil {
		return fatal(err, mend())
	}
	if err := Init(info.Library); err != nil {
		return fatal(err, mend())
	}
	info.Library, _ = Loaded()
	if err := selfTest(ctx); err != nil {
		return fatal(err, mend())
	}
	info.Providers = Providers()
	if len(info.GPUs) > 0 {
		if err := cudaUsable(); err != nil {
			info.Problems = append(info.Problems, Problem{fmt.Errorf("the GPU cannot be used: %s", brief(err)), gpuAdvice, false})
		}
	}
	return info
}

// selfTest multiplies two small matrices.
func selfTest(ctx context.Context) error {
	b := onnx.NewBuilder("doctor", 18)
	x := b.Input("x", onnx.Float32, 1, 2)
	b.Output("y", b.Op("MatMul", []string{x, onnx.Const(b, []float32{3, 5}, 2, 1)}), onnx.Float32, 1, 1)
	model, err := b.Marshal()
	if err != nil {
		return err
	}
	s, err := NewSession(model, SessionOptions{Threads: 1})
	if err != nil {
		return err
	}
	defer s.Close()
	in, err := NewTensor([]float32{7, 11}, 1, 2)
	if err != nil {
		return err
	}
	out := []*Tensor{nil}
	if err := s.Run(ctx, []*Tensor{in}, out); err != nil {
		return err
	}
	if y, err := Data[float32](out[0]); err != nil || y[0] != 76 {
		return fmt.Errorf("ONNX Runtime computes 7*3 + 11*5 = %v", y)
	}
	return nil
}
