package gallery_test

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/internal/golden"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/gallery"
)

// plant is a made-up dataset of six images of 16 x 16 pixels: 0 to 2 normal, the rest
// anomalous. Images are gradients, darker where the truth is.
type plant struct {
	digest ad.Digest
	truth  *tensors.File
}

func (p plant) Digest() ad.Digest { return p.digest }

func (p plant) index(id ad.SampleID) int { return int(id[len(id)-1] - '0') }

func (p plant) OpenImage(s ad.Sample) (*pixels.Image, error) {
	m := &pixels.Image{W: 16, H: 16, Pix: make([]uint8, 3*256)}
	for i := range 256 {
		v := uint8(100 + 4*(i%16) + 4*(i/16))
		if p.truth.Uint8s()[p.index(s.ID)*256+i] != 0 {
			v /= 2
		}
		m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = v, v, v-20
	}
	return m, nil
}

func (p plant) Truth(context.Context, metric.Protocol) (result.Truth, error) { return p, nil }

func (p plant) Fill(id ad.SampleID, known ad.Truth, dst []uint8) error {
	clear(dst)
	switch known {
	case ad.TruthMask:
		copy(dst, p.truth.Uint8s()[p.index(id)*256:])
	case ad.TruthFull:
		for i := range dst {
			dst[i] = 1
		}
	}
	return nil
}

