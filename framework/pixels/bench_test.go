package pixels_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/ltadbench/ltadbench/framework/pixels"
)

// texture is a deterministic image with edges, gradients and noise.
func texture(w, h int) *pixels.Image {
	m := &pixels.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	state := uint32(1)
	for i := range m.Pix {
		x, y, c := i/3%w, i/3/w, i%3
		state = state*1664525 + 1013904223
		v := (x*(c+3)/2 + y*(5-c)/3) % 256
		if (x/9+y/7)%2 == 0 {
			v = 255 - v
		}
		m.Pix[i] = uint8((v*7 + int(state>>24)) / 8)
	}
	return m
}

func rgba(m *pixels.Image) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		out.Set(i%m.W, i/m.W, color.RGBA{m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2], 255})
	}
	return out
}

func BenchmarkDecode(b *testing.B) {
	src := rgba(texture(1024, 1024))
	var p, j bytes.Buffer
	if err := png.Encode(&p, src); err != nil {
		b.Fatal(err)
	}
	if err := jpeg.Encode(&j, src, &jpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string][]byte{"png": p.Bytes(), "jpeg": j.Bytes()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pixels.Decode(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkResize(b *testing.B) {
	for _, size := range []int{320, 1024} {
		src := texture(size, size)
		for _, f := range []pixels.Filter{pixels.Bilinear, pixels.Bicubic, pixels.Nearest} {
			b.Run(fmt.Sprintf("%d-224/%s", size, f), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					src.Resize(224, 224, f)
				}
			})
		}
	}
}
