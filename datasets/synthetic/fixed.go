package synthetic

import (
	"math"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// All arithmetic that ends up in a pixel is in 64-bit integers, so that no
// machine's way with floating point (fused multiply-add, last bits of a library
// function) can change a byte. The formats:
//
//	length  units of 1/256 of px; px is 1/256 of the picture's side, whatever its size
//	angle   65536 to a full turn
//	share   4096 is one
//	weight  256 is one; cover, harm and level of a defect
//	grey    256 to a grey level of the 8-bit image
const (
	px     = 256
	side   = 256 * px
	turn   = 65536
	degree = turn / 360
	one    = 4096
	full   = 256
	grey   = 256
)

// sine holds sin over one turn in 4096 steps, as shares, in the rational
// approximation of Bhaskara I (off by 0.0017 at most): 16p/(5h^2-4p) with
// p = i(h-i) over half a turn h.
var sine = func() (table [4096]int64) {
	const h = 2048
	for i := range int64(h) {
		p := i * (h - i)
		table[i] = 16 * p * one / (5*h*h - 4*p)
		table[i+h] = -table[i]
	}
	return table
}()

// sin gives the sine of an angle as a share.
func sin(angle int64) int64 { return sine[angle>>4&4095] }

// cos gives the cosine of an angle as a share.
func cos(angle int64) int64 { return sin(angle + turn/4) }

// sqrt gives the floor of the square root of n < 2^52. The one floating-point
// operation in it is exact: IEEE 754 defines its every bit.
func sqrt(n int64) int64 { return int64(math.Sqrt(float64(n))) }

// floor divides by b > 0 rounding down, and gives the remainder in [0, b).
func floor(a, b int64) (quotient, remainder int64) {
	q, r := a/b, a%b
	if r < 0 {
		return q - 1, r + b
	}
	return q, r
}

func abs(a int64) int64 {
	if a < 0 {
		return -a
	}
	return a
}

// ease gives 3t^2-2t^3 of a share t in [0, one].
func ease(t int64) int64 { return t * t >> 12 * (3*one - 2*t) >> 12 }

// ramp rises smoothly from 0 at x <= 0 to full at x >= width.
func ramp(x, width int64) int64 {
	switch {
	case x <= 0:
		return 0
	case x >= width:
		return full
	}
	return ease(x*one/width) >> 4
}

// mix gives a at weight 0 and b at weight full.
func mix(a, b, weight int64) int64 { return a + (b-a)*weight>>8 }

// hash mixes a seed and two lattice coordinates into 32 random-looking bits.
func hash(seed uint32, x, y int64) uint32 {
	h := seed + uint32(x)*0x9E3779B1
	h = (h ^ h>>15) * 0x85EBCA6B
	h += uint32(y) * 0xC2B2AE35
	h = (h ^ h>>13) * 0x2C1B3C6D
	h = (h ^ h>>12) * 0x297A2D39
	return h ^ h>>15
}

// lot gives a share in [-one, one) for a lattice place.
func lot(seed uint32, x, y int64) int64 { return int64(hash(seed, x, y)>>19) - one }

// draws turns a seeded stream into the choices of one image.
type draws struct{ *stream.Stream }

// span draws uniformly from lo, ..., hi.
func (d draws) span(lo, hi int64) int64 { return lo + int64(d.IntN(int(hi-lo+1))) }

// sign draws -1 or 1.
func (d draws) sign() int64 { return 2*d.span(0, 1) - 1 }

// seed draws the seed of a hash.
func (d draws) seed() uint32 { return uint32(d.Uint64() >> 32) }

// grain is value noise on a lattice of cells. It remembers the cell it was last
// asked about, since the next place is mostly in the same one, and so belongs to
// one goroutine.
type grain struct {
	seed       uint32
	fx, fy     int64 // cells for each unit of length, 2^28 to one
	i, j       int64 // the cell remembered,
	a, b, c, d int64 // and the lots of its corners
}

// grain draws noise with cells of the given width and height, in units of length.
func (d draws) grain(width, height int64) *grain {
	g := &grain{seed: d.seed(), fx: one << 16 / width, fy: one << 16 / height}
	g.enter(0, 0)
	return g
}

func (g *grain) enter(i, j int64) {
	g.i, g.j = i, j
	g.a, g.b = lot(g.seed, i, j), lot(g.seed, i+1, j)
	g.c, g.d = lot(g.seed, i, j+1), lot(g.seed, i+1, j+1)
}

// at gives the noise at a place: a share in (-one, one).
func (g *grain) at(x, y int64) int64 {
	x, y = x*g.fx>>16, y*g.fy>>16
	if i, j := x>>12, y>>12; i != g.i || j != g.j {
		g.enter(i, j)
	}
	u, v := ease(x&(one-1)), ease(y&(one-1))
	top := g.a + (g.b-g.a)*u>>12
	bottom := g.c + (g.d-g.c)*u>>12
	return top + (bottom-top)*v>>12
}

// scatter is a set of points, one in each cell of a lattice and off its border. It
// remembers as grain does.
type scatter struct {
	seed   uint32
	cell   int64
	i, j   int64    // the cell remembered,
	u0, v0 [9]int64 // and the points in and around it
}

func (d draws) scatter(cell int64) *scatter {
	s := &scatter{seed: d.seed(), cell: cell}
	s.enter(0, 0)
	return s
}

func (s *scatter) enter(i, j int64) {
	s.i, s.j = i, j
	for k := range s.u0 {
		a, b := i+int64(k%3)-1, j+int64(k/3)-1
		h := hash(s.seed, a, b)
		s.u0[k] = a*s.cell + s.cell>>3 + int64(h&0xffff)*s.cell*3/4>>16
		s.v0[k] = b*s.cell + s.cell>>3 + int64(h>>16)*s.cell*3/4>>16
	}
}

// near holds the squared distances of the nearest two points, and the nearest
// one's direction and lattice place.
type near struct {
	first, second int64
	du, dv        int64
	i, j          int64
}

// near finds the points nearest to a place.
func (s *scatter) near(u, v int64) near {
	i, _ := floor(u, s.cell)
	j, _ := floor(v, s.cell)
	if i != s.i || j != s.j {
		s.enter(i, j)
	}
	first, second, best := int64(1<<60), int64(1<<60), 0
	for k := range s.u0 {
		du, dv := s.u0[k]-u, s.v0[k]-v
		switch d := du*du + dv*dv; {
		case d < first:
			first, second, best = d, first, k
		case d < second:
			second = d
		}
	}
	return near{first, second, s.u0[best] - u, s.v0[best] - v, i + int64(best%3) - 1, j + int64(best/3) - 1}
}

// frame places a texture in the picture: its own coordinates, turned, scaled and
// shifted against the picture's.
type frame struct {
	cos, sin   int64 // shares, times the scale
	back       int64 // 1/scale^2, a share
	offU, offV int64
}

// frame draws a frame turned by angle, give or take jitter, scaled by up to
// stretch thousandths either way, and shifted far, so that every image shows
// another part of an endless texture.
func (d draws) frame(angle, jitter, stretch int64) frame {
	angle += d.span(-jitter, jitter)
	scale := one + one*d.span(-stretch, stretch)/1000
	return frame{
		cos: cos(angle) * scale >> 12, sin: sin(angle) * scale >> 12,
		back: one * one / scale * one / scale,
		offU: d.span(0, 1<<20), offV: d.span(0, 1<<20),
	}
}

// to gives the texture's coordinates of a place in the picture.
func (f frame) to(x, y int64) (u, v int64) {
	x, y = x-side/2, y-side/2
	return (x*f.cos+y*f.sin)>>12 + f.offU, (y*f.cos-x*f.sin)>>12 + f.offV
}

// from gives the place in the picture of the texture's coordinates.
func (f frame) from(u, v int64) (x, y int64) {
	u, v = u-f.offU, v-f.offV
	return (u*f.cos-v*f.sin)>>12*f.back>>12 + side/2, (v*f.cos+u*f.sin)>>12*f.back>>12 + side/2
}