func openFile(t *testing.T, path string) *tensors.File {
	t.Helper()
	f, err := tensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// stored makes a finished cell whose maps, score(maps.npy), are in the store.
func stored(t *testing.T, store *result.Store, method ad.MethodName, score func(float32) float32) reports.Entry {
	t.Helper()
	maps := slices.Clone(openFile(t, "testdata/maps.npy").Float32s())
	p := metric.DefaultProtocol()
	p.Size = 16
	r := &result.Record{Cell: result.Cell{Dataset: "plant", Split: "exp20", Encoder: "bank", Method: method}, Status: result.Done,
		Classes: []result.Class{{Name: "nut", Group: ad.High, Train: 40}}, Inputs: result.Inputs{Dataset: "sha256:aabb", Method: string(method), Protocol: p}}
	r.Key = r.Inputs.Key()
	for i := range 6 {
		s := result.Sample{ID: ad.SampleID("nut/test/" + string(rune('0'+i))), Class: "nut", Score: float32(i)}
		if i > 2 {
			s.Label, s.Truth = ad.Anomalous, ad.TruthMask
		}
		r.Samples = append(r.Samples, s)
	}
	for i := range maps {
		maps[i] = score(maps[i])
	}
	path := store.MapsPath(r.Key)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	w, err := tensors.Create(path, tensors.Float32, 6, 16, 16)
	if err == nil {
		err = w.WriteRows(maps, 0)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.Maps = &result.Maps{Shape: []int{6, 16, 16}, Kept: true}
	// The digest is what a check of it asks for.
	_, got, _ := strings.Cut(store.CheckMaps(r).Error(), "its digest is ")
	r.Maps.Digest = ad.Digest(strings.TrimSuffix(got, ", not "))
	return reports.Entry{Cell: r.Cell, Record: r}
}

func source(t *testing.T, store *result.Store, workers int) gallery.Source {
	d := plant{"sha256:aabb", openFile(t, "testdata/truth.npy")}
	return gallery.Source{Store: store, Workers: workers, Show: progress.None,
		Open: func(context.Context, ad.DatasetName) (gallery.Dataset, error) { return d, nil }}
}

func build(t *testing.T, src gallery.Source, o gallery.Options, entries ...reports.Entry) *gallery.Sheet {
	t.Helper()
	sheets, err := open(t.Context(), entries, src, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(sheets) != 1 {
		t.Fatalf("%d sheets", len(sheets))
	}
	return sheets[0]
}

var everything = gallery.Options{Rules: []gallery.Rule{gallery.Worst}, PerClass: 9, Size: 96}

// Levels are those that NumPy finds by the definition; a method's units do not matter.
func TestLevelsOracle(t *testing.T) {
	store := result.Open(t.TempDir())
	a := stored(t, store, "a", func(x float32) float32 { return x })
	b := stored(t, store, "b", func(x float32) float32 { return 1024 * x })
	want := openFile(t, "testdata/levels.npy").Uint8s()
	s := build(t, source(t, store, 2), everything, a, b)
	if len(s.Rows) != 6 {
		t.Fatalf("%d rows", len(s.Rows))
	}
	for _, r := range s.Rows {
		at := int(r.ID[len(r.ID)-1]-'0') * 256
		for i, m := range r.Maps {
			for y := range 96 {
				for x := range 96 {
					if got := m.Level.GrayAt(x, y).Y; got != want[at+y/6*16+x/6] {
						t.Fatalf("%s, map %d, pixel %d, %d: level %d, not %d", r.ID, i, x, y, got, want[at+y/6*16+x/6])
					}
				}
			}
		}
	}
}

func TestTruthOfRows(t *testing.T) {
	store := result.Open(t.TempDir())
	e := stored(t, store, "a", func(x float32) float32 { return x })
	e.Record.Samples[4].Truth, e.Record.Samples[5].Truth = ad.TruthUnknown, ad.TruthFull
	s := build(t, source(t, store, 2), everything, e)
	for _, r := range s.Rows {
		var most, least uint8 = 0, 255
		if r.Mask != nil {
			most, least = slices.Max(r.Mask.Pix), slices.Min(r.Mask.Pix)
		}
		var ok bool
		switch r.Truth {
		case ad.TruthNormal:
			ok = r.Mask != nil && most == 0
		case ad.TruthMask:
			ok = r.Mask != nil && most == 255 && least == 0
		case ad.TruthFull:
			ok = least == 255 && r.Mask != nil
		case ad.TruthUnknown:
			ok = r.Mask == nil && r.Maps[0].Level != nil
		}
		if !ok {
			t.Errorf("%s: mask from %d to %d, nil %t", r.ID, least, most, r.Mask == nil)
		}
	}
	for i := range e.Record.Samples {
		e.Record.Samples[i].Truth = ad.TruthFull
	}
	s = build(t, source(t, store, 2), everything, e)
	if m := s.Rows[0].Maps[0]; m.Level != nil || !strings.Contains(m.Missing, "known to be normal") {
		t.Errorf("a class without normal pixels: %+v", m)
	}
}

// several is a sheet with all that can be missing.
func several(t *testing.T, workers int) *gallery.Sheet {
	store := result.Open(t.TempDir())
	same := func(x float32) float32 { return x }
	good := stored(t, store, "good", same)
	light := stored(t, store, "light", same)
	light.Record.Maps.Kept = false
	none := stored(t, store, "looker", same)
	none.Record.Maps = nil
	damaged := stored(t, store, "damaged", same)
	damaged.Record.Maps.Digest = "sha256:00"
	short := stored(t, store, "short", same)
	short.Record.Samples = short.Record.Samples[:5]
	failed := stored(t, store, "failed", same)
	failed.Record.Status = result.Failed
	second := good
	second.Cell.Seed = 1
	return build(t, source(t, store, workers), gallery.Options{Rules: gallery.Rules, PerClass: 1, Size: 96, By: "good",
		Names: map[ad.MethodName]string{"light": "Light, but with a rather long name"}}, good, light, none, damaged, short, failed, second)
}

func TestWhatIsMissing(t *testing.T) {
	s := several(t, 2)
	for i, want := range []string{"", "maps not kept", "the method gives no maps", "the maps cannot be used", "the maps cannot be used", "the cell failed"} {
		if m := s.Rows[0].Maps[i]; !strings.Contains(m.Missing, want) || (m.Level == nil) != (want != "") {
			t.Errorf("column %d: %q", i, m.Missing)
		}
	}
	if len(s.Problems) != 2 || !strings.Contains(s.Problems[0].Error(), "damaged: its digest is") ||
		!strings.Contains(s.Problems[1].Error(), "is not one map for each of the record's 5 samples") {
		t.Errorf("problems %v", s.Problems)
	}
	if m := s.Rows[0].Maps[5]; m.Of != 0 {
		t.Errorf("a failed cell has a rank: %+v", m)
	}
}

func TestRefusals(t *testing.T) {
	store := result.Open(t.TempDir())
	e := stored(t, store, "a", func(x float32) float32 { return x })
	src := source(t, store, 1)
	src.Open = func(context.Context, ad.DatasetName) (gallery.Dataset, error) {
		return plant{digest: "sha256:ccdd"}, nil
	}
	if _, err := open(t.Context(), []reports.Entry{e}, src, everything); fault.KindOf(err) != fault.NotComparable {
		t.Errorf("another dataset: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(ctx, []reports.Entry{e}, source(t, store, 1), everything); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	nan := stored(t, store, "nan", func(float32) float32 { return float32(math.NaN()) })
	if _, err := open(t.Context(), []reports.Entry{nan}, source(t, store, 1), everything); fault.KindOf(err) != fault.Answer {
		t.Errorf("NaN: %v", err)
	}
}

// The golden picture is to be looked at. Its pixels are compared: how PNG packs them is
// the Go version's.
func TestSheetGolden(t *testing.T) {
	got, err := several(t, 1).PNG()
	if err != nil {
		t.Fatal(err)
	}
	again, err := several(t, 3).PNG()
	if err != nil || !bytes.Equal(got, again) {
		t.Errorf("not the same bytes with other workers, %v", err)
	}
	const path = "testdata/sheet.png"
	want := golden.Read(t, path, got)
	if a, b := decode(t, got), decode(t, want); a.Bounds() != b.Bounds() || !bytes.Equal(a.Pix, b.Pix) {
		t.Error("the sheet is not that of " + path + "; look at it with -update")
	}
}

func decode(t *testing.T, data []byte) *image.RGBA {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*image.RGBA)
}

func TestPages(t *testing.T) {
	s := &gallery.Sheet{}
	for _, class := range "aabbbbbbccd" {
		s.Rows = append(s.Rows, gallery.Row{Class: ad.ClassName(class)})
	}
	var sizes []int
	for _, p := range s.Pages(4) {
		sizes = append(sizes, len(p.Rows))
	}
	if !slices.Equal(sizes, []int{2, 6, 3}) {
		t.Errorf("pages of %d rows", sizes)
	}
	if n := len(s.Pages(11)); n != 1 {
		t.Errorf("%d pages for one", n)
	}
}

// The colours' lightness (CIE L*) rises all the way, so that the scale reads in grey.
func TestColours(t *testing.T) {
	linear := func(v uint8) float64 {
		if c := float64(v) / 255; c > 0.04045 {
			return math.Pow((c+0.055)/1.055, 2.4)
		} else {
			return c / 12.92
		}
	}
	last := -1.0
	for l := range 256 {
		c := gallery.Colour(uint8(l))
		y := 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
		lightness := 903.3 * y
		if y > 0.008856 {
			lightness = 116*math.Cbrt(y) - 16
		}
		if lightness <= last-0.05 || lightness > last+2 && l > 0 { // steps of 8 bits are uneven
			t.Errorf("level %d: lightness %.2f after %.2f", l, lightness, last)
		}
		last = lightness
		if want := math.Pow(10, -4*float64(l)/255); math.Abs(gallery.FPR(uint8(l))/want-1) > 1e-12 {
			t.Errorf("level %d: false positive rate %g, not %g", l, gallery.FPR(uint8(l)), want)
		}
	}
	if last < 95 {
		t.Errorf("the lightest colour has lightness %.1f", last)
	}
}

// open chooses the images and opens them, as commands do.
func open(ctx context.Context, entries []reports.Entry, src gallery.Source, o gallery.Options) ([]*gallery.Sheet, error) {
	sheets, err := gallery.Choose(entries, o)
	if err != nil {
		return nil, err
	}
	for _, s := range sheets {
		if err := s.Open(ctx, src); err != nil {
			return nil, err
		}
	}
	return sheets, nil
}
