package datasets

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

func TestCheckFindsEverything(t *testing.T) {
	root := write(t, map[string]string{
		"a/train/good/0.png":            "#1",
		"a/train/good/1.png":            "",
		"a/train/good/2.png":            picture(40, 30, 7)[:60],
		"a/train/odd/0.png":             "#2",
		"a/train/0.png":                 "#3",
		"a/test/bad/more/0.png":         "#9",
		"a/test/good/0.png":             "#1",
		"a/test/good/scan.tif":          "x",
		"a/test/bad/0.png":              "#4",
		"a/test/bad/1.png":              "#5",
		"a/test/bad/2.png":              "#6",
		"a/test/bad/3.png":              "#7",
		"a/ground_truth/bad/0_mask.png": picture(3, 4, 1),
		"a/ground_truth/bad/1_mask.png": "#0",
		"a/ground_truth/bad/2_mask.png": "no picture",
		"a/ground_truth/bad/9_mask.png": "#1",
		"a/ground_truth/bda/0_mask.png": "#1",
		"b/test/good/0.png":             "#8",
	})
	spec := Spec{"x", kindFolder, root, nil}
	want := `
mask-size a a/ground_truth/bad/0_mask.png: 3x4 pixels, its image 4x3
mask-empty a a/ground_truth/bad/1_mask.png: marks no pixel
unreadable a a/ground_truth/bad/2_mask.png: not a PNG, JPEG or BMP image: starts with "no pictu"
mask-unused a a/ground_truth/bad/9_mask.png: mask of no image
mask-unused a a/ground_truth/bda: no directory a/test/bda
mask-missing a a/test/bad/3.png: no mask a/ground_truth/bad/3_mask.png
file-ignored a a/test/bad/more: 1 images such as "0.png" are not read: the layout has images in a/test/KIND alone
file-unsupported a a/test/good: 1 files such as "scan.tif" are neither PNG, JPEG nor BMP
duplicate a a/test/good/0.png: the same bytes as the training image a/train/good/0.png
file-ignored a a/train: 1 images such as "0.png" are not read: the layout has images in a/train/KIND alone
unreadable a a/train/good/1.png: empty file, not an image
unreadable a a/train/good/2.png: damaged png image: png: invalid format: not enough pixel data
file-missing b b/train/good: no such directory: normal training images are expected there
`
	for _, cpus := range []int{1, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cpus))
		r, err := Check(t.Context(), spec, Env{})
		if err != nil {
			t.Fatal(err)
		}
		got := "\n"
		for _, p := range r.Problems {
			got += fmt.Sprintf("%s %s %s\n", p.Kind, p.Class, p)
		}
		if got != want {
			t.Errorf("with %d CPUs%swant%s", cpus, got, want)
		}
		a := r.Classes[0]
		if a.Found != (Counts{3, 1, 3}) || a.Masks != 3 || a.Dropped != 1 || a.Problems != 12 || a.Expected != nil {
			t.Errorf("class a: %+v", a)
		}
	}
}

