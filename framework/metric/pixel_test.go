package metric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// sample makes images with scores drawn by draw and square defects, about 5% of
// the pixels; every fourth image is normal.
func sample(seed uint64, images, side int, draw func(s *stream.Stream, anomalous bool) float32) memory {
	m := memory{side * side, make([]float32, images*side*side), make([]uint8, images*side*side)}
	s := stream.New(seed, "metric")
	for i := range images {
		if i%4 == 0 {
			continue
		}
		edge := side / 4
		y0, x0 := s.IntN(side-edge), s.IntN(side-edge)
		for y := y0; y < y0+edge; y++ {
			for x := x0; x < x0+edge; x++ {
				m.truth[i*m.area+y*side+x] = 1
			}
		}
	}
	for i := range m.scores {
		m.scores[i] = draw(s, m.truth[i] != 0)
	}
	return m
}

// bell is roughly Gaussian, 1.5 higher for anomalous pixels.
func bell(s *stream.Stream, anomalous bool) float32 {
	sum := float32(0)
	for range 4 {
		sum += s.Float32() - 0.5
	}
	if anomalous {
		sum += 0.9
	}
	return sum
}

// same fails unless all metrics have the same bits.
func same(t *testing.T, what string, got, want map[ad.Metric]Value) {
	t.Helper()
	for m, w := range want {
		g := got[m]
		if (g == nil) != (w == nil) || g != nil && math.Float64bits(*g) != math.Float64bits(*w) {
			t.Errorf("%s: %s = %s, want %s", what, m, show(g), show(w))
		}
	}
}

func show(v Value) string {
	if v == nil {
		return "undefined"
	}
	return fmt.Sprintf("%.17g", *v)
}

// evaluate does so with chosen limits of memory.
func evaluate(t testing.TB, m memory, side, workers, budget int, epoch uint64) map[ad.Metric]Value {
	t.Helper()
	e := &evaluation{ctx: context.Background(), px: m, p: protocol(side), workers: workers, budget: budget, epoch: epoch}
	v, err := e.run()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNothingButTheDataMatters(t *testing.T) {
	draws := map[string]func(s *stream.Stream, anomalous bool) float32{
		"distinct":  bell,
		"quantised": func(s *stream.Stream, a bool) float32 { return float32(int(4 * bell(s, a))) },
		"constant":  func(*stream.Stream, bool) float32 { return 7 },
	}
	for name, draw := range draws {
		m := sample(1, 40, 32, draw)
		want := evaluate(t, m, 32, 1, roundPairs, maxCount)
		same(t, name+": 2 workers", evaluate(t, m, 32, 2, roundPairs, maxCount), want)
		same(t, name+": 7 workers", evaluate(t, m, 32, 7, roundPairs, maxCount), want)
		same(t, name+": many rounds", evaluate(t, m, 32, 3, 500, maxCount), want)
		same(t, name+": many folds", evaluate(t, m, 32, 2, roundPairs, 3000), want)
		same(t, name+": both", evaluate(t, m, 32, 2, 700, 5000), want)

		// Images in another order.
		other := memory{m.area, nil, nil}
		for _, i := range stream.New(2, "order").Perm(m.Len()) {
			from, to := m.part(i)
			other.scores = append(other.scores, m.scores[from:to]...)
			other.truth = append(other.truth, m.truth[from:to]...)
		}
		same(t, name+": images permuted", evaluate(t, other, 32, 2, roundPairs, maxCount), want)

		// Ranks are all that counts: an increasing map changes nothing.
		other = memory{m.area, slices.Clone(m.scores), m.truth}
		for i, x := range m.scores {
			if other.scores[i] = x * 0x1p40; x < 0 {
				other.scores[i] = x * 0x1p-40
			}
		}
		same(t, name+": increasing map", evaluate(t, other, 32, 2, roundPairs, maxCount), want)

		// Negated scores rank backwards.
		for i, x := range m.scores {
			other.scores[i] = -x
		}
		back := evaluate(t, other, 32, 2, roundPairs, maxCount)
		near(t, name+": AUROC of negated scores", back[ad.PixelAUROC], 1-*want[ad.PixelAUROC], 1e-15)
	}
}

// slow computes the metrics from their definitions, in rational numbers.
func slow(m memory, side, connectivity int, limit float64) map[ad.Metric]*big.Rat {
	var keys []float32 // distinct scores, descending
	for _, x := range m.scores {
		keys = append(keys, x+0) // -0 is 0
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	slices.Reverse(keys)

	region := flood(m, side, connectivity)
	size := map[int]int64{}
	var positives, negatives int64
	for _, r := range region {
		if r > 0 {
			size[r]++
			positives++
		} else {
			negatives++
		}
	}
	if positives == 0 || negatives == 0 {
		return nil
	}
	rat := func(a, b int64) *big.Rat { return big.NewRat(a, b) }
	auroc, ap, f1, aupro := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
	end := new(big.Rat).SetFloat64(limit)
	var tp, fp int64
	pro := new(big.Rat)
	for _, cut := range keys {
		tp0, fp0, pro0 := tp, fp, new(big.Rat).Set(pro)
		for i, x := range m.scores {
			if x != cut {
				continue
			}
			if r := region[i]; r > 0 {
				tp++
				pro.Add(pro, rat(1, size[r]*int64(len(size))))
			} else {
				fp++
			}
		}
		auroc.Add(auroc, rat((tp+tp0)*(fp-fp0), 2*positives*negatives))
		ap.Add(ap, new(big.Rat).Mul(rat(tp-tp0, positives), rat(tp, tp+fp)))
		if f := rat(2*tp, positives+tp+fp); f.Cmp(f1) > 0 {
			f1 = f
		}
		x0, x1 := rat(fp0, negatives), rat(fp, negatives)
		y1 := new(big.Rat).Set(pro)
		if x0.Cmp(end) >= 0 || fp == fp0 {
			continue
		}
		if x1.Cmp(end) > 0 {
			part := new(big.Rat).Quo(new(big.Rat).Sub(end, x0), new(big.Rat).Sub(x1, x0))
			y1.Add(pro0, part.Mul(part, new(big.Rat).Sub(pro, pro0)))
			x1 = end
		}
		area := new(big.Rat).Mul(new(big.Rat).Sub(x1, x0), new(big.Rat).Add(pro0, y1))
		aupro.Add(aupro, area.Quo(area, new(big.Rat).Add(end, end)))
	}
	return map[ad.Metric]*big.Rat{ad.PixelAUROC: auroc, ad.PixelAP: ap, ad.PixelF1Max: f1, ad.PixelAUPRO: aupro}
}

// flood numbers the regions from 1, by flood fill.
func flood(m memory, side, connectivity int) []int {
	region, regions := make([]int, len(m.truth)), 0
	var fill func(i int)
	fill = func(i int) {
		region[i] = regions
		image, y, x := i/m.area, i%m.area/side, i%side
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				ny, nx := y+dy, x+dx
				if ny < 0 || nx < 0 || ny >= side || nx >= side || connectivity == 4 && dy != 0 && dx != 0 {
					continue
				}
				if j := image*m.area + ny*side + nx; m.truth[j] != 0 && region[j] == 0 {
					fill(j)
				}
			}
		}
	}
	for i, t := range m.truth {
		if t != 0 && region[i] == 0 {
			regions++
			fill(i)
		}
	}
	return region
}

