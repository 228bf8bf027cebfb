package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
)

// multiples is a page of small panels, one for each class.
type multiples struct {
	classes []result.Class
	columns int
	width   vg.Length // of the page
	// panelWidth and panelHeight are those of the data; left and bottom what the first
	// column and the last row need for labels; right what each panel needs beside it.
	panelWidth, panelHeight, left, bottom, right vg.Length
	legend                                       legend
}

const (
	multipleGap  = vg.Length(7)  // between columns
	titleHeight  = vg.Length(13) // above each panel
	multiplesTop = vg.Length(4)
	widestPanel  = vg.Length(130)
)

// newMultiples lays out a page for the classes. Panels are as high as wide times the
// ratio.
func newMultiples(classes []result.Class, keys []key, x, y axis, right vg.Length, ratio float64) *multiples {
	m := &multiples{classes: classes, right: right, left: leftMargin(y) + 2, bottom: bottomMargin(x) + 3}
	m.columns = min(len(classes), 6, int(math.Ceil(math.Sqrt(1.3*float64(len(classes))))))
	m.width = textWidth
	around := m.left + 4 + multipleGap*vg.Length(m.columns-1) // what is not panels and their right
	m.panelWidth = (m.width-around)/vg.Length(m.columns) - right
	if m.panelWidth > widestPanel { // of the few classes of a small dataset
		m.panelWidth = widestPanel
		m.width = around + vg.Length(m.columns)*(m.panelWidth+right)
	}
	m.panelHeight = m.panelWidth * vg.Length(ratio)
	m.legend = newLegend(keys, m.width-8)
	return m
}

func (m *multiples) rows() int { return (len(m.classes) + m.columns - 1) / m.columns }

func (m *multiples) height() vg.Length {
	return multiplesTop + m.legend.height() + 2 + vg.Length(m.rows())*(titleHeight+m.panelHeight+5) + m.bottom
}

// each draws the legend, and calls f for each class and the place of its panel, which
// says whether it is in the first column, or the last of its column.
func (m *multiples) each(s *sheet, f func(i int, box vg.Rectangle, first, last bool)) {
	top := m.height() - multiplesTop
	m.legend.draw(s, m.width/2, top)
	top -= m.legend.height() + 2
	for i := range m.classes {
		row, column := i/m.columns, i%m.columns
		x := m.left + vg.Length(column)*(m.panelWidth+m.right+multipleGap)
		y := top - vg.Length(row+1)*(titleHeight+m.panelHeight+5)
		f(i, vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + m.panelWidth, Y: y + m.panelHeight}},
			column == 0, i+m.columns >= len(m.classes))
	}
}

// why says why a class with these test images has no curve; "" if it has one.
func why(samples []result.Sample) string {
	has := func(l ad.Label) bool {
		return slices.ContainsFunc(samples, func(s result.Sample) bool { return s.Label == l })
	}
	switch {
	case len(samples) == 0:
		return "no test images"
	case !has(ad.Anomalous):
		return "no anomalous test images"
	case !has(ad.Normal):
		return "no normal test images"
	}
	return ""
}

// curves draws the ROC or precision-recall curves of image scores, a panel for each
// class.
func (d *drawing) curves(c *config) {
	var methods []series
	for _, s := range d.methods(c) {
		if len(s.records[0].Samples) == 0 {
			d.skip("%s: the record of %s has no image scores", c.label, s.method)
			continue
		}
		methods = append(methods, s)
	}
	classes := c.classes(methods)
	if len(classes) == 0 {
		d.skip("%s: no results", c.label)
		return
	}
	p := curvesPlot{label: c.label, classes: classes, methods: methods, metric: ad.ImageAUROC, points: rocCurve}
	if d.kind == PR {
		p.metric, p.points = ad.ImageAP, prCurve
	}
	if !p.compute() {
		d.skip("%s: no class has both normal and anomalous test images", c.label)
		return
	}
	d.add(p.figure(), c.names...)
}

type curvesPlot struct {
	label   string
	classes []result.Class
	methods []series
	metric  ad.Metric // the area under the curves
	points  func([]result.Sample) []point

	lines [][][]point  // by class and method
	areas [][]*float64 // likewise; of the record
}

func (p *curvesPlot) compute() (ok bool) {
	for _, c := range p.classes {
		var lines [][]point
		var areas []*float64
		for _, s := range p.methods {
			r := s.records[0]
			line := p.points(r.SamplesOf(c.Name))
			ok = ok || line != nil
			lines = append(lines, line)
			areas = append(areas, ofClass(c.Name, p.metric)(r))
		}
		p.lines, p.areas = append(p.lines, lines), append(p.areas, areas)
	}
	return ok
}

