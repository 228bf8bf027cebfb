package figure

import (
	"math"
	"slices"
	"sort"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
)

type point struct{ x, y float64 }

// counts gives, for the distinct scores t falling, how many anomalous (tp) and normal
// (fp) images are at or above t; -0 equals +0.
func counts(samples []result.Sample) (tp, fp []int) {
	sorted := slices.Clone(samples)
	slices.SortStableFunc(sorted, func(a, b result.Sample) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	t, f := 0, 0
	for i, s := range sorted {
		if s.Label == ad.Anomalous {
			t++
		} else {
			f++
		}
		if i+1 == len(sorted) || sorted[i+1].Score != s.Score {
			tp, fp = append(tp, t), append(fp, f)
		}
	}
	return tp, fp
}

// prevalence is the share of anomalous images, of which there are some.
func prevalence(samples []result.Sample) float64 {
	n := 0
	for _, s := range samples {
		n += int(s.Label)
	}
	return float64(n) / float64(len(samples))
}

// rocCurve gives the points (FP/N, TP/P) from (0,0) to (1,1), one for each distinct
// score. The lines between them are straight: across a tie the curve is the diagonal
// of the images that share the score, as the area with ties counted half wants it.
// nil if undefined.
func rocCurve(samples []result.Sample) []point {
	if why(samples) != "" {
		return nil
	}
	tp, fp := counts(samples)
	p, n := float64(tp[len(tp)-1]), float64(fp[len(fp)-1])
	points := []point{{0, 0}}
	for i := range tp {
		points = append(points, point{float64(fp[i]) / n, float64(tp[i]) / p})
	}
	return points
}

// prCurve gives (recall, precision), recall rising, one for each distinct score. The
// area under the steps that end at these points (steps) is the average precision.
// nil if undefined.
func prCurve(samples []result.Sample) []point {
	if why(samples) != "" {
		return nil
	}
	tp, fp := counts(samples)
	p := float64(tp[len(tp)-1])
	var points []point
	for i := range tp {
		points = append(points, point{float64(tp[i]) / p, float64(tp[i]) / float64(tp[i]+fp[i])})
	}
	return points
}

// steps is the line of a precision-recall curve: between two recalls precision is
// that of the higher one, since the recalls between are reached at its threshold only.
func steps(points []point) []point {
	var line []point
	last := 0.0
	for _, p := range points {
		line = append(line, point{last, p.y}, p)
		last = p.x
	}
	return line
}

// maxBins is the largest number of a histogram's bins.
const maxBins = 30

// binEdges divides the range of all finite scores of n images into min(30, 2 sqrt(n))
// equal bins: few enough for the few images of a class, and free of assumptions about
// the scores' spread, which outliers rule. nil if no score is finite.
func binEdges(samples []result.Sample) []float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range samples {
		if x := float64(s.Score); finite(x) {
			low, high = min(low, x), max(high, x)
		}
	}
	if low > high {
		return nil
	}
	if low == high { // as numpy does
		low, high = low-0.5, high+0.5
		if low == high { // so large that they absorb it
			low, high = low-math.Abs(low)/1e6, high+math.Abs(high)/1e6
		}
	}
	n := int(min(maxBins, math.Ceil(2*math.Sqrt(float64(len(samples))))))
	edges := make([]float64, n+1)
	for i := range edges {
		edges[i] = low + (high-low)*float64(i)/float64(n)
	}
	edges[n] = high
	return edges
}

// histogram counts the samples of a label in the bins: at or above an edge and below
// the next; the last bin has its upper edge too. Infinite scores go to the ends.
func histogram(samples []result.Sample, label ad.Label, edges []float64) []int {
	n := len(edges) - 1
	out := make([]int, n)
	for _, s := range samples {
		if s.Label == label && s.Score == s.Score {
			i := sort.Search(n, func(i int) bool { return edges[i+1] > float64(s.Score) })
			out[min(i, n-1)]++
		}
	}
	return out
}
