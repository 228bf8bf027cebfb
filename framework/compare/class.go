package compare

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// class is one metric of one class in all pairs of a configuration.
type class struct {
	name   ad.ClassName
	metric ad.Metric
	a, b   []float64 // by pairs; empty if the metric is not defined in all of them
	// resampled has the difference in each resample, NaN where it is not defined; nil if
	// there is no interval.
	resampled []float64
	problem   string // why there is none, if something is damaged
}

func (m *Matched) class(name ad.ClassName, of ad.Metric) *class {
	c := &class{name: name, metric: of}
	for _, p := range m.Pairs {
		a, b := stored(p.A.Record, name, of), stored(p.B.Record, name, of)
		if a == nil || b == nil {
			c.a, c.b = nil, nil
			break
		}
		c.a, c.b = append(c.a, *a), append(c.b, *b)
	}
	return c
}

// stored is the value in the record.
func stored(r *result.Record, name ad.ClassName, of ad.Metric) metric.Value {
	for _, c := range r.Classes {
		if c.Name == name {
			return c.Metrics[of]
		}
	}
	return nil
}

// opened are the pixels of a configuration's pairs, A and B; empty if they are not
// needed, or not all there.
type opened [][2]Pixels

func (o opened) close() {
	for _, pair := range o {
		for _, px := range pair {
			if px != nil {
				px.Close()
			}
		}
	}
}

// open opens the pixels if the bootstrap needs them. Why they cannot be had goes into
// the configuration.
func (m *Matched) open(ctx context.Context, o Options, c *Configuration) (out opened, err error) {
	if o.Resamples == 0 || !slices.Contains(o.Metrics, ad.PixelAUROC) {
		return nil, nil
	}
	whole := true
	for _, p := range m.Pairs {
		var pair [2]Pixels
		for i, r := range []Result{p.A, p.B} {
			switch {
			case r.Record.Maps == nil:
				whole = false // and pixel metrics are not defined
			case !r.Record.Maps.Kept:
				whole = false
				c.Notes = append(c.Notes, fmt.Sprintf("no intervals of %s: the maps of %s were not kept, because of output.keep_maps", ad.PixelAUROC, r.Cell))
			default:
				px, err := r.Open(ctx)
				if ctx.Err() != nil {
					out.close()
					return nil, context.Cause(ctx)
				}
				if err != nil {
					whole = false
					c.Problems = append(c.Problems, fmt.Sprintf("no intervals of %s: the maps of %s cannot be used: %s", ad.PixelAUROC, r.Cell, err))
					continue
				}
				pair[i] = px
			}
		}
		out = append(out, pair)
	}
	if !whole {
		out.close()
		return nil, nil
	}
	return out, nil
}

// statistic is a metric of a class's images, each as often as weights says; nil: once
// each.
type statistic func(weights []uint32) (metric.Value, error)

// bootstrap computes the differences in the resamples, if the metric can be.
func (c *class) bootstrap(ctx context.Context, m Matched, px opened, o Options) error {
	if o.Resamples == 0 || len(c.a) == 0 || c.metric == ad.PixelAUROC && px == nil {
		return nil
	}
	var a, b []statistic
	var samples []result.Sample
	for i, p := range m.Pairs {
		for side, r := range []Result{p.A, p.B} {
			samples = r.Record.SamplesOf(c.name)
			var pixels metric.Pixels
			if px != nil {
				pixels = px[i][side].Class(c.name)
			}
			f, err := c.statistic(ctx, samples, pixels, r.Record.Inputs.Protocol.Size)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			var again metric.Value
			if err == nil && f != nil {
				again, err = f(nil)
			}
			switch want := stored(r.Record, c.name, c.metric); {
			case err != nil:
				c.problem = fmt.Sprintf("no interval of %s for %s: %s: %s", c.metric, c.name, r.Cell, err)
				return nil
			case f == nil:
				return nil
			case again == nil || *again != *want:
				c.problem = fmt.Sprintf("no interval of %s for %s: the stored %v of %s is not what its scores give", c.metric, c.name, *want, r.Cell)
				return nil
			}
			if side == 0 {
				a = append(a, f)
			} else {
				b = append(b, f)
			}
		}
	}
	s := stream.New(o.Seed, "compare", "bootstrap", string(m.Dataset), string(c.name))
	drawFrom := strata(samples)
	weights := make([]uint32, len(samples))
	c.resampled = make([]float64, o.Resamples)
	for i := range c.resampled {
		if err := ctx.Err(); err != nil {
			return err
		}
		resample(s, drawFrom, weights)
		sum := 0.0
		for k := range a {
			va, err := a[k](weights)
			if err != nil {
				return err
			}
			vb, err := b[k](weights)
			if err != nil {
				return err
			}
			if va == nil || vb == nil {
				sum = math.NaN()
				break
			}
			sum += *vb - *va
		}
		c.resampled[i] = sum / float64(len(a))
	}
	return nil
}

// statistic gives the metric as a function of how often each sample is drawn; nil if
// that cannot be computed without the maps for each resample. px may be nil for
// metrics of images.
func (c *class) statistic(ctx context.Context, samples []result.Sample, px metric.Pixels, size int) (statistic, error) {
	images := make([]metric.Image, len(samples))
	for i, s := range samples {
		images[i] = metric.Image{ID: s.ID, Score: s.Score, Label: s.Label}
	}
	switch c.metric {
	case ad.ImageAUROC:
		pairs, err := ImagePairs(images)
		if err != nil {
			return nil, err
		}
		return func(weights []uint32) (metric.Value, error) { return pairs.AUROC(weights), nil }, nil
	case ad.ImageAP, ad.ImageF1Max:
		return func(weights []uint32) (metric.Value, error) {
			drawn := images
			if weights != nil {
				drawn = nil
				for i, w := range weights {
					drawn = append(drawn, slices.Repeat(images[i:i+1], int(w))...)
				}
			}
			values, err := metric.ImageMetrics(drawn)
			return values[c.metric], err
		}, nil
	case ad.PixelAUROC:
		var known []int
		for i, s := range samples {
			if s.Truth != ad.TruthUnknown {
				known = append(known, i)
			}
		}
		for i := range max(px.Len(), len(known)) {
			if i >= px.Len() || i >= len(known) || px.ID(i) != samples[known[i]].ID {
				return nil, fault.New(fault.Internal, "the images of the maps are not those of the record")
			}
		}
		pairs, err := PixelPairs(ctx, px, size)
		if err != nil {
			return nil, err
		}
		return func(weights []uint32) (metric.Value, error) {
			if weights == nil {
				return pairs.AUROC(nil), nil
			}
			mine := make([]uint32, len(known))
			for i, at := range known {
				mine[i] = weights[at]
			}
			return pairs.AUROC(mine), nil
		}, nil
	}
	return nil, nil
}
