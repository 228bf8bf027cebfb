package figure

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"sync"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// pdfCanvas draws on a page of a PDF. gonum's own canvas (vgpdf) will not do: it dates
// the file, embeds whole fonts (200 kB), and prints text that is not ASCII wrongly.
//
// Both have their origin in the lower left corner, and one unit of both is a point:
// paths go into the page as they are, in coordinates that the canvas transforms. Each
// path states all it needs, so nothing depends on what was drawn before.
type pdfCanvas struct {
	doc    *fpdf.Fpdf
	height vg.Length
	state
	saved []state
}

// state is what Push saves.
type state struct {
	a, b, c, d, e, f float64 // x' = a x + c y + e, y' = b x + d y + f
	width, offset    vg.Length
	dashes           []vg.Length
	color            color.Color
}

// sansData is the typeface's file.
var sansData = sync.OnceValues(func() ([]byte, error) {
	var b bytes.Buffer
	f := face(1)
	_, err := f.Face.WriteSourceTo(nil, &b)
	return b.Bytes(), err
})

const pdfFont = "sans"

func (f *Figure) pdf() ([]byte, error) {
	data, err := sansData()
	if err != nil {
		return nil, fault.New(fault.Internal, "%s: pdf: %w", f.name, err)
	}
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: f.width.Points(), Ht: f.height.Points()}})
	doc.SetCatalogSort(true)
	doc.SetCreationDate(time.Unix(0, 0).UTC()) // a PDF has to have one
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.SetProducer("ltadbench", false)
	doc.SetTitle(f.title, true)
	doc.SetSubject(f.alt, true)
	doc.SetAutoPageBreak(false, 0)
	doc.AddUTF8FontFromBytes(pdfFont, "", data)
	doc.AddPage()
	c := &pdfCanvas{doc: doc, height: f.height, state: state{a: 1, d: 1}}
	vg.Initialize(c)
	f.draw(c)
	var b bytes.Buffer
	if err := doc.Output(&b); err != nil {
		return nil, fault.New(fault.Internal, "%s: pdf: %w", f.name, err)
	}
	return b.Bytes(), nil
}

func (c *pdfCanvas) SetLineWidth(w vg.Length) { c.width = w }
func (c *pdfCanvas) SetLineDash(pattern []vg.Length, offs vg.Length) {
	c.dashes, c.offset = pattern, offs
}
func (c *pdfCanvas) Push() { c.saved = append(c.saved, c.state) }

func (c *pdfCanvas) SetColor(clr color.Color) {
	if clr == nil {
		clr = color.Black
	}
	c.color = clr
}

func (c *pdfCanvas) Pop() {
	last := len(c.saved) - 1
	c.state, c.saved = c.saved[last], c.saved[:last]
}

func (c *pdfCanvas) Translate(p vg.Point) {
	c.e, c.f = c.place(p)
}

func (c *pdfCanvas) Scale(x, y float64) {
	c.a, c.b, c.c, c.d = c.a*x, c.b*x, c.c*y, c.d*y
}

func (c *pdfCanvas) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	c.a, c.b, c.c, c.d = c.a*cos+c.c*sin, c.b*cos+c.d*sin, c.c*cos-c.a*sin, c.d*cos-c.b*sin
}

// place transforms a point.
func (c *pdfCanvas) place(p vg.Point) (x, y float64) {
	px, py := p.X.Points(), p.Y.Points()
	return c.a*px + c.c*py + c.e, c.b*px + c.d*py + c.f
}

// rgb gives a colour as operands.
func rgb(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return decimal(float64(r)/0xffff) + " " + decimal(float64(g)/0xffff) + " " + decimal(float64(b)/0xffff)
}

func (c *pdfCanvas) Stroke(p vg.Path) {
	if c.width <= 0 {
		return
	}
	var dash []string
	for _, d := range c.dashes {
		dash = append(dash, decimal(d.Points()))
	}
	c.doc.RawWriteStr(fmt.Sprintf("%s RG %s w [%s] %s d\n%sS", rgb(c.color), decimal(c.width.Points()), strings.Join(dash, " "),
		decimal(c.offset.Points()), c.path(p)))
}

func (c *pdfCanvas) Fill(p vg.Path) {
	c.doc.RawWriteStr(fmt.Sprintf("%s rg\n%sf", rgb(c.color), c.path(p)))
}

// path gives a path's operators.
func (c *pdfCanvas) path(p vg.Path) string {
	var b strings.Builder
	var at vg.Point
	point := func(p vg.Point) string {
		x, y := c.place(p)
		at = p
		return decimal(x) + " " + decimal(y)
	}
	for _, comp := range p {
		switch comp.Type {
		case vg.MoveComp:
			b.WriteString(point(comp.Pos) + " m\n")
		case vg.LineComp:
			b.WriteString(point(comp.Pos) + " l\n")
		case vg.CloseComp:
			b.WriteString("h\n")
		case vg.CurveComp:
			one := comp.Control[0]
			two := comp.Control[len(comp.Control)-1]
			if len(comp.Control) == 1 { // quadratic, as a cubic
				one, two = at.Add(one.Sub(at).Scale(2./3)), comp.Pos.Add(one.Sub(comp.Pos).Scale(2./3))
			}
			b.WriteString(point(one) + " " + point(two) + " " + point(comp.Pos) + " c\n")
		case vg.ArcComp:
			on := func(angle, r float64) vg.Point {
				sin, cos := math.Sincos(angle)
				return comp.Pos.Add(vg.Point{X: comp.Radius * vg.Length(r*cos), Y: comp.Radius * vg.Length(r*sin)})
			}
			parts := math.Ceil(math.Abs(comp.Angle) / (math.Pi / 2))
			step := comp.Angle / parts
			reach := math.Hypot(1, 4./3*math.Tan(step/4)) // of the control points, and their angle
			turn := math.Atan(4. / 3 * math.Tan(step/4))
			if start := on(comp.Start, 1); start != at {
				b.WriteString(point(start) + " l\n")
			}
			for i := range int(parts) {
				from := comp.Start + step*float64(i)
				b.WriteString(point(on(from+turn, reach)) + " " + point(on(from+step-turn, reach)) + " " + point(on(from+step, 1)) + " c\n")
			}
		}
	}
	return b.String()
}

func (c *pdfCanvas) FillString(f font.Face, at vg.Point, s string) {
	var buf sfnt.Buffer
	s = strings.Map(func(r rune) rune { // the library takes no more than 16 bits
		if i, err := f.Face.GlyphIndex(&buf, r); r > 0xffff || err != nil || i == 0 {
			return '?'
		}
		return r
	}, plain(s))
	r, g, b, _ := c.color.RGBA()
	c.doc.SetTextColor(int(r>>8), int(g>>8), int(b>>8))
	c.doc.SetFont(pdfFont, "", f.Font.Size.Points())
	x, y := c.place(at)
	c.doc.TransformBegin()
	c.doc.Transform(fpdf.TransformMatrix{A: c.a, B: c.b, C: c.c, D: c.d, E: x, F: y})
	c.doc.Text(0, c.height.Points(), s)
	c.doc.TransformEnd()
}

// DrawImage is part of vg.Canvas; no figure has an image.
func (c *pdfCanvas) DrawImage(vg.Rectangle, image.Image) {
	c.doc.SetErrorf("figures have no images")
}
