package gallery

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// typeface draws text in one of the Go fonts at one size. It rasterises outlines
// itself, as x/image's own drawing lets the compilers of some CPUs fuse operations,
// and a sheet is to be the same bytes everywhere. It is not safe for concurrent use.
type typeface struct {
	font   *sfnt.Font
	size   fixed.Int26_6 // pixels per em
	buffer sfnt.Buffer
	raster vector.Rasterizer
}

func newTypeface(ttf []byte, size int) *typeface {
	f, err := sfnt.Parse(ttf)
	if err != nil {
		panic(err) // it is part of this program
	}
	return &typeface{font: f, size: fixed.I(size)}
}

// fontSize is the size of text, in pixels per em; lineHeight the distance of lines.
const (
	fontSize   = 13
	lineHeight = 17
	ascent     = 13 // of the baseline below a line's top
)

func regular() *typeface { return newTypeface(goregular.TTF, fontSize) }
func bold() *typeface    { return newTypeface(gobold.TTF, fontSize) }

func (t *typeface) advance(r rune) (sfnt.GlyphIndex, fixed.Int26_6) {
	glyph, err := t.font.GlyphIndex(&t.buffer, r)
	if err != nil {
		return 0, 0
	}
	wide, err := t.font.GlyphAdvance(&t.buffer, glyph, t.size, font.HintingNone)
	if err != nil {
		return glyph, 0
	}
	return glyph, wide
}

// width is that of a line of text, in pixels.
func (t *typeface) width(text string) int {
	sum := fixed.Int26_6(0)
	for _, r := range text {
		_, wide := t.advance(r)
		sum += wide
	}
	return sum.Ceil()
}

// draw writes a line of text whose top left corner is at (x, y).
func (t *typeface) draw(dst draw.Image, x, y int, ink color.Color, text string) {
	pen := fixed.I(x)
	for _, r := range text {
		glyph, wide := t.advance(r)
		if outline, err := t.font.LoadGlyph(&t.buffer, glyph, t.size, nil); err == nil {
			t.glyph(dst, fixed.Point26_6{X: pen, Y: fixed.I(y + ascent)}, ink, outline)
		}
		pen += wide
	}
}

func (t *typeface) glyph(dst draw.Image, dot fixed.Point26_6, ink color.Color, outline sfnt.Segments) {
	exact := outline.Bounds().Add(dot)
	box := image.Rect(exact.Min.X.Floor(), exact.Min.Y.Floor(), exact.Max.X.Ceil(), exact.Max.Y.Ceil())
	if box.Empty() {
		return
	}
	t.raster.Reset(box.Dx(), box.Dy())
	t.raster.DrawOp = draw.Src
	at := func(p fixed.Point26_6) point {
		return point{float32(p.X+dot.X-fixed.I(box.Min.X)) / 64, float32(p.Y+dot.Y-fixed.I(box.Min.Y)) / 64}
	}
	var pen point
	for _, s := range outline {
		end := at(s.Args[0])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			t.raster.MoveTo(end.x, end.y)
		case sfnt.SegmentOpLineTo:
			t.raster.LineTo(end.x, end.y)
		case sfnt.SegmentOpQuadTo: // TrueType has no others
			control := end
			end = at(s.Args[1])
			const steps = 8
			for i := 1; i < steps; i++ {
				a, b := pen.towards(control, i, steps), control.towards(end, i, steps)
				p := a.towards(b, i, steps)
				t.raster.LineTo(p.x, p.y)
			}
			t.raster.LineTo(end.x, end.y)
		}
		pen = end
	}
	mask := image.NewAlpha(image.Rect(0, 0, box.Dx(), box.Dy()))
	t.raster.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(dst, box, image.NewUniform(ink), image.Point{}, mask, image.Point{}, draw.Over)
}

type point struct{ x, y float32 }

// towards is the point i/n of the way to q. The conversions keep the operations apart.
func (p point) towards(q point, i, n int) point {
	part := func(a, b float32) float32 { return float32(float32(a*float32(n-i))+float32(b*float32(i))) / float32(n) }
	return point{part(p.x, q.x), part(p.y, q.y)}
}

// fit shortens a line to at most wide pixels; the middle goes, as names often differ
// at their ends.
func (t *typeface) fit(text string, wide int) string {
	if t.width(text) <= wide {
		return text
	}
	runes := []rune(text)
	for keep := len(runes) - 1; keep > 0; keep-- {
		head := int(math.Ceil(float64(keep) / 3))
		if short := string(runes[:head]) + "…" + string(runes[len(runes)-keep+head:]); t.width(short) <= wide {
			return short
		}
	}
	return ""
}

// wrap breaks text into lines of at most wide pixels, at spaces.
func (t *typeface) wrap(text string, wide int) (lines []string) {
	for _, word := range strings.Fields(text) {
		if last := len(lines) - 1; last >= 0 && t.width(lines[last]+" "+word) <= wide {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, t.fit(word, wide))
	}
	return lines
}
