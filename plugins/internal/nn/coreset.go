package nn

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// Sizes of the products. They are part of the result's last bits: a change needs
// a new version of the methods that use them.
const (
	candidates  = 2048 // points that Coreset looks at in one round
	rowBlock    = 256  // rows of one product
	centreBlock = 2048 // columns of one product
)

// Coreset chooses n of the points, rows of length dim, such that the largest
// distance of a point to the nearest chosen one is small: greedy k-centre, which
// takes the point farthest from all chosen ones each time (PatchCore, section
// 3.2, algorithm 1). It returns their indices in the order chosen, ties going to
// the lower index. Points that coincide with a chosen one are never taken, so
// there are fewer than n if there are fewer different points; two points coincide
// if float32 products cannot tell them apart, which is when their distance is a
// thousandth of their length from the centre of all.
//
// Before the first choice, the distance of a point is the mean of its distances
// to the points of starts, as in the approximate greedy sampler of PatchCore's
// authors. A single start is itself the first choice, and so is the first of
// starts that all coincide: nothing else would be chosen for points like it.
//
// The points are centred in place. Beside them Coreset holds n rows more, and
// about 20 MB.
//
// # How it is fast
//
// Done literally, every choice reads all points: 28 x 28 patches of 300 images and
// 10 % of them make 23520 passes over 120 MB. But distances to the chosen only
// shrink, so a distance not yet updated bounds the true one from above, and a
// point whose bound is below the best need not be looked at. Each round takes the
// points with the largest bounds, brings them up to date with all centres chosen
// since they were last seen, in one matrix product, and chooses among them for
// as long as the best of them is ahead of all bounds outside. The choices are
// those of the plain algorithm with the same float32 distances.
func Coreset(ctx context.Context, points []float32, dim, n int, starts []int, threads int, report func(done int)) ([]int, error) {
	if dim < 1 || len(points)%dim != 0 {
		return nil, wrong("%d numbers are not rows of %d", len(points), dim)
	}
	total := len(points) / dim
	if len(starts) == 0 || slices.Min(starts) < 0 || slices.Max(starts) >= total {
		return nil, wrong("starts %v are not among %d points", starts, total)
	}
	center(points, dim)
	c := &chooser{
		points: points, dim: dim, threads: threads,
		bound: make([]float32, total), seen: make([]int32, total), norm: make([]float32, total),
	}
	norms(c.norm, points, dim)
	for i, v := range c.norm {
		if v-v != 0 {
			return nil, fault.New(fault.Method, "vector %d is not finite, or too long for float32 distances", i)
		}
	}
	if err := c.begin(ctx, starts); err != nil {
		return nil, err
	}
	n = min(n, total)
	if n > 0 && (len(starts) == 1 || c.bound[starts[0]] <= 0) {
		c.choose(starts[0])
	}
	for len(c.chosen) < n {
		report(len(c.chosen))
		more, err := c.round(ctx, n)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	return c.chosen, nil
}

type chooser struct {
	points  []float32
	dim     int
	threads int
	norm    []float32 // squared length of each point
	// bound is at least the squared distance to the nearest chosen point, and
	// equal to it if the point has seen all of them; -1 for the chosen ones.
	bound []float32
	seen  []int32 // how many of the chosen a point has seen

	chosen  []int
	centres []float32 // -2 times the chosen points
	centre2 []float32 // their squared lengths
}

func (c *chooser) point(i int) []float32 { return c.points[i*c.dim:][:c.dim] }

// begin sets the bounds to the squared mean distance from the starts.
func (c *chooser) begin(ctx context.Context, starts []int) error {
	b, b2 := c.gather(starts, -2), c.lengths(starts)
	blocks := (len(c.bound) + rowBlock - 1) / rowBlock
	return work.Each(ctx, c.threads, blocks, func(ctx context.Context, i int) error {
		lo := i * rowBlock
		hi := min(lo+rowBlock, len(c.bound))
		out := make([]float32, (hi-lo)*len(starts))
		if err := product(ctx, out, c.points[lo*c.dim:hi*c.dim], b, b2, c.dim); err != nil {
			return err
		}
		for r := range hi - lo {
			sum := 0.0
			for _, v := range out[r*len(starts):][:len(starts)] {
				sum += math.Sqrt(float64(c.squared(v, lo+r)))
			}
			mean := sum / float64(len(starts))
			c.bound[lo+r] = float32(mean * mean)
		}
		return nil
	})
}

func (c *chooser) choose(p int) {
	c.bound[p] = -1
	c.chosen = append(c.chosen, p)
	c.centres = append(c.centres, c.gather([]int{p}, -2)...)
	c.centre2 = append(c.centre2, c.norm[p])
}

// squared is the squared distance of point p to another, q, of which v is
// |q|²-2pq.
func (c *chooser) squared(v float32, p int) float32 {
	if v += c.norm[p]; v > 1e-6*c.norm[p] {
		return v
	}
	return 0
}

// gather copies points, times scale.
func (c *chooser) gather(points []int, scale float32) []float32 {
	rows := make([]float32, 0, len(points)*c.dim)
	for _, p := range points {
		for _, v := range c.point(p) {
			rows = append(rows, scale*v)
		}
	}
	return rows
}

func (c *chooser) lengths(points []int) []float32 {
	out := make([]float32, len(points))
	for i, p := range points {
		out[i] = c.norm[p]
	}
	return out
}

// round chooses at least one point, or brings some bounds up to date; false if
// nothing is left to choose.
func (c *chooser) round(ctx context.Context, n int) (bool, error) {
	top, rest := c.top()
	if c.bound[top[0]] <= 0 {
		return false, nil
	}
	if err := c.update(ctx, top); err != nil {
		return false, err
	}
	ahead := top[:0] // those that may be chosen in this round
	for _, p := range top {
		if c.bound[p] > 0 && c.before(p, rest) {
			ahead = append(ahead, p)
		}
	}
	if len(ahead) == 0 {
		return true, nil
	}
	mutual, err := c.mutual(ctx, ahead)
	if err != nil {
		return false, err
	}
	for len(c.chosen) < n {
		best := 0
		for j := range ahead {
			if c.before(ahead[j], ahead[best]) {
				best = j
			}
		}
		p := ahead[best]
		if c.bound[p] <= 0 || !c.before(p, rest) {
			break
		}
		for j, d := range mutual[best*len(ahead):][:len(ahead)] {
			c.bound[ahead[j]] = min(c.bound[ahead[j]], d)
		}
		c.choose(p)
	}
	for _, p := range ahead {
		c.seen[p] = int32(len(c.chosen))
	}
	return true, nil
}

// before says that p is chosen rather than q: it is farther, or as far with a
// lower index. A negative q is nothing.
func (c *chooser) before(p, q int) bool {
	return q < 0 || c.bound[p] > c.bound[q] || c.bound[p] == c.bound[q] && p < q
}

// top gives the candidates, those that come before all others, and the first of
// the others, -1 if there is none. They are in the order of before.
func (c *chooser) top() (top []int, rest int) {
	rest = -1
	heap := make([]int, 0, candidates) // the last of the candidates at its root
	for p, b := range c.bound {
		if rest >= 0 && b < c.bound[rest] {
			continue // as nearly all: the candidates come before rest
		}
		if len(heap) < candidates {
			heap = append(heap, p)
			if len(heap) == candidates {
				for i := len(heap)/2 - 1; i >= 0; i-- {
					c.sift(heap, i)
				}
			}
			continue
		}
		out := p
		if c.before(p, heap[0]) {
			out, heap[0] = heap[0], p
			c.sift(heap, 0)
		}
		if c.before(out, rest) {
			rest = out
		}
	}
	slices.SortFunc(heap, func(p, q int) int {
		if c.before(p, q) {
			return -1
		}
		return 1
	})
	return heap, rest
}

func (c *chooser) sift(heap []int, i int) {
	for {
		last := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(heap); child++ {
			if c.before(heap[last], heap[child]) {
				last = child
			}
		}
		if last == i {
			return
		}
		heap[i], heap[last] = heap[last], heap[i]
		i = last
	}
}

// update brings the bounds of points up to date. Points that have seen equally
// much share a product, and those in it that have seen more see some again.
func (c *chooser) update(ctx context.Context, points []int) error {
	late := make([]int, 0, len(points))
	for _, p := range points {
		if int(c.seen[p]) < len(c.chosen) {
			late = append(late, p)
		}
	}
	slices.SortFunc(late, func(p, q int) int { return cmp.Or(cmp.Compare(c.seen[p], c.seen[q]), p-q) })
	blocks := (len(late) + rowBlock - 1) / rowBlock
	return work.Each(ctx, c.threads, blocks, func(ctx context.Context, i int) error {
		block := late[i*rowBlock : min((i+1)*rowBlock, len(late))]
		rows := c.gather(block, 1)
		out := make([]float32, len(block))
		for lo := int(c.seen[block[0]]); lo < len(c.chosen); lo += centreBlock {
			hi := min(lo+centreBlock, len(c.chosen))
			if err := minima(ctx, out, rows, c.centres[lo*c.dim:hi*c.dim], c.centre2[lo:hi], c.dim); err != nil {
				return err
			}
			for j, p := range block {
				c.bound[p] = min(c.bound[p], c.squared(out[j], p))
			}
		}
		for _, p := range block {
			c.seen[p] = int32(len(c.chosen))
		}
		return nil
	})
}

// mutual gives the squared distances between points.
func (c *chooser) mutual(ctx context.Context, points []int) ([]float32, error) {
	b, b2 := c.gather(points, -2), c.lengths(points)
	out := make([]float32, len(points)*len(points))
	blocks := (len(points) + rowBlock - 1) / rowBlock
	return out, work.Each(ctx, c.threads, blocks, func(ctx context.Context, i int) error {
		block := points[i*rowBlock : min((i+1)*rowBlock, len(points))]
		d := out[i*rowBlock*len(points):][:len(block)*len(points)]
		if err := product(ctx, d, c.gather(block, 1), b, b2, c.dim); err != nil {
			return err
		}
		for j, p := range block {
			row := d[j*len(points):][:len(points)]
			for k := range row {
				row[k] = c.squared(row[k], p)
			}
		}
		return nil
	})
}
