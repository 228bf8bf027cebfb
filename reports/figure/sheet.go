package figure

import (
	"image/color"
	"math"
	"sync"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// sheet is what a figure is drawn on. Its unit is the point, its origin the lower
// left corner.
type sheet struct{ draw.Canvas }

// typeface is the font of all text: as wide as Arial and Helvetica, which take its
// place in an SVG where it is not installed.
var typeface = font.Font{Typeface: "Liberation", Variant: "Sans"}

var fonts = sync.OnceValue(func() *font.Cache { return font.NewCache(liberation.Collection()) })

func face(size vg.Length) font.Face { return fonts().Lookup(typeface, size) }

// textWidthOf is how wide a line of text is.
func textWidthOf(s string, size vg.Length) vg.Length {
	f := face(size)
	return f.Width(s)
}

func widest(list []string, size vg.Length) (w vg.Length) {
	for _, s := range list {
		w = max(w, textWidthOf(s, size))
	}
	return w
}

// shorten cuts the middle out of a text that is wider than that: names often differ in
// their ends.
func shorten(s string, size, width vg.Length) string {
	runes := []rune(s)
	for n := len(runes) - 1; n > 0 && textWidthOf(s, size) > width; n-- {
		s = string(runes[:(n+1)/2]) + "…" + string(runes[len(runes)-n/2:])
	}
	return s
}

// align says which point of a text stands at its place: x 0 its left end, -0.5 its
// middle, -1 its right end; y 0 its baseline, -0.5 the middle of a capital letter or
// digit, -1 their top.
type align struct{ x, y vg.Length }

var (
	centred = align{-0.5, -0.5}
	above   = align{-0.5, 0} // the text stands above the point
	below   = align{-0.5, -1}
	leftOf  = align{-1, -0.5} // the text ends at the point
	rightOf = align{0, -0.5}
)

// capHeight is that of the typeface's capital letters and digits, as a share of its
// size.
const capHeight = 0.7

// write writes a line of text, turned counterclockwise by the angle.
func (s *sheet) write(line string, at vg.Point, a align, size vg.Length, angle float64, c color.Color) {
	f := face(size)
	s.SetColor(c)
	offset := vg.Point{X: f.Width(line) * a.x, Y: size * capHeight * a.y}
	if angle == 0 {
		s.FillString(f, at.Add(offset), line)
		return
	}
	s.Push()
	defer s.Pop()
	s.Translate(at)
	s.Rotate(angle)
	s.FillString(f, offset, line)
}

// key is an entry of a legend.
type key struct {
	label string
	draw  func(s *sheet, r vg.Rectangle) // a sample in the rectangle
}

const (
	keyWidth   = vg.Length(16) // of the sample
	keyGap     = vg.Length(3)
	keySpacing = vg.Length(9)
	keyHeight  = vg.Length(9)
)

// legend is keys in centred rows.
type legend struct{ rows [][]key }

func (k key) width() vg.Length { return keyWidth + keyGap + textWidthOf(k.label, labelSize) }

func width(row []key) (w vg.Length) {
	for i, k := range row {
		if w += k.width(); i > 0 {
			w += keySpacing
		}
	}
	return w
}

// newLegend breaks the keys into rows of about the same length.
func newLegend(keys []key, available vg.Length) legend {
	for i := range keys {
		keys[i].label = shorten(keys[i].label, labelSize, available-keyWidth-keyGap)
	}
	fill := func(limit vg.Length) (rows [][]key) {
		var row []key
		for _, k := range keys {
			if len(row) > 0 && width(append(row[:len(row):len(row)], k)) > limit {
				rows, row = append(rows, row), nil
			}
			row = append(row, k)
		}
		if len(row) > 0 {
			rows = append(rows, row)
		}
		return rows
	}
	rows := fill(available)
	if n := len(rows); n > 1 { // no row of one last key
		for limit := available * 0.95; limit > available/3; limit *= 0.95 {
			tighter := fill(limit)
			if len(tighter) > n {
				break
			}
			rows = tighter
		}
	}
	return legend{rows}
}

func (l legend) height() vg.Length { return keyHeight * vg.Length(len(l.rows)) }

// draw draws the rows below y, around the middle x.
func (l legend) draw(s *sheet, x, y vg.Length) {
	for _, row := range l.rows {
		at := x - width(row)/2
		for _, k := range row {
			k.draw(s, vg.Rectangle{Min: vg.Point{X: at, Y: y - keyHeight + 1.2}, Max: vg.Point{X: at + keyWidth, Y: y - 1.2}})
			s.write(k.label, vg.Point{X: at + keyWidth + keyGap, Y: y - keyHeight/2}, rightOf, labelSize, 0, ink)
			at += k.width() + keySpacing
		}
		y -= keyHeight
	}
}

// lineKey is the key of a series that is drawn as a line with markers.
func lineKey(label string, st style, hollow bool) key {
	return key{label, func(s *sheet, r vg.Rectangle) {
		y := (r.Min.Y + r.Max.Y) / 2
		s.StrokeLine2(st.line(normal), r.Min.X, y, r.Max.X, y)
		if st.marker < markers {
			st.marker.draw(s, vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: y}, mark, st.color, hollow)
		}
	}}
}

// fillKey is the key of an area.
func fillKey(label string, f fill) key {
	return key{label, func(s *sheet, r vg.Rectangle) { s.rect(r, f) }}
}

// finite says whether x can be drawn.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
