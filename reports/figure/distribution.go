package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
)

// distribution draws how many training images each class has, and below it a panel
// for each metric of the classes, on the same axis.
func (d *drawing) distribution(c *config) {
	methods := d.methods(c)
	classes := c.classes(methods)
	if len(classes) == 0 {
		d.skip("%s: no results", c.label)
		return
	}
	p := distributionPlot{label: c.label, classes: classes, methods: methods, available: d.available(c, classes)}
	p.full = d.onFull(c, methods)
	for _, m := range d.Metrics {
		v, ok := p.metric(m)
		if !ok {
			d.skip("%s: %s is defined for no class and method", c.label, m)
			continue
		}
		p.values = append(p.values, v)
	}
	d.add(p.figure(), c.names...)
}

// available gives the number of training images of the classes before sampling; nil if
// that is not known of all.
func (d *drawing) available(c *config, classes []result.Class) []int {
	for _, m := range d.Methods {
		for _, r := range c.records[m] {
			known := d.Available[r.Inputs.Split]
			var out []int
			for _, k := range classes {
				if n, ok := known[k.Name]; ok && n >= k.Train {
					out = append(out, n)
				}
			}
			if len(out) == len(classes) {
				return out
			}
		}
	}
	return nil
}

// onFull gives, by method, the records of the same data, protocol and encoder with all
// training images; none for such a config itself.
func (d *drawing) onFull(c *config, methods []series) map[ad.MethodName][]*result.Record {
	if d.Splits[c.split].Type == "full" {
		return nil
	}
	out := map[ad.MethodName][]*result.Record{}
	for _, other := range d.configs {
		if d.Splits[other.split].Type != "full" || other.dataset != c.dataset || other.encoder != c.encoder || other.block != c.block {
			continue
		}
		for _, s := range methods {
			if out[s.method] == nil && len(other.records[s.method]) > 0 {
				out[s.method] = other.records[s.method]
			}
		}
	}
	return out
}

type distributionPlot struct {
	label     string
	classes   []result.Class // most populated first
	available []int          // by class; nil: unknown
	methods   []series
	full      map[ad.MethodName][]*result.Record
	values    []classValues
}

// classValues are a metric of each class in percent, by method and class; undefined
// ones are NaN.
type classValues struct {
	metric ad.Metric
	here   [][]stat
	full   [][]stat // nil for methods without results on all images
}

func (p *distributionPlot) metric(m ad.Metric) (v classValues, ok bool) {
	v.metric = m
	row := func(records []*result.Record) (out []stat) {
		for _, c := range p.classes {
			s := summarise(records, ofClass(c.Name, m))
			ok = ok || s.n > 0
			out = append(out, stat{100 * s.mean, 100 * s.std, s.n})
		}
		return out
	}
	for _, s := range p.methods {
		v.here = append(v.here, row(s.records))
		var full []stat
		if records := p.full[s.method]; records != nil {
			full = row(records)
		}
		v.full = append(v.full, full)
	}
	return v, ok
}

func (v classValues) extent() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, row := range slices.Concat(v.here, v.full) {
		for _, s := range row {
			if s.n > 0 {
				low, high = min(low, s.low()), max(high, s.high())
			}
		}
	}
	return low, high
}

// low and high are the ends of an error bar.
func (s stat) low() float64 {
	if s.n > 1 {
		return s.mean - s.std
	}
	return s.mean
}

func (s stat) high() float64 {
	if s.n > 1 {
		return s.mean + s.std
	}
	return s.mean
}

var (
	beforeFill = fill{color: color.Gray{0xf2}, hatch: 2.2, up: true, edge: middle}
	afterFill  = fill{color: color.Gray{0x40}, edge: ink}
)

const (
	countHeight = vg.Length(70)
	valueHeight = vg.Length(86)
	panelGap    = vg.Length(11)
)

