package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// imbalanceTypes are the types of splits that have factors, a panel each.
var imbalanceTypes = []struct{ name, title string }{{"exp", "exponential"}, {"step", "step"}}

// imbalance draws each metric's mean over all classes against the imbalance factor.
func (d *drawing) imbalance() {
	var done []*config // that began a figure
	for _, c := range d.configs {
		split := d.Splits[c.split]
		if split.Type != "exp" && split.Type != "step" {
			continue
		}
		together := func(o *config) bool {
			return o.dataset == c.dataset && o.encoder == c.encoder && o.block == c.block && d.Splits[o.split].Order == split.Order
		}
		if slices.ContainsFunc(done, together) {
			continue
		}
		done = append(done, c)
		d.imbalanceOf(c, together)
	}
	if len(done) == 0 {
		d.skip("no split with an imbalance factor")
	}
}

func (d *drawing) imbalanceOf(first *config, together func(*config) bool) {
	label := strings.Replace(first.label, ", "+first.split, "", 1)
	names := slices.DeleteFunc(slices.Clone(first.names), func(s string) bool { return s == first.split })
	if order := d.Splits[first.split].Order; order != "" && order != "size" {
		label += ", classes by " + order
		names = append(names, order)
	}
	for _, m := range d.Metrics {
		p := imbalancePlot{label: label, metric: m, height: 100}
		for _, t := range imbalanceTypes {
			panel := d.factors(t.name, m, together)
			panel.title = t.title
			switch factors := panel.factors(); {
			case len(factors) >= 2:
				p.panels = append(p.panels, panel)
			case len(factors) == 1:
				d.skip("%s: one factor of %s, %v; a curve needs two", label, t.name, factors[0])
			case slices.ContainsFunc(d.configs, func(c *config) bool { return together(c) && d.Splits[c.split].Type == t.name }):
				d.skip("%s: no %s on %s", label, m, t.name)
			}
		}
		if len(p.panels) > 0 {
			d.add(p.figure(), append(names[:len(names):len(names)], string(m))...)
		}
	}
}

// factors gathers the lines of a type of split.
func (d *drawing) factors(kind string, m ad.Metric, together func(*config) bool) (out imbalancePanel) {
	for i, method := range d.Methods {
		for _, reverse := range []bool{false, true} {
			line := imbalanceLine{series: series{method: method, name: d.display(method), style: seriesStyle(i)}, reverse: reverse}
			for _, c := range d.configs {
				split := d.Splits[c.split]
				records := c.records[method]
				if !together(c) || split.Type != kind || split.Reverse != reverse || len(records) == 0 {
					continue
				}
				if slices.ContainsFunc(line.at, func(p factorPoint) bool { return p.factor == split.Factor }) {
					d.skip("%s: another split of the same name than the first", c.label)
					continue
				}
				if s := summarise(records, ofGroup(ad.All, m)); s.n > 0 {
					line.at = append(line.at, factorPoint{split.Factor, stat{100 * s.mean, 100 * s.std, s.n}})
					line.records = append(line.records, records...)
				}
			}
			slices.SortFunc(line.at, func(a, b factorPoint) int { return cmp.Compare(a.factor, b.factor) })
			if len(line.at) > 0 {
				out.lines = append(out.lines, line)
			}
		}
	}
	return out
}

type imbalancePlot struct {
	label  string
	metric ad.Metric
	panels []imbalancePanel
	height vg.Length
}

type imbalancePanel struct {
	title string
	lines []imbalanceLine
}

// imbalanceLine is a method under one order of the classes.
type imbalanceLine struct {
	series
	reverse bool
	at      []factorPoint
}

type factorPoint struct {
	factor float64
	stat
}

