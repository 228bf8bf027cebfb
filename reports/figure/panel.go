package figure

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// axis is the scale of one direction of a panel.
type axis struct {
	min, max float64
	log      bool
	ticks    []tick
	label    string // along the axis; "" for none
}

type tick struct {
	at    float64
	label string // "" for a line without one
}

// norm is where x is on the axis, from 0 to 1.
func (a axis) norm(x float64) float64 {
	low, high := a.min, a.max
	if a.log {
		x, low, high = math.Log(x), math.Log(low), math.Log(high)
	}
	return (x - low) / (high - low)
}

// linear makes an axis over a range, with about n steps between round numbers. With
// round the range is widened to them.
func linear(low, high float64, n int, round bool) axis {
	if size := max(math.Abs(low), math.Abs(high)); !(high-low > 1e-9*size) { // one value, or too close to part
		pad := max(1, size) * 0.05
		low, high = low-pad, high+pad
	}
	if !finite(low) || !finite(high) || !finite(high-low) {
		return axis{min: 0, max: 1}
	}
	a := axis{min: low, max: high}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(n))))
	for _, f := range []float64{1, 2, 2.5, 5, 10} {
		if (high-low)/(step*f) <= float64(n)+1e-9 {
			step *= f
			break
		}
	}
	first, last := math.Ceil(low/step-1e-9), math.Floor(high/step+1e-9)
	if round {
		first, last = math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
		a.min, a.max = first*step, last*step
	}
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	if x := step * math.Pow10(decimals); math.Abs(x-math.Round(x)) > 1e-6 { // 0.25
		decimals++
	}
	for k := first; k <= last; k++ {
		x := k*step + 0 // no -0
		label := strconv.FormatFloat(x, 'f', decimals, 64)
		if steps := max(math.Abs(first), math.Abs(last)); steps*step >= 1e7 || step < 1e-4 {
			label = strconv.FormatFloat(x, 'g', len(strconv.Itoa(int(steps)))+1, 64)
		}
		a.ticks = append(a.ticks, tick{x, label})
	}
	return a
}

func (a axis) labels() (out []string) {
	for _, t := range a.ticks {
		out = append(out, t.label)
	}
	return out
}

// panel is one coordinate system on a sheet.
type panel struct {
	*sheet
	box  vg.Rectangle // of the data
	x, y axis
}

const (
	tickLength = vg.Length(2)
	tickGap    = vg.Length(1.5) // between tick and label
	labelGap   = vg.Length(3)   // between the labels of ticks and that of the axis
)

// at is where a point of the data is on the sheet.
func (p *panel) at(x, y float64) vg.Point {
	size := p.box.Size()
	return vg.Point{X: p.box.Min.X + size.X*vg.Length(p.x.norm(x)), Y: p.box.Min.Y + size.Y*vg.Length(p.y.norm(y))}
}

// leftMargin is what the labels left of a panel with this axis need.
func leftMargin(y axis) vg.Length {
	w := tickLength + tickGap + widest(y.labels(), tickSize)
	if y.label != "" {
		w += labelGap + labelSize
	}
	return w
}

// bottomMargin is what the labels below a panel with this axis need.
func bottomMargin(x axis) vg.Length {
	h := tickLength + tickGap + tickSize
	if x.label != "" {
		h += labelGap + labelSize
	}
	return h
}

// grid draws the lines behind the data.
func (p *panel) grid(vertical bool) {
	line := draw.LineStyle{Color: faint, Width: thin}
	for _, t := range p.y.ticks {
		y := p.at(p.x.min, t.at).Y
		p.StrokeLine2(line, p.box.Min.X, y, p.box.Max.X, y)
	}
	for _, t := range p.x.ticks {
		if x := p.at(t.at, p.y.min).X; vertical {
			p.StrokeLine2(line, x, p.box.Min.Y, x, p.box.Max.Y)
		}
	}
}

