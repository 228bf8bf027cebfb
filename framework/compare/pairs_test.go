package compare

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// random gives images of the smallest evaluation size whose scores have ties,
// infinities and both zeros; some images are normal and one is anomalous throughout.
func random(s *stream.Stream, images int) memory {
	const size = 16
	odd := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 0}
	var m memory
	for i := range images {
		scores, truth := make([]float32, size*size), make([]uint8, size*size)
		for j := range scores {
			if i%3 != 0 && s.IntN(5) == 0 || i == 1 {
				truth[j] = uint8(1 + s.IntN(255)) // anything but 0 is anomalous
			}
			scores[j] = float32(s.IntN(40)-20)/4 + float32(truth[j]&1)
			if s.IntN(10) == 0 {
				scores[j] = odd[s.IntN(len(odd))]
			}
		}
		m.scores, m.truth = append(m.scores, scores), append(m.truth, truth)
	}
	return m
}

// repeated has each image as often as weights says.
func (m memory) repeated(weights []uint32) (out memory) {
	for i, w := range weights {
		for range w {
			out.scores, out.truth = append(out.scores, m.scores[i]), append(out.truth, m.truth[i])
		}
	}
	return out
}

func pixelAUROC(t *testing.T, m memory) metric.Value {
	t.Helper()
	p := metric.DefaultProtocol()
	p.Size = 16
	values, err := metric.PixelMetrics(context.Background(), m, p, 1)
	if err != nil {
		t.Fatal(err)
	}
	return values[ad.PixelAUROC]
}

func text(v metric.Value) string {
	if v == nil {
		return "undefined"
	}
	return fmt.Sprintf("%b", *v)
}

// Every resample has, bit by bit, the AUROC that package metric computes from its
// images, however many rounds the pairs took.
func TestResampledAUROCIsExact(t *testing.T) {
	s := stream.New(1, "test")
	for trial := range 12 {
		m := random(s, 1+trial)
		for _, budget := range []int{1, 70, 1 << 20} {
			pairs, err := pixelPairs(context.Background(), m, 16, budget)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := text(pairs.AUROC(nil)), text(pixelAUROC(t, m)); got != want {
				t.Fatalf("%d images, budget %d: AUROC %s, want %s", m.Len(), budget, got, want)
			}
			weights := make([]uint32, m.Len())
			for i := range weights {
				weights[i] = uint32(s.IntN(4))
			}
			if got, want := text(pairs.AUROC(weights)), text(pixelAUROC(t, m.repeated(weights))); got != want {
				t.Fatalf("weights %v, budget %d: AUROC %s, want %s", weights, budget, got, want)
			}
		}
	}
	// Images, as images of one pixel.
	var images, drawn []metric.Image
	var weights []uint32
	for i := range 40 {
		m := metric.Image{Score: float32(s.IntN(9)), Label: ad.Label(s.IntN(2))}
		images, weights = append(images, m), append(weights, uint32(s.IntN(3)))
		for range weights[i] {
			drawn = append(drawn, m)
		}
	}
	pairs, err := ImagePairs(images)
	if err != nil {
		t.Fatal(err)
	}
	want, err := metric.ImageMetrics(drawn)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(pairs.AUROC(weights)), text(want[ad.ImageAUROC]); got != want {
		t.Errorf("image AUROC %s, want %s", got, want)
	}
}

// Counts beyond 64 bits: what a float64 or a uint64 would round or wrap.
func TestLargeCounts(t *testing.T) {
	p := &Pairs{rows: []int{0}, cols: []int{1}, positives: []uint64{1 << 40}, negatives: []uint64{1 << 36}, wins: [][]uint64{{1 << 50}}}
	// 2^50 x 2^10 x 2^10 over 2 x 2^50 x 2^46
	if got := *p.AUROC([]uint32{1 << 10, 1 << 10}); got != math.Ldexp(1, 70-97) {
		t.Errorf("AUROC %v", got)
	}
}

func TestNaNIsRefused(t *testing.T) {
	m := random(stream.New(2, "test"), 4)
	m.scores[3][7] = float32(math.NaN())
	if _, err := PixelPairs(context.Background(), m, 16); fault.KindOf(err) != fault.Answer {
		t.Errorf("NaN in a map: %v", err)
	}
	if _, err := ImagePairs([]metric.Image{{Score: float32(math.NaN())}}); fault.KindOf(err) != fault.Answer {
		t.Errorf("NaN as an image score: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := PixelPairs(ctx, m, 16); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// smooth is a class as large as one of MVTec AD: maps as of 28 x 28 patches.
func smooth(b *testing.B, images, size int) memory {
	b.Helper()
	p := metric.DefaultProtocol()
	p.Size = size
	resize, err := metric.NewResizer(p, 28, 28)
	if err != nil {
		b.Fatal(err)
	}
	s := stream.New(3, "bench")
	var m memory
	small := make([]float32, 28*28)
	for i := range images {
		scores, truth := make([]float32, size*size), make([]uint8, size*size)
		s.Norms(small)
		resize.Resize(scores, small)
		if i%4 != 0 { // 4% of these images' pixels, 3% of all
			side := size / 5
			y0, x0 := s.IntN(size-side), s.IntN(size-side)
			for y := y0; y < y0+side; y++ {
				for x := x0; x < x0+side; x++ {
					truth[y*size+x] = 1
					scores[y*size+x]++
				}
			}
		}
		m.scores, m.truth = append(m.scores, scores), append(m.truth, truth)
	}
	return m
}

// BenchmarkBootstrap is the pixel AUROC of one class of MVTec AD's size for one result:
// 150 images of 224 x 224, 3% of the pixels anomalous, 2000 resamples, on one core.
func BenchmarkBootstrap(b *testing.B) {
	m := smooth(b, 150, 224)
	b.Run("pairs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := PixelPairs(context.Background(), m, 224); err != nil {
				b.Fatal(err)
			}
		}
	})
	pairs, err := PixelPairs(context.Background(), m, 224)
	if err != nil {
		b.Fatal(err)
	}
	all := make([]int, m.Len())
	for i := range all {
		all[i] = i
	}
	b.Run("resamples", func(b *testing.B) {
		b.ReportAllocs()
		weights := make([]uint32, m.Len())
		for b.Loop() {
			s := stream.New(0, "bench")
			for range 2000 {
				resample(s, [][]int{all}, weights)
				pairs.AUROC(weights)
			}
		}
	})
}
