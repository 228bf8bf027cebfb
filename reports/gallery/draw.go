package gallery

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// The layout of a picture, in pixels.
const (
	margin     = 16
	gap        = 6   // between cells
	labelWidth = 150 // of the column of labels
	classGap   = 12  // between classes
	barHeight  = 14
	barWidth   = 320
)

var (
	paper = color.NRGBA{255, 255, 255, 255}
	ink   = color.NRGBA{20, 20, 20, 255}
	faint = color.NRGBA{105, 105, 105, 255}
	empty = color.NRGBA{232, 232, 232, 255}
)

// Pages divides a sheet into sheets of at most about rows rows, at borders of classes.
func (s *Sheet) Pages(rows int) (pages []*Sheet) {
	for first := 0; first < len(s.Rows); {
		end := first
		for end < len(s.Rows) {
			next := end + 1
			for next < len(s.Rows) && s.Rows[next].Class == s.Rows[end].Class {
				next++
			}
			if end > first && next-first > rows {
				break
			}
			end = next
		}
		page := *s
		page.Rows = s.Rows[first:end]
		pages = append(pages, &page)
		first = end
	}
	for i, p := range pages {
		if p.page = ""; len(pages) > 1 {
			p.page = fmt.Sprintf(" (page %d of %d)", i+1, len(pages))
		}
	}
	return pages
}

// Title says what a sheet is of.
func (s *Sheet) Title() string {
	return fmt.Sprintf("%s, %s, %s", s.Dataset, s.Split, s.Encoder)
}

// Choice says how the images were chosen.
func (s *Sheet) Choice() string {
	by := "in the mean over the methods shown"
	if m := s.options.By; m != "" {
		by = "for the method " + cmp.Or(s.options.Names[m], string(m))
	}
	what := map[Rule]string{
		Worst:  "worst misses, the images that most images of the other label outrank wrongly " + by,
		Best:   "best hits, the anomalous images that the fewest normal ones outrank " + by,
		Random: fmt.Sprintf("random images, seed %d", s.options.Seed),
	}
	var parts []string
	for _, r := range s.options.Rules {
		parts = append(parts, what[r])
	}
	return "For each class: " + strings.Join(parts, "; ") + "."
}

// Scale says what the colours mean.
const Scale = "Colour: the share of the class's normal test pixels that the method scores at least as high, " +
	"that is the false positive rate of a threshold at the pixel."

// PNG draws the sheet: a line of columns above, a row for each image, the colour bar
// and notes below. The bytes depend on the sheet alone.
func (s *Sheet) PNG() ([]byte, error) {
	p := &drawing{Sheet: s, cell: s.options.Size, regular: regular(), bold: bold()}
	p.width = 2*margin + labelWidth + (2+len(s.Columns))*(gap+p.cell)
	p.width = max(p.width, 2*margin+labelWidth+gap+barWidth+gap)
	p.layout()
	var b bytes.Buffer
	if err := png.Encode(&b, p.img); err != nil {
		return nil, fault.New(fault.Internal, "%s: %w", s.title(), err)
	}
	return b.Bytes(), nil
}

// drawing is one sheet being drawn.
type drawing struct {
	*Sheet
	img           *image.RGBA // nil while the height is measured
	width, cell   int
	y             int // what is above is drawn
	regular, bold *typeface
}

