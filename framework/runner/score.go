package runner

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// scoring computes a record's numbers from its answers: the same code after a
// method has run and when stored maps are scored again.
type scoring struct {
	protocol metric.Protocol
	truth    *truth
	maps     *tensors.Reader // [len(samples), H, W] in the order of samples; nil if the method gives none
	resize   *metric.Resizer
	workers  int
	rows     sync.Pool // of *[]float32, one map at the method's resolution
}

// run fills in Samples[i].Score, Classes[i].Metrics and Means of r, whose Samples
// and Classes are otherwise complete.
func (s *scoring) run(ctx context.Context, r *result.Record) error {
	if s.maps != nil {
		var err error
		if s.resize, err = metric.NewResizer(s.protocol, s.maps.Shape[1], s.maps.Shape[2]); err != nil {
			return err
		}
	}
	if err := s.imageScores(ctx, r.Samples); err != nil {
		return err
	}
	byClass := map[ad.ClassName]map[ad.Metric]metric.Value{}
	var order []ad.ClassName
	for i := range r.Classes {
		c := &r.Classes[i]
		var err error
		if c.Metrics, err = s.class(ctx, r.Samples, c.Name); err != nil {
			return err
		}
		byClass[c.Name] = c.Metrics
		order = append(order, c.Name)
	}
	var err error
	r.Means, err = metric.Means(byClass, metric.Halve(order))
	return err
}

// imageScores gives each image its score by the protocol's rule.
func (s *scoring) imageScores(ctx context.Context, samples []result.Sample) error {
	if s.protocol.ImageScore == metric.FromMethod || s.maps == nil {
		for i := range samples {
			if samples[i].Own == nil {
				return fault.New(fault.Config, "image score %q: the method gives no image score of its own", s.protocol.ImageScore).
					WithHint("choose another evaluation.image_score for this method")
			}
			samples[i].Score = *samples[i].Own
		}
		return nil
	}
	scorer, err := metric.NewScorer(s.protocol)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for w := range s.workers {
		g.Go(func() error {
			pixels := make([]float32, s.protocol.Size*s.protocol.Size)
			for i := w; i < len(samples); i += s.workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := s.pixels(i, pixels); err != nil {
					return err
				}
				samples[i].Score = scorer.Score(pixels)
			}
			return nil
		})
	}
	return g.Wait()
}

// pixels writes the map of sample i at the evaluation size.
func (s *scoring) pixels(i int, dst []float32) error {
	row, ok := s.rows.Get().(*[]float32)
	if !ok {
		fresh := make([]float32, s.maps.RowLen())
		row = &fresh
	}
	defer s.rows.Put(row)
	if err := s.maps.ReadRows(*row, i); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	s.resize.Resize(dst, *row)
	return nil
}

// class computes all metrics of one class.
func (s *scoring) class(ctx context.Context, samples []result.Sample, class ad.ClassName) (map[ad.Metric]metric.Value, error) {
	var images []metric.Image
	px := &classPixels{scoring: s, samples: samples}
	for i, sample := range samples {
		if sample.Class != class {
			continue
		}
		images = append(images, metric.Image{ID: sample.ID, Score: sample.Score, Label: sample.Label})
		if sample.Truth != ad.TruthUnknown {
			px.index = append(px.index, i)
		}
	}
	values, err := metric.ImageMetrics(images)
	if err != nil || s.maps == nil {
		return values, err
	}
	ofPixels, err := metric.PixelMetrics(ctx, px, s.protocol, s.workers)
	if err != nil {
		return nil, fmt.Errorf("class %q: %w", class, err)
	}
	for m, v := range ofPixels {
		values[m] = v
	}
	return values, nil
}

// classPixels is the images of one class as metric.Pixels.
type classPixels struct {
	*scoring
	samples []result.Sample
	index   []int // into samples
}

func (p *classPixels) Len() int             { return len(p.index) }
func (p *classPixels) ID(i int) ad.SampleID { return p.samples[p.index[i]].ID }

func (p *classPixels) Truth(i int, truth []uint8) error {
	s := p.samples[p.index[i]]
	return p.truth.fill(s.ID, s.Truth, truth)
}

func (p *classPixels) Scores(i int, scores []float32) error {
	return p.pixels(p.index[i], scores)
}
