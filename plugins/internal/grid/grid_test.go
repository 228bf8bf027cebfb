package grid

import (
	"math"
	"testing"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// Mean against its definition; PatchCore's oracle (SciPy) checks it once more.
func TestMean(t *testing.T) {
	s := stream.New(1, "grid")
	for _, dims := range [][4]int{{5, 4, 3, 3}, {1, 1, 2, 3}, {4, 6, 1, 5}, {2, 3, 2, 7}, {3, 3, 2, 1}} {
		h, w, c, size := dims[0], dims[1], dims[2], dims[3]
		src, dst, tmp := make([]float32, h*w*c), make([]float32, h*w*c), make([]float32, h*w*c)
		for i := range src {
			src[i], dst[i], tmp[i] = s.Float32(), 9, 9
		}
		Mean(dst, tmp, src, h, w, c, size)
		for y := range h {
			for x := range w {
				for ch := range c {
					sum := 0.0
					for v := max(0, y-size/2); v <= min(h-1, y+size/2); v++ {
						for u := max(0, x-size/2); u <= min(w-1, x+size/2); u++ {
							sum += float64(src[(v*w+u)*c+ch])
						}
					}
					want := sum / float64(size*size)
					if got := float64(dst[(y*w+x)*c+ch]); math.Abs(got-want) > 1e-6 {
						t.Fatalf("%v: patch %d,%d channel %d is %g, want %g", dims, y, x, ch, got, want)
					}
				}
			}
		}
	}
}

// A blurred point has the sum and the variance of the Gaussian, also where that is
// much narrower than a cell, and the shape of it where it is wide.
func TestSmooth(t *testing.T) {
	const side = 56
	for _, sigma := range []float64{1, 4, 8, 20} {
		m := make([]float32, side*side)
		m[28*side+28] = 1
		Smooth(m, side, side, sigma)
		var sum, variance float64
		for i, v := range m {
			sum += float64(v)
			variance += float64(v) * math.Pow(float64(i%side-28), 2)
		}
		cells := sigma * side / PaperWidth
		if math.Abs(sum-1) > 1e-5 || math.Abs(variance-cells*cells) > 1e-3*cells*cells {
			t.Errorf("sigma %g: sum %g, variance %g, want %g", sigma, sum, variance, cells*cells)
		}
		if peak := float64(m[28*side+28]); cells >= 2 && math.Abs(peak*2*math.Pi*cells*cells-1) > 0.05 {
			t.Errorf("sigma %g: the peak is %g, a Gaussian's %g", sigma, peak, 1/(2*math.Pi*cells*cells))
		}
	}
	m := []float32{3, 3, 3, 3, 3, 3}
	Smooth(m, 2, 3, 500)
	for _, v := range m {
		if v != 3 {
			t.Fatalf("a constant map becomes %v", m)
		}
	}
	m = []float32{1, 2, 3, 4}
	Smooth(m, 2, 2, 0)
	if m[0] != 1 || m[3] != 4 {
		t.Errorf("sigma 0 changes a map to %v", m)
	}
}
