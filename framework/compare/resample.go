package compare

import (
	"math"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// Interval is a confidence interval of a difference.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Resamples is how many it is made from: those for which the metric is defined.
	Resamples int `json:"resamples"`
}

// strata divides the images of a class for resampling: by label, and by whether they
// have a part in the pixel metrics.
func strata(samples []result.Sample) [][]int {
	type stratum struct {
		label ad.Label
		known bool
	}
	var order []stratum
	var out [][]int
	for i, s := range samples {
		k := stratum{s.Label, s.Truth != ad.TruthUnknown}
		at := slices.Index(order, k)
		if at < 0 {
			at = len(order)
			order, out = append(order, k), append(out, nil)
		}
		out[at] = append(out[at], i)
	}
	return out
}

// resample draws from each stratum as many images as it has, with replacement, and
// sets weights to how often each image was drawn.
func resample(s *stream.Stream, strata [][]int, weights []uint32) {
	clear(weights)
	for _, stratum := range strata {
		for range stratum {
			weights[stratum[s.IntN(len(stratum))]]++
		}
	}
}

// percentiles gives the interval that holds the middle share of the values, of which
// those that are NaN do not count; nil if none does.
func percentiles(values []float64, confidence float64) *Interval {
	sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(sorted) == 0 {
		return nil
	}
	slices.Sort(sorted)
	at := func(q float64) float64 {
		place := q * float64(len(sorted)-1)
		near := int(place)
		far := min(near+1, len(sorted)-1)
		return sorted[near] + float64((sorted[far]-sorted[near])*(place-float64(near)))
	}
	tail := (1 - confidence) / 2
	return &Interval{Low: at(tail), High: at(1 - tail), Resamples: len(sorted)}
}
