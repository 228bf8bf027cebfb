package synthetic

// knurled is metal with a knurl: pyramids in rows, each facet lit in its own way.
// Harm crushes the teeth flat.
func knurled(d draws) surface {
	const pitch = 13 * px
	f := d.frame(0, 2*degree, 20)
	fine, wear, rub := d.grain(2*px, 2*px), d.grain(45*px, 45*px), d.grain(14*px, px)
	tooth := d.seed()
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		// Two sets of grooves, 30 degrees to either side: diamonds, not squares.
		i, s := floor(u*3547>>12+v/2, pitch)
		j, t := floor(u*3547>>12-v/2, pitch)
		s, t = (2*s-pitch)*one/pitch, (2*t-pitch)*one/pitch
		facet := func(slope, minus, plus int64) int64 {
			return mix(minus, plus, ramp(slope+one/8, one/4))
		}
		lit := mix(facet(t, 150*grey, 92*grey), facet(s, 184*grey, 70*grey), ramp(abs(s)-abs(t)+one/10, one/5))
		groove := ramp(max(abs(s), abs(t))-one*7/8, one/5)
		lit = mix(lit, 48*grey, groove*3/4) + lot(tooth, i, j)*5*grey>>12
		flat := 158*grey + rub.at(u, v)*14*grey>>12
		return mix(lit, flat, harm) + fine.at(u, v)*5*grey>>12 + wear.at(u, v)*5*grey>>12
	}
	return surface{paint, []flaw{worn(8*px, 20*px), scratch(95), shifted(f, 14*px, 34*px, 0, pitch), dent(12*px, 28*px, 60), bulge(14*px, 30*px, 7*px), patch(12*px, 28*px, 46)}}
}

// brushed is sheet metal with fine parallel marks and a soft band of shine. Harm
// polishes the marks away.
func brushed(d draws) surface {
	f := d.frame(0, 2*degree, 20)
	long, middle, short := d.grain(130*px, 6*px), d.grain(70*px, 5*px/2), d.grain(30*px, 3*px/2)
	shine := d.span(0, turn/4)
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		marks := long.at(u, v)*10 + middle.at(u, v)*22 + short.at(u, v)*24
		return 138*grey + marks*(full-harm*7/8)>>8*grey>>12 + sin(y*3/4+shine)*14*grey>>12
	}
	across := func(s site) defect {
		d := scratch(46)(s)
		d.region = d.turned(turn/4 + s.span(-60*degree, 60*degree))
		return d
	}
	return surface{paint, []flaw{across, across, worn(8*px, 28*px), patch(10*px, 30*px, 20), dent(7*px, 18*px, 40), pit(2*px, 5*px, 55), twisted(8*px, 20*px, 40*degree)}}
}

// cast is a rough cast surface, lit from the side. Harm smooths it.
func cast(d draws) surface {
	f := d.frame(0, turn/2, 40)
	coarse, middle, fine := d.grain(9*px, 9*px), d.grain(5*px, 5*px), d.grain(5*px/2, 5*px/2)
	cloud := d.grain(70*px, 70*px)
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		height := func(u, v int64) int64 { return 6*coarse.at(u, v) + 4*middle.at(u, v) + 2*fine.at(u, v) }
		// The light comes from the picture's upper left, whichever way the texture lies.
		p, q := u-(f.cos+f.sin)*3*px/2>>12, v-(f.cos-f.sin)*3*px/2>>12
		relief := (height(u, v) - height(p, q)) * 7 * grey >> 12
		return 116*grey + relief*(full-harm)>>8 + cloud.at(u, v)*10*grey>>12
	}
	blowhole := func(s site) defect { // dark, with a lit rim below
		g := s.blob(4*px, 10*px)
		g.soft = one * 3 / 4
		depth := s.at(90 * grey)
		return defect{region: g, tone: func(x, y, w, v int64) int64 {
			if w < full*3/4 && x+y > g.cx+g.cy {
				return v + depth*w>>9
			}
			return v - depth*w>>8
		}}
	}
	return surface{paint, []flaw{blowhole, crack(75), worn(12*px, 30*px), scaled(18*px, 34*px, 1200), patch(12*px, 32*px, 52), scratch(90)}}
}

