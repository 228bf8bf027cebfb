package runner

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"

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
	truth    *Truth
	maps     *tensors.Reader   // [len(samples), H, W] in the order of samples; nil if the method gives none
	sized    *metric.MapReader // of maps
	scorer   *metric.Scorer    // nil if image scores do not come from maps
	workers  int
}

// run fills in Samples[i].Score, Classes[i].Metrics and Means of r, whose Samples
// and Classes are otherwise complete.
func (s *scoring) run(ctx context.Context, r *result.Record) error {
	if s.maps != nil {
		var err error
		if s.sized, err = metric.NewMapReader(s.protocol, s.maps); err != nil {
			return err
		}
	}
	if s.protocol.ImageScore == metric.FromMethod || s.maps == nil {
		if err := s.ownScores(r.Samples); err != nil {
			return err
		}
	} else {
		var err error
		if s.scorer, err = metric.NewScorer(s.protocol); err != nil {
			return err
		}
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

// ownScores takes the method's own image scores, if that is the rule or if it gives
// no maps.
func (s *scoring) ownScores(samples []result.Sample) error {
	for i := range samples {
		if samples[i].Own == nil {
			return fault.New(fault.Config, "image score %q: the method gives no image score of its own", s.protocol.ImageScore).
				WithHint("choose another evaluation.image_score for this method")
		}
		samples[i].Score = *samples[i].Own
	}
	return nil
}

// class computes all metrics of one class. Its images get their scores on the way,
// from the maps that the pixel metrics read anyway.
func (s *scoring) class(ctx context.Context, samples []result.Sample, class ad.ClassName) (map[ad.Metric]metric.Value, error) {
	px := &classPixels{scoring: s, samples: samples}
	var unknown, all []int
	for i, sample := range samples {
		if sample.Class != class {
			continue
		}
		all = append(all, i)
		if sample.Truth == ad.TruthUnknown {
			unknown = append(unknown, i)
		} else {
			px.index = append(px.index, i)
		}
	}
	values := map[ad.Metric]metric.Value{}
	if s.maps != nil {
		px.scored = make([]atomic.Bool, len(px.index))
		var err error
		if values, err = metric.PixelMetrics(ctx, px, s.protocol, s.workers); err != nil {
			return nil, fmt.Errorf("class %q: %w", class, err)
		}
	}
	if s.scorer != nil && len(unknown) > 0 {
		buffer := make([]float32, s.protocol.Size*s.protocol.Size)
		for _, i := range unknown {
			if err := s.sized.Scores(i, buffer); err != nil {
				return nil, err
			}
			samples[i].Score = s.scorer.Score(buffer)
		}
	}
	var images []metric.Image
	for _, i := range all {
		images = append(images, metric.Image{ID: samples[i].ID, Score: samples[i].Score, Label: samples[i].Label})
	}
	ofImages, err := metric.ImageMetrics(images)
	if err != nil {
		return nil, err
	}
	maps.Copy(values, ofImages)
	return values, nil
}

// classPixels is the images of one class as metric.Pixels.
type classPixels struct {
	*scoring
	samples []result.Sample
	index   []int         // into samples
	scored  []atomic.Bool // which of them have their image score
}

func (p *classPixels) Len() int             { return len(p.index) }
func (p *classPixels) ID(i int) ad.SampleID { return p.samples[p.index[i]].ID }

func (p *classPixels) Truth(i int, truth []uint8) error {
	s := p.samples[p.index[i]]
	return p.truth.Fill(s.ID, s.Truth, truth)
}

func (p *classPixels) Scores(i int, scores []float32) error {
	at := p.index[i]
	if err := p.sized.Scores(at, scores); err != nil {
		return err
	}
	if p.scorer != nil && !p.scored[i].Swap(true) {
		p.samples[at].Score = p.scorer.Score(scores)
	}
	return nil
}
