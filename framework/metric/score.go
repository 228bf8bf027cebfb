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

// window is the side of MaxAvgPool16's window: 4 x 4, which pooled relies on.
const window = 16

// pooled sums four columns, then four such sums, then likewise for rows, in place.
func (s *Scorer) pooled(pixels []float32) float32 {
	buffer := s.scratch.Get().(*[]float64)
	defer s.scratch.Put(buffer)
	sums, n := *buffer, s.size
	wide := n - window + 1
	for y := range n {
		row := sums[y*n:][:n]
		a := pixels[y*n:][:n]
		b, c, d := a[1:], a[2:], a[3:]
		for x := range d {
			row[x] = (float64(a[x]) + float64(b[x])) + (float64(c[x]) + float64(d[x]))
		}
		for x := range row[:wide] {
			row[x] = (row[x] + row[x+4]) + (row[x+8] + row[x+12])
		}
	}
	for step := 1; step < window; step *= 4 {
		for y := range n - 4*step + 1 {
			a := sums[y*n:][:wide]
			b, c, d := sums[(y+step)*n:][:wide], sums[(y+2*step)*n:][:wide], sums[(y+3*step)*n:][:wide]
			for x := range a {
				a[x] = (a[x] + b[x]) + (c[x] + d[x])
			}
		}
	}
	top := math.Inf(-1)
	for y := range wide {
		for _, sum := range sums[y*n:][:wide] {
			if !(sum <= top) {
				if sum != sum {
					return float32(sum)
				}
				top = sum
			}
		}
	}
	return float32(top / (window * window))
}
