package metric

import (
	"math"
	"testing"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// Searching tiles by their bounds must give the bits of summing every window, on
// maps that yield at once, on noise that never does, with infinities, and with
// zeros of both signs.
func TestPooledSearchIsExact(t *testing.T) {
	s := stream.New(5, "pooled")
	inf := float32(math.Inf(1))
	for _, size := range []int{16, 17, 31, 47, 100, 224} {
		p := DefaultProtocol()
		p.Size = size
		scorer, err := NewScorer(p)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]func(x, y int) float32{
			"noise":    func(x, y int) float32 { return s.Float32() },
			"bump":     func(x, y int) float32 { dx, dy := x-size/3, y-size/2; return 1 / float32(9+dx*dx+dy*dy) },
			"spike":    func(x, y int) float32 { return map[bool]float32{true: 1e30, false: s.Float32()}[x == 3 && y == size-2] },
			"constant": func(x, y int) float32 { return -3.25 },
			"ramp":     func(x, y int) float32 { return float32(x) - 2*float32(y) },
			"minus":    func(x, y int) float32 { return map[bool]float32{true: -inf, false: s.Float32()}[(x+y)%50 == 0] },
			"plus":     func(x, y int) float32 { return map[bool]float32{true: inf, false: s.Float32()}[x*y == 30] },
			"zeros": func(x, y int) float32 { // the first window of zeros is not in the first tile that has one
				if y == 0 && x <= window {
					return -1
				}
				return float32(math.Copysign(0, float64(x-window)-0.5))
			},
			"both": func(x, y int) float32 { return map[int]float32{0: inf, 1: -inf}[(x+7*y)%97] },
		} {
			pixels := make([]float32, size*size)
			for i := range pixels {
				pixels[i] = value(i%size, i/size)
			}
			wide := size - window + 1
			whole := float32(pooledIn(make([]float64, size*size), pixels, size, 0, 0, wide, wide)/(window*window)) + 0
			if got := scorer.pooled(pixels); math.Float32bits(got) != math.Float32bits(whole) {
				t.Errorf("%s at %d: %v, every window summed gives %v", name, size, got, whole)
			}
		}
	}
}
