package metric

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Every threshold is the bits that a plain search by NumPy finds.
func TestThresholdsOracle(t *testing.T) {
	text, err := os.ReadFile("testdata/thresholds.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Rates []float64  `json:"rates"`
		Cases [][]uint32 `json:"cases"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	scores, truth := open(t, "testdata/scores.npy"), open(t, "testdata/truth.npy")
	size := scores.Shape[2]
	images, n := scores.Shape[1], scores.RowLen()
	for i, bits := range want.Cases {
		m := memory{n / images, scores.Float32s()[i*n:][:n], truth.Uint8s()[i*n:][:n]}
		for _, workers := range []int{1, 3} {
			got, err := Thresholds(t.Context(), m, protocol(size), want.Rates, workers)
			if err != nil {
				t.Fatal(err)
			}
			for j, v := range got {
				if math.Float32bits(v+0) != bits[j] {
					t.Errorf("case %d, rate %g: %g, not %g", i, want.Rates[j], v, math.Float32frombits(bits[j]))
				}
			}
		}
	}
}

func TestThresholdsEdges(t *testing.T) {
	const area = 16 * 16
	m := memory{area, make([]float32, area), slices.Repeat([]uint8{1}, area)}
	if got, err := Thresholds(t.Context(), m, protocol(16), []float64{0.1}, 1); got != nil || err != nil {
		t.Errorf("without normal pixels: %v, %v", got, err)
	}
	m.truth[3] = 0
	m.scores[3] = -1e-45
	if got, err := Thresholds(t.Context(), m, protocol(16), []float64{0, 0.999}, 1); err != nil || !slices.Equal(got, []float32{-1e-45, -1e-45}) {
		t.Errorf("of one normal pixel: %v, %v", got, err)
	}
	m.scores[9] = float32(math.NaN())
	if _, err := Thresholds(t.Context(), m, protocol(16), []float64{0}, 1); fault.KindOf(err) != fault.Answer {
		t.Errorf("NaN: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Thresholds(ctx, m, protocol(16), []float64{0}, 1); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}
