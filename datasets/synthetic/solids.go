package synthetic

// wood is planed timber: year rings cut lengthwise, fibres and pores. Harm is rot:
// the structure goes, and the wood darkens.
func wood(d draws) surface {
	const ring = 23 * px
	f := d.frame(0, 4*degree, 40)
	bow, sway := d.grain(150*px, 60*px), d.grain(50*px, 22*px)
	fibre, streak, pore := d.grain(26*px, 3*px/2), d.grain(80*px, 4*px), d.grain(13*px, 3*px/2)
	width := d.seed()
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		w := v + bow.at(u, v)*16*px>>12 + sway.at(u, v)*4*px>>12
		j, t := floor(w, ring)
		t = t * one / ring
		// Light early wood darkens slowly, then ends in a sharp dark line.
		late := mix(t*t>>12*full>>12, 0, ramp(t-one*15/16, one/16)) * (3*one + lot(width, j, 0)) / (3 * one)
		v0 := 172*grey - late*50 + fibre.at(u, v)*10*grey>>12 + streak.at(u, v)*9*grey>>12
		v0 -= ramp(pore.at(u, v)-one/3, one/3) * 26
		return mix(v0, 98*grey+fibre.at(u/8, v)*8*grey>>12, harm*5/8)
	}
	knot := func(s site) defect { // the rings bend around a dark eye
		g := s.blob(9*px, 20*px)
		g.rough, g.soft = one/6, one
		dark := s.at(90 * grey)
		return defect{
			region: g.turned(0),
			move: func(x, y, w int64) (int64, int64) {
				return x, y + (y-g.cy)*w>>9
			},
			tone: func(x, y, w, v int64) int64 {
				r := sqrt((x-g.cx)*(x-g.cx) + (y-g.cy)*(y-g.cy))
				return v - dark*(w*w>>8)>>8 + sin(r*turn/(4*px))*s.at(12*grey)>>12*w>>8
			},
		}
	}
	shake := func(s site) defect { // a crack along the fibres
		d := crack(95)(s)
		d.rough = 2 * px
		d.region = d.turned(s.span(-6*degree, 6*degree))
		return d
	}
	across := func(s site) defect {
		d := scratch(60)(s)
		d.region = d.turned(turn/4 + s.span(-50*degree, 50*degree))
		return d
	}
	return surface{paint, []flaw{knot, shake, across, worn(9*px, 26*px), pit(2*px, 5*px, 40), patch(12*px, 30*px, 36)}}
}

// terrazzo is cement with chips of stone in it. Harm leaves the chips out.
func terrazzo(d draws) surface {
	const cell = 12 * px
	f := d.frame(0, turn/2, 40)
	speck, cloud, edge := d.grain(3*px/2, 3*px/2), d.grain(50*px, 50*px), d.grain(4*px, 4*px)
	chips, kind := d.scatter(cell), d.seed()
	tones := [...]int64{92, 112, 134, 206}
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		n := chips.near(u, v)
		// Chips have flat sides: a diamond and a square, mixed by the chip's lot.
		h := hash(kind, n.i, n.j)
		a, b := abs(n.du), abs(n.dv)
		if h&1 == 0 {
			a, b = (a+b)*3/4, abs(n.du-n.dv)*3/4
		}
		r := max(a, b, (a+b)*11/16) + edge.at(u, v)*px>>12
		size := 2*px + int64(h>>8&0xff)*7*px/2>>8
		gap := sqrt(n.second) - sqrt(n.first)
		chip := ramp(size-r, px) * ramp(gap-px/2, px) >> 8
		cement := 178*grey + speck.at(u, v)*11*grey>>12 + cloud.at(u, v)*6*grey>>12
		stone := tones[h>>16&3]*grey + int64(h>>24)*12 + speck.at(v, u)*6*grey>>12
		return mix(cement, stone, chip*(full-harm)>>8)
	}
	return surface{paint, []flaw{worn(20*px, 36*px), crack(95), scaled(18*px, 34*px, 1200), pit(7*px, 13*px, 30), patch(14*px, 32*px, 60), scratch(90)}}
}

// honeycomb is a core of six-sided cells with thin bright walls. Harm fills the
// cells.
func honeycomb(d draws) surface {
	const (
		width  = 24 * px            // between opposite walls
		height = width * 7094 / one // two rows: width times the square root of 3
	)
	f := d.frame(0, 3*degree, 20)
	swayU, swayV := d.grain(40*px, 40*px), d.grain(40*px, 40*px)
	fine, cloud := d.grain(2*px, 2*px), d.grain(50*px, 50*px)
	shade := d.seed()
	// middle gives the offset from the middle of the cell, and the cell's number.
	middle := func(u, v int64) (s, t, i, j int64) {
		i, s = floor(u, width)
		j, t = floor(v, height)
		s, t = s-width/2, t-height/2
		i2, s2 := floor(u+width/2, width)
		j2, t2 := floor(v+height/2, height)
		s2, t2 = s2-width/2, t2-height/2
		if s2*s2+t2*t2 < s*s+t*t {
			return s2, t2, 2*i2 + 1, 2 * j2
		}
		return s, t, 2 * i, 2*j + 1
	}
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		u, v = u+swayU.at(u, v)*px>>12, v+swayV.at(u, v)*px>>12
		s, t, i, j := middle(u, v)
		r := max(abs(s), abs(s)/2+abs(t)*3547>>12) // half the width on the walls
		// The light falls in from the upper left onto the far side of each cell.
		cell := 70*grey + (s+t)*30*grey/width + lot(shade, i, j)*7*grey>>12
		cell = mix(cell, 138*grey, harm)
		wall := ramp(r-(width/2-2*px), 3*px/2)
		return mix(cell, 192*grey, wall) + fine.at(u, v)*6*grey>>12 + cloud.at(u, v)*7*grey>>12
	}
	filled := func(s site) defect { // one cell, or three in a row, full of glue
		u, v := f.to(s.x, s.y)
		p, q, _, _ := middle(u, v)
		x, y := f.from(u-p, v-q)
		g := region{shape: blob, cx: x, cy: y, a: width/2 + width*s.span(0, 1), b: width / 2, soft: one / 3, cos: f.cos, sin: f.sin}
		return defect{region: g, harm: min(s.level, full)}
	}
	torn := func(s site) defect { // walls gone: the dark of the cells runs together
		g := s.blob(8*px, 18*px)
		depth := min(s.level, full)
		return defect{region: g, tone: func(_, _, w, v int64) int64 { return mix(v, min(v, 84*grey), w*depth>>8) }}
	}
	return surface{paint, []flaw{filled, torn, torn, bulge(16*px, 34*px, 10*px), shifted(f, 16*px, 34*px, width/2, 0), scratch(95), patch(12*px, 28*px, 44)}}
}
