// Package nn finds nearest neighbours among many vectors, exactly: the memory
// bank that PatchCore searches, and the greedy coreset that it is cut down to.
//
// Squared distances |a|²+|b|²-2ab come from matrix products on ONNX Runtime.
// Every product has a fixed size and runs on one thread; threads share out whole
// products, so results do not depend on how many there are. The formula cancels
// in float32, so vectors are centred first, which keeps |a|² and |b|² small, and
// the distance to a neighbour found is computed again from the difference.
//
// # Rates
//
// Measured on two AVX-512 cores that other work shared, so lower than on idle ones
// and varying (go test -bench . here). BenchmarkNearest, search included: 47 to 137
// GFLOP/s; BenchmarkGonum, the bare product in gonum's BLAS, run next to it: a
// tenth or so (12.7 on idle cores), which is why it is ONNX Runtime.
// BenchmarkCoreset, 1000 of 100,000 points in 128 dimensions: 0.45 to 0.8 s; the
// plain algorithm reads 51 GB for it. On real features (300 images of 28 x 28)
// Coreset computed 41 to 49 % of the plain algorithm's distances to choose 1 % of
// the patches, and 58 % to choose 10 %.
package nn

import (
	"context"
	"math"
	"sync"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
)

// Ready finds and loads ONNX Runtime, if this process has not done so.
func Ready(ctx context.Context) error {
	if _, ok := ort.Loaded(); ok {
		return nil
	}
	l, err := ort.Ensure(ctx, ort.Options{})
	if err != nil {
		return err
	}
	return ort.Init(l)
}

// products are the sessions that multiply: a [m, k] by b [n, k] transposed, plus
// c [n] on each row. Their sizes are free.
var products struct {
	sync.Mutex
	full, least *ort.Session // all of it, and the minimum of each row
}

func session(kind **ort.Session, build func(*onnx.Builder, string)) (*ort.Session, error) {
	products.Lock()
	defer products.Unlock()
	if *kind != nil {
		return *kind, nil
	}
	g := onnx.NewBuilder("product", 17)
	a := g.Input("a", onnx.Float32, "m", "k")
	b := g.Input("b", onnx.Float32, "n", "k")
	c := g.Input("c", onnx.Float32, "n")
	build(g, g.Op("Gemm", []string{a, b, c}, onnx.Int("transB", 1)))
	model, err := g.Marshal()
	if err != nil {
		return nil, err
	}
	*kind, err = ort.NewSession(model, ort.SessionOptions{Device: "cpu", Threads: 1})
	return *kind, err
}

// product puts a bᵀ + c into out [m, n].
func product(ctx context.Context, out, a, b, c []float32, k int) error {
	s, err := session(&products.full, func(g *onnx.Builder, y string) {
		g.Output("y", y, onnx.Float32, "m", "n")
	})
	if err != nil {
		return err
	}
	return run(ctx, s, a, b, c, k, out, len(a)/k, len(b)/k)
}

// minima puts the smallest element of each row of a bᵀ + c into out [m].
func minima(ctx context.Context, out, a, b, c []float32, k int) error {
	s, err := session(&products.least, func(g *onnx.Builder, y string) {
		g.Output("y", g.Op("ReduceMin", []string{y}, onnx.Ints("axes", 1), onnx.Int("keepdims", 0)), onnx.Float32, "m")
	})
	if err != nil {
		return err
	}
	return run(ctx, s, a, b, c, k, out, len(a)/k)
}

func run(ctx context.Context, s *ort.Session, a, b, c []float32, k int, out []float32, shape ...int) error {
	ta, err := ort.NewTensor(a, len(a)/k, k)
	if err != nil {
		return err
	}
	tb, err := ort.NewTensor(b, len(b)/k, k)
	if err != nil {
		return err
	}
	tc, err := ort.NewTensor(c, len(c))
	if err != nil {
		return err
	}
	to, err := ort.NewTensor(out, shape...)
	if err != nil {
		return err
	}
	return s.Run(ctx, []*ort.Tensor{ta, tb, tc}, []*ort.Tensor{to})
}

// center subtracts the mean vector from rows of length k, in place, and returns
// it.
func center(rows []float32, k int) []float32 {
	m := mean(rows, k)
	for at := 0; at < len(rows); at += k {
		subtract(rows[at:][:k], rows[at:][:k], m)
	}
	return m
}

func mean(rows []float32, k int) []float32 {
	sum := make([]float64, k)
	for at := 0; at < len(rows); at += k {
		for j, v := range rows[at:][:k] {
			sum[j] += float64(v)
		}
	}
	m := make([]float32, k)
	for j := range m {
		m[j] = float32(sum[j] / float64(max(1, len(rows)/k)))
	}
	return m
}

func subtract(dst, a, b []float32) {
	for j := range dst {
		dst[j] = a[j] - b[j]
	}
}

// norms puts the squared length of each row of length k into out.
func norms(out, rows []float32, k int) {
	for i := range out {
		sum := 0.0
		for _, v := range rows[i*k:][:k] {
			sum += float64(v) * float64(v)
		}
		out[i] = float32(sum)
	}
}

// Distance is the Euclidean distance of a and b.
func Distance(a, b []float32) float32 {
	sum := 0.0
	for j, v := range a {
		d := float64(v) - float64(b[j])
		sum += d * d
	}
	return float32(math.Sqrt(sum))
}

func wrong(format string, args ...any) error {
	return fault.New(fault.Internal, "nearest neighbours: "+format, args...)
}
