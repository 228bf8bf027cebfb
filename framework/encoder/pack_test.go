package encoder

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
)

const tinyYAML = `version: 1
name: tiny
input:
  width: 16
  height: 16
  scale: 1/255
  mean: [0.25, 0.5, 0.75]
  std: [0.5, 1, 2]
levels:
  - {output: fine, channels: 3, stride: 2}
  - {output: coarse, channels: 3, stride: 4}
grid: {width: 4, height: 4, align: bilinear, align_corners: false}
embedding: {output: mean, channels: 3}
`

// tinyNetwork gives the mean of 2x2 pixels, of 4x4 pixels, and of all. It is
// 1/x first if reciprocal, which is infinite for black.
func tinyNetwork(t testing.TB, reciprocal bool) []byte {
	t.Helper()
	b := onnx.NewBuilder("tiny", 18)
	x := b.Input("image", onnx.Float32, "N", 3, 16, 16)
	if reciprocal {
		x = b.Op("Reciprocal", []string{x})
	}
	pool := func(n int) string {
		return b.Op("AveragePool", []string{x}, onnx.Ints("kernel_shape", n, n), onnx.Ints("strides", n, n))
	}
	b.Output("fine", pool(2), onnx.Float32, "N", 3, 8, 8)
	b.Output("coarse", pool(4), onnx.Float32, "N", 3, 4, 4)
	b.Output("mean", b.Op("Flatten", []string{b.Op("GlobalAveragePool", []string{x})}), onnx.Float32, "N", 3)
	b.Output("unused", b.Op("Cast", []string{x}, onnx.Int("to", int(onnx.Int64))), onnx.Int64, "N", 3, 16, 16)
	model, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// writePack makes a pack directory and gives its path.
func writePack(t testing.TB, yaml string, model []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pack")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{File: []byte(yaml), "image.onnx": model} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tinyPack(t testing.TB) *Pack {
	t.Helper()
	p, err := LoadPack(writePack(t, tinyYAML, tinyNetwork(t, false)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoadPack(t *testing.T) {
	p := tinyPack(t)
	wantInput := Input{
		Width: 16, Height: 16, Layout: NCHW, DType: "float32", Resize: "bilinear",
		Scale: 1. / 255, Mean: [3]float64{0.25, 0.5, 0.75}, Std: [3]float64{0.5, 1, 2},
	}
	if p.Input != wantInput {
		t.Errorf("input %+v", p.Input)
	}
	if want := []Level{{Output{"fine", 3}, 2}, {Output{"coarse", 3}, 4}}; !reflect.DeepEqual(p.Levels, want) {
		t.Errorf("levels %+v", p.Levels)
	}
	if p.Grid != (Grid{4, 4, Bilinear, false}) || p.Embedding != (Output{"mean", 3}) || p.Channels() != 6 {
		t.Errorf("%+v", p)
	}
	// Without a grid: the coarsest level's.
	q, err := parse(File, []byte(strings.Replace(tinyYAML, "grid:", "#", 1)))
	if err != nil || q.Grid != (Grid{4, 4, Bilinear, false}) {
		t.Errorf("default grid %+v, %v", q.Grid, err)
	}
}

func TestLoadPackRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want, hint string }{
		{"version: 1", "version: 2", `e.yaml:1:10: version: this program reads version 1, found "2"`, "newer"},
		{"version: 1\n", "", `e.yaml:1:1: key "version" is missing`, ""},
		{"name: tiny", "name: [tiny]", `e.yaml:2:7: name: expected text, found a list`, ""},
		{"name: tiny", "name: a/b", `e.yaml:2:7: name: "a/b" may have no slash and no space`, ""},
		{"name: tiny", "nam: tiny", `e.yaml:2:1: unknown key "nam"`, `did you mean "name"?`},
		{"name: tiny", "name: tiny\nname: x", `e.yaml:3:1: key "name" is given twice`, ""},
		{"name: tiny", "name: tiny\nmodel: ../x.onnx", `e.yaml:3:8: model: expected the path of a file inside the pack, found "../x.onnx"`, ""},
		{"width: 16", "width: 16.5", `e.yaml:4:10: input.width: expected a whole number from 1 to 4096, found "16.5"`, ""},
		{"width: 16", "width: &a 16", `e.yaml:5:11: input.height: expected a whole number from 1 to 4096, found an alias, which this file may not have`, ""},
		{"height: 16", "heigth: 16", `e.yaml:5:3: unknown key "input.heigth"`, `did you mean "height"?`},
		{"scale: 1/255", "resize: bilinaer", `e.yaml:6:11: input.resize: "bilinaer" is not known`, `did you mean "bilinear"?`},
		{"scale: 1/255", "scale: 1/0", `e.yaml:6:10: input.scale: expected a number, found "1/0"`, ""},
		{"scale: 1/255", "dtype: uint8", `e.yaml:7:9: input.mean: an input of uint8 takes the bytes as they are`, ""},
		{"[0.25, 0.5, 0.75]", "[0.25, 0.5]", `e.yaml:7:9: input.mean: expected a number, or three for red, green and blue`, ""},
		{"[0.25, 0.5, 0.75]", "[0.25, 0.5, .nan]", `e.yaml:7:21: input.mean: expected a number, found ".nan"`, ""},
		{"[0.5, 1, 2]", "0", `e.yaml:8:8: input.std: a standard deviation of 0`, ""},
		{"output: coarse", "output: fine", `e.yaml:11:5: levels[1].output: "fine" is a level already`, ""},
		{", stride: 2}", "}", `e.yaml:10:5: key "levels[0].stride" is missing`, ""},
		{"grid: {width: 4, ", "grid: {", `e.yaml:12:7: key "grid.width" is missing`, ""},
		{"align: bilinear, align_corners: false", "align: average, align_corners: true", `e.yaml:12:60: grid.align_corners: only bilinear alignment has it`, ""},
		{"grid: {width: 4, height: 4,", "grid: {", "", ""},
		{"stride: 4", "stride: 5", "", ""},
		{"grid: {width: 4, height: 4, align: bilinear, align_corners: false}\n", "", "", ""},
		{"version: 1", "version: 1\n\t", `e.yaml:2: not YAML: found a tab character that violates indentation`, ""},
		{"levels:\n  - {output: fine, channels: 3, stride: 2}\n  - {output: coarse, channels: 3, stride: 4}\n", "levels: []\n", `e.yaml:9:9: levels: expected a list with at least one element, found a list`, ""},
	} {
		text := strings.Replace(tinyYAML, c.old, c.new, 1)
		if strings.Contains(c.new, "&a") {
			text = strings.Replace(text, "height: 16", "height: *a", 1)
		}
		_, err := parse("e.yaml", []byte(text))
		if c.want == "" {
			if err != nil {
				t.Errorf("%q for %q: %v", c.new, c.old, err)
			}
			continue
		}
		if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Config || !strings.Contains(fault.Format(err), c.hint) {
			t.Errorf("%q for %q:\n got %v\nwant %s (hint %q)", c.new, c.old, err, c.want, c.hint)
		}
	}
}

func TestDigestFollowsWhatMatters(t *testing.T) {
	dir := writePack(t, tinyYAML, tinyNetwork(t, false))
	digest := func() string {
		t.Helper()
		p, err := LoadPack(dir)
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return string(d)
	}
	rewrite := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	base := digest()
	rewrite("# a comment\n" + strings.Replace(tinyYAML, "name: tiny", "name: other\nsummary: words", 1))
	if digest() != base {
		t.Error("a comment, name or summary changes the digest")
	}
	for _, c := range [][2]string{{"align_corners: false", "align_corners: true"}, {"scale: 1/255", "scale: 1/256"}, {"width: 16", "width: 32"}} {
		rewrite(strings.Replace(tinyYAML, c[0], c[1], 1))
		if digest() == base {
			t.Errorf("%q for %q does not change the digest", c[1], c[0])
		}
	}
	rewrite(tinyYAML)
	if err := os.WriteFile(filepath.Join(dir, "image.onnx"), tinyNetwork(t, true), 0o666); err != nil {
		t.Fatal(err)
	}
	if digest() == base {
		t.Error("another network does not change the digest")
	}
}

func TestFind(t *testing.T) {
	dir := writePack(t, tinyYAML, tinyNetwork(t, false))
	broken := filepath.Join(filepath.Dir(dir), "broken")
	if err := os.MkdirAll(broken, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, File), []byte("version: 9\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv(PathEnv, filepath.Dir(dir))
	path, err := SearchPath(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tiny", "texturebank", dir} {
		if p, err := Find(name, path); err != nil || p.Name != filepath.Base(name) && p.Dir != dir {
			t.Errorf("Find(%q) = %+v, %v", name, p, err)
		}
	}
	if _, err := Find("broken", path); err == nil || !strings.Contains(err.Error(), "encoder.yaml:1:10: version") {
		t.Errorf("broken pack: %v", err)
	}
	_, err = Find("tinny", path)
	if err == nil || !strings.Contains(fault.Format(err), `did you mean "tiny"?; packs are looked for in `) {
		t.Errorf("unknown pack: %s", fault.Format(err))
	}
	if err := os.Remove(filepath.Join(dir, "image.onnx")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPack(dir); fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), "image.onnx") {
		t.Errorf("pack without network: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(tinyYAML))
	f.Add([]byte(tinyYAML + textYAML))
	f.Add([]byte(tinyYAML + "text: {builtin: stand-in}"))
	for _, s := range []string{"", "{", "a: &x [*x]", "version: 1\nlevels: {}", "- 1", "version: 1\nname: ~\ninput: *a", "1: 2\n<<: {a: b}", "--- a\n--- b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parse(File, text)
		if err != nil {
			if fault.KindOf(err) != fault.Config {
				t.Errorf("kind %s: %v", fault.KindOf(err), err)
			}
			return
		}
		if p.Name == "" || p.Channels() < 1 || p.Grid.Width < 1 || p.Grid.Height < 1 || p.Input.Width < 1 {
			t.Errorf("accepted %+v", p)
		}
		if x := p.Text; x != nil && (x.Heads < 1 || x.Eps <= 0 || x.StandIn() != (x.Vocabulary == "")) {
			t.Errorf("accepted %+v", x)
		}
	})
}

// A network may only use files that the pack's digest covers.
func TestWeightsMustBeListed(t *testing.T) {
	model, err := os.ReadFile("../onnx/testdata/external.onnx")
	if err != nil {
		t.Fatal(err)
	}
	// The same words elsewhere than in external_data: here, in a model's metadata_props.
	entry := "\x0a\x08location\x12\x06Berlin"
	model = append(model, "\x72\x12"+entry...)
	for weights, want := range map[string]string{
		"":                               `keeps weights in "external.bin", which is not in weights`,
		"weights: [other.bin]\n":         `keeps weights in "external.bin", which is not in weights`,
		"weights: [./external.bin]\n":    "",
		"weights: [a/../external.bin]\n": "",
	} {
		dir := writePack(t, tinyYAML+weights, model)
		for _, name := range []string{"external.bin", "other.bin"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("0123456789ab"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		p, err := LoadPack(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := p.network()
		switch {
		case want == "" && (err != nil || got != dir):
			t.Errorf("%q: %q, %v", weights, got, err)
		case want != "" && (fault.KindOf(err) != fault.Config || !strings.Contains(fault.Format(err), want)):
			t.Errorf("%q: %v", weights, err)
		}
	}
	for _, damaged := range []string{"\x6a\x12\x0a\x08location\x12", "\x6a\x12\x0a\x08location\x12\x7fab", "\x0a\x08location\x12\x06Berlin"} {
		if files := external([]byte(damaged)); files != nil {
			t.Errorf("%q: %q", damaged, files)
		}
	}
	if files := external([]byte("\x6a\x12" + entry)); len(files) != 1 || files[0] != "Berlin" {
		t.Errorf("external_data: %q", files)
	}
}
