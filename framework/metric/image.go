package metric

import (
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Image is one test image's score and label.
type Image struct {
	ID    ad.SampleID // for errors
	Score float32     // any but NaN; higher is more anomalous
	Label ad.Label
}

// ImageMetrics computes ad.ImageAUROC, ImageAP and ImageF1Max over the images; a
// metric that is undefined is in the map, as nil. A NaN score is an Answer fault
// that names its image.
func ImageMetrics(images []Image) (map[ad.Metric]Value, error) {
	var anomalous, normal []uint32 // keys
	for _, m := range images {
		if m.Score != m.Score {
			return nil, fault.New(fault.Answer, "image %q: the image score is NaN", m.ID).
				WithHint("a map that holds both infinities has no mean; NaN in a map or from the method is the method's error")
		}
		if m.Label == ad.Anomalous {
			anomalous = append(anomalous, key(m.Score))
		} else {
			normal = append(normal, key(m.Score))
		}
	}
	slices.Sort(anomalous)
	slices.Sort(normal)
	s := newSweep(uint64(len(anomalous)), uint64(len(normal)), 0, nil, 1)
	// pop removes the last elements while they hold and counts them.
	pop := func(keys *[]uint32, hold func(k uint32) bool) (n uint64) {
		for last := len(*keys) - 1; last >= 0 && hold((*keys)[last]); last-- {
			*keys = (*keys)[:last]
			n++
		}
		return n
	}
	for len(anomalous) > 0 {
		at := anomalous[len(anomalous)-1]
		s.skip(pop(&normal, func(k uint32) bool { return k > at }))
		same := func(k uint32) bool { return k == at }
		s.step(pop(&anomalous, same), pop(&normal, same), u192{})
	}
	auroc, ap, f1, _ := s.finish()
	return map[ad.Metric]Value{ad.ImageAUROC: auroc, ad.ImageAP: ap, ad.ImageF1Max: f1}, nil
}