func (p *distributionPlot) figure() *Figure {
	f := &Figure{width: columnWidth, title: "Training images and results by class: " + p.label}
	if len(p.classes) > 20 {
		f.width = textWidth
	}
	counts := linear(0, float64(p.largest()), 4, false)
	counts.label = "training images"
	counts.ticks = slices.DeleteFunc(counts.ticks, func(t tick) bool { return t.at != math.Trunc(t.at) })
	for i, t := range counts.ticks {
		counts.ticks[i].label = strconv.Itoa(int(t.at))
	}
	counts.max *= 1.12 // for the numbers
	axes := []axis{counts}
	for _, v := range p.values {
		low, high := v.extent()
		a := linear(low, min(high, 100), 5, true)
		a.label = metricNames[v.metric] + " (%)"
		axes = append(axes, a)
	}
	left := vg.Length(0)
	for _, a := range axes {
		left = max(left, leftMargin(a))
	}
	left += 2
	slot := (f.width - left - 4) / vg.Length(len(p.classes))
	names := newNames(p.classes, left, slot)
	legend := p.legend(f.width - 8)
	f.height = 4 + legend.height() + 4 + countHeight + vg.Length(len(p.values))*(panelGap+valueHeight) + tickLength + names.height + 3
	f.paint = func(s *sheet) {
		y := f.height - 4
		legend.draw(s, f.width/2, y)
		y -= legend.height() + 4
		x := axis{min: -0.5, max: float64(len(p.classes)) - 0.5}
		for i, a := range axes {
			height := valueHeight
			if i == 0 {
				height = countHeight
			}
			q := &panel{sheet: s, box: vg.Rectangle{Min: vg.Point{X: left, Y: y - height}, Max: vg.Point{X: f.width - 4, Y: y}}, x: x, y: a}
			q.grid(false)
			p.halves(q)
			if i == 0 {
				p.bars(q, slot)
			} else {
				p.lines(q, p.values[i-1], slot)
			}
			q.frame(true, true)
			y -= height + panelGap
		}
		names.draw(s, left+slot/2, y+panelGap-tickLength, slot)
	}
	p.describe(f)
	return f
}

func (p *distributionPlot) largest() int {
	n := 1
	for _, c := range p.classes {
		n = max(n, c.Train)
	}
	for _, a := range p.available {
		n = max(n, a)
	}
	return n
}

// legend has the bars in a row of their own.
func (p *distributionPlot) legend(width vg.Length) (l legend) {
	if p.available != nil {
		l = newLegend([]key{fillKey("before sampling", beforeFill), fillKey("after sampling", afterFill)}, width)
	}
	if len(p.values) == 0 {
		return l
	}
	var keys []key
	for _, m := range p.methods {
		keys = append(keys, lineKey(m.name, m.style, false))
	}
	if len(p.full) > 0 {
		keys = append(keys, key{"trained on all images", func(s *sheet, r vg.Rectangle) {
			square.draw(s, vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: (r.Min.Y + r.Max.Y) / 2}, mark, middle, true)
		}})
	}
	l.rows = append(l.rows, newLegend(keys, width).rows...)
	return l
}

// halves parts the majority from the minority.
func (p *distributionPlot) halves(q *panel) {
	for i := 1; i < len(p.classes); i++ {
		if p.classes[i-1].Group == ad.High && p.classes[i].Group == ad.Low {
			x := q.at(float64(i)-0.5, q.y.min).X
			q.StrokeLine2(draw.LineStyle{Color: middle, Width: thin, Dashes: []vg.Length{1, 2}}, x, q.box.Min.Y, x, q.box.Max.Y)
		}
	}
}

// bars draws the sample of each class on what it was drawn from.
func (p *distributionPlot) bars(q *panel, slot vg.Length) {
	for i, c := range p.classes {
		bar := func(n int, f fill) {
			from, to := q.at(float64(i)-0.38, 0), q.at(float64(i)+0.38, float64(max(0, n)))
			q.rect(vg.Rectangle{Min: from, Max: to}, f)
		}
		top := c.Train
		if p.available != nil {
			bar(p.available[i], beforeFill)
			top = max(top, p.available[i])
		}
		bar(c.Train, afterFill)
		if label := strconv.Itoa(c.Train); textWidthOf(label, smallSize) < slot*1.1 {
			at := q.at(float64(i), float64(top))
			at.Y++
			q.write(label, at, above, smallSize, 0, ink)
		}
	}
}

// lines draws a metric of each class, those of all images hollow.
func (p *distributionPlot) lines(q *panel, v classValues, slot vg.Length) {
	if level := chance(v.metric); level > 0 {
		if at := q.at(0, level).Y; at > q.box.Min.Y && at < q.box.Max.Y {
			q.StrokeLine2(draw.LineStyle{Color: middle, Width: thin}, q.box.Min.X, at, q.box.Max.X, at)
		}
	}
	for i, m := range p.methods {
		for k, s := range v.full[i] {
			if s.n > 0 {
				at := q.at(float64(k), s.mean)
				at.X += slot * 0.28
				m.style.marker.draw(q.sheet, at, mark*0.8, m.style.color, true)
			}
		}
	}
	for i, m := range p.methods {
		var points []point
		for k, s := range v.here[i] {
			points = append(points, point{float64(k), s.mean})
			if s.n > 1 {
				q.errorBar(q.at(float64(k), s.mean), s.low(), s.high(), m.style.color)
			}
		}
		q.joined(points, m.style, false)
	}
}

