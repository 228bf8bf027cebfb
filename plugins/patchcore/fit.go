package patchcore

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/grid"
	"github.com/ltadbench/ltadbench/plugins/internal/nn"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// embedder aggregates the features of one image after another. Safe for
// concurrent use.
type embedder struct {
	h, w, c, patchsize int
	scratch            sync.Pool
}

// embed puts the locally aware patch features of sample i into dst, h*w*c long.
func (e *embedder) embed(dst []float32, s plugin.Samples, i int) {
	if e.patchsize == 1 {
		s.Feature(i, dst)
		return
	}
	buf, ok := e.scratch.Get().(*[2][]float32)
	if !ok {
		buf = &[2][]float32{make([]float32, len(dst)), make([]float32, len(dst))}
	}
	defer e.scratch.Put(buf)
	buf[0] = s.Feature(i, buf[0])
	grid.Mean(dst, buf[1], buf[0], e.h, e.w, e.c, e.patchsize)
}

// choose gives the patches of the coreset, in the order chosen; patch p of image
// i has the number i*h*w+p.
func (m *Method) choose(ctx context.Context, s plugin.Session, train plugin.Samples, e *embedder) ([]int, error) {
	patches := e.h * e.w
	total := train.Len() * patches
	keep := max(1, int(float64(total)*m.opts.Ratio))
	if keep == total {
		all := make([]int, total)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	var p *nn.Projection
	dim := e.c
	if d := m.opts.ProjectionDim; d > 0 && 4*d <= 3*e.c {
		p, dim = nn.NewProjection(stream.New(s.Seed, name, "projection"), e.c, d), d
	}
	points := make([]float32, total*dim)
	read := progress(s, "projecting patches", train.Len())
	err := work.Each(ctx, m.threads, train.Len(), func(ctx context.Context, i int) error {
		defer read()
		to := points[i*patches*dim:][:patches*dim]
		if p == nil {
			e.embed(to, train, i)
			return nil
		}
		rows := make([]float32, patches*e.c)
		e.embed(rows, train, i)
		return p.Apply(ctx, to, rows)
	})
	if err != nil {
		return nil, err
	}
	starts := distinct(stream.New(s.Seed, name, "starts"), total, min(m.opts.StartingPoints, total))
	return nn.Coreset(ctx, points, dim, keep, starts, m.threads, func(done int) {
		s.Report(float64(done), float64(keep), "choosing the coreset")
	})
}

// distinct draws k different numbers below n; k is small.
func distinct(s *stream.Stream, n, k int) []int {
	var out []int
	for len(out) < k {
		if i := s.IntN(n); !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// collect reads the features of the chosen patches, [len(chosen), c].
func (m *Method) collect(ctx context.Context, s plugin.Session, train plugin.Samples, e *embedder, chosen []int) ([]float32, error) {
	patches := e.h * e.w
	rows := make([]float32, len(chosen)*e.c)
	wanted := make([][]int, train.Len()) // of each image, places in chosen
	for at, p := range chosen {
		wanted[p/patches] = append(wanted[p/patches], at)
	}
	read := progress(s, "filling the memory bank", train.Len())
	return rows, work.Each(ctx, m.threads, train.Len(), func(_ context.Context, i int) error {
		defer read()
		if len(wanted[i]) == 0 {
			return nil
		}
		all := make([]float32, patches*e.c)
		e.embed(all, train, i)
		for _, at := range wanted[i] {
			copy(rows[at*e.c:][:e.c], all[chosen[at]%patches*e.c:])
		}
		return nil
	})
}

// progress gives a function to call after each of total images.
func progress(s plugin.Session, what string, total int) func() {
	var mu sync.Mutex
	done := 0
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		s.Report(float64(done), float64(total), what)
	}
}

// scores gives the image scores (equation 7) of n images, from their patches'
// features and the index of and distance to the nearest bank patch of each.
func (m *Method) scores(ctx context.Context, rows []float32, index []int64, distances []float32, n int) ([]float32, error) {
	patches := m.h * m.w
	scores := make([]float32, n)
	star := make([]int, n) // m^test,* of each image: the patch with the largest distance
	for i := range star {
		star[i] = i * patches
		for p := i * patches; p < (i+1)*patches; p++ {
			if distances[p] > distances[star[i]] {
				star[i] = p
			}
		}
		scores[i] = distances[star[i]]
	}
	b := min(m.opts.Neighbors, m.bank.Len())
	if b < 2 {
		return scores, nil
	}
	nearest := make([]float32, 0, n*m.c) // m^* of each image
	for _, p := range star {
		nearest = append(nearest, m.bank.Row(int(index[p]))...)
	}
	around, unused := make([]int64, n*b), make([]float32, n*b)
	if err := m.bank.Nearest(ctx, nearest, b, around, unused); err != nil {
		return nil, err
	}
	for i, p := range star {
		scores[i] *= m.weight(rows[p*m.c:][:m.c], index[p], around[i*b:][:b])
	}
	return scores, nil
}

// weight is 1 - exp|q-m*| / sum over m in N_b(m*) of exp|q-m|. The patch m* is one
// of its own neighbours, and is made so where others coincide with it.
func (m *Method) weight(q []float32, star int64, around []int64) float32 {
	if !slices.Contains(around, star) {
		around[len(around)-1] = star
	}
	d := make([]float64, len(around))
	var own, most float64
	for i, a := range around {
		d[i] = float64(nn.Distance(q, m.bank.Row(int(a))))
		most = max(most, d[i])
		if a == star {
			own = d[i]
		}
	}
	sum := 0.0
	for _, v := range d {
		sum += math.Exp(v - most)
	}
	return float32(1 - math.Exp(own-most)/sum)
}
