package compare

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
)

// memory is metric.Pixels in memory: by image, size x size pixels.
type memory struct {
	scores [][]float32
	truth  [][]uint8
}

func (m memory) Len() int             { return len(m.scores) }
func (m memory) ID(i int) ad.SampleID { return ad.SampleID("test/" + string(rune('a'+i))) }

func (m memory) Truth(i int, truth []uint8) error {
	copy(truth, m.truth[i])
	return nil
}

func (m memory) Scores(i int, scores []float32) error {
	copy(scores, m.scores[i])
	return nil
}

type oracle struct {
	Tests []struct {
		Differences       []float64
		Sign, Permutation float64
	}
	Bootstrap struct {
		Labels    []ad.Label
		Masks     [][]float32
		Image     [2][]float32
		Pixel     [2][][]float32
		Weights   [][]uint32
		AUROC     struct{ Image, Pixel [][2]float64 }
		Intervals struct{ Image, Pixel [2]float64 }
	}
}

func readOracle(t *testing.T) (o oracle) {
	t.Helper()
	text, err := os.ReadFile("testdata/oracle.json")
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

// The expected values are SciPy's: testdata/oracle.py.
func TestTestsAgreeWithSciPy(t *testing.T) {
	for _, w := range readOracle(t).Tests {
		if s := SignTest(w.Differences); !near(s.P, w.Sign) || s.A+s.B+s.Ties != len(w.Differences) {
			t.Errorf("sign test of %v: %+v, want p = %v", w.Differences, s, w.Sign)
		}
		if p := PermutationTest(w.Differences, nil); !near(p.P, w.Permutation) || p.Draws != 0 {
			t.Errorf("permutation test of %v: %+v, want p = %v", w.Differences, p, w.Permutation)
		}
	}
}

// The expected values are scikit-learn's, with sample weights, and NumPy's quantiles.
func TestBootstrapAgreesWithNumPy(t *testing.T) {
	o := readOracle(t).Bootstrap
	var image, pixel [2]*Pairs
	for side := range 2 {
		var images []metric.Image
		m := memory{scores: o.Pixel[side]}
		for i, label := range o.Labels {
			images = append(images, metric.Image{Score: o.Image[side][i], Label: label})
			truth := make([]uint8, len(o.Masks[i]))
			for j, v := range o.Masks[i] {
				truth[j] = uint8(v)
			}
			m.truth = append(m.truth, truth)
		}
		var err error
		if image[side], err = ImagePairs(images); err != nil {
			t.Fatal(err)
		}
		if pixel[side], err = PixelPairs(context.Background(), m, 4); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what     string
		pairs    [2]*Pairs
		auroc    [][2]float64
		interval [2]float64
	}{{"image", image, o.AUROC.Image, o.Intervals.Image}, {"pixel", pixel, o.AUROC.Pixel, o.Intervals.Pixel}} {
		var differences []float64
		for i, weights := range o.Weights {
			var got [2]float64
			for side := range got {
				got[side] = *c.pairs[side].AUROC(weights)
				if !near(got[side], c.auroc[i][side]) {
					t.Fatalf("%s AUROC of resample %d, side %d: %v, want %v", c.what, i, side, got[side], c.auroc[i][side])
				}
			}
			differences = append(differences, got[1]-got[0])
		}
		if got := percentiles(differences, 0.95); !near(got.Low, c.interval[0]) || !near(got.High, c.interval[1]) {
			t.Errorf("%s interval %+v, want %v", c.what, got, c.interval)
		}
	}
}
