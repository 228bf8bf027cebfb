package metric

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// memory is Pixels in memory.
type memory struct {
	area   int
	scores []float32
	truth  []uint8
}

func (m memory) Len() int                  { return len(m.scores) / m.area }
func (m memory) ID(i int) ad.SampleID      { return ad.SampleID("test/" + string(rune('a'+i))) }
func (m memory) part(i int) (from, to int) { return i * m.area, (i + 1) * m.area }

func (m memory) Truth(i int, truth []uint8) error {
	from, to := m.part(i)
	copy(truth, m.truth[from:to])
	return nil
}

func (m memory) Scores(i int, scores []float32) error {
	from, to := m.part(i)
	copy(scores, m.scores[from:to])
	return nil
}

// images takes every pixel for an image.
func (m memory) images() []Image {
	list := make([]Image, len(m.scores))
	for i := range list {
		list[i].Score = m.scores[i]
		if m.truth[i] != 0 {
			list[i].Label = ad.Anomalous
		}
	}
	return list
}

func protocol(size int, change ...func(*Protocol)) Protocol {
	p := DefaultProtocol()
	p.Size = size
	for _, c := range change {
		c(&p)
	}
	return p
}

func pixelMetrics(t *testing.T, m memory, p Protocol, workers int) map[ad.Metric]Value {
	t.Helper()
	v, err := PixelMetrics(context.Background(), m, p, workers)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func oracle(t *testing.T, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/oracle.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *tensors.File {
	t.Helper()
	f, err := tensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func near(t *testing.T, what string, got Value, want, tolerance float64) {
	t.Helper()
	if got == nil {
		t.Errorf("%s is undefined, want %v", what, want)
	} else if !(math.Abs(*got-want) <= tolerance) {
		t.Errorf("%s = %.17g, want %.17g +- %g", what, *got, want, tolerance)
	}
}

// The expected values are scikit-learn's, and for AUPRO those of a slow plain
// implementation on scipy.ndimage.label: testdata/oracle.py.
func TestMetricsAgreeWithScikitLearn(t *testing.T) {
	var want struct {
		Metrics []struct {
			Name                             string
			AUROC, AP, F1Max, AUPRO8, AUPRO4 float64
		}
	}
	oracle(t, &want)
	scores, truth := open(t, "testdata/scores.npy"), open(t, "testdata/truth.npy")
	n := scores.RowLen()
	for i, w := range want.Metrics {
		t.Run(w.Name, func(t *testing.T) {
			m := memory{16 * 16, scores.Float32s()[i*n:][:n], truth.Uint8s()[i*n:][:n]}
			got := pixelMetrics(t, m, protocol(16), 2)
			near(t, "AUROC", got[ad.PixelAUROC], w.AUROC, 1e-12)
			near(t, "AP", got[ad.PixelAP], w.AP, 1e-12)
			near(t, "F1-max", got[ad.PixelF1Max], w.F1Max, 1e-12)
			near(t, "AUPRO", got[ad.PixelAUPRO], w.AUPRO8, 1e-12)
			got = pixelMetrics(t, m, protocol(16, func(p *Protocol) { p.Connectivity = 4 }), 2)
			near(t, "AUPRO with connectivity 4", got[ad.PixelAUPRO], w.AUPRO4, 1e-12)

			images, err := ImageMetrics(m.images())
			if err != nil {
				t.Fatal(err)
			}
			near(t, "image AUROC", images[ad.ImageAUROC], w.AUROC, 1e-12)
			near(t, "image AP", images[ad.ImageAP], w.AP, 1e-12)
			near(t, "image F1-max", images[ad.ImageF1Max], w.F1Max, 1e-12)
		})
	}
}

// The expected values are PyTorch's: testdata/oracle.py.
func TestMapsAgreeWithPyTorch(t *testing.T) {
	var want struct {
		Resized []struct {
			Map, H, W, Size int
			AlignCorners    bool `json:"align_corners"`
			Pixels          []float64
			Scores          map[ImageScore]float64 `json:"scores"`
		}
	}
	oracle(t, &want)
	maps := open(t, "testdata/maps.npy")
	for _, w := range want.Resized {
		p := protocol(w.Size)
		if !w.AlignCorners {
			p.MapResize = HalfPixel
		}
		r, err := NewResizer(p, w.H, w.W)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := make([]float32, 0, w.H*w.W), make([]float32, w.Size*w.Size)
		largest := 0.0
		for y := range w.H {
			row := maps.Float32s()[w.Map*1600+y*40:][:w.W]
			src = append(src, row...)
			for _, x := range row {
				largest = max(largest, math.Abs(float64(x)))
			}
		}
		r.Resize(dst, src)
		for i, x := range w.Pixels {
			if math.Abs(float64(dst[7*i])-x) > 1e-7*largest {
				t.Fatalf("%dx%d to %d, %s: pixel %d = %v, want %v", w.H, w.W, w.Size, p.MapResize, 7*i, dst[7*i], x)
			}
		}
		for rule, x := range w.Scores {
			p.ImageScore = rule
			s, err := NewScorer(p)
			if err != nil {
				t.Fatal(err)
			}
			if got := float64(s.Score(dst)); math.Abs(got-x) > 1e-7*largest {
				t.Errorf("%dx%d to %d, %s: %s = %v, want %v", w.H, w.W, w.Size, p.MapResize, rule, got, x)
			}
		}
	}
}
