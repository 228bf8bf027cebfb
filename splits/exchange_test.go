package splits_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/splits"
)

func tiny(t testing.TB) (splits.Dataset, string) {
	t.Helper()
	data, err := os.ReadFile("testdata/tiny.split")
	if err != nil {
		t.Fatal(err)
	}
	return dataset("tiny set", "cable 6 bottle 12 zipper 9"), string(data)
}

// Every change of one line of a good manifest is refused, with the line.
func TestParseErrors(t *testing.T) {
	_, good := tiny(t)
	for _, c := range []struct{ old, new, want string }{
		{"split 1\n", "split 2\n", `t:1: "ltadbench-split 2": want "ltadbench-split 1"`},
		{good, "", `t:1: "": want "ltadbench-split 1"`},
		{"dataset tiny set", "dataset ", `t:2: dataset "": it is empty`},
		{"dataset tiny set", "data tiny set", `t:2: "data tiny set": want "dataset" and its value`},
		{"sha256:0", "sha256:x", `t:3: fingerprint "sha256:x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" is not possible in a split of type ""`},
		{"type exp", "type exq", `t:4: type "exq" is not possible in a split of type "exq"`},
		{"type exp", "type full", `t:5: factor "4" is not possible in a split of type "full"`},
		{"factor 4", "factor -", `t:5: factor "-" is not possible in a split of type "exp"`},
		{"factor 4", "factor 0.5", `t:5: factor "0.5" is not possible in a split of type "exp"`},
		{"factor 4", "factor NaN", `t:5: factor "NaN" is not possible in a split of type "exp"`},
		{"factor 4", "factor 4.0", `t:5: "factor 4.0\n": want "factor 4\n"`},
		{"factor 4", "factor 3", `t:31: class "cable": target 3, which should be 4 in exp3 with a largest class of 12 images`},
		{"seed 7", "seed -1", `t:6: seed "-1" is not possible in a split of type "exp"`},
		{"order size", "order list", ``},
		{"order size", "order name", `t:24: class "zipper" is out of order: by name, "cable" comes here`},
		{"reverse false", "reverse no", `t:8: reverse "no" is not possible in a split of type "exp"`},
		{"reverse false", "reverse true", `t:11: class "bottle" is out of order: by size, "cable" comes here`},
		{"chacha8/1", "chacha8/2", `t:9: sampler "permutation/1+chacha8/2" is not possible in a split of type "exp"`},
		{"classes 3", "classes 4", `t:34: 3 classes follow, 4 were announced`},
		{"class 2 Low", "class 2 High", `t:24: "class 2 High available 9 target 6 realised 6 name zipper\n": want "class 2 Low available 9 target 6 realised 6 name zipper\n"`},
		{"class 2 Low", "class 3 Low", `t:24: "class 3 Low available 9 target 6 realised 6 name zipper\n": want "class 2 Low available 9 target 6 realised 6 name zipper\n"`},
		{"name zipper", "name bottle", `t:24: class "bottle" is there twice`},
		{"file zipper/train/good/003.png\n", "", `t:29: class "zipper": 5 files follow, 6 were announced`},
		{"file zipper/train/good/003.png\n", "\n", `t:25: class "zipper": 1 files follow, 6 were announced`},
		{"zipper/train/good/003", "zipper/train/good/009", `t:27: file "zipper/train/good/004.png" is out of order: it comes before "zipper/train/good/009.png"`},
		{"zipper/train/good/003", "zipper/train/good/000", `t:26: file "zipper/train/good/000.png" is there twice`},
		{"zipper/train/good/003", "../zipper/train/good/003", `t:26: file "../zipper/train/good/003.png": want a slash-separated path relative to the dataset's root`},
		{"target 3 realised 3", "target 4 realised 3", `t:31: class "cable": target 4, which should be 3 in exp4 with a largest class of 12 images`},
		{"available 6", "available 2", `t:31: class "cable": 3 images realised, which should be 2`},
		{"\n", "\r\n", `t:1: "ltadbench-split 1\r": want "ltadbench-split 1"`},
		{"cable/train/good/002.png\n", "cable/train/good/002.png", `t:34: "file cable/train/good/002.png": want "file cable/train/good/002.png\n"`},
	} {
		_, err := splits.Parse("t", []byte(strings.ReplaceAll(good, c.old, c.new)))
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%q -> %q: %v", c.old, c.new, err)
			}
		case err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Data:
			t.Errorf("%q -> %q: got\n%v\nwant\n%s", c.old, c.new, err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	d, text := tiny(t)
	m, err := splits.Parse("tiny.split", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := splits.Check(m, d); err != nil || len(problems) != 0 {
		t.Errorf("the dataset it was made for: %v %v", problems, err)
	}
	// Changes by hand that leave a manifest in order, but not the split it says it is.
	for change, want := range map[[2]string]string{
		{"seed 7", "seed 8"}:            "draw",
		{"order size", "order release"}: "order",
	} {
		m, err := splits.Parse("tiny.split", bytes.Replace([]byte(text), []byte(change[0]), []byte(change[1]), 1))
		if err != nil {
			t.Fatal(err)
		}
		if problems, err := splits.Check(m, d); err != nil || len(problems) == 0 || string(problems[0].Kind) != want {
			t.Errorf("%q: %v (%v), want a problem %q", change[1], problems, err, want)
		}
	}
	d.Digest = "sha256:" + ad.Digest(strings.Repeat("f", 64))
	d.Classes = []ad.ClassName{"bottle", "zippers", "cable", "tile"}
	d.Samples = slices.DeleteFunc(d.Samples, func(s ad.Sample) bool { return s.ID == "bottle/train/good/004.png" || s.Class == "zipper" })
	for i := range d.Samples {
		switch s := &d.Samples[i]; s.ID {
		case "bottle/train/good/001.png":
			s.Part = ad.Test
		case "bottle/train/good/002.png":
			s.Label = ad.Anomalous
		case "cable/train/good/001.png":
			s.Class = "tile"
		}
	}
	problems, err := splits.Check(m, d)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s: %s", p.Kind, p))
	}
	want := []string{
		"fingerprint: the split was made for data with fingerprint " + digest + ", these have " + string(d.Digest),
		`count: class "bottle": 9 normal training images, 12 when the split was made`,
		"file-unfit: bottle/train/good/001.png: an image of the test set",
		"file-unfit: bottle/train/good/002.png: an anomalous image",
		"file-gone: bottle/train/good/004.png: not in the dataset",
		`class-gone: class "zipper": not in the dataset, nearest: "zippers"`,
		`count: class "cable": 5 normal training images, 6 when the split was made`,
		`file-moved: cable/train/good/001.png: of class "tile" in the dataset, of class "cable" in the split`,
		`class-new: class "zippers": not in the split`,
		`class-new: class "tile": not in the split`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Exported and imported again, a split has the same images and the same halves.
func TestExchange(t *testing.T) {
	made := mustMake(t, mvtec, splits.Spec{Type: splits.Exp, Factor: 100, Seed: 5, Order: splits.Order{By: splits.ByRelease}})
	order := splits.Order{By: splits.ByList}
	for _, c := range made.Classes {
		order.List = append(order.List, c.Name)
	}
	var jsonl, list, prune bytes.Buffer
	if err := made.ExportJSONLines(&jsonl); err != nil {
		t.Fatal(err)
	}
	if err := made.ExportList(&list); err != nil {
		t.Fatal(err)
	}
	chosen := made.Files()
	for _, s := range mvtec.Samples {
		if s.Part == ad.Train && s.Label == ad.Normal && !slices.Contains(chosen, s.ID) {
			fmt.Fprintf(&prune, ".\\%s\r\n", strings.ReplaceAll(string(s.ID), "/", `\`)) // as Windows lists them
		}
	}
	first, _, _ := strings.Cut(jsonl.String(), "\n")
	if want := `{"filename": "zipper/train/good/000.png", "label": 0, "label_name": "good", "clsname": "zipper"}`; first != want {
		t.Errorf("first line %s, want %s", first, want)
	}
	var digests []ad.Digest
	for format, text := range map[splits.Format]*bytes.Buffer{splits.JSONLines: &jsonl, splits.List: &list, splits.PruneList: &prune} {
		m, err := splits.Import(mvtec, format, "f", text.Bytes(), order)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if !slices.Equal(m.Files(), chosen) || m.Group("leather") != made.Group("leather") || m.Spec.Name() != "external-list" {
			t.Errorf("%s: %s has other images or halves", format, m.Spec.Name())
		}
		back, err := splits.Parse("m", m.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		digests = append(digests, back.Digest())
	}
	if digests[0] != digests[1] || digests[1] != digests[2] {
		t.Errorf("the formats give different manifests: %s", digests)
	}
	// By default the order is that of the sizes in the split; of 6 full classes and 9 of
	// one image (TailedCore's step_k1) the largest of the nine completes the majority.
	var step bytes.Buffer
	for _, s := range mvtec.Samples {
		if full := strings.Contains("carpet grid hazelnut leather pill screw", string(s.Class)); s.Part == ad.Train && s.Label == ad.Normal &&
			(full || strings.HasSuffix(string(s.ID), "/007.png")) {
			fmt.Fprintln(&step, s.ID)
		}
	}
	m, err := splits.Import(mvtec, splits.List, "f", step.Bytes(), splits.Order{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(m)[:8], " "); got != "hazelnut screw carpet pill grid leather wood zipper" {
		t.Errorf("order %s", got)
	}
}

func TestImportErrors(t *testing.T) {
	d, _ := tiny(t)
	for _, c := range []struct {
		format     splits.Format
		text, want string
	}{
		{splits.List, "# keep\n\nbottle/train/good/000.png\nbotle/train/good/001.png\nbottle/train/good/2.png\n",
			"f:4: image \"botle/train/good/001.png\": not in the dataset\n  hint: nearest: \"bottle/train/good/001.png\"\n" +
				"f:5: image \"bottle/train/good/2.png\": not in the dataset\n  hint: nearest: \"bottle/train/good/002.png\""},
		{splits.List, "tiny/cable/train/good/003.png\n",
			"f:1: image \"tiny/cable/train/good/003.png\": not in the dataset\n  hint: nearest: \"cable/train/good/003.png\""},
		{splits.List, "cable/test/good/000.png\ncable/train/bad/000.png\nXYZ\n",
			"f:1: image \"cable/test/good/000.png\": an image of the test set\n" +
				"f:2: image \"cable/train/bad/000.png\": an anomalous image\n" +
				"f:3: image \"XYZ\": not in the dataset\n  hint: nothing there is similar"},
		{splits.List, "cable/train/good/000.png\n./cable/train/good/000.png\n", `f:2: image "cable/train/good/000.png" is already on line 1`},
		{splits.List, "# nothing\n", "f: no image is listed"},
		{splits.JSONLines, `{"filename": "cable/train/good/000.png", "label": 1}` + "\n" + `{"label": 0}` + "\n" +
			`{"filename": "cable/train/good/001.png", "clsname": "bottle"}` + "\n" + `{"filename": 3}`,
			"f:1: image \"cable/train/good/000.png\" has label 1: training images are normal, label 0\n" +
				"f:2: no \"filename\"\n" +
				"f:3: image \"cable/train/good/001.png\" is of class \"bottle\" here, of class \"cable\" in the dataset\n" +
				"f:4: not a JSON object with filename, label and clsname: json: cannot unmarshal number into Go struct field .filename of type string"},
		{"csv", "", `list format "csv": want jsonl, list or prune-list`},
	} {
		_, err := splits.Import(d, c.format, "f", []byte(c.text), splits.Order{})
		if err == nil || fault.Format(err) != c.want {
			t.Errorf("%q: got\n%v\nwant\n%s", c.text, fault.Format(err), c.want)
		}
	}
	many := strings.Repeat("nowhere\n", 1000)
	_, err := splits.Import(d, splits.List, "f", []byte(many), splits.Order{})
	if text := fmt.Sprint(err); strings.Count(text, "\n") != 20 || !strings.HasSuffix(text, "f: 980 more problems") {
		t.Errorf("1000 problems give %q", text)
	}
	var all strings.Builder
	for _, s := range d.Samples {
		if s.Part == ad.Train && s.Label == ad.Normal {
			fmt.Fprintln(&all, s.ID)
		}
	}
	if _, err := splits.Import(d, splits.PruneList, "f", []byte(all.String()), splits.Order{}); err == nil || err.Error() != "f: no image is left" {
		t.Errorf("pruning everything gives %v", err)
	}
}

// What Parse accepts, it writes back byte for byte.
func FuzzParse(f *testing.F) {
	_, good := tiny(f)
	f.Add([]byte(good))
	for _, s := range []splits.Spec{
		{Type: splits.Full, Order: splits.Order{By: splits.ByRelease, Reverse: true}},
		{Type: splits.Step, Factor: 2.5, Seed: 1 << 63, Order: splits.Order{By: splits.ByName}},
	} {
		f.Add(mustMake(f, dataset("d", "a 5 b 10 c 7"), s).Bytes())
	}
	external, err := splits.Import(dataset("d", "a 2 b 3"), splits.List, "f", []byte("b/train/good/001.png"), splits.Order{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(external.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := splits.Parse("f", data)
		if err != nil {
			if fault.KindOf(err) != fault.Data {
				t.Fatalf("kind %s: %v", fault.KindOf(err), err)
			}
			return
		}
		if !bytes.Equal(m.Bytes(), data) {
			t.Fatalf("read\n%q\nwrote\n%q", data, m.Bytes())
		}
	})
}

// What Import accepts is a manifest of the dataset.
func FuzzImport(f *testing.F) {
	d := dataset("d", "a 2 b 3")
	f.Add("list", []byte("b/train/good/001.png\n# x\n"))
	f.Add("prune-list", []byte("\ufeffa/train/good/001.png\r\n"))
	f.Add("jsonl", []byte(`{"filename": "a/train/good/000.png", "label": 0, "clsname": "a"}`))
	f.Fuzz(func(t *testing.T, format string, data []byte) {
		m, err := splits.Import(d, splits.Format(format), "f", data, splits.Order{})
		if err != nil {
			return
		}
		if _, err := splits.Parse("m", m.Bytes()); err != nil {
			t.Fatal(err)
		}
		if problems, err := splits.Check(m, d); err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
	})
}
