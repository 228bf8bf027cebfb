package encoder

import (
	"context"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

func BenchmarkTextureBank(b *testing.B) {
	orttest.Init(b)
	p, _ := Builtin("texturebank")
	m, _ := p.model()
	b.Logf("%d bytes, levels %v, %d channels", len(m), p.Levels, p.Channels())
	e, err := Open(context.Background(), p, Options{Device: "cpu"})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	img := &pixels.Image{W: 224, H: 224, Pix: make([]uint8, 3*224*224)}
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i >> 3)
	}
	f := make([]float32, p.Grid.Height*p.Grid.Width*p.Channels())
	d := make([]float32, p.Channels())
	var c Cost
	for b.Loop() {
		if err := e.encode(context.Background(), img, f, d, &c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.Encode.Microseconds())/float64(b.N), "encode-µs")
	b.ReportMetric(float64(c.Align.Microseconds())/float64(b.N), "align-µs")
}