func TestCheckCountsAgainstTheRelease(t *testing.T) {
	r, err := Check(t.Context(), Spec{"x", kindMVTec, write(t, with(mvtecFiles, "fork/train/good/1.png", "#1")), nil}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[ProblemKind]int{}
	for _, p := range r.Problems {
		kinds[p.Kind]++
	}
	if len(r.Classes) != 15 || kinds[ClassMissing] != 13 || kinds[Count] != 15 || kinds[ClassUnknown] != 1 || len(kinds) != 3 {
		t.Errorf("%d classes, problems %v", len(r.Classes), kinds)
	}
	last := r.Problems[len(r.Problems)-1]
	if last.Class != "fork" {
		t.Errorf("the last problem is %v, want that of the unknown class", last)
	}
	for _, p := range r.Problems {
		if want := "2 training images (the release has 209), 1 normal test images (the release has 20), 1 defective test images (the release has 63)"; p.Class == "bottle" && p.Message != want {
			t.Errorf("counts of bottle: %q, want %q", p.Message, want)
		}
	}
}

// age moves the modification times of all files back, so that they are trusted.
func age(t *testing.T, root string) {
	t.Helper()
	old := time.Date(2020, 2, 2, 2, 2, 2, 0, time.UTC) // the same each time
	err := filepath.WalkDir(root, func(file string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(file, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFingerprint(t *testing.T) {
	print := func(root string, env Env) *Fingerprint {
		t.Helper()
		d, err := Open(t.Context(), Spec{"x", kindFolder, root, nil}, env)
		if err != nil {
			t.Fatal(err)
		}
		f, err := d.Fingerprint(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	root := write(t, mvtecFiles)
	age(t, root)
	cached := Env{CacheDir: t.TempDir()}
	first := print(root, cached)
	if len(first.Files) != 8 {
		t.Errorf("%d files, want 8", len(first.Files))
	}
	if again := print(write(t, mvtecFiles), Env{}); again.Digest != first.Digest {
		t.Error("the same files elsewhere have another digest")
	}
	for name, files := range map[string]map[string]string{
		"image":       with(mvtecFiles, "bottle/test/good/000.png", "#77"),
		"mask":        with(mvtecFiles, "wood/ground_truth/bad/7.png", "#77"),
		"name":        with(mvtecFiles, "bottle/test/good/000.png", "", "bottle/test/good/001.png", "#3"),
		"label":       with(mvtecFiles, "bottle/test/good/000.png", "", "bottle/train/good/009.png", "#3"),
		"truth":       with(mvtecFiles, "wood/ground_truth/bad/7.png", ""),
		"fewer":       with(mvtecFiles, "bottle/train/good/001.png", ""),
		"swap of two": with(mvtecFiles, "bottle/train/good/000.png", "#2", "bottle/train/good/001.png", "#1"),
	} {
		if print(write(t, files), Env{}).Digest == first.Digest {
			t.Errorf("another %s has the same digest", name)
		}
	}

	// A file with known size and time is not read again; with another time it is.
	file := filepath.Join(root, "bottle/test/good/000.png")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(file, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if print(root, cached).Digest == first.Digest {
		t.Error("a changed file with a new time keeps its digest")
	}
	// What is known of a file is believed: here, that of another one.
	age(t, root)
	changed := print(root, cached)
	if changed.Digest == first.Digest && runtime.GOOS == "linux" {
		t.Error("a changed file that was given its old time keeps its digest")
	}
	if err := forge(cached.CacheDir, changed.Files["bottle/test/good/000.png"], first.Files["bottle/test/good/000.png"]); err != nil {
		t.Fatal(err)
	}
	if print(root, cached).Digest != first.Digest {
		t.Error("a file of known size and times was read again")
	}
	for _, name := range []string{"", "fingerprints"} {
		if err := damage(filepath.Join(cached.CacheDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if print(root, cached).Digest == first.Digest {
		t.Error("a damaged cache was believed")
	}
}

// forge replaces a digest in the cache.
func forge(cacheDir string, digest, by ad.Digest) error {
	files, err := filepath.Glob(filepath.Join(cacheDir, "fingerprints", "*.json"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(f, bytes.ReplaceAll(text, []byte(digest), []byte(by)), 0o666)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// damage overwrites the files of a directory.
func damage(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, f := range files {
		if err := os.WriteFile(f, []byte(`{"bottle/test`), 0o666); err != nil {
			return err
		}
	}
	return err
}

// The digest is pinned: a change would orphan every stored split and result.
func TestFingerprintIsPinned(t *testing.T) {
	d := &Dataset{Root: write(t, map[string]string{"a/1.png": "one", "a/2.png": "two", "a/2_mask.png": "mask"}), Samples: []ad.Sample{
		{ID: "a/1.png", Class: "a", Part: ad.Train, Defect: "good"},
		{ID: "a/2.png", Class: "a", Part: ad.Test, Label: ad.Anomalous, Defect: "bent \"pin\"", Truth: ad.TruthMask, Mask: "a/2_mask.png"},
	}}
	f, err := d.Fingerprint(t.Context(), Env{})
	if err != nil {
		t.Fatal(err)
	}
	if want := ad.Digest("sha256:247fc417b7ee999a1d949741c3dae89a61a65a24d6415194e6697680473f3134"); f.Digest != want {
		t.Errorf("digest %s, want %s", f.Digest, want)
	}
	if want := ad.Digest("sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"); f.Files["a/1.png"] != want {
		t.Errorf("digest of a file %s, want %s", f.Files["a/1.png"], want)
	}
}

// A file written a moment ago may be written again within the clock's grain: its
// digest must not be remembered.
func TestFreshFilesAreNotRemembered(t *testing.T) {
	root, env := write(t, mvtecFiles), Env{CacheDir: t.TempDir()}
	d, err := Open(t.Context(), Spec{"x", kindFolder, root, nil}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fingerprint(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	if known := openDigests(env.CacheDir, d.Root).known; len(known) != 0 {
		t.Errorf("remembered %v", known)
	}
}

func TestCancel(t *testing.T) {
	root := write(t, mvtecFiles)
	age(t, root)
	d, err := Open(t.Context(), Spec{"x", kindFolder, root, nil}, Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // more could be done before they notice
	ctx, cancel := context.WithCancel(t.Context())
	env := Env{CacheDir: t.TempDir(), Report: func(done, total int, what string) {
		if total != 8 || !strings.HasPrefix(what, "hashing") {
			t.Errorf("progress %d of %d, %s", done, total, what)
		}
		cancel()
	}}
	if _, err := d.Fingerprint(ctx, env); fault.KindOf(err) != fault.Canceled {
		t.Errorf("error %v, want cancelled", err)
	}
	if n := len(openDigests(env.CacheDir, d.Root).known); n == 0 || n == 8 {
		t.Errorf("%d digests kept, want some", n)
	}
	if _, err := Check(ctx, Spec{"x", kindFolder, root, nil}, Env{}); fault.KindOf(err) != fault.Canceled {
		t.Errorf("check: error %v, want cancelled", err)
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("1\r\n0576\t0\t0576.PNG\t0\t0\t\r\n0595\t1\t0595.PNG\t0\t0595_label.PNG\r\n")
	f.Add("0001 1 ../x 0 0")
	f.Add("1\n1\t0\t1.PNG\t0\t1_label.PNG\n")
	f.Add("1\n1\t0\t1.PNG\n2\t0\t1.png\n")
	f.Add("\n\n7\t\x00")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseLabels(strings.NewReader(text))
		seen := map[string]bool{}
		for _, r := range rows {
			if r.image == "" || strings.ContainsAny(r.image, "/\\\n\x00") || seen[fold(stem(r.image))] || r.line < 1 {
				t.Errorf("row %+v (%v)", r, err)
			}
			seen[fold(stem(r.image))] = true
		}
	})
}

func FuzzVisA(f *testing.F) {
	f.Add(visaFiles[visaCSV])
	f.Add("object,split,label,image,mask\npcb1,train,normal,../../x,\n")
	f.Add("image,mask,object,split,label\na/../b,,c,test,anomaly\n")
	f.Add("object,split\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseVisA("list", strings.NewReader(text))
		for _, r := range rows {
			if r.class == "" || !filepath.IsLocal(r.image) || r.mask != "" && !filepath.IsLocal(r.mask) || r.line < 2 {
				t.Errorf("row %+v (%v)", r, err)
			}
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add(jsonFiles["train.json"])
	f.Add(jsonFiles["test.json"])
	f.Add(`[{"filename": "x"}]`)
	f.Add(`{"filename": "/etc/passwd", "label": 0, "clsname": "a"}`)
	f.Add(`{"filename": "a.png", "label": true}`)
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseLines("list", strings.NewReader(text))
		for _, r := range rows {
			if r.class == "" || !filepath.IsLocal(r.image) || r.mask != "" && !filepath.IsLocal(r.mask) || r.line < 1 {
				t.Errorf("row %+v (%v)", r, err)
			}
		}
		if err != nil && fault.KindOf(err) != fault.Data {
			t.Errorf("error %v is no data error", err)
		}
	})
}
