package metric

import (
	"math"
	"testing"
)

func resize(t *testing.T, p Protocol, h, w int, src []float32) []float32 {
	t.Helper()
	r, err := NewResizer(p, h, w)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, p.Size*p.Size)
	r.Resize(dst, src)
	return dst
}

func TestResizeKeepsConstantsAndInfinities(t *testing.T) {
	for _, how := range []MapResize{AlignCorners, HalfPixel} {
		p := protocol(37)
		p.MapResize = how
		for _, x := range []float32{0.1, -1e-45, math.MaxFloat32, float32(math.Inf(-1))} {
			for _, size := range [][2]int{{1, 1}, {14, 9}, {37, 37}, {50, 80}} {
				src := make([]float32, size[0]*size[1])
				for i := range src {
					src[i] = x
				}
				for i, y := range resize(t, p, size[0], size[1], src) {
					if y != x {
						t.Fatalf("%s: constant %v of %v became %v at %d", how, x, size, y, i)
					}
				}
			}
		}
		// One infinite value spreads as far as its weight does, and makes no NaN.
		src := make([]float32, 14*14)
		src[5*14+5] = float32(math.Inf(1))
		infinite := 0
		for _, y := range resize(t, p, 14, 14, src) {
			if y != y {
				t.Fatalf("%s: an infinity made NaN", how)
			}
			if math.IsInf(float64(y), 1) {
				infinite++
			}
		}
		if infinite == 0 || infinite > 7*7 {
			t.Errorf("%s: %d infinite pixels", how, infinite)
		}
	}
}

func TestResizeOfItsOwnSizeIsTheIdentity(t *testing.T) {
	m := sample(4, 1, 32, bell)
	for _, how := range []MapResize{AlignCorners, HalfPixel} {
		p := protocol(32)
		p.MapResize = how
		for i, y := range resize(t, p, 32, 32, m.scores) {
			if y != m.scores[i] {
				t.Fatalf("%s: pixel %d became %v from %v", how, i, y, m.scores[i])
			}
		}
	}
}

func TestNewResizerRefusesEmptyMaps(t *testing.T) {
	for _, size := range [][2]int{{0, 4}, {4, 0}, {-1, 4}} {
		if _, err := NewResizer(protocol(16), size[0], size[1]); err == nil {
			t.Errorf("size %v is accepted", size)
		}
	}
}

// A window does not see what is outside it, however large: sums that are carried
// along a row and subtracted from would.
func TestPoolingForgetsOutliers(t *testing.T) {
	p := protocol(40)
	pixels := make([]float32, 40*40)
	for i := range pixels {
		pixels[i] = -1
	}
	for y := 10; y < 26; y++ {
		for x := 20; x < 36; x++ {
			pixels[y*40+x] = 0.125
		}
	}
	score := func(rule ImageScore) float32 {
		p.ImageScore = rule
		s, err := NewScorer(p)
		if err != nil {
			t.Fatal(err)
		}
		return s.Score(pixels)
	}
	for _, outlier := range []float32{-1e30, float32(math.Inf(-1))} {
		pixels[0] = outlier
		if got := score(MaxAvgPool16); got != 0.125 {
			t.Errorf("outlier %v: %v, want 0.125", outlier, got)
		}
		if got := score(MaxPixel); got != 0.125 {
			t.Errorf("outlier %v: max %v, want 0.125", outlier, got)
		}
	}
	pixels[0] = float32(math.Inf(-1))
	if got := score(MeanPixel); !math.IsInf(float64(got), -1) {
		t.Errorf("mean %v, want -Inf", got)
	}
	pixels[1] = float32(math.Inf(1))
	for _, rule := range []ImageScore{MaxAvgPool16, MeanPixel, StdPixel} {
		if got := score(rule); got == got {
			t.Errorf("%s of both infinities is %v, want NaN", rule, got)
		}
	}
	pixels[0], pixels[1] = -1, float32(math.NaN())
	for _, rule := range []ImageScore{MaxAvgPool16, MaxPixel, MeanPixel, StdPixel} {
		if got := score(rule); got == got {
			t.Errorf("%s of NaN is %v, want NaN", rule, got)
		}
	}
	p.ImageScore = FromMethod
	if _, err := NewScorer(p); err == nil {
		t.Error("a Scorer for the method's own scores is made")
	}
}