// FuzzPixelMetrics compares the engine, with little memory, with the definitions.
// Two bytes make a pixel: whether it is anomalous, and its score, of few values
// that are hard: infinities, zeros of both signs, denormals, neighbours.
func FuzzPixelMetrics(f *testing.F) {
	s := stream.New(5, "fuzz")
	for i := range 64 {
		data := make([]byte, []int{1024, 512, 1024, 1}[i%4])
		for j := range data {
			data[j] = byte(s.IntN(256))
			if i%8 < 4 && j%2 == 0 && s.IntN(8) > 0 {
				data[j] &= 0x7f // few anomalous
			}
		}
		f.Add(data, uint8(s.IntN(256)))
	}
	f.Add(make([]byte, 512), uint8(3))                              // one label
	f.Add(slices.Repeat([]byte{0x80, 0, 0, 0}, 256), uint8(9))      // constant
	f.Add(slices.Repeat([]byte{0x80, 7, 0x80, 200}, 256), uint8(1)) // all anomalous
	f.Fuzz(check)
}

func check(t *testing.T, data []byte, knobs uint8) {
	const side = 16
	inf := float32(math.Inf(1))
	hard := []float32{
		0, float32(math.Copysign(0, -1)), inf, -inf, 1e-45, -1e-45, math.MaxFloat32, -math.MaxFloat32,
		1, math.Nextafter32(1, 2), math.Nextafter32(1, 0), -1, 0x1p-126, 65504, 0.5, 3,
	}
	images := min(2, len(data)/512)
	m := memory{side * side, make([]float32, images*side*side), make([]uint8, images*side*side)}
	for i := range m.scores {
		label, score := data[2*i], data[2*i+1]
		m.truth[i] = label >> 7
		if m.scores[i] = hard[score&15]; label&1 != 0 {
			m.scores[i] *= float32(int(score>>4) + 1)
		}
	}
	p := protocol(side)
	p.AUPROLimit = []float64{0.3, 0.05, 1, 1.0 / 3}[knobs&3]
	if knobs&4 != 0 {
		p.Connectivity = 4
	}
	e := &evaluation{
		ctx: context.Background(), px: m, p: p, workers: 1 + int(knobs>>3&1),
		budget: 8 + 40*int(knobs>>4), epoch: 1 + uint64(knobs&1)*256,
	}
	got, err := e.run()
	if err != nil {
		t.Fatal(err)
	}
	want := slow(m, side, p.Connectivity, p.AUPROLimit)
	for name, v := range got {
		w := want[name]
		if w == nil || v == nil {
			if w != nil || v != nil {
				t.Errorf("%s = %s, want %v", name, show(v), w)
			}
			continue
		}
		exact, _ := w.Float64()
		if *v != exact {
			// AP and AUPRO are less than 2^-64 below the exact number, so they may round
			// to the float64 below it.
			if name == ad.PixelAUROC || name == ad.PixelF1Max || math.Nextafter(exact, 0) != *v {
				t.Errorf("%s = %.17g, want %.17g", name, *v, exact)
			}
		}
	}
}

