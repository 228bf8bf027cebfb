package figure

import (
	"cmp"
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
)

// scores draws, for each method, the histograms of the image scores of normal and
// anomalous test images, a panel for each class.
func (d *drawing) scores(c *config) {
	for _, s := range d.methods(c) {
		if len(s.records[0].Samples) == 0 || len(s.records[0].Classes) == 0 {
			d.skip("%s: the record of %s has no image scores", c.label, s.method)
			continue
		}
		p := scoresPlot{label: c.label, series: s}
		p.compute()
		d.add(p.figure(), append(c.names[:len(c.names):len(c.names)], string(s.method))...)
	}
}

type scoresPlot struct {
	label string
	series
	panels []scoresPanel // by class
}

// scoresPanel is the histograms of one class, as shares of the images of a label.
type scoresPanel struct {
	edges             []float64 // of the bins, which both share; nil: no image
	normal, anomalous []float64 // nil: no such image
	lacks             string    // for a ranking; "" for nothing
}

func (p *scoresPlot) classes() []result.Class { return p.records[0].Classes }

func (p *scoresPlot) compute() {
	for _, c := range p.classes() {
		samples := p.records[0].SamplesOf(c.Name)
		q := scoresPanel{lacks: why(samples)}
		if q.edges = binEdges(samples); q.edges != nil {
			q.normal = shares(histogram(samples, ad.Normal, q.edges))
			q.anomalous = shares(histogram(samples, ad.Anomalous, q.edges))
		}
		p.panels = append(p.panels, q)
	}
}

// shares divides counts by their sum; nil if that is 0.
func shares(counts []int) []float64 {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum == 0 {
		return nil
	}
	out := make([]float64, len(counts))
	for i, n := range counts {
		out[i] = float64(n) / float64(sum)
	}
	return out
}

var (
	normalFill    = fill{color: color.RGBA{0xa6, 0xcf, 0xe8, 0xff}, edge: color.RGBA{0x6a, 0x9f, 0xc0, 0xff}}
	anomalousFill = fill{hatch: 1.9, up: true, edge: color.RGBA{0xa0, 0x3c, 0x00, 0xff}}
)

func (p *scoresPlot) figure() *Figure {
	f := &Figure{title: fmt.Sprintf("Image scores of %s by class: %s", p.name, p.label)}
	top := 0.0
	for _, q := range p.panels {
		for _, h := range [][]float64{q.normal, q.anomalous} {
			for _, x := range h {
				top = max(top, 100*x)
			}
		}
	}
	y := linear(0, max(top, 10), 4, false)
	y.max *= 1.03
	y.label = "share of images (%)"
	x := axis{label: "image score", ticks: []tick{{0, "0"}}}
	keys := []key{fillKey("normal", normalFill), fillKey("anomalous", anomalousFill)}
	m := newMultiples(p.classes(), keys, x, y, 0, 0.62)
	const ticksBelow = tickLength + tickGap + tickSize + 1 // each panel has a scale of its own
	m.panelHeight += ticksBelow
	m.bottom -= ticksBelow
	f.width, f.height = m.width, m.height()
	f.paint = func(s *sheet) {
		m.each(s, func(i int, box vg.Rectangle, first, last bool) {
			box.Min.Y += ticksBelow
			p.class(&panel{sheet: s, box: box, y: y}, i, first, last, x.label)
		})
	}
	p.describe(f)
	return f
}

// class draws the histograms of a class.
func (p *scoresPlot) class(q *panel, i int, first, last bool, label string) {
	c, h := p.classes()[i], p.panels[i]
	note := h.lacks
	if a := c.Metrics[ad.ImageAUROC]; a != nil {
		note = "AUROC " + number(*a)
	}
	if h.edges == nil {
		q.x = linear(0, 1, 2, false)
		q.undefined(cmp.Or(h.lacks, "no finite score"))
		q.frame(false, first)
		q.title(string(c.Name), "")
		return
	}
	q.x = linear(h.edges[0], h.edges[len(h.edges)-1], 4, false)
	if last {
		q.x.label = label
	}
	q.grid(false)
	for k := range h.edges[1:] {
		bar := func(shares []float64, f fill) {
			if shares != nil && shares[k] > 0 {
				q.rect(vg.Rectangle{Min: q.at(h.edges[k], 0), Max: q.at(h.edges[k+1], 100*shares[k])}, f)
			}
		}
		bar(h.normal, normalFill)
		bar(h.anomalous, anomalousFill)
	}
	q.frame(true, first)
	q.title(string(c.Name), note)
}

func (p *scoresPlot) describe(f *Figure) {
	f.caption = fmt.Sprintf("%s. Image scores of %s on normal (filled) and anomalous (hatched) test images, a panel for each class, most populated first. "+
		"The bins of a panel are shared; heights are shares of the normal, or of the anomalous, images.%s", p.label, p.name, firstSeedNote([]series{p.series}))
	low, high := "", ""
	var least, most *float64
	for _, c := range p.classes() {
		if a := c.Metrics[ad.ImageAUROC]; a != nil {
			if least == nil || *a < *least {
				least, low = a, string(c.Name)
			}
			if most == nil || *a > *most {
				most, high = a, string(c.Name)
			}
		}
	}
	f.alt = fmt.Sprintf("Histograms of the image scores of %s, normal against anomalous, one panel for each of %d classes", p.name, len(p.panels))
	if least != nil {
		f.alt += fmt.Sprintf("; AUROC from %s %% (%s) to %s %% (%s)", number(*least), low, number(*most), high)
	}
	f.alt += "."
}
