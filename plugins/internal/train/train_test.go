package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
)

// line is the task of finding the slope and offset of a line.
type line struct{ seen [][]int }

func (*line) Shapes(n int) []shapes.Shape {
	return []shapes.Shape{shapes.Make(dtypes.Float32, n), shapes.Make(dtypes.Float32, n)}
}

func (l *line) Fill(_ context.Context, s Step, inputs []any) error {
	if s.Number%3 == 0 {
		l.seen = append(l.seen, nil)
	}
	last := len(l.seen) - 1
	l.seen[last] = append(l.seen[last], s.Images...)
	x, y := inputs[0].([]float32), inputs[1].([]float32)
	for i, image := range s.Images {
		x[i] = float32(image) / 4
		y[i] = 3*x[i] - 2
	}
	return nil
}

func squares(w Values, in []*graph.Node) *graph.Node {
	y := graph.Add(graph.Mul(in[0], w("slope")), w("offset"))
	return graph.ReduceAllMean(graph.Square(graph.Sub(y, in[1])))
}

func run(t *testing.T, name string, epochs int, stop EarlyStop) (*Run, *line) {
	t.Helper()
	b, err := engine.Open(context.Background(), name, "cpu", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	w, l := NewWeights(), &line{}
	t.Cleanup(w.Close)
	w.Add("slope", []float32{0})
	w.Add("offset", []float32{0})
	r := &Run{
		Backend: b, Weights: w, Loss: squares, Feed: l, Images: 8, Batch: 3, Epochs: epochs,
		Optimizer: AdamW{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}, Schedule: StepLR{LR: 0.1, Every: 150, Gamma: 0.1}, Stop: stop,
		Seed: 1, Name: "line", Report: func(float64, float64, string) {}, Log: hclog.NewNullLogger(),
	}
	t.Cleanup(r.Close)
	return r, l
}

func TestRun(t *testing.T) {
	r, l := run(t, plugin.EngineGo, 300, EarlyStop{})
	if err := r.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"slope": 3, "offset": -2} {
		got, err := r.Weights.Get(name)
		if err != nil || math.Abs(float64(got[0])-want) > 1e-3 {
			t.Errorf("%s is %v, %v; want %g", name, got, err, want)
		}
	}
	if slices.Equal(l.seen[0], l.seen[1]) {
		t.Error("two epochs have one order")
	}
	for epoch, seen := range l.seen {
		if !slices.Equal(slices.Sorted(slices.Values(seen)), []int{0, 1, 2, 3, 4, 5, 6, 7}) {
			t.Errorf("epoch %d has the images %v", epoch, seen)
		}
	}
}

// Measuring leaves no trace.
func TestMeasure(t *testing.T) {
	for _, name := range []string{plugin.EngineGo, plugin.EngineORT} {
		var ends [2][]float32
		for i := range ends {
			r, _ := run(t, name, 20, EarlyStop{})
			if i == 1 {
				d, err := r.Measure(context.Background())
				if err != nil || d <= 0 {
					t.Fatalf("a step takes %v, %v", d, err)
				}
			}
			if n := r.Steps(); n != 60 {
				t.Errorf("%d steps", n)
			}
			if err := r.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			trained, err := r.Weights.Trained()
			if err != nil {
				t.Fatal(err)
			}
			ends[i] = slices.Concat(trained["slope"], trained["offset"])
		}
		if !slices.Equal(ends[0], ends[1]) {
			t.Errorf("%s: without measuring it ends with %v, with it %v", name, ends[0], ends[1])
		}
	}
}

// The loss reaches its floor long before the last epoch.
func TestEarlyStop(t *testing.T) {
	r, l := run(t, plugin.EngineGo, 100000, EarlyStop{Patience: 20, MinDelta: 0.01})
	r.Schedule.Every = 1 << 30
	if err := r.Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(l.seen); n < 30 || n > 5000 {
		t.Errorf("stopped after %d epochs", n)
	}
}

func TestStepLR(t *testing.T) {
	s := StepLR{LR: 1, Every: 3, Gamma: 0.5}
	var got []float64
	for epoch := range 8 {
		got = append(got, s.At(epoch))
	}
	if want := []float64{1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