func (p *distributionPlot) describe(f *Figure) {
	first, last := p.classes[0], p.classes[len(p.classes)-1]
	counts := fmt.Sprintf("%d training images of %s down to %d of %s", first.Train, first.Name, last.Train, last.Name)
	f.alt = fmt.Sprintf("Bars of %s, %d classes", counts, len(p.classes))
	f.caption = fmt.Sprintf("%s. Training images of each class, most populated first (the number is that after sampling; the dotted line parts the majority from the minority)",
		p.label)
	if p.available != nil {
		total, sampled := 0, 0
		for i, c := range p.classes {
			total, sampled = total+p.available[i], sampled+c.Train
		}
		f.alt += fmt.Sprintf(", %d images of %d available", sampled, total)
	} else {
		f.caption += ", after sampling"
	}
	for _, v := range p.values {
		f.alt += fmt.Sprintf("; beneath, %s by class:", metricNames[v.metric])
		for i, m := range p.methods {
			low, high := math.Inf(1), math.Inf(-1)
			for _, s := range v.here[i] {
				if s.n > 0 {
					low, high = min(low, s.mean), max(high, s.mean)
				}
			}
			if i > 0 {
				f.alt += ","
			}
			if low > high {
				f.alt += fmt.Sprintf(" %s undefined", m.name)
			} else {
				f.alt += fmt.Sprintf(" %s %.1f to %.1f %%", m.name, low, high)
			}
		}
	}
	f.alt += "."
	if len(p.values) > 0 {
		var names []string
		for _, v := range p.values {
			names = append(names, metricNames[v.metric])
		}
		f.caption += ", and beneath them " + listed(names) + " of each class"
		if len(p.full) > 0 {
			f.caption += ", hollow where the method was trained on all images"
		}
	}
	f.caption += "."
	if slices.ContainsFunc(p.values, func(v classValues) bool { return chance(v.metric) > 0 }) {
		f.caption += " An AUROC of 50% is chance."
	}
	f.caption += seedsNote(p.methods)
}

// names are the classes' names below a panel.
type names struct {
	list   []string
	size   vg.Length // of the type
	angle  float64
	height vg.Length
}

// newNames writes horizontally if the names fit in their slots, the first of which is
// that far from the sheet's edge; else at an angle, or upright.
func newNames(classes []result.Class, left, slot vg.Length) names {
	n := names{size: tickSize}
	slanted := slot > 1.5*n.size
	for i, c := range classes {
		name := shorten(string(c.Name), tickSize, 70)
		n.list = append(n.list, name)
		slanted = slanted && textWidthOf(name, n.size)*math.Sqrt2/2 < left+slot*(vg.Length(i)+0.5)
	}
	w := widest(n.list, n.size)
	switch {
	case w < slot*0.95:
		n.height = n.size + 2
		return n
	case slanted:
		n.angle = math.Pi / 4
	default:
		n.angle = math.Pi / 2
		n.size = min(n.size, slot*0.9)
		w = widest(n.list, n.size)
	}
	n.height = w*vg.Length(math.Sin(n.angle)) + n.size*vg.Length(math.Cos(n.angle)) + 2
	return n
}

// draw writes the names below y, the first in the middle of its slot at x.
func (n names) draw(s *sheet, x, y, slot vg.Length) {
	for i, name := range n.list {
		at := vg.Point{X: x + slot*vg.Length(i), Y: y}
		switch {
		case n.angle == 0:
			s.write(name, vg.Point{X: at.X, Y: at.Y - 0.5}, below, n.size, 0, ink)
		case n.angle < math.Pi/2:
			s.write(name, vg.Point{X: at.X + n.size*0.35, Y: at.Y - 2}, align{-1, -0.5}, n.size, n.angle, ink)
		default:
			s.write(name, vg.Point{X: at.X, Y: at.Y - 1}, leftOf, n.size, n.angle, ink)
		}
	}
}
