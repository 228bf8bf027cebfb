package patchcore

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
)

// The oracle is testdata/oracle.py: SciPy's uniform filter, NumPy's greedy
// k-centre, scikit-learn's neighbours and equation 7 in NumPy.
func TestOracle(t *testing.T) {
	orttest.Init(t)
	const h, w, c, trainN, testN = 8, 7, 5, 6, 4
	var cases []struct {
		Patchsize, Neighbors, Start int
		Ratio                       float64
		Chosen                      []int
		Maps                        [][]float32
		Scores                      []float32
	}
	methodtest.Oracle(t, &cases)
	train := methodtest.Samples(t, tensors.Float32, methodtest.Numbers(11, trainN*h*w*c), trainN, h, w, c, nil)
	test := methodtest.Samples(t, tensors.Float32, methodtest.Numbers(12, testN*h*w*c), testN, h, w, c, nil)
	for _, one := range cases {
		m := New().(*Method)
		s := methodtest.Session(t, m, 2, map[string]any{
			"patchsize": one.Patchsize, "coreset_sampling_ratio": one.Ratio, "num_neighbors": one.Neighbors,
			"number_of_starting_points": 1, "projection_dim": 0, "sigma": 0,
		})
		if start := distinct(stream.New(s.Seed, name, "starts"), trainN*h*w, 1)[0]; start != one.Start {
			t.Fatalf("the start is patch %d, the oracle's is %d", start, one.Start)
		}
		methodtest.Fit(t, m, s, train)
		e := &embedder{h: h, w: w, c: c, patchsize: one.Patchsize}
		chosen, err := m.choose(context.Background(), s, train, e)
		if err != nil || !slices.Equal(chosen, one.Chosen) {
			t.Fatalf("coreset %v, %v; want %v", chosen, err, one.Chosen)
		}
		for i, p := range methodtest.Predict(t, m, test) {
			methodtest.Near(t, "map", p.Map, one.Maps[i], 2e-6)
			methodtest.Near(t, "score", []float32{p.Score}, one.Scores[i:i+1], 1e-5)
		}
	}
}

func TestConformance(t *testing.T) {
	orttest.Init(t)
	methodtest.Conformance(t, New)
	// With a coreset of 1 % of so little, nothing is re-weighted.
	methodtest.Conformance(t, func() plugin.Method { return larger{New().(*Method)} })
}

// larger is PatchCore with a larger memory bank by default.
type larger struct{ *Method }

func (l larger) Describe() plugin.Info {
	o := defaults()
	o.Ratio, o.ProjectionDim = 0.4, 4
	i := l.Method.Describe()
	i.Options = plugin.Schema(o)
	return i
}

// Each of two classes has patches of its own kind, one of them in two images
// only. A patch that neither has is planted into an image of each class.
func TestPlantedAnomalyInHeadAndTail(t *testing.T) {
	orttest.Init(t)
	const h, w, c, head, tail = 6, 6, 10, 40, 2
	image := func(seed uint32, class int) []float32 {
		data := methodtest.Numbers(seed, h*w*c)
		for at := 0; at < len(data); at += c {
			data[at+class] += 4
		}
		return data
	}
	var data []float32
	var classes []int
	for i := range head + tail {
		class := i / head
		data = append(data, image(uint32(100+i), class)...)
		classes = append(classes, class)
	}
	const at = 2*w + 3
	var probe []float32
	for class := range 2 {
		bad := image(uint32(3+class), class)
		for y := -1; y <= 1; y++ { // as large as the neighbourhood
			for x := -1; x <= 1; x++ {
				bad[(at+y*w+x)*c+5] += 3
			}
		}
		probe = append(append(probe, image(uint32(1+class), class)...), bad...)
	}
	m := New()
	methodtest.Fit(t, m, methodtest.Session(t, m, 2, map[string]any{"coreset_sampling_ratio": 0.05}),
		methodtest.Samples(t, tensors.Float32, data, head+tail, h, w, c, classes))
	p := methodtest.Predict(t, m, methodtest.Samples(t, tensors.Float32, probe, 4, h, w, c, []int{0, 0, 1, 1}))
	for class := range 2 {
		normal, bad := p[2*class], p[2*class+1]
		if bad.Score < 1.5*normal.Score {
			t.Errorf("class %d: the anomaly scores %g, a normal image %g", class, bad.Score, normal.Score)
		}
		if best := slices.Index(bad.Map, slices.Max(bad.Map)); best != at {
			t.Errorf("class %d: the map peaks at patch %d, the anomaly is at %d", class, best, at)
		}
	}
}