// frame draws the axes and their labels; the arguments say which labels.
func (p *panel) frame(xLabels, yLabels bool) {
	line := draw.LineStyle{Color: ink, Width: thin}
	p.StrokeLines(line, []vg.Point{{X: p.box.Min.X, Y: p.box.Max.Y}, p.box.Min, {X: p.box.Max.X, Y: p.box.Min.Y}})
	for _, t := range p.y.ticks {
		at := vg.Point{X: p.box.Min.X - tickLength, Y: p.at(p.x.min, t.at).Y}
		p.StrokeLine2(line, at.X, at.Y, p.box.Min.X, at.Y)
		if yLabels {
			p.write(t.label, vg.Point{X: at.X - tickGap, Y: at.Y}, leftOf, tickSize, 0, ink)
		}
	}
	for _, t := range p.x.ticks {
		at := vg.Point{X: p.at(t.at, p.y.min).X, Y: p.box.Min.Y - tickLength}
		p.StrokeLine2(line, at.X, at.Y, at.X, p.box.Min.Y)
		if xLabels {
			p.write(t.label, vg.Point{X: at.X, Y: at.Y - tickGap}, below, tickSize, 0, ink)
		}
	}
	if xLabels && p.x.label != "" {
		y := p.box.Min.Y - bottomMargin(p.x) + labelSize
		p.write(p.x.label, vg.Point{X: (p.box.Min.X + p.box.Max.X) / 2, Y: y}, below, labelSize, 0, ink)
	}
	if yLabels && p.y.label != "" {
		x := p.box.Min.X - leftMargin(p.y) + labelSize/2
		p.write(p.y.label, vg.Point{X: x, Y: (p.box.Min.Y + p.box.Max.Y) / 2}, centred, labelSize, math.Pi/2, ink)
	}
}

// title writes the panel's name over it, and a remark at its right end if there is
// room for both.
func (p *panel) title(name, remark string) {
	width, y := p.box.Max.X-p.box.Min.X, p.box.Max.Y+3
	if textWidthOf(name, labelSize)+3+textWidthOf(remark, smallSize) <= width {
		p.write(remark, vg.Point{X: p.box.Max.X, Y: y}, align{-1, 0}, smallSize, 0, middle)
	}
	p.write(shorten(name, labelSize, width), vg.Point{X: p.box.Min.X, Y: y}, align{0, 0}, labelSize, 0, ink)
}

// errorBar draws a range around a value.
func (p *panel) errorBar(at vg.Point, low, high float64, c color.Color) {
	line := draw.LineStyle{Color: c, Width: 0.6}
	bottom, top := p.at(p.x.min, max(low, p.y.min)).Y, p.at(p.x.min, min(high, p.y.max)).Y
	p.StrokeLine2(line, at.X, bottom, at.X, top)
	for _, y := range []vg.Length{bottom, top} {
		p.StrokeLine2(line, at.X-1.3, y, at.X+1.3, y)
	}
}

// curve draws a line through points and markers along it, every so far, that do not
// stand on those of other curves: this is curve i of n.
func (p *panel) curve(points []point, st style, i, n int) {
	line := make([]vg.Point, len(points))
	for k, pt := range points {
		line[k] = p.at(pt.x, pt.y)
	}
	p.StrokeLines(st.line(normal), line)
	const every = vg.Length(45)
	next := every * (vg.Length(i) + 0.5) / vg.Length(n)
	walked := vg.Length(0)
	for k := 1; k < len(line); k++ {
		step := line[k].Sub(line[k-1])
		length := vg.Length(math.Hypot(float64(step.X), float64(step.Y)))
		for ; length > 0 && next <= walked+length; next += every {
			st.marker.draw(p.sheet, line[k-1].Add(step.Scale((next-walked)/length)), mark*0.85, st.color, false)
		}
		walked += length
	}
}

// joined draws a line through the points that there are, with gaps where there are
// none, and markers at each.
func (p *panel) joined(points []point, st style, hollow bool) {
	var line []vg.Point
	for _, pt := range append(points[:len(points):len(points)], point{math.NaN(), math.NaN()}) {
		if finite(pt.y) {
			line = append(line, p.at(pt.x, pt.y))
			continue
		}
		p.StrokeLines(st.line(normal), line)
		line = nil
	}
	for _, pt := range points {
		if finite(pt.y) {
			st.marker.draw(p.sheet, p.at(pt.x, pt.y), mark, st.color, hollow)
		}
	}
}
