package metric

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Pixels is the test images of one class (or any set of images) at the
// evaluation size. Its methods are called from several goroutines at once, and
// more than once for an image; each call fills the whole buffer, of Size x Size
// pixels row by row, with the same content. Images whose pixel truth is unknown
// are left out. Maps may stay memory-mapped at their own size: Scores then is a
// call of Resizer.Resize.
type Pixels interface {
	// Len is the number of images.
	Len() int
	// ID names image i in errors.
	ID(i int) ad.SampleID
	// Truth writes what the pixels of image i are: 0 normal, else anomalous. It is
	// called once per image and round.
	Truth(i int, truth []uint8) error
	// Scores writes the anomaly scores of the pixels of image i. Any float32 but
	// NaN will do. It is called once per image and round, and once more for images
	// with anomalous pixels.
	Scores(i int, scores []float32) error
}

// roundPairs is how many anomalous pixels that differ in score or region size a
// round takes: one round suffices for MVTec AD's whole test set at 224 x 224.
const roundPairs = 2_800_000

// PixelMetrics computes ad.PixelAUROC, PixelAP, PixelF1Max and PixelAUPRO over
// all pixels of the images; a metric that is undefined is in the map, as nil.
// workers goroutines share the work (at least 1); their number changes nothing but
// time. A NaN is an Answer fault that names its image; errors of px come back as
// they are.
func PixelMetrics(ctx context.Context, px Pixels, p Protocol, workers int) (map[ad.Metric]Value, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	e := &evaluation{ctx: ctx, px: px, p: p, workers: max(1, workers), budget: roundPairs, epoch: maxCount}
	return e.run()
}

// evaluation is one call of PixelMetrics.
type evaluation struct {
	ctx     context.Context
	px      Pixels
	p       Protocol
	workers int
	budget  int    // pairs per round
	epoch   uint64 // pixels between two folds of the counts

	mu        sync.Mutex // guards the rest
	positives uint64
	regions   uint64
	sizes     []size
	sizeIndex map[int32]uint32 // pixels of a region -> index in sizes
}

func (e *evaluation) run() (map[ad.Metric]Value, error) {
	total := uint64(e.px.Len()) * uint64(e.p.Size*e.p.Size)
	gathered := newCollector(int(min(uint64(e.budget), total)))
	var s *sweep
	for more := true; more; more = gathered.next() {
		e.positives, e.regions = 0, 0
		if err := e.collect(gathered); err != nil {
			return nil, err
		}
		if s == nil {
			s = newSweep(e.positives, total-e.positives, e.regions, e.sizes, e.p.AUPROLimit)
		}
		pairs, repeats, free := gathered.sorted()
		c, err := e.count(newRanks(pairs), free)
		if err != nil {
			return nil, err
		}
		if e.positives != s.positives || len(e.sizes) != len(s.sizes) || !s.round(pairs, repeats, c) {
			return nil, fault.New(fault.Internal, "scores or truth of %d images differ between two readings", e.px.Len())
		}
	}
	auroc, ap, f1, aupro := s.finish()
	return map[ad.Metric]Value{
		ad.PixelAUROC: auroc, ad.PixelAP: ap, ad.PixelF1Max: f1, ad.PixelAUPRO: aupro,
	}, nil
}

// collect reads every image's truth, and its scores if it has anomalous pixels.
func (e *evaluation) collect(c *collector) error {
	area := e.p.Size * e.p.Size
	return e.each(0, e.px.Len(), func() (step func(i int) error, done func()) {
		truth, scores := make([]uint8, area), make([]float32, area)
		regions := labeller{side: e.p.Size}
		if e.p.Connectivity == 8 {
			regions.corners = 1
		}
		pairs := make([]uint64, 0, max(1, min(batch, c.budget/8)))
		step = func(i int) error {
			if err := e.px.Truth(i, truth); err != nil {
				return err
			}
			runs := regions.label(truth)
			if len(runs) == 0 {
				return nil
			}
			if err := e.px.Scores(i, scores); err != nil {
				return err
			}
			if firstNaN(scores) >= 0 {
				return e.refuse(i, scores)
			}
			e.note(runs)
			for j := range runs {
				r := &runs[j]
				size := runs[regions.root(int32(j))].size
				for _, x := range scores[r.start:r.end] {
					k := key(x)
					if !c.wants(k) {
						continue
					}
					if pairs = append(pairs, pairOf(k, size)); len(pairs) == cap(pairs) {
						c.add(pairs)
						pairs = pairs[:0]
					}
				}
			}
			return nil
		}
		return step, func() { c.add(pairs) }
	})
}

