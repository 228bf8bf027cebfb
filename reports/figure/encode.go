package figure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"html"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Formats lists the names that Encode takes.
var Formats = []string{"svg", "pdf", "png"}

// DPI is the resolution of PNGs, which say so: their natural size in a document is
// that of the other formats.
const DPI = 300

// Encode gives the figure in a format. The bytes depend on the figure alone: they
// hold no date, and no random name. An SVG needs no other file, and scales; its text is
// text, in Liberation Sans or a font of the same widths. A PDF embeds what it needs
// of the font.
func (f *Figure) Encode(format string) ([]byte, error) {
	switch format {
	case "svg":
		return f.svg()
	case "pdf":
		return f.pdf()
	case "png":
		return f.png()
	}
	return nil, unknown("figure format", format, Formats)
}

// svgFont is how vgsvg names the typeface in every text; we name it once.
const svgFont = "font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;"

// svgHead is what vgsvg writes before the drawing.
var svgHead = regexp.MustCompile(`^<\?xml[^>]*>\s*<!--[^>]*-->\s*<svg[^>]*>`)

// svg is what gonum's canvas writes, with a head of our own (who is told of the figure
// and not shown it, which fonts may stand in), and the widths of texts, so that a font
// of other widths does not push words over each other.
func (f *Figure) svg() ([]byte, error) {
	c := &measured{Canvas: vgsvg.New(f.width, f.height)}
	f.draw(c)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fault.New(fault.Internal, "%s: svg: %w", f.name, err)
	}
	body := b.String()
	head := svgHead.FindString(body)
	texts := strings.Split(strings.ReplaceAll(body[len(head):], svgFont, ""), "<text ")
	if head == "" || len(texts) != len(c.widths)+1 {
		return nil, fault.New(fault.Internal, "%s: svg: vgsvg writes another form than we know", f.name)
	}
	width, height := decimal(float64(f.width)), decimal(float64(f.height))
	title, alt := html.EscapeString(plain(f.title)), html.EscapeString(plain(f.alt))
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%spt" height="%spt" viewBox="0 0 %s %s" role="img" aria-label="%s" `+
		`font-family="'Liberation Sans', Arimo, Arial, Helvetica, sans-serif">`+"\n<title>%s</title>\n<desc>%s</desc>\n", width, height, width, height, alt, title, alt)
	out.WriteString(`<rect width="100%" height="100%" fill="#FFFFFF"/>` + texts[0])
	for i, text := range texts[1:] {
		fmt.Fprintf(&out, `<text textLength="%s" lengthAdjust="spacingAndGlyphs" %s`, decimal(c.widths[i]), text)
	}
	return out.Bytes(), nil
}

// measured is a canvas that notes the widths of texts, and gets none that XML cannot
// hold.
type measured struct {
	*vgsvg.Canvas
	widths []float64
}

func (c *measured) FillString(f font.Face, at vg.Point, s string) {
	s = plain(s)
	c.widths = append(c.widths, f.Width(s).Points())
	c.Canvas.FillString(f, at, s)
}

// plain replaces control characters and what is no UTF-8.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, s)
}

// decimal prints a length in points.
func decimal(x float64) string {
	s := strconv.FormatFloat(x, 'f', 3, 64)
	if s = strings.TrimRight(strings.TrimRight(s, "0"), "."); s == "-0" {
		return "0"
	}
	return s
}

func (f *Figure) png() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(DPI))
	f.draw(c)
	var b bytes.Buffer
	if err := png.Encode(&b, c.Image()); err != nil {
		return nil, fault.New(fault.Internal, "%s: png: %w", f.name, err)
	}
	// The resolution stands in a chunk of its own, right after the header, which is the
	// first 33 bytes.
	const perMetre = DPI * 10000 / 254
	chunk := binary.BigEndian.AppendUint32([]byte("pHYs"), perMetre)
	chunk = append(binary.BigEndian.AppendUint32(chunk, perMetre), 1)
	out := append([]byte(nil), b.Bytes()[:33]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)-4))
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, b.Bytes()[33:]...), nil
}
