package pixels

import (
	"fmt"
	"math"
	"sync"
)

// Filter says how Resize computes a pixel.
type Filter string

// The filters, by PIL's names.
const (
	// Bilinear is the triangle filter, widened when the image shrinks
	// (antialiased): PIL's BILINEAR, not that of OpenCV.
	Bilinear Filter = "bilinear"
	// Bicubic is the cubic filter with a = -1/2, widened in the same way.
	Bicubic Filter = "bicubic"
	// Nearest takes the pixel under the centre.
	Nearest Filter = "nearest"
)

// Resize gives the image with w x h pixels; the whole image is squashed, nothing
// is cropped. An image that has the size already is returned as it is. Resize
// panics if w or h is below 1 or the filter is none of the constants.
func (m *Image) Resize(w, h int, f Filter) *Image {
	if w < 1 || h < 1 {
		panic(fmt.Sprintf("pixels: resize to %dx%d", w, h))
	}
	if w == m.W && h == m.H {
		return m
	}
	switch f {
	case Bilinear:
		return m.resample(w, h, 1, triangle)
	case Bicubic:
		return m.resample(w, h, 2, cubic)
	case Nearest:
		out := &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
		xs, ys := nearest(m.W, w), nearest(m.H, h)
		for y, sy := range ys {
			src, dst := m.Pix[3*sy*m.W:3*(sy+1)*m.W], out.Pix[3*y*w:3*(y+1)*w]
			for x, sx := range xs {
				copy(dst[3*x:3*x+3], src[3*sx:])
			}
		}
		return out
	}
	panic(fmt.Sprintf("pixels: unknown filter %q", f))
}

// Resize gives the mask with w x h pixels by the nearest filter, so that no
// value arises that the file did not hold. It panics if w or h is below 1.
func (m *Mask) Resize(w, h int) *Mask {
	if w < 1 || h < 1 {
		panic(fmt.Sprintf("pixels: resize to %dx%d", w, h))
	}
	if w == m.W && h == m.H {
		return m
	}
	out := &Mask{W: w, H: h, Pix: make([]uint8, w*h)}
	xs, ys := nearest(m.W, w), nearest(m.H, h)
	for y, sy := range ys {
		src, dst := m.Pix[sy*m.W:(sy+1)*m.W], out.Pix[y*w:(y+1)*w]
		for x, sx := range xs {
			dst[x] = src[sx]
		}
	}
	return out
}

// nearest gives the source position of each output position. PIL accumulates
// the step instead of multiplying, and so must this, to round as it does.
func nearest(in, out int) []int {
	pos := make([]int, out)
	step := float64(in) / float64(out)
	at := step * 0.5
	for i := range pos {
		pos[i] = min(int(at), in-1)
		at += step
	}
	return pos
}

// precision is the number of fractional bits of a weight: 8 bits of sample and a
// sum of weights up to 2 leave 22 of 32.
const precision = 22

// span is one output position: the source positions from first on, and their
// weights.
type span struct {
	first   int
	weights []int32
}

// spans computes the weights in float64 and rounds them to fixed point. The
// explicit float64 conversions keep compilers of other CPUs from fusing
// operations, which could change a weight.
func spans(in, out int, support float64, kernel func(float64) float64) []span {
	scale := float64(in) / float64(out)
	filterScale := max(scale, 1)
	support *= filterScale
	inv := 1 / filterScale
	result := make([]span, out)
	values := make([]float64, 0, 2*int(math.Ceil(support))+1)
	for i := range result {
		center := float64((float64(i) + 0.5) * scale)
		first := max(int(center-support+0.5), 0)
		last := min(int(center+support+0.5), in)
		values = values[:0]
		sum := 0.0
		for x := first; x < last; x++ {
			w := kernel(float64((float64(x) - center + 0.5) * inv))
			values = append(values, w)
			sum += w
		}
		weights := make([]int32, len(values))
		for j, w := range values {
			if sum != 0 {
				w /= sum
			}
			weights[j] = int32(math.Copysign(0.5, w) + float64(w*(1<<precision)))
		}
		result[i] = span{first, weights}
	}
	return result
}

func triangle(x float64) float64 {
	if x = math.Abs(x); x < 1 {
		return 1 - x
	}
	return 0
}

func cubic(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64(float64(float64(float64(float64(x-5)*x)+8)*x)-4) * a
	}
	return 0
}

// scratch holds the image between the passes.
var scratch = sync.Pool{New: func() any { return new([]uint8) }}

// resample resizes across, rounds to bytes, then resizes down, as PIL does.
func (m *Image) resample(w, h int, support float64, kernel func(float64) float64) *Image {
	if w == m.W {
		return m.down(h, support, kernel)
	}
	wide := &Image{W: w, H: m.H}
	if n := 3 * w * m.H; h == m.H {
		wide.Pix = make([]uint8, n)
	} else {
		buf := scratch.Get().(*[]uint8)
		defer scratch.Put(buf)
		if cap(*buf) < n {
			*buf = make([]uint8, n)
		}
		wide.Pix = (*buf)[:n]
	}
	across := spans(m.W, w, support, kernel)
	for y := range m.H {
		resampleRow(wide.Pix[3*y*w:3*(y+1)*w], m.Pix[3*y*m.W:3*(y+1)*m.W], across)
	}
	if h == m.H {
		return wide
	}
	return wide.down(h, support, kernel)
}

const half = 1 << (precision - 1)

func (m *Image) down(h int, support float64, kernel func(float64) float64) *Image {
	w := m.W
	out := &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	sums := make([]int32, 3*w)
	for y, s := range spans(m.H, h, support, kernel) {
		for i := range sums {
			sums[i] = half
		}
		for j, k := range s.weights {
			row := m.Pix[3*(s.first+j)*w:][:len(sums)]
			for i, v := range row {
				sums[i] += k * int32(v)
			}
		}
		dst := out.Pix[3*y*w:][:len(sums)]
		for i, v := range sums {
			dst[i] = clamp(v >> precision)
		}
	}
	return out
}

func resampleRow(dst, src []uint8, across []span) {
	for _, s := range across {
		var r, g, b int32 = half, half, half
		p := src[3*s.first:]
		for _, k := range s.weights {
			r += k * int32(p[0])
			g += k * int32(p[1])
			b += k * int32(p[2])
			p = p[3:]
		}
		dst[0], dst[1], dst[2] = clamp(r>>precision), clamp(g>>precision), clamp(b>>precision)
		dst = dst[3:]
	}
}
