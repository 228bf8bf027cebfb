package datasets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// picture is a grey PNG of one value; different values give different files.
func picture(w, h int, v uint8) string {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.String()
}

// write puts files below a new root. A content of "#N" stands for a picture of 4x3
// pixels of value N.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		var v uint8
		if n, _ := fmt.Sscanf(content, "#%d", &v); n == 1 {
			content = picture(4, 3, v)
		}
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// with gives a copy of files with changes; an empty content removes a file.
func with(files map[string]string, changes ...string) map[string]string {
	files = maps.Clone(files)
	for i := 0; i < len(changes); i += 2 {
		if files[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(files, changes[i])
		}
	}
	return files
}

func sampleLines(d *Dataset) string {
	var b strings.Builder
	for _, s := range d.Samples {
		fmt.Fprintf(&b, "%s %s %s %s %s %d %s\n", s.ID, s.Class, s.Part, s.Label, s.Defect, s.Truth, s.Mask)
	}
	return b.String()
}

var mvtecFiles = map[string]string{
	"bottle/train/good/000.png":               "#1",
	"bottle/train/good/001.png":               "#2",
	"bottle/train/good/._001.png":             "not a picture: a Mac's resource fork",
	"bottle/test/good/000.png":                "#3",
	"bottle/test/broken/000.png":              "#4",
	"bottle/ground_truth/broken/000_mask.png": "#255",
	"bottle/license.txt":                      "text",
	"wood/train/good/000.jpg":                 "#5",
	"wood/test/bad/7.PNG":                     "#6",
	"wood/ground_truth/bad/7.png":             "#1",
}

var visaFiles = map[string]string{
	"split_csv/1cls.csv": "\ufeffobject,split,label,image,mask\r\n" +
		"pcb1,train,normal,pcb1/Data/Images/Normal/0001.JPG,\r\n" +
		"pcb1,train,anomaly,pcb1/Data/Images/Anomaly/001.JPG,pcb1/Data/Masks/Anomaly/001.png\r\n" +
		"pcb1,test,normal,pcb1/Data/Images/Normal/0002.JPG,\r\n" +
		"pcb1,test,anomaly,pcb1/Data/Images/Anomaly/000.JPG,pcb1/Data/Masks/Anomaly/000.png\r\n",
	"pcb1/Data/Images/Normal/0001.JPG": "#1", "pcb1/Data/Images/Normal/0002.JPG": "#2",
	"pcb1/Data/Images/Anomaly/000.JPG": "#3", "pcb1/Data/Images/Anomaly/001.JPG": "#4",
	"pcb1/Data/Masks/Anomaly/000.png": "#1", "pcb1/Data/Masks/Anomaly/001.png": "#2",
}

var dagmFiles = map[string]string{
	"Class2/Train/0003.PNG": "#1", "Class2/Train/0004.PNG": "#2",
	"Class2/Train/Label/0004_label.PNG": "#255",
	"Class2/Train/Label/Labels.txt":     "1\r\n0003\t0\t0003.PNG\t0\t0\t\r\n0004\t1\t0004.PNG\t0\t0004_label.PNG\r\n",
	"Class2/Test/0001.PNG":              "#3", "Class2/Test/0002.PNG": "#4",
	"Class2/Test/Label/0002_label.PNG": "#255",
	"Class2/Test/Label/Labels.txt":     "1\r\n0001\t0\t0001.PNG\t0\t0\t\r\n0002\t1\t0002.PNG\t0\t0002_label.PNG\r\n",
}

