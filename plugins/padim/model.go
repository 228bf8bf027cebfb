package padim

import (
	"context"
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// model holds a Gaussian for each position of the grid.
type model struct {
	Height, Width, Channels int       // shape of the features
	selected                []int     // channels that count, ascending
	mean                    []float64 // [positions, d]
	// factor has, for each position, the lower Cholesky factor L of the covariance
	// (L Lᵀ = Σ + εI): its rows one after another, without the zeros.
	factor []float64 // [positions, d(d+1)/2]
}

func (m *model) d() int { return len(m.selected) }

func packed(d int) int { return d * (d + 1) / 2 }

// block holds the selected channels of some images at some positions, as
// [position][channel][image]: the vectors of one position are the columns of a
// matrix, which is what syrk and trsm are fastest with.
type block struct {
	d, images int // images is the distance between rows
	data      []float32
}

func newBlock(d, images int) *block { return &block{d: d, images: images} }

// matrix is the d x images matrix of the block's p-th position.
func (b *block) matrix(p int) []float32 { return b.data[p*b.d*b.images:][:b.d*b.images] }

// read fills the block with n samples from lo on, at the positions [from, to).
func (b *block) read(ctx context.Context, s plugin.Samples, lo, n, from, to int, channels []int, threads int) error {
	if need := (to - from) * b.d * b.images; cap(b.data) < need {
		b.data = make([]float32, need)
	} else {
		b.data = b.data[:need]
	}
	_, _, c := s.FeatureShape()
	scratch := sync.Pool{New: func() any { return new([]float32) }}
	return work.Each(ctx, threads, n, func(_ context.Context, i int) error {
		buf := scratch.Get().(*[]float32)
		defer scratch.Put(buf)
		*buf = s.Feature(lo+i, *buf)
		for p := from; p < to; p++ {
			patch, column := (*buf)[p*c:][:c], b.matrix(p - from)[i:]
			for j, ch := range channels {
				column[j*b.images] = patch[ch]
			}
		}
		return nil
	})
}

// fitBytes bounds the block of training features that fit holds.
const fitBytes = 256 << 20

// fit estimates mean and covariance at each position (equation 1) and factors
// the covariance.
func fit(ctx context.Context, train plugin.Samples, channels []int, epsilon float64, threads, bytes int,
	report func(done, total float64, message string)) (*model, error) {
	h, w, _ := train.FeatureShape()
	positions, d, n := h*w, len(channels), train.Len()
	m := &model{
		selected: channels,
		mean:     make([]float64, positions*d),
		factor:   make([]float64, positions*packed(d)),
	}
	x := newBlock(d, n)
	group := min(positions, max(1, bytes/(4*d*n)))
	type buffers struct{ x, cov []float64 }
	scratch := sync.Pool{New: func() any { return &buffers{make([]float64, d*n), make([]float64, d*d)} }}
	for from := 0; from < positions; from += group {
		report(float64(from), float64(positions), "reading features")
		to := min(from+group, positions)
		if err := x.read(ctx, train, 0, n, from, to, channels, threads); err != nil {
			return nil, err
		}
		report(float64(from), float64(positions), "estimating Gaussians")
		err := work.Each(ctx, threads, to-from, func(_ context.Context, i int) error {
			buf := scratch.Get().(*buffers)
			defer scratch.Put(buf)
			p := from + i
			mean := m.mean[p*d:][:d]
			for j := range d {
				mean[j] = center(buf.x[j*n:][:n], x.matrix(i)[j*n:][:n])
			}
			if !covariance(buf.cov, buf.x, d, n, epsilon) {
				return fault.New(fault.Method, "padim: the covariance at row %d, column %d of the grid cannot be factored", p/w, p%w).
					WithHint("features that are not finite do that; so does an epsilon that is tiny against them (now %g)", epsilon)
			}
			pack(m.factor[p*packed(d):][:packed(d)], buf.cov, d)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	report(float64(positions), float64(positions), "")
	return m, nil
}

// center puts src minus its mean into dst and returns the mean.
func center(dst []float64, src []float32) float64 {
	sum := 0.0
	for _, v := range src {
		sum += float64(v)
	}
	mean := sum / float64(len(src))
	for i, v := range src {
		dst[i] = float64(v) - mean
	}
	return mean
}

// covariance puts the lower Cholesky factor of x xᵀ/(n-1) + epsilon I into cov,
// for x of d x n centred numbers; false if there is none.
func covariance(cov, x []float64, d, n int, epsilon float64) bool {
	sym := blas64.Symmetric{N: d, Stride: d, Data: cov, Uplo: blas.Lower}
	blas64.Syrk(blas.NoTrans, 1/float64(max(1, n-1)), blas64.General{Rows: d, Cols: n, Stride: n, Data: x}, 0, sym)
	for j := range d {
		cov[j*d+j] += epsilon
	}
	_, ok := lapack64.Potrf(sym)
	return ok && !math.IsNaN(cov[d*d-1]) && !math.IsInf(cov[d*d-1], 0)
}

func pack(dst, lower []float64, d int) {
	at := 0
	for i := range d {
		at += copy(dst[at:], lower[i*d:][:i+1])
	}
}

func unpack(lower, src []float64, d int) {
	at := 0
	for i := range d {
		at += copy(lower[i*d:][:i+1], src[at:])
	}
}

// distances puts the Mahalanobis distances (equation 2) of n images into maps:
// with Σ = L Lᵀ it is the length of L⁻¹(x-µ).
func (m *model) distances(ctx context.Context, x *block, n int, maps [][]float32, threads int) error {
	d := m.d()
	type buffers struct{ x, factor, sum []float64 }
	scratch := sync.Pool{New: func() any {
		return &buffers{make([]float64, d*n), make([]float64, d*d), make([]float64, n)}
	}}
	return work.Each(ctx, threads, m.Height*m.Width, func(_ context.Context, p int) error {
		buf := scratch.Get().(*buffers)
		defer scratch.Put(buf)
		in, mean := x.matrix(p), m.mean[p*d:][:d]
		for j := range d {
			for i, v := range in[j*x.images:][:n] {
				buf.x[j*n+i] = float64(v) - mean[j]
			}
		}
		unpack(buf.factor, m.factor[p*packed(d):][:packed(d)], d)
		blas64.Trsm(blas.Left, blas.NoTrans, 1,
			blas64.Triangular{N: d, Stride: d, Data: buf.factor, Uplo: blas.Lower, Diag: blas.NonUnit},
			blas64.General{Rows: d, Cols: n, Stride: n, Data: buf.x})
		clear(buf.sum)
		for j := range d {
			for i, v := range buf.x[j*n:][:n] {
				buf.sum[i] += v * v
			}
		}
		for i, v := range buf.sum {
			maps[i][p] = float32(math.Sqrt(v))
		}
		return nil
	})
}

// check finds numbers that no fit gives.
func (m *model) check() error {
	for _, v := range m.mean {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("a mean is %g", v)
		}
	}
	d := m.d()
	for p := range m.Height * m.Width {
		f := m.factor[p*packed(d):][:packed(d)]
		for i := range d {
			if v := f[packed(i+1)-1]; !(v > 0) || math.IsInf(v, 0) {
				return fmt.Errorf("a Cholesky factor has %g on its diagonal", v)
			}
		}
	}
	return nil
}
