package runner

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// BenchmarkScoring is the host's main share of a cell: all metrics of 12 classes,
// from maps and masks on disk. One size is that of the default benchmark, the other
// four times that; the memory reported beside the time must not grow with it.
func BenchmarkScoring(b *testing.B) {
	for _, images := range []int{480, 1920} {
		b.Run(fmt.Sprintf("images=%d", images), func(b *testing.B) { benchmarkScoring(b, images) })
	}
}

func benchmarkScoring(b *testing.B, images int) {
	const side, classes = 28, 12
	p := metric.DefaultProtocol()
	random := stream.New(1, "benchmark")
	dir := b.TempDir()
	write := func(name string, dtype tensors.DType, rows int, shape []int, row func(w *tensors.Writer, i int) error) *tensors.Reader {
		path := filepath.Join(dir, name)
		w, err := tensors.Create(path, dtype, append([]int{rows}, shape...)...)
		if err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			if err := row(w, i); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		r, err := tensors.OpenReader(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { r.Close() })
		return r
	}
	s := &scoring{protocol: p, workers: runtime.GOMAXPROCS(0), truth: &Truth{row: map[ad.SampleID]int{}}}
	s.maps = write("maps.npy", tensors.Float32, images, []int{side, side}, func(w *tensors.Writer, i int) error {
		// Noise on two bumps: smooth as methods' maps are.
		row := make([]float32, side*side)
		for range 2 {
			cx, cy := random.IntN(side), random.IntN(side)
			for j := range row {
				dx, dy := j%side-cx, j/side-cy
				row[j] += random.Float32()/4 + 8/float32(8+dx*dx+dy*dy)
			}
		}
		return w.WriteRows(row, i)
	})
	s.truth.file = write("masks.npy", tensors.Uint8, images/2, []int{p.Size, p.Size}, func(w *tensors.Writer, i int) error {
		mask := make([]byte, p.Size*p.Size)
		x, y := random.IntN(p.Size-40), random.IntN(p.Size-40)
		for j := range 30 * 30 { // about 2% of the pixels
			mask[(y+j/30)*p.Size+x+j%30] = 1
		}
		return w.WriteBytes(mask, i)
	})
	r := &result.Record{}
	for c := range classes {
		r.Classes = append(r.Classes, result.Class{Name: ad.ClassName(fmt.Sprint("class", c))})
	}
	for i := range images {
		one := result.Sample{ID: ad.SampleID(fmt.Sprint(i)), Class: r.Classes[i%classes].Name}
		if i >= images/2 {
			one.Label, one.Truth = ad.Anomalous, ad.TruthMask
			s.truth.row[one.ID] = i - images/2
		}
		r.Samples = append(r.Samples, one)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.run(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*images), "µs/image")
	b.ReportMetric(float64(peakMemory()>>20), "peak-MiB")
}
