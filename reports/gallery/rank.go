package gallery

import (
	"cmp"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
)

// images are the test images of one class, and how the judging methods rank them.
type images struct {
	class  ad.ClassName
	list   []*candidate // by ID
	counts [2]int       // normal, anomalous
}

// candidate is one image. Its miss is wrong / (2 x images of the other label x
// judges), its depth among its own label within / (2 x images of that label x
// judges): as integers, so that equal is equal.
type candidate struct {
	result.Sample
	wrong, within int64
}

func newImages(r *result.Record, class ad.ClassName) *images {
	c := &images{class: class}
	for _, s := range r.SamplesOf(class) {
		c.list = append(c.list, &candidate{Sample: s})
		c.counts[label(s)]++
	}
	slices.SortFunc(c.list, func(a, b *candidate) int { return cmp.Compare(a.ID, b.ID) })
	return c
}

// label is 1 for an anomalous image and 0 for others.
func label(s result.Sample) int {
	if s.Label == ad.Anomalous {
		return 1
	}
	return 0
}

func (c *images) count(l ad.Label) int { return c.counts[label(result.Sample{Label: l})] }

// judge adds the ranks of a method.
func (c *images) judge(r *result.Record) {
	var scores [2][]float32 // by label, ascending
	own := map[ad.SampleID]float32{}
	for _, s := range r.SamplesOf(c.class) {
		scores[label(s)] = append(scores[label(s)], s.Score)
		own[s.ID] = s.Score
	}
	slices.Sort(scores[0])
	slices.Sort(scores[1])
	for _, m := range c.list {
		score, ok := own[m.ID]
		if !ok {
			continue
		}
		mine := label(m.Sample)
		m.wrong += beyond(scores[1-mine], score, mine == 1)
		m.within += beyond(scores[mine], score, mine == 1)
	}
}

// around counts the sorted scores that are below, equal to and above one.
func around(sorted []float32, score float32) (below, equal, above int) {
	below, _ = slices.BinarySearch(sorted, score)
	for below+equal < len(sorted) && sorted[below+equal] == score {
		equal++
	}
	return below, equal, len(sorted) - below - equal
}

// beyond counts the sorted scores above (or below) one twice, and those equal to it
// once.
func beyond(sorted []float32, score float32, upwards bool) int64 {
	below, equal, above := around(sorted, score)
	if upwards {
		below = above
	}
	return int64(2*below + equal)
}

// worse orders images by falling miss, then by falling depth among their own label.
func (c *images) worse(a, b *candidate) int {
	la, lb := label(a.Sample), label(b.Sample)
	// The misses are a.wrong/counts[1-la] and b.wrong/counts[1-lb]; a class of one label
	// has none.
	return cmp.Or(
		cmp.Compare(b.wrong*int64(c.counts[1-la]), a.wrong*int64(c.counts[1-lb])),
		cmp.Compare(b.within*int64(c.counts[la]), a.within*int64(c.counts[lb])))
}

// place is an image's score and rank in its class.
type place struct {
	score    float32
	rank, of int
}

// ranks gives the places of a class's images; those of no record are none.
func ranks(r *result.Record, class ad.ClassName) map[ad.SampleID]place {
	if r == nil {
		return nil
	}
	samples := r.SamplesOf(class)
	var sorted []float32
	for _, s := range samples {
		sorted = append(sorted, s.Score)
	}
	slices.Sort(sorted)
	places := map[ad.SampleID]place{}
	for _, s := range samples {
		_, _, above := around(sorted, s.Score)
		places[s.ID] = place{s.Score, 1 + above, len(sorted)}
	}
	return places
}
