package ort_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
)

// BenchmarkMatMul multiplies square matrices on two threads.
func BenchmarkMatMul(b *testing.B) {
	for _, n := range []int{256, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := ramp(b, n, n)
			s := session(b, product(b, n), ort.SessionOptions{Threads: 2})
			out := []*ort.Tensor{ramp(b, n, n)}
			for b.Loop() {
				must(b, s.Run(b.Context(), []*ort.Tensor{x, x}, out))
			}
			b.ReportMetric(2*float64(n)*float64(n)*float64(n)/b.Elapsed().Seconds()/1e9*float64(b.N), "GFLOP/s")
		})
	}
}

// BenchmarkRun is the cost of a call: one addition, outputs given or not, with a
// context that can end or not.
func BenchmarkRun(b *testing.B) {
	g := onnx.NewBuilder("add", 18)
	x := g.Input("x", onnx.Float32, "n")
	g.Output("y", g.Op("Add", []string{x, x}), onnx.Float32, "n")
	s := session(b, marshal(b, g), ort.SessionOptions{Threads: 2})
	in := []*ort.Tensor{ramp(b, 16)}
	given := []*ort.Tensor{ramp(b, 16)}
	b.Run("given", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Run(context.Background(), in, given))
		}
	})
	b.Run("cancellable", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Run(b.Context(), in, given))
		}
	})
	b.Run("allocated", func(b *testing.B) {
		for b.Loop() {
			must(b, s.Run(context.Background(), in, []*ort.Tensor{nil}))
		}
	})
}

// BenchmarkChain runs 200 small layers one after the other: what threads that
// wait between them cost. Run two at once to see them share the cores.
func BenchmarkChain(b *testing.B) {
	g := onnx.NewBuilder("chain", 18)
	v := g.Input("x", onnx.Float32, 196, 256)
	w := onnx.Const(g, make([]float32, 256*256), 256, 256)
	for range 100 {
		v = g.Op("Relu", []string{g.Op("MatMul", []string{v, w})})
	}
	g.Output("y", v, onnx.Float32, 196, 256)
	s := session(b, marshal(b, g), ort.SessionOptions{Threads: 2})
	in, out := []*ort.Tensor{ramp(b, 196, 256)}, []*ort.Tensor{ramp(b, 196, 256)}
	for b.Loop() {
		must(b, s.Run(b.Context(), in, out))
	}
}

func session(t testing.TB, model []byte, o ort.SessionOptions) *ort.Session {
	t.Helper()
	orttest.Init(t)
	s, err := ort.NewSession(model, o)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func marshal(t testing.TB, g *onnx.Builder) []byte {
	t.Helper()
	model, err := g.Marshal()
	must(t, err)
	return model
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// product is the network a x b of square matrices.
func product(t testing.TB, n int) []byte {
	g := onnx.NewBuilder("product", 18)
	in := []string{g.Input("a", onnx.Float32, n, n), g.Input("b", onnx.Float32, n, n)}
	g.Output("y", g.Op("MatMul", in), onnx.Float32, n, n)
	return marshal(t, g)
}

// ramp is a tensor of numbers whose sums round.
func ramp(t testing.TB, shape ...int) *ort.Tensor {
	t.Helper()
	x, err := ort.Zeros(onnx.Float32, shape...)
	must(t, err)
	data, err := ort.Data[float32](x)
	must(t, err)
	for i := range data {
		data[i] = float32(i%1013)/1013 - 0.37
	}
	return x
}
