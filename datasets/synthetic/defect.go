package synthetic

// shape is the outline of a region.
type shape uint8

const (
	blob   shape = iota // an ellipse, its outline roughened
	stroke              // a line, bent and wavering, thinner towards its ends
	box                 // a rectangle
)

// region is a part of the picture that a defect covers more or less.
type region struct {
	shape    shape
	cx, cy   int64  // the centre, in the picture
	cos, sin int64  // the direction of the long axis
	a, b     int64  // half the length and half the width
	soft     int64  // width of the fading rim; a share of the radius for a blob
	bend     int64  // stroke: how far the ends are off the straight line
	rough    int64  // blob: a share of the squared radius; stroke: how far the line wavers
	grain    *grain // of the roughness
}

// turned sets the direction of the region's long axis.
func (g region) turned(angle int64) region {
	g.cos, g.sin = cos(angle), sin(angle)
	return g
}

// local gives a place relative to the centre, along and across the long axis.
func (g *region) local(x, y int64) (u, v int64) {
	x, y = x-g.cx, y-g.cy
	return (x*g.cos + y*g.sin) >> 12, (y*g.cos - x*g.sin) >> 12
}

// reach is a distance from the centre beyond which nothing is covered.
func (g *region) reach() int64 { return 2*max(g.a, g.b) + abs(g.bend) + g.rough + g.soft }

// rim is the smallest cover that counts: what is covered less is left as it is,
// so that the mask is exact.
const rim = full / 8

// cover gives the weight of the region at a place, 0 or from rim to full.
func (g *region) cover(x, y int64) int64 {
	u, v := g.local(x, y)
	var w int64
	switch g.shape {
	case blob:
		d := u*one/g.a*u/g.a + v*one/g.b*v/g.b
		if d > 4*one {
			return 0
		}
		if g.rough > 0 {
			d += g.grain.at(u, v) * g.rough >> 12
		}
		w = ramp(one-d, g.soft)
	case stroke:
		if abs(u) >= g.a {
			return 0
		}
		t := u * one / g.a
		v -= g.bend * (t * t >> 12) >> 12
		if g.rough > 0 {
			v += g.grain.at(u, 0) * g.rough >> 12
		}
		t = t * t >> 12
		w = ramp(g.b-g.b*(t*t>>12)>>12+g.soft-abs(v), g.soft)
	case box:
		w = min(ramp(g.a-abs(u), g.soft), ramp(g.b-abs(v), g.soft))
	}
	if w < rim {
		return 0
	}
	return w
}

// defect changes the picture inside its region.
type defect struct {
	region
	// move, if set, gives the place whose texture is seen at x, y under the cover w.
	move func(x, y, w int64) (int64, int64)
	// harm is the weight, at full cover, that the surface's own damage gets.
	harm int64
	// tone, if set, gives the grey that v becomes at x, y under the cover w.
	tone func(x, y, w, v int64) int64
}

// site is where and how strongly a flaw makes its defect.
type site struct {
	draws
	x, y  int64 // a place in the picture, not near its edge
	level int64 // a weight: how easily it is seen
}

// site draws a site. A third of the defects each are easy, middling and hard.
func (d draws) site() site {
	s := site{draws: d, x: d.span(side/8, side*7/8), y: d.span(side/8, side*7/8)}
	switch d.IntN(3) {
	case 0:
		s.level = d.span(240, 340)
	case 1:
		s.level = d.span(150, 220)
	default:
		s.level = d.span(80, 125)
	}
	return s
}

// at gives the level's part of an amount.
func (s site) at(amount int64) int64 { return amount * s.level >> 8 }

// flaw makes one kind of defect.
type flaw func(s site) defect

// blob draws a roughened ellipse with half axes from lo to hi.
func (s site) blob(lo, hi int64) region {
	g := region{
		shape: blob, cx: s.x, cy: s.y, a: s.span(lo, hi), b: s.span(lo, hi),
		soft: one / 2, rough: one / 3,
	}
	g.grain = s.grain(max(g.a/2, px), max(g.b/2, px))
	return g.turned(s.span(0, turn))
}

// stroke draws a line with half lengths from lo to hi, and half the given width.
func (s site) stroke(lo, hi, width int64) region {
	g := region{
		shape: stroke, cx: s.x, cy: s.y, a: s.span(lo, hi), b: width / 2, soft: px * 3 / 4,
		bend: s.span(-6*px, 6*px), rough: px, grain: s.grain(12*px, px),
	}
	return g.turned(s.span(0, turn))
}

