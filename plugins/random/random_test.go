package random

import (
	"context"
	"math"
	"reflect"
	"testing"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
)

func samples(t *testing.T, n int) plugin.Samples {
	return methodtest.Samples(t, tensors.Float32, make([]float32, n), n, 1, 1, 1, nil)
}

func TestConformance(t *testing.T) { methodtest.Conformance(t, New) }

// The mean of all numbers, and the AUROC of any labels, must be near one half; six
// standard deviations are allowed.
func TestKnowsNothing(t *testing.T) {
	const n = 400
	m := New()
	methodtest.Fit(t, m, methodtest.Session(t, m, 1, nil), samples(t, 1))
	p := methodtest.Predict(t, m, samples(t, n))
	wins, sum := 0.0, 0.0
	for i := range p {
		for j := range i {
			if i%2 != j%2 && (p[i].Score > p[j].Score) == (i%2 == 1) {
				wins++
			}
		}
		for _, v := range p[i].Map {
			sum += float64(v)
		}
	}
	if auroc := wins / (n / 2 * n / 2); math.Abs(auroc-0.5) > 6*math.Sqrt(float64(n+1)/(12*n/2*n/2)) {
		t.Errorf("AUROC %.3f", auroc)
	}
	count := float64(n * side * side)
	if mean := sum / count; math.Abs(mean-0.5) > 6/math.Sqrt(12*count) {
		t.Errorf("the mean of the maps is %.4f", mean)
	}
}

func TestSeeds(t *testing.T) {
	predict := func(seed uint64) []plugin.Prediction {
		m := New()
		s := methodtest.Session(t, m, 1, nil)
		s.Seed = seed
		return methodtest.Predict(t, methodtest.Fit(t, m, s, samples(t, 1)), samples(t, 3))
	}
	if reflect.DeepEqual(predict(1), predict(2)) {
		t.Error("two seeds give the same draws")
	}
	m := New()
	s := methodtest.Session(t, m, 1, nil)
	s.Seed = 2
	methodtest.Fit(t, m, s, samples(t, 1))
	dir := t.TempDir()
	if err := m.(plugin.Saver).Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	s.Seed = 1
	l := New()
	if err := l.(plugin.Saver).Load(context.Background(), s, dir); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(methodtest.Predict(t, l, samples(t, 3)), predict(2)) {
		t.Error("a loaded method does not go on with the seed it was fitted with")
	}
}
