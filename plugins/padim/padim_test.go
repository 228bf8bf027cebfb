package padim

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/state"
)

// correlate multiplies the channels of each patch with a fixed matrix.
func correlate(data []float32, c int) {
	mix := methodtest.Numbers(9, c*c)
	for at := 0; at < len(data); at += c {
		patch := append([]float32(nil), data[at:at+c]...)
		for i := range c {
			sum := 0.0
			for j, v := range patch {
				sum += float64(v * mix[i*c+j])
			}
			data[at+i] = float32(sum)
		}
	}
}

// The oracle is testdata/oracle.py: NumPy's covariance and matrix inverse.
func TestOracle(t *testing.T) {
	const h, w, c = 3, 4, 6
	var cases []struct {
		Train   int
		Epsilon float64
		Maps    [][]float32
	}
	methodtest.Oracle(t, &cases)
	for _, one := range cases {
		data := methodtest.Numbers(3, one.Train*h*w*c)
		correlate(data, c)
		train := methodtest.Samples(t, tensors.Float32, data, one.Train, h, w, c, nil)
		test := methodtest.Samples(t, tensors.Float32, methodtest.Numbers(4, 5*h*w*c), 5, h, w, c, nil)
		m := New()
		methodtest.Fit(t, m, methodtest.Session(t, m, 2, map[string]any{"sigma": 0, "epsilon": one.Epsilon}), train)
		for i, p := range methodtest.Predict(t, m, test) {
			methodtest.Near(t, "map", p.Map, one.Maps[i], 1e-5)
			most := float32(0)
			for _, v := range p.Map {
				most = max(most, v)
			}
			if p.Score != most {
				t.Errorf("score %g is not the map's maximum %g", p.Score, most)
			}
		}
	}
}

func TestConformance(t *testing.T) { methodtest.Conformance(t, New) }

// An anomaly is planted that only the correlation of two channels gives away.
func TestPlantedAnomaly(t *testing.T) {
	const n, h, w, c = 60, 6, 7, 8
	image := func(seed uint32) []float32 {
		data := methodtest.Numbers(seed, h*w*c)
		for at := 0; at < len(data); at += c {
			data[at+1] = data[at] + 0.05*data[at+1]
		}
		return data
	}
	var data []float32
	for i := range uint32(n) {
		data = append(data, image(100+i)...)
	}
	normal, bad := image(1), image(2)
	const at = (3*w + 4) * c
	bad[at], bad[at+1] = 0.4, -0.4
	m := New()
	methodtest.Fit(t, m, methodtest.Session(t, m, 2, map[string]any{"epsilon": 1e-4}),
		methodtest.Samples(t, tensors.Float32, data, n, h, w, c, nil))
	p := methodtest.Predict(t, m, methodtest.Samples(t, tensors.Float32, append(normal, bad...), 2, h, w, c, nil))
	if p[1].Score < 2*p[0].Score {
		t.Errorf("the score of the anomaly, %g, is not well above that of a normal image, %g", p[1].Score, p[0].Score)
	}
	best := 0
	for i, v := range p[1].Map {
		if v > p[1].Map[best] {
			best = i
		}
	}
	if best != at/c {
		t.Errorf("the map peaks at patch %d, the anomaly is at %d", best, at/c)
	}
}

func TestSelectionOfChannels(t *testing.T) {
	const n, h, w, c = 20, 2, 2, 30
	data := methodtest.Numbers(5, n*h*w*c)
	s := methodtest.Samples(t, tensors.Float32, data, n, h, w, c, nil)
	var before []int
	for seed := range uint64(3) {
		m := New().(*Method)
		session := methodtest.Session(t, m, 1, map[string]any{"d": 10})
		session.Seed = seed
		methodtest.Fit(t, m, session, s)
		got := m.model.selected
		if len(got) != 10 || len(m.model.factor) != h*w*55 {
			t.Fatalf("%d channels are selected", len(got))
		}
		for i, ch := range got {
			if ch < 0 || ch >= c || i > 0 && ch <= got[i-1] {
				t.Fatalf("selected channels %v", got)
			}
		}
		if seed > 0 && equal(got, before) {
			t.Errorf("two seeds select the same channels %v", got)
		}
		before = got
	}
}

