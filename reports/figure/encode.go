package figure

import (
	"bytes"
	"encoding/binary"
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

// svgFont is how vgsvg names the typeface in every text, where we name it once, with
// what stands in for it: fonts of the same widths.
var svgFont = regexp.MustCompile(`font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;`)

// svgHead is what vgsvg writes before the drawing.
var svgHead = regexp.MustCompile(`^<\?xml[^>]*>\s*<!--[^>]*-->\s*<svg[^>]*>`)

func (f *Figure) svg() ([]byte, error) {
	c := vgsvg.New(f.width, f.height)
	f.draw(plainText{c})
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fault.New(fault.Internal, "%s: svg: %w", f.name, err)
	}
	body := b.Bytes()
	head := svgHead.FindIndex(body)
	if head == nil {
		return nil, fault.New(fault.Internal, "%s: svg: vgsvg writes another beginning than we know", f.name)
	}
	body = svgFont.ReplaceAll(body[head[1]:], nil)
	width, height := decimal(float64(f.width)), decimal(float64(f.height))
	var out bytes.Buffer
	out.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="` + width + `pt" height="` + height + `pt" viewBox="0 0 ` + width + " " + height +
		`" role="img" aria-label="` + html.EscapeString(plain(f.alt)) + `" font-family="'Liberation Sans', Arimo, Arial, Helvetica, sans-serif">` + "\n")
	out.WriteString("<title>" + html.EscapeString(plain(f.title)) + "</title>\n<desc>" + html.EscapeString(plain(f.alt)) + "</desc>\n")
	out.WriteString(`<rect width="100%" height="100%" fill="#FFFFFF"/>`)
	out.Write(body)
	return out.Bytes(), nil
}

// plainText is a canvas that gets no text that XML cannot hold.
type plainText struct{ *vgsvg.Canvas }

func (c plainText) FillString(f font.Face, at vg.Point, s string) {
	c.Canvas.FillString(f, at, plain(s))
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
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, c.Image()); err != nil {
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