// note counts the regions of an image and their pixels, and gives each first run
// of a region the index of the region's size.
func (e *evaluation) note(runs []run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range runs {
		r := &runs[i]
		if int(r.parent) != i {
			continue
		}
		index, known := e.sizeIndex[r.pixels]
		if !known {
			if e.sizeIndex == nil {
				e.sizeIndex = map[int32]uint32{}
			}
			index = uint32(len(e.sizes))
			e.sizeIndex[r.pixels] = index
			e.sizes = append(e.sizes, newSize(uint64(r.pixels)))
		}
		r.size = index
		e.regions++
		e.positives += uint64(r.pixels)
	}
}

// refuse is the error of image i, whose scores have a NaN.
func (e *evaluation) refuse(i int, scores []float32) error {
	at := firstNaN(scores)
	return fault.New(fault.Answer, "image %q: the anomaly map has NaN at row %d, column %d of %dx%d",
		e.px.ID(i), at/e.p.Size, at%e.p.Size, e.p.Size, e.p.Size)
}

// count reads every image's scores. free is memory for the counts.
func (e *evaluation) count(r *ranks, free []uint64) (*counts, error) {
	c := newCounts(r, free[:r.slots+1])
	area := e.p.Size * e.p.Size
	step := max(1, int(e.epoch/uint64(area)))
	for first := 0; first < e.px.Len(); first += step {
		if first > 0 {
			c.fold()
		}
		err := e.each(first, min(first+step, e.px.Len()), func() (func(i int) error, func()) {
			scores, mine := make([]float32, area), newCounter(c, e.px.Len()*area/e.workers)
			return func(i int) error {
				if err := e.px.Scores(i, scores); err != nil {
					return err
				}
				if !mine.add(scores) {
					return e.refuse(i, scores)
				}
				return nil
			}, mine.flush
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// round sweeps over the slots of one round; all keys above them were swept over.
// It returns false if the counts contradict the pairs.
func (s *sweep) round(pairs []uint64, repeats []uint32, c *counts) bool {
	above, _ := c.at(c.slots)
	if above < s.tp+s.fp {
		return false
	}
	s.skip(above - s.tp - s.fp)
	i := len(pairs)
	for j := c.slots - 1; j >= 0; j-- {
		overlap, key, positives := s.overlap, keyOf(pairs[i-1]), uint64(0)
		for ; i > 0 && keyOf(pairs[i-1]) == key; i-- {
			n := uint64(1)
			if repeats != nil {
				n = uint64(repeats[i-1])
			}
			s.hit(sizeOf(pairs[i-1]), n)
			positives += n
		}
		between, equal := c.at(j)
		if equal < positives {
			return false
		}
		s.step(positives, equal-positives, overlap)
		if j > 0 {
			s.skip(between)
		}
	}
	return s.fp <= s.negatives
}

// each calls step for the images from first to before end, from one goroutine per
// worker; start makes a worker's step, and done, called at the end if all went
// well. Images are taken in order and a worker finishes what it took, so that the
// error returned, that of the first image which has one, is always the same.
func (e *evaluation) each(first, end int, start func() (step func(i int) error, done func())) error {
	var (
		next   atomic.Int64
		failed atomic.Bool
		mu     sync.Mutex
		worst  = end
		cause  error
		wg     sync.WaitGroup
	)
	next.Store(int64(first))
	for range min(e.workers, end-first) {
		wg.Go(func() {
			step, done := start()
			for !failed.Load() && e.ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= end {
					done()
					return
				}
				if err := step(i); err != nil {
					failed.Store(true)
					mu.Lock()
					if i < worst {
						worst, cause = i, err
					}
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	if cause != nil {
		return cause
	}
	return context.Cause(e.ctx)
}
