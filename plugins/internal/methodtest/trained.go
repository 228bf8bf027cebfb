package methodtest

import (
	"context"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/graph"
	gomlx "github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// Backend opens an engine for a test.
func Backend(t testing.TB, engineName string) backends.Backend {
	t.Helper()
	b, err := engine.Open(context.Background(), engineName, "cpu", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// Gradients gives a loss, and its gradient by each weight.
func Gradients(t testing.TB, b backends.Backend, w *train.Weights, loss train.Loss, inputs []*gomlx.Tensor) (float64, map[string][]float32) {
	t.Helper()
	exec, err := w.Graph(b, func(v train.Values, in []*graph.Node) []*graph.Node {
		l := loss(v, in)
		var nodes []*graph.Node
		for _, name := range w.Names() {
			nodes = append(nodes, v(name))
		}
		return append([]*graph.Node{l}, graph.Gradient(l, nodes...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Exec(Args(inputs)...)
	if err != nil {
		t.Fatal(err)
	}
	grads := map[string][]float32{}
	for i, name := range w.Names() {
		grads[name] = gomlx.MustCopyFlatData[float32](out[i+1])
	}
	return float64(gomlx.MustCopyFlatData[float32](out[0])[0]), grads
}

// Args are inputs as an Exec takes them.
func Args(inputs []*gomlx.Tensor) []any {
	var out []any
	for _, t := range inputs {
		out = append(out, t)
	}
	return out
}

// PackBits packs a mask of zeros and ones as stream.Bernoulli does.
func PackBits(mask []uint8) *gomlx.Tensor {
	bits := make([]uint8, (len(mask)+7)/8)
	for i, m := range mask {
		bits[i/8] |= m << (i % 8)
	}
	return gomlx.FromFlatDataAndDimensions(bits, len(bits))
}

// Planted checks a method that is trained on two classes, one of them in two images
// only: whose patches are of a kind of its own, of Side x Side patches with 8
// channels. In a test image of each is a patch that neither has; it has to score
// highest.
func Planted(t testing.TB, m plugin.Method, s plugin.Session) {
	t.Helper()
	const side, channels, head, tail = 6, 8, 24, 2
	image := func(seed uint32, class int) []float32 {
		data := Numbers(seed, side*side*channels)
		for i := range data {
			data[i] *= 0.3
		}
		for at := 0; at < len(data); at += channels {
			data[at+class] += 2
		}
		return data
	}
	var data, probe []float32
	var classes []int
	for i := range head + tail {
		class := i / head
		data = append(data, image(uint32(100+i), class)...)
		classes = append(classes, class)
	}
	const at = 2*side + 3
	for class := range 2 {
		bad := image(uint32(3+class), class)
		bad[at*channels+5] += 3
		probe = append(probe, bad...)
	}
	Fit(t, m, s, Samples(t, tensors.Float32, data, head+tail, side, side, channels, classes))
	for class, p := range Predict(t, m, Samples(t, tensors.Float32, probe, 2, side, side, channels, []int{0, 1})) {
		if best := slices.Index(p.Map, slices.Max(p.Map)); best != at {
			t.Errorf("class %d: the map peaks at patch %d, the anomaly is at %d: %v", class, best, at, p.Map)
		}
	}
}
