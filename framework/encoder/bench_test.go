package encoder

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// BenchmarkExtract computes the texture bank's features of 32 PNG files of
// 512x512 pixels, and says where the time of an image goes (on all workers
// together). "cached" finds them in the store.
func BenchmarkExtract(b *testing.B) {
	orttest.Init(b)
	dir := b.TempDir()
	q := Request{
		CacheDir: b.TempDir(), Dataset: "bench",
		Digest: func(s ad.Sample) (ad.Digest, error) { return ad.Digest(fmt.Sprintf("sha256:%064s", s.ID)), nil },
		Open: func(s ad.Sample) (*pixels.Image, error) {
			text, err := os.ReadFile(filepath.Join(dir, string(s.ID)))
			if err != nil {
				return nil, err
			}
			return pixels.Decode(bytes.NewReader(text))
		},
	}
	q.Pack, _ = Builtin("texturebank")
	for i := range 32 {
		s := ad.Sample{ID: ad.SampleID(fmt.Sprintf("%d.png", i)), Part: parts[i%2]}
		img := image.NewGray(image.Rect(0, 0, 512, 512))
		for k, v := range noise(uint64(i), 512, 512).Pix[:512*512] {
			img.SetGray(k%512, k/512, color.Gray{Y: 96 + v/4 + uint8(k/512%64)})
		}
		var text bytes.Buffer
		if err := png.Encode(&text, img); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, string(s.ID)), text.Bytes(), 0o666); err != nil {
			b.Fatal(err)
		}
		q.Samples = append(q.Samples, s)
	}
	for _, dtype := range []tensors.DType{tensors.Float32, tensors.Float16} {
		q.DType = dtype
		b.Run(string(dtype), func(b *testing.B) {
			var sum Cost
			for b.Loop() {
				b.StopTimer()
				q.CacheDir = b.TempDir()
				b.StartTimer()
				s, err := Extract(context.Background(), q)
				if err != nil {
					b.Fatal(err)
				}
				sum.add(s.Cost)
			}
			for name, d := range map[string]time.Duration{
				"decode": sum.Decode, "resize": sum.Resize, "encode": sum.Encode, "align": sum.Align, "write": sum.Write,
			} {
				b.ReportMetric(float64(d.Microseconds())/float64(sum.Images), name+"-µs/image")
			}
			b.ReportMetric(float64(sum.Images)/b.Elapsed().Seconds(), "images/s")
		})
	}
	b.Run("cached", func(b *testing.B) {
		q.CacheDir = b.TempDir()
		if _, err := Extract(context.Background(), q); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if s, err := Extract(context.Background(), q); err != nil || s.Cost.Images > 0 {
				b.Fatal(s, err)
			}
		}
	})
}
