package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Widths of figures: a column of a two-column paper, and its full text.
const (
	columnWidth = 3.3 * vg.Inch
	textWidth   = 6.9 * vg.Inch
)

// Sizes of type and lines, in points.
const (
	labelSize = vg.Length(7)   // axes, legends and titles of panels
	tickSize  = vg.Length(6)   // ticks
	smallSize = vg.Length(5.2) // numbers in panels

	thin   = vg.Length(0.4) // axes and grids
	normal = vg.Length(0.9) // curves
	mark   = vg.Length(1.9) // radius of a marker
)

var (
	ink    = color.Gray{0x20}
	faint  = color.Gray{0xdd} // grids
	middle = color.Gray{0x88}
	white  = color.Gray{0xff}
)

// style is the look of a series. Each of its three parts tells series apart, so that
// any one may be lost: the colour in a grey print, the markers in a dense curve.
type style struct {
	color  color.Color
	dashes []vg.Length
	marker marker
}

// palette is that of Okabe and Ito (2008), made for colour-blind readers, without its
// yellow, which is too light for lines; ordered so that neighbours differ in
// lightness.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, // blue
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, // orange
	color.RGBA{0x00, 0x00, 0x00, 0xff}, // black
	color.RGBA{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, // vermilion
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, // bluish green
}

var dashes = [][]vg.Length{nil, {4, 1.4}, {1.2, 1.2}, {5, 1.3, 1.2, 1.3}, {2.4, 1.2}, {6, 1.2, 1.2, 1.2, 1.2, 1.2}}

// seriesStyle is the look of the i-th series; 210 in a row differ.
func seriesStyle(i int) style {
	return style{palette[i%len(palette)], dashes[i%len(dashes)], marker(i % int(markers))}
}

func (s style) line(width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: s.color, Width: width, Dashes: s.dashes}
}

// marker is a shape that stands at points of a series.
type marker int

const (
	disc marker = iota
	square
	triangle
	diamond
	wedge // a triangle on its tip
	markers
)

// outline is the marker's outline around a point.
func (m marker) outline(at vg.Point, r vg.Length) vg.Path {
	var p vg.Path
	if m == disc {
		p.Move(at.Add(vg.Point{X: r}))
		p.Arc(at, r, 0, 2*math.Pi)
		p.Close()
		return p
	}
	for i, d := range map[marker][]vg.Point{ // of the area of the disc, about
		square:   {{X: -0.9, Y: -0.9}, {X: 0.9, Y: -0.9}, {X: 0.9, Y: 0.9}, {X: -0.9, Y: 0.9}},
		triangle: {{X: -1.2, Y: -0.8}, {X: 1.2, Y: -0.8}, {X: 0, Y: 1.3}},
		diamond:  {{X: -1.25, Y: 0}, {X: 0, Y: -1.25}, {X: 1.25, Y: 0}, {X: 0, Y: 1.25}},
		wedge:    {{X: -1.2, Y: 0.8}, {X: 0, Y: -1.3}, {X: 1.2, Y: 0.8}},
	}[m] {
		if at := at.Add(d.Scale(r)); i == 0 {
			p.Move(at)
		} else {
			p.Line(at)
		}
	}
	p.Close()
	return p
}

// draw puts the marker at a point; a hollow one is white inside.
func (m marker) draw(s *sheet, at vg.Point, r vg.Length, c color.Color, hollow bool) {
	outline := m.outline(at, r)
	if !hollow {
		s.SetColor(c)
		s.Fill(outline)
		return
	}
	s.SetColor(white)
	s.Fill(outline)
	s.SetLineStyle(draw.LineStyle{Color: c, Width: 0.6})
	s.Stroke(outline)
}

// fill is the look of an area: a colour, and lines across it.
type fill struct {
	color color.Color // nil: none
	hatch vg.Length   // distance of the lines; 0: none
	up    bool        // the lines rise to the right
	edge  color.Color // of the lines and the outline
}

// fills are those of bars of different groups: dark, middle with lines, light with
// other lines.
var fills = []fill{
	{color: color.RGBA{0x00, 0x72, 0xb2, 0xff}, edge: ink},
	{color: color.RGBA{0x9f, 0xd3, 0xf2, 0xff}, hatch: 2.4, up: true, edge: ink},
	{color: color.RGBA{0xff, 0xf3, 0xdc, 0xff}, hatch: 2.4, edge: ink},
}

// rect fills a rectangle.
func (s *sheet) rect(r vg.Rectangle, f fill) {
	if r.Max.Y-r.Min.Y < 0.05 || r.Max.X-r.Min.X < 0.05 {
		return
	}
	corners := []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min}
	if f.color != nil {
		s.FillPolygon(f.color, corners)
	}
	if f.edge == nil {
		return
	}
	line := draw.LineStyle{Color: f.edge, Width: thin}
	if f.hatch > 0 {
		s.StrokeLines(line, hatching(r, f.hatch*math.Sqrt2, f.up)...)
	}
	s.StrokeLines(line, corners)
}

// hatching gives the lines at 45 degrees across a rectangle, whose distance along
// the axes is step. They stand on a lattice of the sheet, so that neighbouring bars
// continue each other.
func hatching(r vg.Rectangle, step vg.Length, up bool) (lines [][]vg.Point) {
	flip := func(p vg.Point) vg.Point {
		if up {
			p.X = r.Min.X + r.Max.X - p.X
		}
		return p
	}
	low, high := r.Min.X+r.Min.Y, r.Max.X+r.Max.Y // lines x + y = k
	for k := vg.Length(math.Ceil(float64(low/step))) * step; k < high; k += step {
		a := vg.Point{X: max(r.Min.X, k-r.Max.Y)}
		b := vg.Point{X: min(r.Max.X, k-r.Min.Y)}
		a.Y, b.Y = k-a.X, k-b.X
		lines = append(lines, []vg.Point{flip(a), flip(b)})
	}
	return lines
}
