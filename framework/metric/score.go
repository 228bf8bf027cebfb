package metric

import (
	"math"
	"sync"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Scorer gives images their scores by a protocol's rule. It is safe for
// concurrent use and, once warm, allocates nothing.
//
// Sums are float64 additions in a fixed order, so a score is the same on every
// machine, and only the score is rounded to float32. MaxAvgPool16 sums a window by
// halves (two columns, two such sums, ... up to 16; then 16 rows likewise) and
// never subtracts: no window sees what lies outside it, and the sum is exact
// unless the window's magnitudes differ by more than a factor of 2^21.
type Scorer struct {
	rule    ImageScore
	size    int
	scratch sync.Pool // of *[]float64
}

// NewScorer makes a Scorer for maps of the evaluation size. FromMethod is an
// error: its scores do not come from maps.
func NewScorer(p Protocol) (*Scorer, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.ImageScore == FromMethod {
		return nil, fault.New(fault.Config, "evaluation: image_score %q is the method's own and not made from maps", p.ImageScore)
	}
	s := &Scorer{rule: p.ImageScore, size: p.Size}
	s.scratch.New = func() any {
		b := make([]float64, p.Size*p.Size)
		return &b
	}
	return s, nil
}

// Score gives the score of an image from its map of Size x Size pixels. It is NaN
// if the map holds a NaN, or infinities that have no sum; ImageMetrics refuses it.
func (s *Scorer) Score(pixels []float32) float32 {
	if firstNaN(pixels) >= 0 {
		return float32(math.NaN())
	}
	switch s.rule {
	case MaxPixel:
		top := pixels[0]
		for _, x := range pixels {
			if x > top {
				top = x
			}
		}
		return top
	case MeanPixel:
		return float32(mean(pixels))
	case StdPixel:
		m, sum := mean(pixels), 0.0
		for _, x := range pixels {
			d := float64(x) - m
			sum += float64(d * d)
		}
		return float32(math.Sqrt(sum / float64(len(pixels))))
	}
	return s.pooled(pixels)
}

func mean(pixels []float32) float64 {
	sum := 0.0
	for _, x := range pixels {
		sum += float64(x)
	}
	return sum / float64(len(pixels))
}

// window is the side of MaxAvgPool16's window: a power of two.
const window = 16

// pooled is the largest mean of a window. No window's sum can exceed its area times
// the largest pixel of the tiles that it touches (in float64 too: products with a
// power of two are exact, and rounding is monotonic), so tiles are searched by that
// bound, highest first, until no bound exceeds what was found. A map that does not
// yield soon, such as noise, is summed whole. Either way gives the same bits: a
// window's sum depends on its own pixels alone.
func (s *Scorer) pooled(pixels []float32) float32 {
	buffer := s.scratch.Get().(*[]float64)
	defer s.scratch.Put(buffer)
	n := s.size
	wide := n - window + 1 // places of a window
	tiles := (n + window - 1) / window
	bounds := (*buffer)[:tiles*tiles]
	s.bound(bounds, pixels, tiles)
	places := (wide + window - 1) / window
	top := math.Inf(-1)
	for tried := 0; ; tried++ {
		best, at := math.Inf(-1), -1
		for y := range places {
			for x, b := range bounds[y*tiles:][:places] {
				if b > best {
					best, at = b, y*tiles+x
				}
			}
		}
		if at < 0 || best*(window*window) <= top {
			break
		}
		if tried == places*places/16+1 || math.IsInf(best, 1) {
			top = pooledIn((*buffer)[:n*n], pixels, n, 0, 0, wide, wide)
			break
		}
		bounds[at] = math.Inf(-1)
		y, x := at/tiles*window, at%tiles*window
		var small [(2*window - 1) * (2*window - 1)]float64
		top = max(top, pooledIn(small[:], pixels, n, y, x, min(window, wide-y), min(window, wide-x)))
	}
	return float32(top/(window*window)) + 0 // one zero, whichever was found first
}

// bound gives for each tile, window x window pixels of the map, the largest pixel in
// it and in the neighbours to the right and below: those that windows which begin
// in the tile can touch.
func (s *Scorer) bound(bounds []float64, pixels []float32, tiles int) {
	n := s.size
	for ty := range tiles {
		row := bounds[ty*tiles:][:tiles]
		for i := range row {
			row[i] = math.Inf(-1)
		}
		for y := ty * window; y < min(n, (ty+1)*window); y++ {
			line := pixels[y*n:][:n]
			for i := range row {
				top := line[i*window]
				for _, v := range line[i*window+1 : min(n, (i+1)*window)] {
					if v > top {
						top = v
					}
				}
				row[i] = max(row[i], float64(top))
			}
		}
		for i := range tiles - 1 {
			row[i] = max(row[i], row[i+1])
		}
		if ty > 0 {
			for i, b := range row {
				bounds[(ty-1)*tiles+i] = max(bounds[(ty-1)*tiles+i], b)
			}
		}
	}
}

// pooledIn is the largest sum of a window that begins in the h x w places from (y,
// x) on, in a map of n columns; NaN if a window has no sum. sums is scratch of at
// least the size of the pixels that those windows touch.
func pooledIn(sums []float64, pixels []float32, n, y, x, h, w int) float64 {
	rows, cols := h+window-1, w+window-1
	for i := range rows {
		row, src := sums[i*cols:][:cols], pixels[(y+i)*n+x:][:cols]
		for j := range cols - 1 {
			row[j] = float64(src[j]) + float64(src[j+1])
		}
		for step := 2; step < window; step *= 2 {
			for j := range cols - 2*step + 1 {
				row[j] += row[j+step]
			}
		}
	}
	for step := 1; step < window; step *= 2 {
		for i := range rows - 2*step + 1 {
			row, below := sums[i*cols:][:w], sums[(i+step)*cols:][:w]
			for j := range row {
				row[j] += below[j]
			}
		}
	}
	top := math.Inf(-1)
	for i := range h {
		for _, sum := range sums[i*cols:][:w] {
			if !(sum <= top) {
				if sum != sum {
					return sum
				}
				top = sum
			}
		}
	}
	return top
}