func equal(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Groups of positions, which bound memory, must not change the numbers.
func TestGroupsOfPositions(t *testing.T) {
	const n, h, w, c = 9, 3, 5, 4
	s := methodtest.Samples(t, tensors.Float32, methodtest.Numbers(6, n*h*w*c), n, h, w, c, nil)
	report := func(float64, float64, string) {}
	whole, err := fit(context.Background(), s, []int{0, 1, 3}, 0.01, 2, fitBytes, report)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := fit(context.Background(), s, []int{0, 1, 3}, 0.01, 2, 4*3*n*4, report)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole.factor {
		if whole.factor[i] != parts.factor[i] {
			t.Fatalf("number %d of the factors: %g in one group, %g in four", i, whole.factor[i], parts.factor[i])
		}
	}
}

func TestErrorsOfFit(t *testing.T) {
	const h, w, c = 2, 2, 3
	m := New()
	inf := methodtest.Numbers(1, 4*h*w*c)
	inf[7] = float32(math.Inf(1))
	for name, s := range map[string]plugin.Samples{
		"no images": methodtest.Samples(t, tensors.Float32, nil, 0, h, w, c, nil),
		"infinite":  methodtest.Samples(t, tensors.Float32, inf, 4, h, w, c, nil),
		"all zero":  methodtest.Samples(t, tensors.Float32, make([]float32, 4*h*w*c), 4, h, w, c, nil),
	} {
		err := m.Fit(context.Background(), methodtest.Session(t, m, 2, nil), s)
		if (err == nil) != (name == "all zero") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadWithOtherOptions(t *testing.T) {
	const h, w, c = 2, 2, 3
	m := New()
	methodtest.Fit(t, m, methodtest.Session(t, m, 1, nil), methodtest.Samples(t, tensors.Float32, methodtest.Numbers(1, 4*h*w*c), 4, h, w, c, nil))
	dir := t.TempDir()
	if err := m.(plugin.Saver).Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	if err := New().(plugin.Saver).Load(context.Background(), methodtest.Session(t, m, 1, map[string]any{"epsilon": 0.5}), dir); err == nil {
		t.Error("state fitted with another epsilon loads")
	}
	if err := New().(plugin.Saver).Load(context.Background(), methodtest.Session(t, m, 1, nil), filepath.Join(dir, "none")); err == nil {
		t.Error("a missing directory loads")
	}
}

// bench makes n images of 28 x 28 patches with 200 channels.
func bench(b *testing.B, n int) plugin.Samples {
	const size = 28 * 28 * 200
	data := methodtest.Numbers(7, size)
	all := make([]float32, 0, n*size)
	for i := range n {
		for j, v := range data {
			all = append(all, v*data[(j*31+i*7919)%size])
		}
	}
	return methodtest.Samples(b, tensors.Float32, all, n, 28, 28, 200, nil)
}

// BenchmarkFit: 300 images, d = 100; N d² multiply-adds a position, d³/6 to factor.
func BenchmarkFit(b *testing.B) {
	s := bench(b, 300)
	m := New()
	for b.Loop() {
		methodtest.Fit(b, m, methodtest.Session(b, m, 2, nil), s)
	}
	b.ReportMetric(784*(300*100*100+100*100*100/3)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkPredict: 100 images, d²/2 multiply-adds a position.
func BenchmarkPredict(b *testing.B) {
	s := bench(b, 100)
	m := New()
	methodtest.Fit(b, m, methodtest.Session(b, m, 2, nil), s)
	for b.Loop() {
		methodtest.Predict(b, m, s)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/100, "ms/image")
	b.ReportMetric(784*100*100*100*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// A fit must stop soon after its context ends, also in the middle.
func TestLoadOfImpossibleSizes(t *testing.T) {
	for _, d := range []int{-1, 3, 1 << 60} {
		dir := t.TempDir()
		w, err := state.NewWriter(dir, name, version, shape{defaults(), 1, 1, d, d})
		if err == nil {
			err = state.Put(w, "channels", []int32{0, 1}, 2)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		m := New()
		if err := m.(plugin.Saver).Load(context.Background(), methodtest.Session(t, m, 1, nil), dir); fault.KindOf(err) != fault.Data {
			t.Errorf("%d channels: %v", d, err)
		}
	}
}

func TestCancelInTheMiddle(t *testing.T) {
	const n, h, w, c = 40, 20, 20, 100
	s := methodtest.Samples(t, tensors.Float32, methodtest.Numbers(1, n*h*w*c), n, h, w, c, nil)
	ctx, cancel := context.WithCancel(context.Background())
	m := New()
	session := methodtest.Session(t, m, 2, nil)
	var at time.Time
	session.Report = func(_, _ float64, message string) {
		if message == "estimating Gaussians" {
			at = time.Now()
			cancel()
		}
	}
	if err := m.Fit(ctx, session, s); err == nil || time.Since(at) > time.Second {
		t.Errorf("Fit returned %v, %v after it was cancelled", err, time.Since(at))
	}
}
