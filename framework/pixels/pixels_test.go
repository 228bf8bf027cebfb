package pixels_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

type decodeCase struct {
	Name            string
	W, H, Tolerance int
	File, RGB, Mask []byte
}

// readGolden reads a file of expected values, made by testdata/make.py.
func readGolden(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func decodeCases(t testing.TB) (cases []decodeCase) {
	readGolden(t, "decode.json", &cases)
	return cases
}

func TestDecodeIsPIL(t *testing.T) {
	for _, c := range decodeCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			got, err := pixels.Decode(bytes.NewReader(c.File))
			if err != nil {
				t.Fatal(err)
			}
			if got.W != c.W || got.H != c.H || len(got.Pix) != len(c.RGB) {
				t.Fatalf("%dx%d pixels, want %dx%d", got.W, got.H, c.W, c.H)
			}
			most := 0
			for i, v := range got.Pix {
				most = max(most, int(v)-int(c.RGB[i]), int(c.RGB[i])-int(v))
			}
			if most > c.Tolerance {
				t.Errorf("differs from PIL by up to %d grey levels, want at most %d", most, c.Tolerance)
			}
			if c.Mask == nil {
				return
			}
			mask, err := pixels.DecodeMask(bytes.NewReader(c.File))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(mask.Pix, c.Mask) {
				t.Errorf("mask is %v, want %v", mask.Pix, c.Mask)
			}
		})
	}
}

func TestResizeIsPIL(t *testing.T) {
	noise := &pixels.Image{W: 61, H: 43, Pix: make([]uint8, 61*43*3)}
	red := &pixels.Mask{W: 61, H: 43, Pix: make([]uint8, 61*43)}
	state := uint32(1)
	for i := range noise.Pix {
		state = state*1664525 + 1013904223
		noise.Pix[i] = uint8(state >> 24)
		if i%3 == 0 {
			red.Pix[i/3] = uint8(state >> 24)
		}
	}
	var cases []struct {
		W, H           int
		Filter, SHA256 string
	}
	readGolden(t, "resize.json", &cases)
	for _, c := range cases {
		var pix []uint8
		if c.Filter == "mask" {
			pix = red.Resize(c.W, c.H).Pix
		} else {
			pix = noise.Resize(c.W, c.H, pixels.Filter(c.Filter)).Pix
		}
		if sum := sha256.Sum256(pix); hex.EncodeToString(sum[:]) != c.SHA256 {
			t.Errorf("%s to %dx%d is not what PIL gives", c.Filter, c.W, c.H)
		}
	}
}

// A palette in which another index than 0 is black turns the marks inside out if
// indices are taken for values; palettes of class ids, black or coloured, do not.
func TestMaskOfPalette(t *testing.T) {
	black, white, red := color.NRGBA{A: 255}, color.NRGBA{255, 255, 255, 255}, color.NRGBA{R: 200, A: 255}
	for _, c := range []struct {
		name      string
		palette   color.Palette
		pix, want []uint8
	}{
		{"white first", color.Palette{white, black, red}, []uint8{1, 1, 0, 2}, []uint8{0, 0, 255, 200}},
		{"black first", color.Palette{black, white, red}, []uint8{0, 1, 2, 0}, []uint8{0, 1, 2, 0}},
		{"all black", color.Palette{black, black, black}, []uint8{0, 1, 2, 0}, []uint8{0, 1, 2, 0}},
		{"no black", color.Palette{red, white, white}, []uint8{0, 1, 2, 0}, []uint8{0, 1, 2, 0}},
		{"black not used", color.Palette{red, white, black}, []uint8{0, 1, 1, 0}, []uint8{0, 1, 1, 0}},
		{"zero not used", color.Palette{red, white, black}, []uint8{2, 1, 1, 2}, []uint8{2, 1, 1, 2}},
	} {
		var file bytes.Buffer
		if err := png.Encode(&file, &image.Paletted{Pix: c.pix, Stride: 2, Rect: image.Rect(0, 0, 2, 2), Palette: c.palette}); err != nil {
			t.Fatal(err)
		}
		if m, err := pixels.DecodeMask(&file); err != nil || !bytes.Equal(m.Pix, c.want) {
			t.Errorf("%s: %v (%v), want %v", c.name, m, err, c.want)
		}
	}
}

// The image between the passes is in a pooled buffer: a result must not live in it.
func TestResizeKeepsNoScratch(t *testing.T) {
	a, b := texture(50, 40), texture(64, 33)
	first := a.Resize(20, 40, pixels.Bilinear)
	before := bytes.Clone(first.Pix)
	b.Resize(20, 20, pixels.Bicubic)
	b.Resize(20, 33, pixels.Bicubic)
	if !bytes.Equal(first.Pix, before) {
		t.Error("a later resize changed an earlier result")
	}
}

// pngHeader is a PNG file that ends after its header.
func pngHeader(w, h uint32) []byte {
	body := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	body = binary.BigEndian.AppendUint32(body, h)
	body = append(body, 8, 2, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
}

func TestDecodeRefuses(t *testing.T) {
	files := map[string][]byte{}
	for _, c := range decodeCases(t) {
		files[c.Name] = c.File
	}
	flipped := bytes.Clone(files["rgb.png"])
	flipped[60] ^= 0x55
	deep := bytes.Clone(files["rgb.bmp"])
	deep[28] = 16 // bits of a pixel
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"16-bit BMP", "bmp image of a kind that is not read", deep},
		{"empty", "empty file", nil},
		{"text", "not a PNG, JPEG or BMP image", []byte("version https://git-lfs")},
		{"short signature", "not a PNG", []byte("\x89P")},
		{"cut PNG", "not enough pixel data", files["rgb.png"][:300]},
		{"cut JPEG", "short Huffman data", files["420.jpg"][:len(files["420.jpg"])-60]},
		{"cut BMP", "cut short", files["rgb.bmp"][:200]},
		{"flipped bits", "damaged png", flipped},
		{"bomb", "100000x100000 pixels: at most", pngHeader(100000, 100000)},
		{"wide", "at most", pngHeader(1<<31-1, 1)},
		{"no data", "cut short", pngHeader(5, 5)},
	} {
		_, err := pixels.Decode(bytes.NewReader(c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Data {
			t.Errorf("%s: error %v, want a data error with %q", c.name, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range decodeCases(f) {
		f.Add(c.File)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := pixels.DecodeConfig(bytes.NewReader(data))
		if err == nil && c.W*c.H > 1<<20 {
			t.Skip("too large to fuzz quickly")
		}
		m, err2 := pixels.Decode(bytes.NewReader(data))
		if err2 != nil {
			return
		}
		if err != nil || m.W != c.W || m.H != c.H || len(m.Pix) != 3*m.W*m.H {
			t.Errorf("decoded %dx%d with %d bytes, header says %+v (%v)", m.W, m.H, len(m.Pix), c, err)
		}
		mask, err := pixels.DecodeMask(bytes.NewReader(data))
		if err != nil || len(mask.Pix) != m.W*m.H {
			t.Errorf("the image decodes but its mask does not: %v", err)
		}
	})
}
