package encoder

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// testdata/align.py made the expected values with PyTorch.
func TestAlignsAsPyTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/align.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Level   [2]int
		Grid    Grid
		In, Out []float32
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 24 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		const offset, stride = 1, 4 // channels 1 and 2 of 4
		channels := len(c.In) / (c.Level[0] * c.Level[1])
		cells := c.Grid.Height * c.Grid.Width
		dst := make([]float32, cells*stride)
		newAligner(c.Level[0], c.Level[1], c.Grid).align(c.In, dst[offset:], stride)
		for i, got := range dst {
			want := float32(0) // outside the level's channels nothing is written
			if channel := i%stride - offset; channel >= 0 && channel < channels {
				want = c.Out[channel*cells+i/stride]
			}
			if math.Abs(float64(got-want)) > 1e-5 {
				t.Errorf("%v to %+v: element %d is %g, PyTorch gives %g", c.Level, c.Grid, i, got, want)
				break
			}
		}
	}
}