var jsonFiles = map[string]string{
	"train.json": `{"filename": "z/train/good/2.png", "label": 0, "label_name": "good", "clsname": "z"}` + "\n" +
		`{"filename": "a/train/good/1.png", "label": 0}` + "\n" +
		`{"filename": "a/train/bad/9.png", "label": 1, "clsname": "a"}` + "\n",
	"test.json": `{"filename": "z/test/good/1.png", "label": 0, "clsname": "z"}` + "\n\n" +
		`{"filename": "z/test/bad/1.png", "label": 1, "label_name": "defective", "maskname": "z/gt/1.png", "clsname": "z"}` + "\n" +
		`{"filename": "a/test/bad/1.png", "label": 1, "maskname": null}`,
	"z/train/good/2.png": "#1", "a/train/good/1.png": "#2", "a/train/bad/9.png": "#3", "z/test/good/1.png": "#4",
	"z/test/bad/1.png": "#5", "z/gt/1.png": "#9", "a/test/bad/1.png": "#6",
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		name, kind, options string
		files               map[string]string
		classes, want       string
	}{
		{"mvtec, a part in another order", kindMVTec, `{"classes": ["wood", "bottle"]}`, mvtecFiles, "wood, bottle", `
bottle/test/broken/000.png bottle test anomalous broken 1 bottle/ground_truth/broken/000_mask.png
bottle/test/good/000.png bottle test normal good 0 
bottle/train/good/000.png bottle train normal good 0 
bottle/train/good/001.png bottle train normal good 0 
wood/test/bad/7.PNG wood test anomalous bad 1 wood/ground_truth/bad/7.png
wood/train/good/000.jpg wood train normal good 0 
`},
		{"folder, one class without masks", kindFolder, "", with(mvtecFiles, "wood/ground_truth/bad/7.png", "", "notes/readme.txt", "x"), "bottle, wood", `
bottle/test/broken/000.png bottle test anomalous broken 1 bottle/ground_truth/broken/000_mask.png
bottle/test/good/000.png bottle test normal good 0 
bottle/train/good/000.png bottle train normal good 0 
bottle/train/good/001.png bottle train normal good 0 
wood/test/bad/7.PNG wood test anomalous bad 3 
wood/train/good/000.jpg wood train normal good 0 
`},
		{"visa as downloaded", kindVisA, `{"classes": ["pcb1"]}`, visaFiles, "pcb1", `
pcb1/Data/Images/Anomaly/000.JPG pcb1 test anomalous anomaly 1 pcb1/Data/Masks/Anomaly/000.png
pcb1/Data/Images/Normal/0001.JPG pcb1 train normal good 0 
pcb1/Data/Images/Normal/0002.JPG pcb1 test normal good 0 
`},
		{"visa prepared", kindVisA, `{"classes": ["pcb1"]}`, map[string]string{
			"pcb1/train/good/0001.JPG": "#1", "pcb1/test/bad/000.JPG": "#2", "pcb1/ground_truth/bad/000.png": "#255"}, "pcb1", `
pcb1/test/bad/000.JPG pcb1 test anomalous bad 1 pcb1/ground_truth/bad/000.png
pcb1/train/good/0001.JPG pcb1 train normal good 0 
`},
		{"dagm", kindDAGM, `{"classes": ["Class2"]}`, dagmFiles, "Class2", `
Class2/Test/0001.PNG Class2 test normal good 0 
Class2/Test/0002.PNG Class2 test anomalous defect 1 Class2/Test/Label/0002_label.PNG
Class2/Train/0003.PNG Class2 train normal good 0 
`},
		{"dagm without Labels.txt", kindDAGM, `{"classes": ["Class2"]}`,
			with(dagmFiles, "Class2/Train/Label/Labels.txt", "", "Class2/Test/Label/Labels.txt", ""), "Class2", `
Class2/Test/0001.PNG Class2 test normal good 0 
Class2/Test/0002.PNG Class2 test anomalous defect 1 Class2/Test/Label/0002_label.PNG
Class2/Train/0003.PNG Class2 train normal good 0 
`},
		{"JSON lines", kindFolder, `{"train_list": "train.json", "test_list": "test.json"}`, jsonFiles, "z, a", `
a/test/bad/1.png a test anomalous defective 2 
a/train/good/1.png a train normal good 0 
z/test/bad/1.png z test anomalous defective 1 z/gt/1.png
z/test/good/1.png z test normal good 0 
z/train/good/2.png z train normal good 0 
`},
		{"JSON lines of Windows", kindFolder, `{"train_list": "train.json", "test_list": "test.json"}`,
			with(jsonFiles, "train.json", strings.ReplaceAll(jsonFiles["train.json"], "/", `\\`), "test.json", strings.ReplaceAll(jsonFiles["test.json"], "/", `\\`)), "z, a", `
a/test/bad/1.png a test anomalous defective 2 
a/train/good/1.png a train normal good 0 
z/test/bad/1.png z test anomalous defective 1 z/gt/1.png
z/test/good/1.png z test normal good 0 
z/train/good/2.png z train normal good 0 
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := write(t, c.files)
			d, err := Open(t.Context(), Spec{"x", c.kind, root, json.RawMessage(c.options)}, Env{})
			if err != nil {
				t.Fatal(fault.Format(err))
			}
			if got := join(d.Classes); got != c.classes {
				t.Errorf("classes %s, want %s", got, c.classes)
			}
			if got := sampleLines(d); got != c.want[1:] {
				t.Errorf("samples\n%swant%s", got, c.want)
			}
			for _, s := range d.Samples {
				m, err := d.OpenImage(s)
				if err != nil || m.W != 4 || m.H != 3 {
					t.Errorf("image %s: %v", s.ID, err)
				}
				if s.Truth == ad.TruthMask {
					if m, err := d.OpenMask(s); err != nil || m.Pix[0] == 0 {
						t.Errorf("mask %s: %v", s.Mask, err)
					}
				}
			}
		})
	}
}

func TestOpenExplains(t *testing.T) {
	all := `{"classes": ["bottle", "wood"]}`
	list := `{"train_list": "train.json", "test_list": "test.json"}`
	for _, c := range []struct {
		name, kind, options string
		files               map[string]string
		at                  string // below the written root
		want                []string
	}{
		{"no root", kindMVTec, all, nil, "nowhere", []string{"nowhere: no such directory", "hint: set root"}},
		{"missing class", kindMVTec, "", mvtecFiles, "", []string{"cable", "is missing", "(and 12 more problems)", "found are bottle, wood"}},
		{"one level up", kindMVTec, all, map[string]string{"mvtec_anomaly_detection/bottle/train/good/0.png": "#1"}, "",
			[]string{"such as bottle/train/good", "did you mean", "mvtec_anomaly_detection?"}},
		{"a class", kindMVTec, all, mvtecFiles, "bottle", []string{"directory of one class: set root to"}},
		{"another kind", kindMVTec, "", visaFiles, "", []string{"not MVTec AD"}},
		{"dagm as mvtec", kindMVTec, "", map[string]string{"Class1/Train/1.PNG": "#1"}, "", []string{`looks like DAGM 2007: set kind to "dagm"`}},
		{"no mask", kindMVTec, all, with(mvtecFiles, "bottle/ground_truth/broken/000_mask.png", ""), "",
			[]string{"bottle/test/broken/000.png: no mask bottle/ground_truth/broken/000_mask.png"}},
		{"folder lacks some masks", kindFolder, "", with(mvtecFiles, "bottle/test/broken/001.png", "#9"), "", []string{"no mask bottle/ground_truth/broken/001_mask.png"}},
		{"no training images", kindFolder, "", map[string]string{"a/test/good/1.png": "#1"}, "", []string{"a/train/good: no such directory"}},
		{"wrong class", kindFolder, `{"classes": ["bottles"]}`, mvtecFiles, "", []string{`"bottles" is missing`, `did you mean "bottle"?`}},
		{"visa without its split", kindVisA, `{"classes": ["pcb1"]}`, with(visaFiles, "split_csv/1cls.csv", ""), "", []string{"without split_csv/1cls.csv"}},
		{"visa lacks an image", kindVisA, `{"classes": ["pcb1"]}`, with(visaFiles, "pcb1/Data/Images/Normal/0002.JPG", ""), "",
			[]string{"pcb1/Data/Images/Normal/0002.JPG: named by line 4 of split_csv/1cls.csv"}},
		{"visa lacks a mask", kindVisA, `{"classes": ["pcb1"]}`, with(visaFiles, "pcb1/Data/Masks/Anomaly/000.png", ""), "", []string{"names the mask"}},
		{"dagm without Label", kindDAGM, `{"classes": ["Class2"]}`,
			with(dagmFiles, "Class2/Test/Label/Labels.txt", "", "Class2/Test/Label/0002_label.PNG", ""), "", []string{"Class2/Test/Label: no such directory"}},
		{"dagm lacks a label image", kindDAGM, `{"classes": ["Class2"]}`, with(dagmFiles, "Class2/Test/Label/0002_label.PNG", ""), "",
			[]string{"calls it defective, but there is no Class2/Test/Label/0002_label.PNG"}},
		{"dagm contradicts itself", kindDAGM, `{"classes": ["Class2"]}`, with(dagmFiles, "Class2/Test/Label/0001_label.PNG", "#255"), "", []string{"calls it normal, but there is"}},
		{"dagm image not listed", kindDAGM, `{"classes": ["Class2"]}`, with(dagmFiles, "Class2/Test/0009.PNG", "#9"), "", []string{"0009.PNG: not in"}},
		{"dagm image not there", kindDAGM, `{"classes": ["Class2"]}`, with(dagmFiles, "Class2/Test/0001.PNG", ""), "", []string{"0001.PNG: named by line 2"}},
		{"dagm bad list", kindDAGM, `{"classes": ["Class2"]}`, with(dagmFiles, "Class2/Test/Label/Labels.txt", "1\n0001\t7\t0001.PNG\t0\t0"), "",
			[]string{`Class2/Test/Label/Labels.txt: line 2: flag is "7"`}},
		{"two images of one mask", kindMVTec, all, with(mvtecFiles, "bottle/test/broken/000.jpg", "#9"), "",
			[]string{"bottle/test/broken/000.png: its mask bottle/ground_truth/broken/000_mask.png is that of bottle/test/broken/000.jpg, too"}},
		{"good in capitals", kindFolder, "", map[string]string{"a/train/good/1.png": "#1", "a/test/Good/1.png": "#2", "a/test/bad/1.png": "#3"}, "",
			[]string{"a/test/Good: normal images are expected", "rename it to good"}},
		{"absolute path", kindFolder, list, with(jsonFiles, "test.json", `{"filename": "C:\\data\\1.png", "label": 0, "clsname": "z"}`), "", []string{"test.json:1:", "is absolute"}},
		{"no label", kindFolder, list, with(jsonFiles, "test.json", `{"filename": "z/test/good/1.png", "clsname": "z"}`), "", []string{"test.json:1:", `no "label"`}},
		{"no file name", kindFolder, list, with(jsonFiles, "test.json", `{"label": 0, "clsname": "z"}`), "", []string{"test.json:1:", "filename: it is missing"}},
		{"no list", kindFolder, list, mvtecFiles, "", []string{"train.json", "relative to the root"}},
		{"list of another root", kindFolder, list, map[string]string{"train.json": jsonFiles["train.json"], "test.json": jsonFiles["test.json"],
			"images/z/train/good/2.png": "#1"}, "", []string{"named by line 1 of train.json", "did you mean root:", "images?"}},
		{"image in both lists", kindFolder, list, with(jsonFiles, "test.json", jsonFiles["train.json"]), "", []string{"test.json:1:", "is in train.json already"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := filepath.Join(write(t, c.files), c.at)
			_, err := Open(t.Context(), Spec{"x", c.kind, root, json.RawMessage(c.options)}, Env{})
			if err == nil || fault.KindOf(err) != fault.Data {
				t.Fatalf("error %v, want a data error", err)
			}
			text := fault.Format(err)
			for _, want := range append(c.want, root) {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in:\n%s", want, text)
				}
			}
		})
	}
}

func TestValidateOptions(t *testing.T) {
	for _, c := range []struct{ kind, options, want string }{
		{kindMVTec, ``, ""},
		{kindMVTec, `null`, ""},
		{kindFolder, `{"classes": ["anything"], "train_list": "a", "test_list": "b"}`, ""},
		{kindSynthetic, `{"seed": 3}`, ""},
		{"mvtek", ``, `did you mean "mvtec"?`},
		{kindMVTec, `{"clases": []}`, `did you mean "classes"?`},
		{kindMVTec, `{"train_list": "x"}`, `unknown option "train_list"`},
		{kindMVTec, `{"classes": ["Botle"]}`, `did you mean "bottle"?`},
		{kindDAGM, `{"classes": ["Class1", "Class1"]}`, "there twice"},
		{kindDAGM, `{"classes": "Class1"}`, "want a list of class names"},
		{kindFolder, `{"train_list": "x"}`, "go together"},
		{kindFolder, `[]`, "not a JSON object"},
		{kindSynthetic, `{"sede": 3}`, `unknown option "sede"`},
	} {
		err := ValidateOptions(c.kind, json.RawMessage(c.options))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %s: %v", c.kind, c.options, err)
		case c.want != "" && (err == nil || fault.KindOf(err) != fault.Config || !strings.Contains(fault.Format(err), c.want)):
			t.Errorf("%s %s: error %v, want a config error with %q", c.kind, c.options, err, c.want)
		}
	}
}

// The expected counts add up to the totals that the datasets' papers give, and
// every class has a place in the release order.
func TestRelease(t *testing.T) {
	for kind, want := range map[string]Counts{kindMVTec: {3629, 467, 1258}, kindVisA: {8659, 962, 1200}, kindDAGM: {7004, 6996, 1054}} {
		var sum Counts
		for _, c := range layouts[kind].classes {
			n, ok := expected[kind][c]
			if !ok {
				t.Errorf("%s: no counts of class %q", kind, c)
			}
			sum.Train += n.Train
			sum.TestNormal += n.TestNormal
			sum.TestAnomalous += n.TestAnomalous
		}
		if sum != want || len(layouts[kind].classes) != len(expected[kind]) {
			t.Errorf("%s: %d classes, %+v; want %d, %+v", kind, len(layouts[kind].classes), sum, len(expected[kind]), want)
		}
	}
	if order := layouts[kindDAGM].classes; order[1] != "Class2" || order[9] != "Class10" {
		t.Errorf("DAGM's order is %v", order)
	}
}

func TestSynthetic(t *testing.T) {
	env := Env{CacheDir: t.TempDir()}
	spec := Spec{"tiny", kindSynthetic, "", json.RawMessage(`{"classes": 2, "size": 64, "train": 3, "test_normal": 2, "test_defect": 2}`)}
	d, err := Open(t.Context(), spec, env)
	if err != nil {
		t.Fatal(err)
	}
	want := map[ad.ClassName]Counts{"Class1": {3, 2, 2}, "Class2": {3, 2, 2}}
	if got := d.Counts(); !maps.Equal(got, want) || !slices.Equal(d.Classes, dagmClasses(2)) {
		t.Errorf("classes %v with %v", d.Classes, got)
	}
	r, err := Check(t.Context(), spec, env)
	if err != nil || !r.OK() || r.Classes[0].Masks != 2 || r.Classes[0].Dropped == 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
	if _, err := Open(t.Context(), Spec{"x", kindSynthetic, "/data", nil}, env); fault.KindOf(err) != fault.Config {
		t.Errorf("a root for a synthetic dataset: error %v", err)
	}
}

// A class that cannot be read must not be passed over; a loop of symbolic links stands
// for missing permission, which the superuser's tests would not notice.
func TestUnreadableClassIsAnError(t *testing.T) {
	root := write(t, mvtecFiles)
	if err := os.Symlink("locked", filepath.Join(root, "locked")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Spec{"x", kindFolder, root, nil}, Env{})
	if err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a class directory that cannot be read: %v, want an error that names it", err)
	}
}