func (p *curvesPlot) figure() *Figure {
	x, y := linear(0, 1, 2, false), linear(0, 1, 2, false)
	f := &Figure{}
	if p.metric == ad.ImageAUROC {
		f.title = "ROC curves by class: " + p.label
		x.label, y.label = "false positive rate", "true positive rate"
	} else {
		f.title = "Precision-recall curves by class: " + p.label
		x.label, y.label = "recall", "precision"
	}
	var keys []key
	for _, s := range p.methods {
		keys = append(keys, lineKey(s.name, s.style, false))
	}
	m := newMultiples(p.classes, keys, x, y, 25, 1)
	f.width, f.height = m.width, m.height()
	f.paint = func(s *sheet) {
		m.each(s, func(i int, box vg.Rectangle, first, last bool) {
			q := &panel{sheet: s, box: box, x: x, y: y}
			p.class(q, i)
			q.frame(last, first)
			q.title(string(p.classes[i].Name), fmt.Sprintf("%d train", p.classes[i].Train))
		})
	}
	p.describe(f)
	return f
}

// class draws the curves of a class, and their areas beside them.
func (p *curvesPlot) class(q *panel, i int) {
	samples := p.methods[0].records[0].SamplesOf(p.classes[i].Name)
	if reason := why(samples); reason != "" {
		q.undefined(reason)
		return
	}
	q.grid(true)
	line := draw.LineStyle{Color: middle, Width: thin, Dashes: []vg.Length{1, 1.5}}
	if p.metric == ad.ImageAUROC {
		q.StrokeLines(line, []vg.Point{q.at(0, 0), q.at(1, 1)})
	} else { // the precision of a detector that knows nothing
		share := prevalence(samples)
		q.StrokeLines(line, []vg.Point{q.at(0, share), q.at(1, share)})
	}
	lead := min(7.5, (q.box.Max.Y-q.box.Min.Y-8)/vg.Length(len(p.methods)))
	at := vg.Point{X: q.box.Max.X + 3, Y: q.box.Max.Y - 3}
	label := "AUROC"
	if p.metric == ad.ImageAP {
		label = "AP"
	}
	q.write(label, at, align{0, -0.5}, smallSize, 0, middle)
	for k, s := range p.methods {
		points := p.lines[i][k]
		if p.metric == ad.ImageAP {
			points = steps(points)
		}
		q.curve(points, s.style, k, len(p.methods))
		at.Y -= lead
		if k == 0 {
			at.Y -= max(0, 6-lead)
		}
		area := "–"
		if a := p.areas[i][k]; a != nil {
			area = number(*a)
		}
		s.style.marker.draw(q.sheet, vg.Point{X: at.X + 2, Y: at.Y}, mark*0.8, s.style.color, false)
		q.write(area, vg.Point{X: at.X + 6, Y: at.Y}, rightOf, min(smallSize, lead), 0, ink)
	}
}

// undefined says in an empty panel why it is empty.
func (p *panel) undefined(reason string) {
	at := vg.Point{X: (p.box.Min.X + p.box.Max.X) / 2, Y: (p.box.Min.Y + p.box.Max.Y) / 2}
	for _, text := range []string{"undefined:", reason} {
		p.write(text, at, above, min(tickSize, tickSize*(p.box.Max.X-p.box.Min.X-2)/textWidthOf(reason, tickSize)), 0, middle)
		at.Y -= 8
	}
}

func (p *curvesPlot) describe(f *Figure) {
	what, area := "ROC", "AUROC"
	baseline := "the diagonal is chance"
	if p.metric == ad.ImageAP {
		what, area = "Precision-recall", "average precision"
		baseline = "the dotted line is the share of anomalous images, the precision of chance"
	}
	f.caption = fmt.Sprintf("%s. %s curves of image scores, a panel for each class, most populated first (with its number of training images), and each curve's %s in percent; %s.%s",
		p.label, what, area, baseline, firstSeedNote(p.methods))
	var parts []string
	for k, s := range p.methods {
		low, high, n := math.Inf(1), math.Inf(-1), 0
		for i := range p.classes {
			if a := p.areas[i][k]; a != nil {
				low, high, n = min(low, *a), max(high, *a), n+1
			}
		}
		if n == 0 {
			parts = append(parts, s.name+" undefined")
		} else {
			parts = append(parts, fmt.Sprintf("%s %s to %s %%", s.name, number(low), number(high)))
		}
	}
	f.alt = fmt.Sprintf("%s curves of image scores, one panel for each of %d classes; %s over the classes: %s.",
		what, len(p.classes), area, strings.Join(parts, ", "))
}