func TestUndefinedIsNotANumber(t *testing.T) {
	normal := memory{256, make([]float32, 512), make([]uint8, 512)}
	anomalous := memory{256, make([]float32, 512), []uint8(strings.Repeat("x", 512))}
	for name, m := range map[string]memory{"no image": {area: 256}, "all normal": normal, "all anomalous": anomalous} {
		got := pixelMetrics(t, m, protocol(16), 2)
		images, err := ImageMetrics(m.images())
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(got, images)
		if len(got) != 7 {
			t.Errorf("%s: %d metrics, want 7", name, len(got))
		}
		for metric, v := range got {
			if v != nil {
				t.Errorf("%s: %s = %s, want undefined", name, metric, show(v))
			}
		}
	}
}

// The first NaN is reported by name, also in an image without defects, and however
// the workers run.
func TestNaNNamesTheImage(t *testing.T) {
	nan := float32(math.NaN())
	for _, bits := range []uint32{0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff} {
		for _, bad := range [][]int{{4}, {8, 12}, {5, 9}} {
			m := sample(3, 16, 16, bell)
			for _, i := range bad {
				m.scores[i*m.area+2*16+3] = math.Float32frombits(bits)
			}
			for workers := range 4 {
				_, err := PixelMetrics(context.Background(), m, protocol(16), workers)
				want := fmt.Sprintf("image %q: the anomaly map has NaN at row 2, column 3 of 16x16", m.ID(bad[0]))
				if err == nil || err.Error() != want || fault.KindOf(err) != fault.Answer {
					t.Errorf("error = %v, want %s", err, want)
				}
			}
		}
	}
	_, err := ImageMetrics([]Image{{"a", 1, ad.Normal}, {"b", nan, ad.Anomalous}})
	if err == nil || !strings.Contains(err.Error(), `"b"`) || fault.KindOf(err) != fault.Answer {
		t.Errorf("image score NaN: %v", err)
	}
}

type broken struct {
	memory
	read func(i int) error
}

func (b broken) Scores(i int, scores []float32) error {
	b.memory.Scores(i, scores)
	return b.read(i)
}

func TestErrorsComeBack(t *testing.T) {
	m := sample(3, 16, 16, bell)
	want := errors.New("disk gone")
	_, err := PixelMetrics(context.Background(), broken{m, func(i int) error {
		if i == 11 {
			return want
		}
		return nil
	}}, protocol(16), 2)
	if err != want {
		t.Errorf("error = %v, want %v", err, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = PixelMetrics(ctx, broken{m, func(i int) error { cancel(); return nil }}, protocol(16), 2)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error = %v", err)
	}
	_, err = PixelMetrics(context.Background(), m, Protocol{}, 2)
	if err == nil {
		t.Error("the zero protocol is accepted")
	}
}

// fickle gives other scores at each reading.
type fickle struct{ memory }

func (f fickle) Scores(i int, scores []float32) error {
	f.memory.Scores(i, scores)
	for j := range scores {
		f.scores[i*f.area+j]--
	}
	return nil
}

func TestChangingScoresAreNoticed(t *testing.T) {
	_, err := PixelMetrics(context.Background(), fickle{sample(3, 16, 16, bell)}, protocol(16), 1)
	if err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("error = %v", err)
	}
}

// Hostile maps: all pixels but one anomalous, and all scores different or all the
// same. The bound is the one of the package's documentation for one round.
func TestMemoryIsBounded(t *testing.T) {
	const side, images, budget = 64, 250, 50_000
	for name, score := range map[string]func(i int) float32{
		"distinct": func(i int) float32 { return float32(i) },
		"constant": func(int) float32 { return 1 },
	} {
		m := memory{side * side, make([]float32, images*side*side), []uint8(strings.Repeat("x", images*side*side))}
		for i := range m.scores {
			m.scores[i] = score(i * 7919 % len(m.scores))
		}
		m.truth[12345] = 0
		c := newCollector(budget)
		e := &evaluation{ctx: context.Background(), px: m, p: protocol(side), workers: 2, budget: budget, epoch: maxCount}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := e.collect(c); err != nil {
			t.Fatal(err)
		}
		pairs, repeats, free := c.sorted()
		if _, err := e.count(newRanks(pairs), free); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if len(repeats) != len(pairs) || len(pairs) > budget {
			t.Errorf("%s: %d pairs, %d counts, budget %d", name, len(pairs), len(repeats), budget)
		}
		if got, bound := after.TotalAlloc-before.TotalAlloc, uint64(40*budget+2*(5<<20)+18<<20); got > bound {
			t.Errorf("%s: %d bytes allocated, bound %d", name, got, bound)
		}
	}
}
