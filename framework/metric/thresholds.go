package metric

import (
	"context"
	"math"
	"sync"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// digits are the widths, in bits and highest first, of the parts of a key by which
// Thresholds narrows its search.
var digits = []uint{11, 11, 10}

// Thresholds gives for each false positive rate, of 0 or more and below 1, the score
// that a pixel must exceed for that rate: for any score x, x > threshold if and only
// if the share of the normal pixels that score x or more is at most the rate. It is
// the score of a normal pixel, that with as many others above it as the rate allows,
// rounded down. Ties count against a pixel: on a constant map no pixel exceeds any.
// It is nil if there are no normal pixels. workers and errors are as for PixelMetrics.
//
// It is exact in bounded memory: three passes over the images, of which each counts
// the scores by their next bits, in those intervals alone that hold a threshold. That
// takes 16 MB, and 16 kB for each rate and worker.
func Thresholds(ctx context.Context, px Pixels, p Protocol, rates []float64, workers int) ([]float32, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	e := &evaluation{ctx: ctx, px: px, p: p, workers: max(1, workers)}
	// at is where a threshold is: a key's bits that are known, and how many of the
	// normal pixels with those bits lie above it.
	type at struct {
		known uint32
		above uint64
	}
	var wanted []at
	shift := uint(32)
	for _, width := range digits {
		// intervals numbers those that hold a threshold, from 1.
		intervals, n := make([]int32, 1<<(32-shift)), int32(0)
		if wanted == nil {
			intervals[0], n = 1, 1
		}
		for _, w := range wanted {
			if intervals[w.known] == 0 {
				n++
				intervals[w.known] = n
			}
		}
		counts, err := e.histogram(intervals, int(n), shift, width)
		if err != nil {
			return nil, err
		}
		if wanted == nil {
			total := uint64(0)
			for _, c := range counts {
				total += c
			}
			if total == 0 {
				return nil, nil
			}
			for _, rate := range rates {
				wanted = append(wanted, at{0, min(uint64(max(0, rate)*float64(total)), total-1)})
			}
		}
		for i := range wanted {
			w := &wanted[i]
			mine := counts[(intervals[w.known]-1)<<width:][:1<<width]
			digit := len(mine) - 1
			for ; digit >= 0 && w.above >= mine[digit]; digit-- {
				w.above -= mine[digit]
			}
			if digit < 0 {
				return nil, fault.New(fault.Internal, "scores or truth of %d images differ between two readings", px.Len())
			}
			w.known = w.known<<width | uint32(digit)
		}
		shift -= width
	}
	thresholds := make([]float32, len(wanted))
	for i, w := range wanted {
		thresholds[i] = scoreOf(w.known)
	}
	return thresholds, nil
}

// histogram counts the keys of normal pixels in n intervals by the width bits below
// shift; the bits above are the interval, which intervals numbers from 1.
func (e *evaluation) histogram(intervals []int32, n int, shift, width uint) ([]uint64, error) {
	total := make([]uint64, n<<width)
	var mu sync.Mutex
	area := e.p.Size * e.p.Size
	err := e.each(0, e.px.Len(), func() (step func(i int) error, done func()) {
		truth, scores, counts := make([]uint8, area), make([]float32, area), make([]uint64, len(total))
		mask, low := uint32(1)<<width-1, shift-width
		step = func(i int) error {
			if err := e.px.Truth(i, truth); err != nil {
				return err
			}
			if err := e.px.Scores(i, scores); err != nil {
				return err
			}
			if firstNaN(scores) >= 0 {
				return e.refuse(i, scores)
			}
			for j, x := range scores {
				k := key(x)
				if at := intervals[k>>shift]; at > 0 && truth[j] == 0 {
					counts[uint32(at-1)<<width|k>>low&mask]++
				}
			}
			return nil
		}
		return step, func() {
			mu.Lock()
			defer mu.Unlock()
			for i, c := range counts {
				total[i] += c
			}
		}
	})
	return total, err
}

// scoreOf is the score of a key.
func scoreOf(key uint32) float32 {
	if key >= 1<<31 {
		return math.Float32frombits(key - 1<<31)
	}
	return math.Float32frombits(1<<31 | (1<<31 - key))
}
