package metric

import (
	"fmt"
	"sync"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Resizer brings anomaly maps of one size to the evaluation size. It is safe for
// concurrent use and, once warm, allocates nothing.
//
// A pixel is the bilinear mean of four map values, computed in float64 in a fixed
// order, without fused operations, and rounded once to float32: the same bits on
// every machine. It agrees with PyTorch to float32 rounding. A constant map stays
// that constant exactly; infinities stay infinite.
type Resizer struct {
	h, w, size int
	rows, cols []tap
	scratch    sync.Pool // of *[2][]float64
}

// tap is one output position: two source positions and their weights.
type tap struct {
	near, far   int
	wNear, wFar float64
}

// NewResizer makes a Resizer for maps of h rows of w values.
func NewResizer(p Protocol, h, w int) (*Resizer, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if h < 1 || w < 1 || h > 1<<20 || w > 1<<20 {
		return nil, fault.New(fault.Answer, "an anomaly map of %dx%d pixels cannot be resized", h, w)
	}
	r := &Resizer{h: h, w: w, size: p.Size, rows: taps(h, p.Size, p.MapResize), cols: taps(w, p.Size, p.MapResize)}
	r.scratch.New = func() any { return &[2][]float64{make([]float64, p.Size), make([]float64, p.Size)} }
	return r, nil
}

// taps places out positions over in ones. Positions are exact fractions of
// integers, so each weight is correctly rounded.
func taps(in, out int, how MapResize) []tap {
	list := make([]tap, out)
	for i := range list {
		num, den := i*(in-1), out-1
		if how == HalfPixel {
			num, den = max(0, (2*i+1)*in-out), 2*out
		}
		near, part := num/den, num%den
		if near+1 >= in || part == 0 {
			// Both taps on one value: half and half is exact, also for infinities,
			// which 0 x infinity would turn into NaN.
			near = min(near, in-1)
			list[i] = tap{near, near, 0.5, 0.5}
			continue
		}
		list[i] = tap{near, near + 1, float64(den-part) / float64(den), float64(part) / float64(den)}
	}
	return list
}

// Resize writes the map src, h x w, to dst, Size x Size. It panics if a slice has
// another length.
func (r *Resizer) Resize(dst, src []float32) {
	if len(src) != r.h*r.w || len(dst) != r.size*r.size {
		panic(fmt.Sprintf("metric: resize of %d values as %dx%d to %d as %dx%d", len(src), r.h, r.w, len(dst), r.size, r.size))
	}
	buffers := r.scratch.Get().(*[2][]float64)
	defer r.scratch.Put(buffers)
	near, far := buffers[0], buffers[1]
	nearRow, farRow := -1, -1
	for y, row := range r.rows {
		if row.near == farRow {
			near, far = far, near
			nearRow, farRow = farRow, nearRow
		}
		if row.near != nearRow {
			r.widen(near, src[row.near*r.w:][:r.w])
			nearRow = row.near
		}
		second := near
		if row.far != row.near {
			if row.far != farRow {
				r.widen(far, src[row.far*r.w:][:r.w])
				farRow = row.far
			}
			second = far
		}
		out := dst[y*r.size:][:r.size]
		first, second := near[:len(out)], second[:len(out)]
		for x := range out {
			out[x] = float32(float64(row.wNear*first[x]) + float64(row.wFar*second[x]))
		}
	}
}

// widen resizes one row of the map.
func (r *Resizer) widen(dst []float64, src []float32) {
	for x, c := range r.cols {
		dst[x] = float64(c.wNear*float64(src[c.near])) + float64(c.wFar*float64(src[c.far]))
	}
}
