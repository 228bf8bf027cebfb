package figure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/reports"
)

// groups are the bars of a preset.
var groups = []ad.Group{ad.All, ad.High, ad.Low}

// ablation draws a figure for each table that presets name, dataset, split, encoder
// and metric. Presets of no table share one.
func (d *drawing) ablation() {
	if len(d.Presets) == 0 {
		d.skip("no presets are given")
		return
	}
	var titles []string
	for _, p := range d.Presets {
		if !slices.Contains(titles, p.Table) {
			titles = append(titles, p.Table)
		}
	}
	for _, c := range d.configs {
		for _, title := range titles {
			t := ablationPlot{label: c.label, table: title}
			for _, p := range d.Presets {
				if records := c.records[p.Method]; p.Table == title && len(records) > 0 && slices.Contains(d.Methods, p.Method) {
					t.rows = append(t.rows, ablationRow{p, d.Names[p.Method], series{records: records}})
				}
			}
			if len(t.rows) == 0 {
				d.skip("%s: no results of %s", c.label, t.what())
				continue
			}
			for _, m := range d.Metrics {
				t := t
				if t.metric = m; !t.measure() {
					d.skip("%s: %s: %s is defined for no preset", c.label, t.what(), m)
					continue
				}
				short, _, _ := strings.Cut(t.what(), ":")
				d.add(t.figure(), slices.Concat(c.names, []string{strings.ToLower(short), string(m)})...)
			}
		}
	}
}

type ablationPlot struct {
	label, table string
	metric       ad.Metric
	rows         []ablationRow
	values       [][]stat // by row and group, in percent
}

type ablationRow struct {
	reports.Preset
	name string // to show, "" if none was given
	series
}

func (p *ablationPlot) what() string {
	if p.table == "" {
		return "presets"
	}
	return p.table
}

func (p *ablationPlot) measure() (ok bool) {
	p.values = nil
	for _, row := range p.rows {
		var out []stat
		for _, g := range groups {
			s := summarise(row.records, ofGroup(g, p.metric))
			ok = ok || s.n > 0
			out = append(out, stat{100 * s.mean, 100 * s.std, s.n})
		}
		p.values = append(p.values, out)
	}
	return ok
}

// label names a row below its bars.
func (p *ablationPlot) rowLabel(i int) string {
	if p.rows[i].name != "" {
		return p.rows[i].name
	}
	for k, other := range p.rows { // of two methods
		if k != i && other.Name == p.rows[i].Name {
			return string(p.rows[i].Method)
		}
	}
	return p.rows[i].Name
}

