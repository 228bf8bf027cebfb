package pixels

import "image"

// The chroma tables of libjpeg (jdcolor.c): 16-bit fixed point, rounded.
var crToR, cbToB, crToG, cbToG [256]int32

func init() {
	fix := func(x float64) int32 { return int32(float64(x*(1<<16)) + 0.5) }
	for i := range 256 {
		x := int32(i) - 128
		crToR[i] = (fix(1.40200)*x + 1<<15) >> 16
		cbToB[i] = (fix(1.77200)*x + 1<<15) >> 16
		crToG[i] = -fix(0.71414) * x
		cbToG[i] = -fix(0.34414)*x + 1<<15
	}
}

// fromYCbCr upsamples chroma and converts to RGB as libjpeg-turbo does by
// default.
func fromYCbCr(out *Image, m *image.YCbCr) {
	b := m.Rect
	up := upsampler{m: m, w: out.W, h: out.H}
	cb, cr := make([]uint8, out.W+8), make([]uint8, out.W+8)
	for y := range out.H {
		up.row(cb, m.Cb, y)
		up.row(cr, m.Cr, y)
		ys := m.Y[m.YOffset(b.Min.X, b.Min.Y+y):][:out.W]
		dst := out.Pix[3*y*out.W:][:3*out.W]
		cb, cr := cb[:len(ys)], cr[:len(ys)]
		for x, l := range ys {
			u, v := cb[x], cr[x]
			d := dst[3*x : 3*x+3 : 3*x+3]
			d[0] = clamp(int32(l) + crToR[v])
			d[1] = clamp(int32(l) + (cbToG[u]+crToG[v])>>16)
			d[2] = clamp(int32(l) + cbToB[u])
		}
	}
}

func clamp(v int32) uint8 {
	if uint32(v) < 256 {
		return uint8(v)
	}
	return uint8(^(v >> 31)) // 0 below, 255 above
}

// upsampler widens one row of a chroma plane to the image's width.
type upsampler struct {
	m    *image.YCbCr
	w, h int
	sums []int32
}

// row writes chroma row y of the full-size image to dst, which has room for the
// width rounded up to a multiple of 4.
func (u *upsampler) row(dst, plane []uint8, y int) {
	sx, sy := ratio(u.m.SubsampleRatio)
	cw, ch := (u.w+sx-1)/sx, (u.h+sy-1)/sy
	line := func(i int) []uint8 { // rows beyond the edge repeat it
		return plane[max(0, min(i, ch-1))*u.m.CStride:][:cw]
	}
	near := line(y / sy)
	far := func() []uint8 { // the other of the two chroma rows nearest to row y
		if y%2 == 0 {
			return line(y/2 - 1)
		}
		return line(y/2 + 1)
	}
	// libjpeg takes the plain filter for chroma planes of one or two columns.
	switch fancy := cw > 2; {
	case sx == 1 && sy == 1:
		copy(dst, near)
	case sx == 2 && sy == 1 && fancy:
		widen(dst, near)
	case sx == 2 && sy == 2 && fancy:
		u.widen2(dst, near, far())
	case sx == 1 && sy == 2:
		other, bias := far(), int32(1+y%2)
		for i, v := range near {
			dst[i] = uint8((3*int32(v) + int32(other[i]) + bias) >> 2)
		}
	default:
		for i, v := range near {
			for j := range sx {
				dst[i*sx+j] = v
			}
		}
	}
}

// widen doubles a row: each output is 3/4 of the nearer sample and 1/4 of the
// farther one, rounded down and up in turn.
func widen(dst, src []uint8) {
	n := len(src)
	dst[0], dst[2*n-1] = src[0], src[n-1]
	for i := range n - 1 {
		a, b := int32(src[i]), int32(src[i+1])
		dst[2*i+1] = uint8((3*a + b + 2) >> 2)
		dst[2*i+2] = uint8((3*b + a + 1) >> 2)
	}
}

// widen2 is widen after the same filter between two rows, rounded once.
func (u *upsampler) widen2(dst, near, far []uint8) {
	n := len(near)
	if u.sums == nil {
		u.sums = make([]int32, n)
	}
	sums, far := u.sums[:n], far[:n]
	for i, v := range near {
		sums[i] = 3*int32(v) + int32(far[i])
	}
	dst[0], dst[2*n-1] = uint8((4*sums[0]+8)>>4), uint8((4*sums[n-1]+7)>>4)
	for i := range n - 1 {
		a, b := sums[i], sums[i+1]
		dst[2*i+1] = uint8((3*a + b + 7) >> 4)
		dst[2*i+2] = uint8((3*b + a + 8) >> 4)
	}
}

// ratio gives how many image columns and rows share a chroma sample.
func ratio(r image.YCbCrSubsampleRatio) (x, y int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}