// scratch is a thin line, lighter or darker by up to the strength.
func scratch(strength int64) flaw {
	return func(s site) defect {
		d := s.sign() * s.at(strength*grey)
		return defect{
			region: s.stroke(18*px, 54*px, s.span(px*3/2, 3*px)),
			tone:   func(_, _, w, v int64) int64 { return v + d*w>>8 },
		}
	}
}

// crack is a jagged dark line.
func crack(strength int64) flaw {
	return func(s site) defect {
		g := s.stroke(20*px, 54*px, s.span(px*3/2, 3*px))
		g.rough, g.grain = 6*px, s.grain(9*px, px)
		d := s.at(strength * grey)
		return defect{region: g, tone: func(_, _, w, v int64) int64 { return v - d*w>>8 }}
	}
}

// patch is an area lighter or darker by up to the strength: a spot if it is small,
// a stain if it is large.
func patch(lo, hi, strength int64) flaw {
	return func(s site) defect {
		d := s.sign() * s.at(strength*grey)
		return defect{region: s.blob(lo, hi), tone: func(_, _, w, v int64) int64 { return v + d*w>>8 }}
	}
}

// pit is a hole with a bottom of the given grey level; a hard one is shallow.
func pit(lo, hi, level int64) flaw {
	return func(s site) defect {
		g := s.blob(lo, hi)
		depth := min(s.level, full)
		return defect{region: g, tone: func(_, _, w, v int64) int64 { return mix(v, level*grey, w*depth>>8) }}
	}
}

// dent is a bump or hollow: lit on one side, in shade on the other.
func dent(lo, hi, strength int64) flaw {
	return func(s site) defect {
		g := s.blob(lo, hi)
		g.rough, g.soft = 0, one
		d := s.sign() * s.at(strength*grey)
		return defect{region: g, tone: func(x, y, w, v int64) int64 {
			slope := ((x - g.cx) + (y - g.cy)) * one / (g.a + g.b)
			return v + d*slope>>12*2*w>>8
		}}
	}
}

// worn is an area where the surface is damaged in its own way.
func worn(lo, hi int64) flaw {
	return func(s site) defect {
		return defect{region: s.blob(lo, hi), harm: min(s.level, full)}
	}
}

// bulge pushes the texture aside by up to the distance, most in the middle: bent
// lines, stretched cells.
func bulge(lo, hi, distance int64) flaw {
	return func(s site) defect {
		g := s.blob(lo, hi)
		g.rough, g.soft = 0, one
		angle, d := s.span(0, turn), s.at(distance)
		du, dv := d*cos(angle)>>12, d*sin(angle)>>12
		return defect{region: g, move: func(x, y, w int64) (int64, int64) { return x + du*w>>8, y + dv*w>>8 }}
	}
}

// shifted is a rectangle, in line with the frame, where the texture is out of step
// by the given lengths along the frame's axes, or a part of them.
func shifted(f frame, lo, hi, du, dv int64) flaw {
	return func(s site) defect {
		g := region{shape: box, cx: s.x, cy: s.y, a: s.span(lo, hi), b: s.span(lo, hi), soft: px, cos: f.cos, sin: f.sin}
		su, sv := s.at(du)*s.sign(), s.at(dv)*s.sign()
		mx, my := (su*f.cos-sv*f.sin)>>12, (sv*f.cos+su*f.sin)>>12
		return defect{region: g, move: func(x, y, w int64) (int64, int64) { return x + mx, y + my }}
	}
}

// twisted is an area where the texture is turned about its middle, by up to the angle.
func twisted(lo, hi, angle int64) flaw {
	return func(s site) defect {
		g := s.blob(lo, hi)
		t := s.sign() * s.at(angle)
		c, n := cos(t), sin(t)
		return defect{region: g, move: func(x, y, w int64) (int64, int64) {
			x, y = x-g.cx, y-g.cy
			return g.cx + (x*c-y*n)>>12, g.cy + (y*c+x*n)>>12
		}}
	}
}

// scaled is an area where the texture is coarser or finer, by up to the given
// thousandths.
func scaled(lo, hi, thousandths int64) flaw {
	return func(s site) defect {
		g := s.blob(lo, hi)
		k := one + s.sign()*s.at(thousandths)*one/1000
		return defect{region: g, move: func(x, y, w int64) (int64, int64) {
			return g.cx + (x-g.cx)*k>>12, g.cy + (y-g.cy)*k>>12
		}}
	}
}