// ribbed is a corrugated sheet: parallel round ribs. Harm flattens them.
func ribbed(d draws) surface {
	const pitch = 17 * px
	f := d.frame(turn/4, 3*degree, 30)
	sway, marks, cloud := d.grain(110*px, 30*px), d.grain(16*px, 2*px), d.grain(60*px, 60*px)
	rib := d.seed()
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		v += sway.at(u, v) * 3 * px / 2 >> 12
		j, t := floor(v, pitch)
		t = t * turn / pitch
		round := 118*grey + sin(t)*52*grey>>12 + lot(rib, j, 0)*6*grey>>12
		// A narrow glint on the lit flank, a sharp groove at the foot.
		round += ramp(turn/14-abs(t-turn*5/16), turn/14) * 34
		round -= ramp(turn/16-abs(t-turn*13/16), turn/16) * 40
		return mix(round, 122*grey, harm) + marks.at(u, v)*7*grey>>12 + cloud.at(u, v)*6*grey>>12
	}
	bent := func(s site) defect { // ribs pushed sideways
		d := bulge(20*px, 40*px, 9*px)(s)
		d.a, d.b = s.span(20*px, 44*px), s.span(12*px, 24*px)
		d.cos, d.sin = f.cos, f.sin
		side := s.sign() * s.at(5*px)
		du, dv := -side*f.sin>>12, side*f.cos>>12
		d.move = func(x, y, w int64) (int64, int64) { return x + du*w>>8, y + dv*w>>8 }
		return d
	}
	return surface{paint, []flaw{bent, bent, worn(8*px, 24*px), scratch(50), shifted(f, 14*px, 32*px, 0, pitch/4), dent(8*px, 20*px, 36), patch(10*px, 26*px, 22)}}
}

// tread is chequer plate: raised lugs, every other one turned. Harm wears the
// lugs down.
func tread(d draws) surface {
	const pitch = 33 * px
	f := d.frame(turn/8, 2*degree, 20)
	rough, fine, cloud := d.grain(5*px, 5*px), d.grain(2*px, 2*px), d.grain(55*px, 55*px)
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		i, s := floor(u, pitch)
		j, t := floor(v, pitch)
		s, t = s-pitch/2, t-pitch/2
		if (i+j)&1 == 0 {
			s, t = t, -s
		}
		// A lug is a lens, 28 px long and 10 px wide; its flanks are lit and shaded.
		l := s * one / (14 * px)
		half := 5 * px * (one - l*l>>12) >> 12
		plate := 98*grey + rough.at(u, v)*7*grey>>12 + fine.at(u, v)*5*grey>>12 + cloud.at(u, v)*5*grey>>12
		if half <= 0 || abs(t) > half+px {
			return plate
		}
		slope := t * one / (half + px)
		if (i+j)&1 == 0 {
			slope = -slope
		}
		lug := 150*grey + slope*62*grey>>12 + fine.at(u, v)*6*grey>>12
		return mix(plate, lug, ramp(half+px-abs(t), px)*(full-harm)>>8)
	}
	// lug is the lens of one lug.
	lug := func(s site) region {
		u, v := f.to(s.x, s.y)
		i, _ := floor(u, pitch)
		j, _ := floor(v, pitch)
		x, y := f.from(i*pitch+pitch/2, j*pitch+pitch/2)
		g := region{shape: blob, cx: x, cy: y, a: 16 * px, b: 7 * px, soft: one / 8, cos: f.cos, sin: f.sin}
		if (i+j)&1 == 0 {
			g.cos, g.sin = -f.sin, f.cos
		}
		return g
	}
	missing := func(s site) defect { return defect{region: lug(s), harm: min(s.level, full)} }
	turned := func(s site) defect {
		g := lug(s)
		g.b = g.a
		t := s.sign() * s.at(70*degree)
		c, n := cos(t), sin(t)
		return defect{region: g, move: func(x, y, _ int64) (int64, int64) {
			x, y = x-g.cx, y-g.cy
			return g.cx + (x*c-y*n)>>12, g.cy + (y*c+x*n)>>12
		}}
	}
	return surface{paint, []flaw{missing, turned, scratch(80), patch(12*px, 28*px, 38), dent(10*px, 24*px, 50), crack(60)}}
}

// lacquer is a smooth painted panel: broad soft reflections and the faint
// unevenness called orange peel. Harm makes it matt and coarse.
func lacquer(d draws) surface {
	f := d.frame(20*degree, 6*degree, 40)
	sway, peel, matt := d.grain(120*px, 120*px), d.grain(7*px, 7*px), d.grain(3*px, 3*px)
	phase := d.span(0, turn)
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		w := (v+sway.at(u, v)*10*px>>12)*5/8 + phase
		return 128*grey + sin(w)*44*grey>>12 + sin(2*w+turn/5)*12*grey>>12 +
			peel.at(u, v)*4*grey>>12 + matt.at(u, v)*harm>>8*26*grey>>12
	}
	run := func(s site) defect { // a drop of paint that ran down
		g := s.blob(6*px, 9*px)
		g.a, g.b, g.soft, g.rough = s.span(16*px, 40*px), s.span(4*px, 8*px), one, 0
		g = g.turned(turn / 4)
		d := s.at(36 * grey)
		return defect{region: g, tone: func(x, y, w, v int64) int64 {
			return v + d*((x-g.cx)*one/g.b)>>12*w>>8
		}}
	}
	return surface{paint, []flaw{run, dent(8*px, 24*px, 24), scratch(30), patch(2*px, 5*px, 40), patch(14*px, 34*px, 11), worn(10*px, 28*px)}}
}