// layout draws the sheet twice: first on nothing, to find its height.
func (p *drawing) layout() {
	for range 2 {
		if p.y > 0 {
			p.img = image.NewRGBA(image.Rect(0, 0, p.width, p.y+margin))
			draw.Draw(p.img, p.img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
		}
		p.y = margin
		p.paragraph(p.bold, ink, p.Title()+p.Sheet.page)
		p.paragraph(p.regular, faint, fmt.Sprintf("%s Data %s; evaluated at %d px.", p.Choice(), p.Digest.Short(), p.Protocol.Size))
		p.y += gap
		p.header()
		for i := range p.Rows {
			if i > 0 && p.Rows[i].Class != p.Rows[i-1].Class {
				p.y += classGap / 2
				p.fill(image.Rect(margin, p.y, p.width-margin, p.y+1), empty)
				p.y += classGap / 2
			}
			p.row(&p.Rows[i])
		}
		p.y += gap
		p.bar()
		for _, note := range p.Notes {
			p.paragraph(p.regular, faint, note)
		}
	}
}

func (p *drawing) fill(r image.Rectangle, c color.Color) {
	if p.img != nil {
		draw.Draw(p.img, r, image.NewUniform(c), image.Point{}, draw.Src)
	}
}

func (p *drawing) text(t *typeface, x, y int, c color.Color, text string) {
	if p.img != nil {
		t.draw(p.img, x, y, c, text)
	}
}

// paragraph writes text over the whole width.
func (p *drawing) paragraph(t *typeface, c color.Color, text string) {
	for _, line := range t.wrap(text, p.width-2*margin) {
		p.text(t, margin, p.y, c, line)
		p.y += lineHeight
	}
}

// left is the x of a column: 0 the image, 1 the ground truth, then the methods.
func (p *drawing) left(column int) int { return margin + labelWidth + gap + column*(p.cell+gap) }

// header writes the columns' names, and their seeds if there are several.
func (p *drawing) header() {
	names, seeds := []string{"image", "ground truth"}, []string{"", ""}
	several := false
	for _, c := range p.Columns {
		names = append(names, c.Name)
		seed := ""
		if c.Seeds > 1 {
			seed, several = fmt.Sprintf("seed %d (of %d)", c.Cell.Seed, c.Seeds), true
		}
		seeds = append(seeds, seed)
	}
	for i, name := range names {
		p.text(p.bold, p.left(i), p.y, ink, p.bold.fit(name, p.cell-gap))
	}
	p.y += lineHeight
	if several {
		for i, seed := range seeds {
			p.text(p.regular, p.left(i), p.y, faint, p.regular.fit(seed, p.cell-gap))
		}
		p.y += lineHeight
	}
	p.y += 2
}

// row draws one image with all its maps.
func (p *drawing) row(r *Row) {
	y := p.y
	line := func(t *typeface, c color.Color, text string) {
		p.text(t, margin, y, c, t.fit(text, labelWidth))
		y += lineHeight
	}
	line(p.bold, ink, string(r.Class))
	line(p.regular, ink, r.name())
	line(p.regular, ink, r.Label.String())
	if len(p.options.Rules) > 1 {
		line(p.regular, faint, map[Rule]string{Worst: "worst miss", Best: "best hit", Random: "random"}[r.Rule])
	}
	line(p.regular, faint, fmt.Sprintf("trained on %d (%s)", r.Train, r.Group))
	line(p.regular, faint, fmt.Sprintf("%d of %d are anomalous", r.Anomalous, r.Normal+r.Anomalous))

	if r.Image != nil {
		p.cellImage(0, r.Image)
	}
	if r.Mask != nil {
		p.cellImage(1, r.Mask)
	} else {
		p.cellText(1, "pixels not labelled")
	}
	for i, m := range r.Maps {
		if m.Level == nil {
			p.cellText(2+i, m.Missing)
		} else {
			p.cellImage(2+i, m.Picture())
		}
		if m.Of > 0 {
			p.text(p.regular, p.left(2+i), p.y+p.cell+1, ink, p.regular.fit(fmt.Sprintf("rank %d of %d", m.Rank, m.Of), p.cell))
		}
	}
	p.y += p.cell + lineHeight + gap
}

// name is the image's path without the class, if it begins with that.
func (r *Row) name() string {
	return strings.TrimPrefix(string(r.ID), string(r.Class)+"/")
}

// Picture is the map in colours; nil if there is none.
func (m *Map) Picture() *image.NRGBA {
	if m.Level == nil {
		return nil
	}
	out := image.NewNRGBA(m.Level.Rect)
	for i, level := range m.Level.Pix {
		c := Colour(level)
		copy(out.Pix[4*i:], []uint8{c.R, c.G, c.B, c.A})
	}
	return out
}

func (p *drawing) square(column int) image.Rectangle {
	return image.Rect(0, 0, p.cell, p.cell).Add(image.Pt(p.left(column), p.y))
}

func (p *drawing) cellImage(column int, m image.Image) {
	if p.img != nil {
		draw.Draw(p.img, p.square(column), m, m.Bounds().Min, draw.Src)
	}
}

// cellText says why there is no picture.
func (p *drawing) cellText(column int, why string) {
	p.fill(p.square(column), empty)
	y := p.y + gap
	for _, line := range p.regular.wrap(why, p.cell-2*gap) {
		if y+lineHeight > p.y+p.cell {
			break
		}
		p.text(p.regular, p.left(column)+gap, y, faint, line)
		y += lineHeight
	}
}

// bar draws the colour bar with its marks, and what it means.
func (p *drawing) bar() {
	x := p.left(0)
	p.text(p.regular, margin, p.y-2, ink, p.regular.fit("false positive rate", labelWidth))
	for i := range barWidth {
		p.fill(image.Rect(x+i, p.y, x+i+1, p.y+barHeight), Colour(uint8(255*i/(barWidth-1))))
	}
	p.y += barHeight
	mark := func(at int, text string) {
		p.fill(image.Rect(x+at, p.y, x+at+1, p.y+4), ink)
		wide := p.regular.width(text)
		p.text(p.regular, min(max(x, x+at-wide/2), x+barWidth-wide), p.y+4, ink, text)
	}
	mark(0, "100 %")
	for i, m := range Marks {
		mark((barWidth-1)*(i+1)/len(Marks), m.Label)
	}
	p.y += 4 + lineHeight + gap
	p.paragraph(p.regular, faint, Scale)
}