// columns are the names of the table's columns, in order of appearance.
func (p *ablationPlot) columns() (names []string) {
	for _, row := range p.rows {
		for _, c := range row.Columns {
			if p.table != "" && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// cell is what stands in a column of a row.
func (p *ablationPlot) cell(row int, column string) string {
	if i := slices.IndexFunc(p.rows[row].Columns, func(c reports.Label) bool { return c.Name == column }); i >= 0 {
		return p.rows[row].Columns[i].Value
	}
	return "–"
}

const (
	ablationHeight = vg.Length(96)
	rowHeight      = vg.Length(8)
)

func (p *ablationPlot) figure() *Figure {
	base := chance(p.metric)
	low, high := base, base
	for _, row := range p.values {
		for _, s := range row {
			if s.n > 0 {
				low, high = min(low, s.low()), max(high, s.high())
			}
		}
	}
	y := linear(low, high, 5, true)
	if y.max > 100 {
		y = linear(y.min, 100, 5, false)
	}
	y.label = metricNames[p.metric] + " (%)"
	columns := p.columns()
	heads := append([]string{"preset"}, columns...)
	for i := range heads {
		heads[i] = shorten(heads[i], tickSize, 62)
	}
	f := &Figure{width: columnWidth, title: fmt.Sprintf("%s: %s, %s", p.what(), metricNames[p.metric], p.label)}
	left := max(leftMargin(y)+2, widest(heads, tickSize)+8)
	cells := vg.Length(0) // the widest
	for i := range p.rows {
		cells = max(cells, textWidthOf(p.rowLabel(i), tickSize))
		for _, c := range columns {
			cells = max(cells, textWidthOf(p.cell(i, c), tickSize))
		}
	}
	if slot := (f.width - left - 4) / vg.Length(len(p.rows)); slot < min(cells+4, 40) || slot < 21 {
		f.width = textWidth
	}
	slot := (f.width - left - 4) / vg.Length(len(p.rows))
	p.makeRoom(&y, low, high, low < base, slot)
	var keys []key
	for i, g := range groups {
		keys = append(keys, fillKey(map[ad.Group]string{ad.All: "All", ad.High: "High (majority)", ad.Low: "Low (minority)"}[g], fills[i]))
	}
	legend := newLegend(keys, f.width-8)
	f.height = 4 + legend.height() + 4 + ablationHeight + 4 + rowHeight*vg.Length(len(heads)) + 2
	f.paint = func(s *sheet) {
		top := f.height - 4
		legend.draw(s, f.width/2, top)
		top -= legend.height() + 4
		box := vg.Rectangle{Min: vg.Point{X: left, Y: top - ablationHeight}, Max: vg.Point{X: f.width - 4, Y: top}}
		q := &panel{sheet: s, box: box, x: axis{min: -0.5, max: float64(len(p.rows)) - 0.5}, y: y}
		q.grid(false)
		p.bars(q, base, slot)
		q.frame(false, true)
		at := q.at(0, base).Y
		q.StrokeLine2(draw.LineStyle{Color: ink, Width: thin}, box.Min.X, at, box.Max.X, at)
		p.matrix(s, heads, columns, box, slot)
	}
	p.describe(f, base)
	return f
}

// bars draws a bar for each preset and group, from the base.
func (p *ablationPlot) bars(q *panel, base float64, slot vg.Length) {
	const share, step = barsShare, barsShare / 3.
	for i, row := range p.values {
		for g, s := range row {
			if s.n == 0 {
				continue
			}
			from := float64(i) - share/2 + step*float64(g)
			a, b := q.at(from, min(base, s.mean)), q.at(from+step*0.92, max(base, s.mean))
			q.rect(vg.Rectangle{Min: a, Max: b}, fills[g])
			end, up := s.mean, s.mean >= base
			at := vg.Point{X: (a.X + b.X) / 2}
			if s.n > 1 {
				q.errorBar(vg.Point{X: at.X, Y: q.at(from, s.mean).Y}, s.low(), s.high(), ink)
				if end = s.high(); !up {
					end = s.low()
				}
			}
			p.value(q, s.mean, at.X, q.at(from, end).Y, up, slot)
		}
	}
}

// barsShare is the share of a preset's slot that its bars have.
const barsShare = 0.84

// upright says whether numbers are too wide to stand above bars as they are; the sample
// is as wide as numbers are.
func upright(slot vg.Length) bool {
	return textWidthOf("88.8", smallSize) > slot*barsShare/vg.Length(len(groups))+1
}

// makeRoom widens the axis so that the numbers at the ends of bars are in the panel.
func (p *ablationPlot) makeRoom(y *axis, low, high float64, below bool, slot vg.Length) {
	room := smallSize
	if upright(slot) {
		room = textWidthOf("88.8", smallSize) + 3
	}
	share := float64(room / ablationHeight)
	size := (y.max - y.min) / (1 - 2*share)
	y.max = max(y.max, high+size*share)
	if below {
		y.min = min(y.min, low-size*share)
	}
}

// value writes a bar's number at its end.
func (p *ablationPlot) value(q *panel, mean float64, x, y vg.Length, up bool, slot vg.Length) {
	label := strconv.FormatFloat(mean, 'f', 1, 64)
	a, angle, gap := above, 0., vg.Length(1.5)
	if !up {
		a, gap = below, -gap
	}
	if upright(slot) {
		a, angle = align{0, -0.5}, math.Pi/2
		if !up {
			a.x = -1
		}
	}
	q.write(label, vg.Point{X: x, Y: y + gap}, a, smallSize, angle, ink)
}

// matrix writes the presets' columns below their bars.
func (p *ablationPlot) matrix(s *sheet, heads, columns []string, box vg.Rectangle, slot vg.Length) {
	y := box.Min.Y - 4 - rowHeight/2
	for k, head := range heads {
		s.write(head, vg.Point{X: box.Min.X - 4, Y: y}, leftOf, tickSize, 0, ink)
		for i := range p.rows {
			text := p.rowLabel(i)
			if k > 0 {
				text = p.cell(i, columns[k-1])
			}
			size := tickSize
			if w := textWidthOf(text, size); w > slot-2 {
				size = max(4, size*(slot-2)/w)
			}
			at := vg.Point{X: box.Min.X + slot*(vg.Length(i)+0.5), Y: y}
			s.write(shorten(text, size, slot-1), at, centred, size, 0, ink)
		}
		if k == 0 && len(columns) > 0 {
			s.StrokeLine2(draw.LineStyle{Color: middle, Width: thin}, 4, y-rowHeight/2, box.Max.X, y-rowHeight/2)
		}
		y -= rowHeight
	}
}

func (p *ablationPlot) describe(f *Figure, base float64) {
	var parts []string
	var all []series
	for i, row := range p.values {
		value := func(s stat) string { return number(s.mean / 100) }
		parts = append(parts, fmt.Sprintf("%s %s (High %s, Low %s)", p.rowLabel(i), value(row[0]), value(row[1]), value(row[2])))
		all = append(all, p.rows[i].series)
	}
	f.alt = fmt.Sprintf("Bars of %s in percent, mean over all, majority and minority classes, by preset: %s.", metricNames[p.metric], strings.Join(parts, "; "))
	f.caption = fmt.Sprintf("%s. %s, %s. Mean over all classes, the majority (High) and the minority (Low).", p.what(), metricNames[p.metric], p.label)
	if base == 50 {
		f.caption += " Bars stand on 50%, which is chance."
	}
	f.caption += seedsNote(all)
}
