package reconstruct

import (
	"testing"

	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
)

// The corners of both grids are the same places, and between them lies a linear
// function.
func TestSampler(t *testing.T) {
	const h, w = 9, 7
	src := make([]float32, 0, h*w*2)
	for y := range h {
		for x := range w {
			src = append(src, float32(y), float32(3*x+1))
		}
	}
	for _, to := range [][2]int{{5, 4}, {1, 1}, {9, 2}, {8, 7}} {
		a := Arch{Height: to[0], Width: to[1]}
		got := make([]float32, to[0]*to[1]*2)
		NewSampler(h, w, 2, a).resample(got, src)
		for i := range to[0] * to[1] {
			y, x := 0.0, 0.0
			if to[0] > 1 {
				y = float64(i/to[1]) * (h - 1) / float64(to[0]-1)
			}
			if to[1] > 1 {
				x = float64(i%to[1]) * (w - 1) / float64(to[1]-1)
			}
			methodtest.Near(t, "token", got[2*i:][:2], []float32{float32(y), float32(3*x + 1)}, 1e-6)
		}
	}
}
