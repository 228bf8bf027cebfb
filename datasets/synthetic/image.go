package synthetic

import (
	"strconv"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// family is a kind of texture: one class.
type family struct {
	name  string
	train int // default number of normal training images
	// surface draws what differs from image to image.
	surface func(draws) surface
}

// surface is the texture of one image, without light and noise.
type surface struct {
	// paint gives the grey at a place in the picture; harm, a weight, damages the
	// texture in the way of its family (a thread missing, a relief worn down).
	paint func(x, y, harm int64) int64
	flaws []flaw
}

// render draws an image of o.Size x o.Size pixels. The same family, seed and name
// give the same image with and without a defect, but for the defect. The mask is
// 255 where the defect is and 0 elsewhere; it is nil for a normal image.
func (f family) render(o Options, name string, label ad.Label) (pixels, mask []byte) {
	size, seed := o.Size, o.Seed
	s := f.surface(draws{stream.New(seed, "synthetic", f.name, name, "surface")})
	canvas := make([]int64, size*size)
	for row := range int64(size) {
		for col := range int64(size) {
			canvas[row*int64(size)+col] = s.paint(place(col, size), place(row, size), 0)
		}
	}
	if label == ad.Anomalous {
		mask = s.damage(canvas, draws{stream.New(seed, "synthetic", f.name, name, "defect")}, o)
	}
	return develop(canvas, draws{stream.New(seed, "synthetic", f.name, name, "light")}, size), mask
}

// place gives the coordinate of the middle of a pixel.
func place(pixel int64, size int) int64 { return (2*pixel + 1) * side / (2 * int64(size)) }

// maxTries bounds the search for a defect that can be seen. Few are refused; that
// this many in a row are does not happen.
const maxTries = 1000

// damage draws defects until one can be seen, paints it, and returns its mask.
func (s surface) damage(canvas []int64, d draws, o Options) []byte {
	size := o.Size
	mask := make([]byte, size*size)
	worse := make([]int64, size*size)
	for range maxTries {
		defect := s.flaws[d.IntN(len(s.flaws))](d.site())
		if s.hurt(canvas, worse, mask, &defect, size) {
			for i, m := range mask {
				if m != 0 {
					canvas[i] = worse[i]
				}
			}
			if o.Masks == MasksEllipse {
				around(mask, &defect.region, size)
			}
			return mask
		}
		clear(mask)
	}
	panic("synthetic: no defect of " + strconv.Itoa(maxTries) + " can be seen")
}

// hurt writes the greys of the defect's pixels to worse and sets them in the
// mask. It reports whether the defect can be seen: it has an area, is not most of
// the picture, and differs in a part of its pixels and enough on the whole.
func (s surface) hurt(canvas, worse []int64, mask []byte, d *defect, size int) bool {
	if d.shape == stroke { // no thinner than the pixels show
		d.b = max(d.b, int64(side/size)/2)
	}
	var area, changed, total int64
	for row := range int64(size) {
		y := place(row, size)
		if abs(y-d.cy) > d.reach() {
			continue
		}
		for col := range int64(size) {
			x := place(col, size)
			if abs(x-d.cx) > d.reach() {
				continue
			}
			w := d.cover(x, y)
			if w == 0 {
				continue
			}
			fromX, fromY := x, y
			if d.move != nil {
				fromX, fromY = d.move(x, y, w)
			}
			i := row*int64(size) + col
			v := s.paint(fromX, fromY, d.harm*w>>8)
			if d.tone != nil {
				v = d.tone(x, y, w, v)
			}
			worse[i], mask[i] = v, 255
			difference := abs(v - canvas[i])
			area++
			total += difference
			if difference >= grey {
				changed++
			}
		}
	}
	all := int64(size) * int64(size)
	return area >= all/4000+4 && area <= all/4 && 6*changed >= area && total >= area*5*grey/2
}

// develop lights the canvas, adds the camera's noise, and quantises.
func develop(canvas []int64, d draws, size int) []byte {
	gain := one + d.span(-one/16, one/16)
	offset := d.span(-8, 8) * grey
	angle, slope := d.span(0, turn), d.span(0, 14*grey)
	gx, gy := slope*cos(angle)>>12, slope*sin(angle)>>12
	seed := d.seed()
	pixels := make([]byte, len(canvas))
	for row := range int64(size) {
		y := place(row, size) - side/2
		for col := range int64(size) {
			x := place(col, size) - side/2
			i := row*int64(size) + col
			v := 128*grey + (canvas[i]-128*grey)*gain>>12 + offset + (x*gx+y*gy)/side
			// The sum of four uniform bytes is close to normal, with a standard deviation
			// of 148; this makes it 1.7 grey levels.
			h := int64(hash(seed, col, row))
			v += (h&255 + h>>8&255 + h>>16&255 + h>>24 - 510) * 3
			pixels[i] = byte(max(0, min(255, (v+grey/2)>>8)))
		}
	}
	return pixels
}

// around replaces an exact mask by the ellipse that DAGM's annotators would have
// drawn: along the axes of the defect's region, just holding all its pixels.
func around(mask []byte, g *region, size int) {
	lowU, highU, lowV, highV := int64(1<<40), int64(-1<<40), int64(1<<40), int64(-1<<40)
	each := func(do func(i, u, v int64)) {
		for row := range int64(size) {
			for col := range int64(size) {
				u, v := g.local(place(col, size), place(row, size))
				do(row*int64(size)+col, u, v)
			}
		}
	}
	each(func(i, u, v int64) {
		if mask[i] != 0 {
			lowU, highU = min(lowU, u), max(highU, u)
			lowV, highV = min(lowV, v), max(highV, v)
		}
	})
	pixel := int64(side / size)
	midU, midV := (lowU+highU)/2, (lowV+highV)/2
	a, b := (highU-lowU)/2+pixel, (highV-lowV)/2+pixel
	distance := func(u, v int64) int64 {
		u, v = u-midU, v-midV
		return u*one/a*u/a + v*one/b*v/b
	}
	var farthest int64
	each(func(i, u, v int64) {
		if mask[i] != 0 {
			farthest = max(farthest, distance(u, v))
		}
	})
	each(func(i, u, v int64) {
		if distance(u, v) <= farthest {
			mask[i] = 255
		}
	})
}