// Without neighbourhoods, constant features have one patch: it fills the bank.
func TestOneKindOfPatch(t *testing.T) {
	orttest.Init(t)
	same := slices.Repeat([]float32{0.3}, 2*4*5*6)
	s := methodtest.Samples(t, tensors.Float32, same, 2, 4, 5, 6, nil)
	for _, starts := range []int{1, 10} {
		m := New()
		methodtest.Fit(t, m, methodtest.Session(t, m, 2, map[string]any{"patchsize": 1, "number_of_starting_points": starts}), s)
		for _, p := range methodtest.Predict(t, m, s) {
			if p.Score != 0 || slices.Max(p.Map) != 0 {
				t.Errorf("%d starts: a training image scores %g, its map has %g", starts, p.Score, slices.Max(p.Map))
			}
		}
	}
}

func TestEvenPatchsize(t *testing.T) {
	m := New()
	s := methodtest.Samples(t, tensors.Float32, make([]float32, 12), 1, 2, 2, 3, nil)
	if err := m.Fit(context.Background(), methodtest.Session(t, m, 1, map[string]any{"patchsize": 2}), s); err == nil {
		t.Error("an even patchsize is taken")
	}
}

func TestCancelInTheMiddle(t *testing.T) {
	orttest.Init(t)
	const n, h, w, c = 30, 28, 28, 130
	s := methodtest.Samples(t, tensors.Float32, methodtest.Numbers(1, n*h*w*c), n, h, w, c, nil)
	for _, stage := range []string{"projecting patches", "choosing the coreset"} {
		ctx, cancel := context.WithCancel(context.Background())
		m := New()
		session := methodtest.Session(t, m, 2, map[string]any{"coreset_sampling_ratio": 0.5})
		var at time.Time
		session.Report = func(done, _ float64, message string) {
			if message == stage && done > 0 && at.IsZero() {
				at = time.Now()
				cancel()
			}
		}
		if err := m.Fit(ctx, session, s); err == nil || time.Since(at) > time.Second {
			t.Errorf("%s: Fit returned %v, %v after it was cancelled", stage, err, time.Since(at))
		}
		cancel()
	}
}

// bench gives features to measure with: those of the .npy file that
// LTADBENCH_BENCH_FEATURES names, [rows, H, W, C], or 300 images of 28 x 28
// patches with 200 channels of low intrinsic dimension, as an encoder's are.
func bench(b *testing.B) plugin.Samples {
	if path := os.Getenv("LTADBENCH_BENCH_FEATURES"); path != "" {
		f, err := tensors.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		rows := make([]int, min(300, f.Rows()))
		for i := range rows {
			rows[i] = i * f.Rows() / len(rows)
		}
		s, err := plugin.NewSamples(make([]int, len(rows)), rows, f, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	const n, side, c, inner = 300, 28, 200, 24
	mix := methodtest.Numbers(1, inner*c)
	latent := methodtest.Numbers(2, n*side*side*inner)
	data := make([]float32, n*side*side*c)
	for p := range n * side * side {
		for i, v := range latent[p*inner:][:inner] {
			for j, u := range mix[i*c:][:c] {
				data[p*c+j] += v * u
			}
		}
	}
	return methodtest.Samples(b, tensors.Float32, data, n, side, side, c, nil)
}

func BenchmarkFitAndPredict(b *testing.B) {
	orttest.Init(b)
	s := bench(b)
	for _, ratio := range []float64{0.01, 0.1} {
		m := New()
		session := methodtest.Session(b, m, 2, map[string]any{"coreset_sampling_ratio": ratio})
		b.Run("fit", func(b *testing.B) {
			for b.Loop() {
				methodtest.Fit(b, m, session, s)
			}
		})
		b.Run("predict", func(b *testing.B) {
			for b.Loop() {
				methodtest.Predict(b, m, s)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*s.Len()), "ms/image")
		})
	}
}
