// Package grid filters what lies on the grid of patches: features, with the
// channels of one patch together, and anomaly maps.
package grid

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"
)

// Mean averages each patch's features with those of its neighbours in a square
// of size x size patches (size odd), as PatchCore's local neighbourhood
// aggregation does (arXiv 2106.08265, section 3.1). Beyond the border lie zeros
// that count, as in the authors' code (torch.nn.Unfold with padding). Source and
// result are h*w*c long and must not overlap; tmp is scratch of that length.
func Mean(dst, tmp, src []float32, h, w, c, size int) {
	if size == 1 {
		copy(dst, src)
		return
	}
	row := w * c
	clear(tmp)
	for dy := -(size / 2); dy <= size/2; dy++ {
		lo, hi := max(0, -dy), min(h, h-dy)
		add(tmp[min(lo, h)*row:max(hi, 0)*row], src, (lo+dy)*row, 1)
	}
	clear(dst)
	scale := 1 / float32(size*size)
	for y := range h {
		from, to := tmp[y*row:][:row], dst[y*row:][:row]
		for dx := -(size / 2); dx <= size/2; dx++ {
			lo, hi := max(0, -dx), min(w, w-dx)
			add(to[min(lo, w)*c:max(hi, 0)*c], from, (lo+dx)*c, scale)
		}
	}
}

// add adds alpha times src, from the given element on, to dst.
func add(dst, src []float32, from int, alpha float32) {
	if n := len(dst); n > 0 {
		blas32.Axpy(alpha, blas32.Vector{N: n, Inc: 1, Data: src[from:]}, blas32.Vector{N: n, Inc: 1, Data: dst})
	}
}

// PaperWidth is the width, in pixels, of the anomaly maps that PaDiM and PatchCore
// smooth; Smooth's sigma is measured in such pixels.
const PaperWidth = 224

// Smooth blurs an h x w anomaly map in place with a Gaussian. The papers enlarge
// the map to 224 x 224 and then blur it there; here the host enlarges it, so the
// blur comes first, with the same width relative to the map (the two filters
// commute but for sampling and borders): sigma is in pixels of the enlarged map.
//
// A Gaussian that is narrow against a cell has the wrong width if it is sampled,
// so the kernel is a convolution of kernels (a, 1-2a, a), a <= 1/4, whose variance
// is exact and which tends to the Gaussian. Borders reflect, as SciPy's
// gaussian_filter does.
func Smooth(m []float32, h, w int, sigma float64) {
	if sigma <= 0 || len(m) == 0 {
		return
	}
	tmp := make([]float32, max(h, w))
	for y := range h {
		blur(m[y*w:][:w], 1, tmp[:w], math.Pow(sigma*float64(w)/PaperWidth, 2))
	}
	for x := range w {
		blur(m[x:], w, tmp[:h], math.Pow(sigma*float64(h)/PaperWidth, 2))
	}
}

// blur filters the len(tmp) elements of m at distance stride with a kernel of the
// given variance.
func blur(m []float32, stride int, tmp []float32, variance float64) {
	passes := math.Ceil(2 * variance)
	a := float32(variance / (2 * passes))
	for range int(passes) {
		last := len(tmp) - 1
		for i := range tmp {
			left, mid, right := m[max(i-1, 0)*stride], m[i*stride], m[min(i+1, last)*stride]
			tmp[i] = mid + a*((left-mid)+(right-mid))
		}
		for i, v := range tmp {
			m[i*stride] = v
		}
	}
}

// Max is the largest value of a map; 0 for an empty one.
func Max(m []float32) float32 {
	if len(m) == 0 {
		return 0
	}
	return slices.Max(m)
}
