package synthetic

// woven is cloth in plain weave: threads over and under each other. Harm takes
// away the threads that run down the picture.
func woven(d draws) surface {
	const pitch = 10 * px
	f := d.frame(0, 3*degree, 30)
	swayU, swayV := d.grain(50*px, 70*px), d.grain(70*px, 50*px)
	down, across := d.grain(px, 9*px), d.grain(9*px, px)
	warp, weft := d.seed(), d.seed()
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		u, v = u+swayU.at(u, v)*px>>12, v+swayV.at(u, v)*px>>12
		i, s := floor(u, pitch)
		j, t := floor(v, pitch)
		// Each thread is round across, and bends up where it lies on top.
		s, t = s*one/pitch, t*one/pitch
		s, t = 4*s*(one-s)>>12, 4*t*(one-t)>>12
		under := 78*grey + 74*grey*t>>12*(2*one+s)/(3*one) + across.at(u, v)*7*grey>>12 + lot(weft, j, 0)*6*grey>>12
		over := 82*grey + 92*grey*s>>12*(2*one+t)/(3*one) + down.at(u, v)*7*grey>>12 + lot(warp, i, 0)*6*grey>>12
		if (i+j)&1 == 0 {
			return mix(over, under-30*grey, harm)
		}
		return under
	}
	// onThread moves a site to the middle of a thread, along the given axis.
	onThread := func(s site, along bool) (x, y int64) {
		u, v := f.to(s.x, s.y)
		if along {
			i, _ := floor(u, pitch)
			u = i*pitch + pitch/2
		} else {
			j, _ := floor(v, pitch)
			v = j*pitch + pitch/2
		}
		return f.from(u, v)
	}
	broken := func(s site) defect {
		x, y := onThread(s, true)
		g := region{shape: box, cx: x, cy: y, a: pitch * 5 / 8, b: s.span(12*px, 48*px), soft: 2 * px, cos: f.cos, sin: f.sin}
		return defect{region: g, harm: min(s.level*3/2, full)}
	}
	slub := func(s site) defect { // a thick place in a thread
		x, y := onThread(s, false)
		g := region{shape: blob, cx: x, cy: y, a: s.span(12*px, 30*px), b: s.span(4*px, 7*px), soft: one, cos: f.cos, sin: f.sin}
		lift := s.at(70 * grey)
		return defect{region: g, tone: func(_, _, w, v int64) int64 { return v + lift*w>>8 }}
	}
	return surface{paint, []flaw{broken, slub, patch(12*px, 30*px, 48), bulge(18*px, 34*px, 10*px), pit(5*px, 9*px, 30), shifted(f, 12*px, 30*px, pitch, 0)}}
}

// printed is a pattern printed on paper: rings, discs and small crosses. Harm lets
// the ink fade.
func printed(d draws) surface {
	const pitch = 34 * px
	f := d.frame(0, 2*degree, 20)
	fibre, cloud, edge := d.grain(3*px, 2*px), d.grain(40*px, 40*px), d.grain(2*px, 2*px)
	feed := d.seed()
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		i, s := floor(u, pitch)
		j, t := floor(v, pitch)
		s += lot(feed, i, j) * px / 4 >> 12
		t += lot(feed, j, i) * px / 4 >> 12
		cs, ct := s-pitch/2, t-pitch/2
		r := sqrt(cs*cs+ct*ct) + edge.at(u, v)*px/3>>12
		ink := max(ramp(11*px/2-r, px), ramp(2*px-abs(r-11*px), px))
		// The cross sits on the corners between four rings.
		if s > pitch/2 {
			s -= pitch
		}
		if t > pitch/2 {
			t -= pitch
		}
		s, t = abs(s), abs(t)
		ink = max(ink, ramp(5*px-max(s, t), px)*ramp(2*px-min(s, t), px)>>8)
		ink = ink * (full - harm) >> 8
		paper := 196*grey + fibre.at(u, v)*5*grey>>12 + cloud.at(u, v)*5*grey>>12
		return mix(paper, 70*grey+cloud.at(v, u)*7*grey>>12+edge.at(v, u)*5*grey>>12, ink)
	}
	// motif is the disc around one ring.
	motif := func(s site) region {
		u, v := f.to(s.x, s.y)
		i, _ := floor(u, pitch)
		j, _ := floor(v, pitch)
		x, y := f.from(i*pitch+pitch/2, j*pitch+pitch/2)
		return region{shape: blob, cx: x, cy: y, a: 27 * px / 2, b: 27 * px / 2, soft: one / 8, cos: one}
	}
	missing := func(s site) defect {
		return defect{region: motif(s), harm: min(s.level, full)}
	}
	misplaced := func(s site) defect {
		angle, distance := s.span(0, turn), max(s.at(8*px), 2*px)
		du, dv := distance*cos(angle)>>12, distance*sin(angle)>>12
		return defect{region: motif(s), move: func(x, y, _ int64) (int64, int64) { return x + du, y + dv }}
	}
	smear := func(s site) defect { // ink drawn out by a wiper
		g := s.blob(10*px, 26*px)
		length := s.at(30 * px)
		return defect{region: g, tone: func(x, y, w, v int64) int64 {
			for k := range int64(4) {
				v += paint(x-length*(k+1)/4, y, 0)
			}
			return v / 5
		}}
	}
	return surface{paint, []flaw{missing, misplaced, smear, patch(5*px, 13*px, 70), patch(14*px, 30*px, 32), scratch(80)}}
}

// leather is hide: rounded scales between creases. Harm rubs the grain flat.
func leather(d draws) surface {
	const cell = 13 * px
	f := d.frame(0, 8*degree, 40)
	warpU, warpV := d.grain(18*px, 18*px), d.grain(18*px, 18*px)
	pore, cloud := d.grain(3*px/2, 3*px/2), d.grain(60*px, 60*px)
	scales := d.scatter(cell)
	paint := func(x, y, harm int64) int64 {
		u, v := f.to(x, y)
		u, v = u+warpU.at(u, v)*4*px>>12, v+warpV.at(u, v)*4*px>>12
		n := scales.near(u, v)
		first, second := sqrt(n.first), sqrt(n.second)
		crease := ramp(second-first, 4*px)
		relief := (n.du + n.dv) * 24 * grey / (2 * cell)
		hide := 88*grey + crease*52 + relief*crease>>8
		plain := 112*grey + cloud.at(v, u)*4*grey>>12
		return mix(hide, plain, harm) + pore.at(u, v)*6*grey>>12 + cloud.at(u, v)*8*grey>>12
	}
	fold := func(s site) defect { // a crease pressed in, with a lit edge
		g := s.stroke(24*px, 55*px, 4*px)
		g.soft, g.rough = 2*px, 3*px
		d := s.at(60 * grey)
		return defect{region: g, tone: func(x, y, w, v int64) int64 {
			_, across := g.local(x, y)
			if across > 0 {
				return v + d*w>>9
			}
			return v - d*w>>8
		}}
	}
	return surface{paint, []flaw{fold, worn(12*px, 30*px), scaled(18*px, 34*px, 900), pit(4*px, 9*px, 25), scratch(75), patch(14*px, 32*px, 42)}}
}
