//go:build unix

package metric

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// mapped is Pixels in memory-mapped files.
type mapped struct{ scores, truth *tensors.File }

func (m mapped) Len() int             { return m.scores.Rows() }
func (m mapped) ID(i int) ad.SampleID { return ad.SampleID(fmt.Sprint(i)) }

func (m mapped) Scores(i int, scores []float32) error {
	m.scores.ReadRows(scores, i)
	return nil
}

func (m mapped) Truth(i int, truth []uint8) error {
	copy(truth, m.truth.Uint8s()[i*len(truth):])
	return nil
}

// create writes as many maps as MVTec AD's test set has, at 224 x 224: 2.5% of the
// pixels are anomalous, in squares in three of four images. Pixels are independent
// (real maps are smooth, which is kinder to caches); z is standard normal, 2 higher
// for anomalous ones.
func create(b *testing.B, score func(z float64) float32) (m mapped, paths [2]string) {
	const images, side = 1725, 224
	dir := b.TempDir()
	paths = [2]string{filepath.Join(dir, "scores.npy"), filepath.Join(dir, "truth.npy")}
	scores, err := tensors.Create(paths[0], tensors.Float32, images, side, side)
	if err != nil {
		b.Fatal(err)
	}
	truth, err := tensors.Create(paths[1], tensors.Uint8, images, side, side)
	if err != nil {
		b.Fatal(err)
	}
	seed := stream.New(1, "bench")
	normal := rand.New(seed)
	row, mask := make([]float32, side*side), make([]uint8, side*side)
	for i := range images {
		clear(mask)
		if i%4 != 0 {
			const edge = 41
			y0, x0 := seed.IntN(side-edge), seed.IntN(side-edge)
			for y := y0; y < y0+edge; y++ {
				for x := x0; x < x0+edge; x++ {
					mask[y*side+x] = 1
				}
			}
		}
		for j := range row {
			row[j] = score(normal.NormFloat64() + 2*float64(mask[j]))
		}
		if err := scores.WriteRows(row, i); err != nil {
			b.Fatal(err)
		}
		if err := truth.WriteBytes(mask, i); err != nil {
			b.Fatal(err)
		}
	}
	if err := scores.Close(); err != nil {
		b.Fatal(err)
	}
	if err := truth.Close(); err != nil {
		b.Fatal(err)
	}
	if m.scores, err = tensors.Open(paths[0]); err != nil {
		b.Fatal(err)
	}
	if m.truth, err = tensors.Open(paths[1]); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.scores.Close(); m.truth.Close() })
	return m, paths
}

// BenchmarkWholeMVTec evaluates 86.6 million pixels with all four metrics and, if
// LTADBENCH_SKLEARN names a Python with scikit-learn, times roc_auc_score first, on the
// same files; see the package's documentation.
func BenchmarkWholeMVTec(b *testing.B) {
	outlier := true
	for _, c := range []struct {
		name  string
		score func(z float64) float32
	}{
		{"gaussian", func(z float64) float32 { return float32(z) }},
		{"saturated", func(z float64) float32 { return float32(1 / (1 + math.Exp(-9*z))) }},
		{"lognormal", func(z float64) float32 {
			if outlier {
				outlier = false
				return 1e30
			}
			return float32(math.Exp(2 * z))
		}},
		{"constant", func(float64) float32 { return 0.5 }},
		{"float16", func(z float64) float32 {
			bits := math.Float32bits(float32(z))
			return math.Float32frombits((bits + 1<<12) &^ (1<<13 - 1))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			m, paths := create(b, c.score)
			peer := sklearn(b, paths)
			var auroc float64
			var walls []float64
			var cpu, extra float64
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				peak, before := watchMemory(), cpuSeconds()
				b.StartTimer()
				start := time.Now()
				v, err := PixelMetrics(context.Background(), m, DefaultProtocol(), 2)
				if err != nil {
					b.Fatal(err)
				}
				walls = append(walls, time.Since(start).Seconds())
				auroc = *v[ad.PixelAUROC]
				cpu += (cpuSeconds() - before) / float64(b.N)
				extra = max(extra, peak())
			}
			b.StopTimer()
			slices.Sort(walls)
			wall := walls[len(walls)/2]
			b.ReportMetric(wall, "median-s")
			b.ReportMetric(cpu, "cpu-s")
			b.ReportMetric(extra/1e6, "peak-MB")
			if peer == nil {
				return
			}
			if math.Abs(peer.AUROC-auroc) > 1e-12 {
				b.Errorf("AUROC %.17g, scikit-learn's %.17g", auroc, peer.AUROC)
			}
			b.ReportMetric(peer.Wall, "sklearn-s")
			b.ReportMetric(peer.CPU, "sklearn-cpu-s")
			b.ReportMetric(peer.Extra/1e6, "sklearn-MB")
			b.ReportMetric(peer.Wall/wall, "x-faster")
		})
	}
}

type timing struct{ AUROC, Wall, CPU, Extra float64 }

func sklearn(b *testing.B, paths [2]string) *timing {
	python := os.Getenv("LTADBENCH_SKLEARN")
	if python == "" {
		return nil
	}
	out, err := exec.Command(python, "testdata/sklearn_time.py", paths[0], paths[1]).Output()
	if err != nil {
		b.Fatal(err)
	}
	t := new(timing)
	if err := json.Unmarshal(out, t); err != nil {
		b.Fatal(err)
	}
	return t
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// watchMemory follows the memory that the Go runtime holds from the system (not
// mapped files); peak stops it and gives the most bytes above the start.
func watchMemory() (peak func() float64) {
	held := func() float64 {
		s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(s)
		return float64(s[0].Value.Uint64()) - float64(s[1].Value.Uint64())
	}
	debug.FreeOSMemory()
	start, most := held(), 0.0
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, held()-start)
			}
		}
	}()
	return func() float64 {
		close(stop)
		<-done
		return most
	}
}

func BenchmarkResize(b *testing.B) {
	p := DefaultProtocol()
	r, err := NewResizer(p, 14, 14)
	if err != nil {
		b.Fatal(err)
	}
	src, dst := sample(1, 1, 14, bell).scores, make([]float32, p.Size*p.Size)
	b.ReportAllocs()
	for b.Loop() {
		r.Resize(dst, src)
	}
}

func BenchmarkScore(b *testing.B) {
	p := DefaultProtocol()
	s, err := NewScorer(p)
	if err != nil {
		b.Fatal(err)
	}
	pixels := sample(1, 1, p.Size, bell).scores
	b.ReportAllocs()
	for b.Loop() {
		s.Score(pixels)
	}
}