// factors are those of any line, rising.
func (p imbalancePanel) factors() (out []float64) {
	for _, l := range p.lines {
		for _, at := range l.at {
			out = append(out, at.factor)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *imbalancePlot) figure() *Figure {
	f := &Figure{width: columnWidth, title: metricNames[p.metric] + " against the imbalance factor: " + p.label}
	low, high := math.Inf(1), math.Inf(-1)
	reversed, straight, several := false, false, false
	var keys []key
	var seen []ad.MethodName
	for _, q := range p.panels {
		for _, l := range q.lines {
			reversed, straight = reversed || l.reverse, straight || !l.reverse
			for _, at := range l.at {
				low, high = min(low, at.low()), max(high, at.high())
				several = several || at.n > 1
			}
			if !slices.Contains(seen, l.method) {
				seen = append(seen, l.method)
				keys = append(keys, lineKey(l.name, style{l.style.color, nil, l.style.marker}, false))
			}
		}
	}
	if reversed {
		grey := style{color: middle, marker: markers}
		if straight {
			keys = append(keys, lineKey("order of classes", grey, false))
		}
		grey.dashes = reverseDashes
		keys = append(keys, lineKey("reversed order", grey, true))
	}
	y := linear(low, min(high, 100), 5, true)
	y.label = metricNames[p.metric] + " (%)"
	legend := newLegend(keys, f.width-8)
	x0 := leftMargin(y) + 2
	f.height = 4 + legend.height() + 13 + p.height + bottomMargin(axis{label: "imbalance factor"}) + 3
	f.paint = func(s *sheet) {
		top := f.height - 4
		legend.draw(s, f.width/2, top)
		top -= legend.height() + 13
		const gap = vg.Length(10)
		width := (f.width - x0 - 6 - gap*vg.Length(len(p.panels)-1)) / vg.Length(len(p.panels))
		for i, q := range p.panels {
			left := x0 + vg.Length(i)*(width+gap)
			box := vg.Rectangle{Min: vg.Point{X: left, Y: top - p.height}, Max: vg.Point{X: left + width, Y: top}}
			pan := &panel{sheet: s, box: box, x: factorAxis(q.factors(), width), y: y}
			pan.grid(true)
			q.draw(pan)
			pan.frame(true, i == 0)
			pan.title(q.title, "")
		}
	}
	p.describe(f, several, reversed && straight)
	return f
}

// reverseDashes are those of lines under the reversed order.
var reverseDashes = []vg.Length{2.6, 1.4}

// factorAxis has a tick at each factor that has room for one.
func factorAxis(factors []float64, width vg.Length) axis {
	first, last := factors[0], factors[len(factors)-1]
	pad := math.Pow(last/first, 0.08)
	a := axis{min: first / pad, max: last * pad, log: true, label: "imbalance factor"}
	free := math.Inf(-1) // where the last label ends
	for _, x := range factors {
		label := strconv.FormatFloat(x, 'f', -1, 64)
		half := float64(textWidthOf(label, tickSize)/2) + 1
		at := a.norm(x) * float64(width)
		if at-half < free {
			label = ""
		} else {
			free = at + half
		}
		a.ticks = append(a.ticks, tick{x, label})
	}
	return a
}

func (q imbalancePanel) draw(p *panel) {
	for _, l := range q.lines {
		var points []point
		for _, at := range l.at {
			points = append(points, point{at.factor, at.mean})
			if at.n > 1 {
				p.errorBar(p.at(at.factor, at.mean), at.low(), at.high(), l.style.color)
			}
		}
		st := style{color: l.style.color, marker: l.style.marker}
		if l.reverse {
			st.dashes = reverseDashes
		}
		p.joined(points, st, l.reverse)
	}
}

func (p *imbalancePlot) describe(f *Figure, several, orders bool) {
	f.caption = fmt.Sprintf("%s. Mean %s over all classes against the imbalance factor, the size of the largest class over that of the smallest (logarithmic).",
		p.label, metricNames[p.metric])
	if orders {
		f.caption += " Solid lines and filled markers: the order of the classes; dashed lines and hollow markers: that order reversed."
	}
	if several {
		f.caption += " Means over seeds; bars are sample standard deviations."
	}
	var parts []string
	for _, q := range p.panels {
		for _, l := range q.lines {
			first, last := l.at[0], l.at[len(l.at)-1]
			name := l.name
			if l.reverse {
				name += " reversed"
			}
			parts = append(parts, fmt.Sprintf("%s, %s, from %.1f %% at %v to %.1f %% at %v", name, q.title, first.mean, first.factor, last.mean, last.factor))
		}
	}
	f.alt = fmt.Sprintf("Lines of %s against the imbalance factor: %s.", metricNames[p.metric], strings.Join(parts, "; "))
}
