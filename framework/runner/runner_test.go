package runner

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/datasets"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
)

func tiny(t *testing.T) (*datasets.Dataset, string) {
	t.Helper()
	cache := t.TempDir()
	d, err := datasets.Open(t.Context(), datasets.Spec{Name: "tiny", Kind: "synthetic",
		Options: json.RawMessage(`{"classes": 2, "size": 64, "train": 4, "test_normal": 20, "test_defect": 20}`)}, datasets.Env{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	return d, cache
}

// The cached truth is the masks themselves, and a damaged cache is made again:
// a flipped mask pixel would be a wrong number that nobody notices.
func TestTruthIsTheMasks(t *testing.T) {
	d, cache := tiny(t)
	p := metric.DefaultProtocol()
	p.Size = 32
	open := func() *Truth {
		got, err := OpenTruth(t.Context(), cache, d, "sha256:00", p, 2, progress.None)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(got.Close)
		return got
	}
	check := func(got *Truth) {
		t.Helper()
		pixels := make([]uint8, p.Size*p.Size)
		for _, s := range d.Part(ad.Test) {
			if err := got.Fill(s.ID, s.Truth, pixels); err != nil {
				t.Fatal(err)
			}
			want := make([]uint8, len(pixels))
			if s.Truth == ad.TruthMask {
				mask, err := d.OpenMask(s)
				if err != nil {
					t.Fatal(err)
				}
				p.Threshold(want, mask.Resize(p.Size, p.Size).Pix)
			}
			if !slices.Equal(pixels, want) {
				t.Fatalf("truth of %s is not its mask", s.ID)
			}
		}
	}
	check(open())
	files, err := filepath.Glob(filepath.Join(cache, "masks", "*.npy"))
	if err != nil || len(files) != 1 {
		t.Fatalf("cached masks: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-7] ^= 1
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	check(open())
}

// The order in which a method sees test images must not tell their labels: ranking
// images by their place has an AUROC of 0.5 on average.
func TestOrderTellsNothing(t *testing.T) {
	d, _ := tiny(t)
	const seeds = 200
	sum := 0.0
	for seed := range uint64(seeds) {
		a := &attempt{Planned: &Planned{Cell: result.Cell{Seed: seed}, inputs: result.Inputs{Split: "sha256:11"}}}
		var images []metric.Image
		for i, s := range a.shuffled("test", d.Part(ad.Test)) {
			images = append(images, metric.Image{ID: s.ID, Score: float32(i), Label: s.Label})
		}
		values, err := metric.ImageMetrics(images)
		if err != nil {
			t.Fatal(err)
		}
		sum += *values[ad.ImageAUROC]
	}
	// The standard deviation of one AUROC of 40 + 40 images is 0.065 under chance.
	if mean := sum / seeds; math.Abs(mean-0.5) > 5*0.065/math.Sqrt(seeds) {
		t.Errorf("the place of an image predicts its label: mean AUROC %.3f", mean)
	}
}
