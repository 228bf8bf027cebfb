package pixels

import (
	"image"
	"image/color"
)

// toRGB converts what the codecs return. Each has its own loop because going
// through color.Color costs more than decoding.
func toRGB(img image.Image) *Image {
	b := img.Bounds()
	out := &Image{W: b.Dx(), H: b.Dy(), Pix: make([]uint8, 3*b.Dx()*b.Dy())}
	switch m := img.(type) {
	case *image.YCbCr:
		fromYCbCr(out, m)
	case *image.Gray:
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 1, func(dst, src []uint8) {
			for i, v := range src {
				d := dst[3*i : 3*i+3 : 3*i+3]
				d[0], d[1], d[2] = v, v, v
			}
		})
	case *image.Gray16:
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 2, func(dst, src []uint8) {
			for i := 0; i < len(src)/2; i++ {
				d := dst[3*i : 3*i+3 : 3*i+3]
				d[0], d[1], d[2] = src[2*i], src[2*i], src[2*i]
			}
		})
	case *image.Paletted:
		var table [256][3]uint8
		for i, c := range m.Palette {
			table[i] = rgbOf(c)
		}
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 1, func(dst, src []uint8) {
			for i, v := range src {
				*(*[3]uint8)(dst[3*i:]) = table[v]
			}
		})
	case *image.RGBA: // the codecs return it for opaque images only
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 4, dropFourth)
	case *image.NRGBA:
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 4, dropFourth)
	case *image.RGBA64: // as RGBA
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 8, highBytes)
	case *image.NRGBA64:
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 8, highBytes)
	case *image.CMYK:
		rows(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, 4, fromCMYK)
	default:
		for y := range out.H {
			for x := range out.W {
				*(*[3]uint8)(out.Pix[3*(y*out.W+x):]) = rgbOf(img.At(b.Min.X+x, b.Min.Y+y))
			}
		}
	}
	return out
}

func toMask(img image.Image) *Mask {
	b := img.Bounds()
	out := &Mask{W: b.Dx(), H: b.Dy(), Pix: make([]uint8, b.Dx()*b.Dy())}
	var pix []uint8
	var stride int
	if m, ok := img.(*image.Paletted); ok && blackBeyondZero(m) {
		return brightest(toRGB(m))
	}
	switch m := img.(type) {
	case *image.Gray:
		pix, stride = m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride
	case *image.Paletted:
		pix, stride = m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride
	case *image.Gray16:
		for y := range out.H {
			src := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range out.W {
				v := src[2*x]
				if v == 0 && src[2*x+1] != 0 {
					v = 1
				}
				out.Pix[y*out.W+x] = v
			}
		}
		return out
	case *image.RGBA64, *image.NRGBA64:
		for y := range out.H {
			for x := range out.W {
				out.Pix[y*out.W+x] = max16(img.At(b.Min.X+x, b.Min.Y+y))
			}
		}
		return out
	default:
		return brightest(toRGB(img))
	}
	for y := range out.H {
		copy(out.Pix[y*out.W:(y+1)*out.W], pix[y*stride:])
	}
	return out
}

// blackBeyondZero reports whether an image has pixels of index 0 that are not black
// and pixels of another index that are.
func blackBeyondZero(m *image.Paletted) bool {
	var used [256]bool
	for y := range m.Rect.Dy() {
		for _, v := range m.Pix[y*m.Stride:][:m.Rect.Dx()] {
			used[v] = true
		}
	}
	black := func(c color.Color) bool { return rgbOf(c) == [3]uint8{} }
	if !used[0] || black(m.Palette[0]) {
		return false
	}
	for i, c := range m.Palette {
		if used[i] && black(c) {
			return true
		}
	}
	return false
}

// brightest is the largest channel of each pixel.
func brightest(m *Image) *Mask {
	out := &Mask{W: m.W, H: m.H, Pix: make([]uint8, m.W*m.H)}
	for i := range out.Pix {
		out.Pix[i] = max(m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2])
	}
	return out
}

// rows calls row for each row of the image with its destination (3 bytes a
// pixel) and source (n bytes a pixel).
func rows(out *Image, pix []uint8, stride, n int, row func(dst, src []uint8)) {
	for y := range out.H {
		row(out.Pix[3*y*out.W:3*(y+1)*out.W], pix[y*stride:y*stride+n*out.W])
	}
}

func dropFourth(dst, src []uint8) {
	for len(src) >= 4 && len(dst) >= 3 {
		dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		src, dst = src[4:], dst[3:]
	}
}

func highBytes(dst, src []uint8) {
	for len(src) >= 8 && len(dst) >= 3 {
		dst[0], dst[1], dst[2] = src[0], src[2], src[4]
		src, dst = src[8:], dst[3:]
	}
}

// fromCMYK converts with PIL's arithmetic: black scales the inverted inks.
func fromCMYK(dst, src []uint8) {
	for len(src) >= 4 && len(dst) >= 3 {
		paper := 255 - int(src[3])
		for c := range 3 {
			t := int(src[c])*paper + 128
			dst[c] = uint8(paper - ((t>>8)+t)>>8)
		}
		src, dst = src[4:], dst[3:]
	}
}

// rgbOf gives the colour without its alpha, not blended with it.
func rgbOf(c color.Color) [3]uint8 {
	switch c := c.(type) {
	case color.NRGBA:
		return [3]uint8{c.R, c.G, c.B}
	case color.RGBA: // palettes hold it for opaque colours only
		return [3]uint8{c.R, c.G, c.B}
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]uint8{n.R, n.G, n.B}
}

// max16 is the high byte of the largest channel, but not zero unless that is.
func max16(c color.Color) uint8 {
	var v uint16
	switch c := c.(type) {
	case color.NRGBA64:
		v = max(c.R, c.G, c.B)
	case color.RGBA64:
		v = max(c.R, c.G, c.B)
	}
	if v > 0 && v < 256 {
		return 1
	}
	return uint8(v >> 8)
}
