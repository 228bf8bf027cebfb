package synthetic

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
)

func TestParseOptions(t *testing.T) {
	for _, empty := range []string{"", "null", "{}", `{"size": null}`} {
		o, err := ParseOptions(json.RawMessage(empty))
		if err != nil || !reflect.DeepEqual(o, DefaultOptions()) {
			t.Errorf("%q: %+v, %v", empty, o, err)
		}
	}
	o, err := ParseOptions(json.RawMessage(`{"train": 5, "classes": 3, "seed": 18446744073709551615, "train_defects": 0.01}`))
	want := DefaultOptions()
	want.Classes, want.Train, want.Seed, want.TrainDefects = Families()[:3], []int{5, 5, 5}, 1<<64-1, 0.01
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("%+v, %v", o, err)
	}
	if n := o.trainDefects(0); n != 1 {
		t.Errorf("%d defective training images, want at least one", n)
	}
	o, err = ParseOptions(json.RawMessage(`{"classes": ["wood", "lacquer"]}`))
	if err != nil || !reflect.DeepEqual(o.Train, []int{100, 36}) {
		t.Errorf("%+v, %v", o, err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseOptions(text); err != nil || !reflect.DeepEqual(again, o) {
		t.Errorf("%s: %+v, %v", text, again, err)
	}
}

// TestDefaultSizesDifferFromNames: the split's orders by size and by name differ.
func TestDefaultSizesDifferFromNames(t *testing.T) {
	sizes := DefaultOptions().Train
	seen, falls, rises := map[int]bool{}, 0, 0
	for i, n := range sizes {
		if seen[n] {
			t.Errorf("two classes of %d images", n)
		}
		seen[n] = true
		if i > 0 && n < sizes[i-1] {
			falls++
		} else if i > 0 {
			rises++
		}
	}
	if falls < 3 || rises < 3 {
		t.Errorf("sizes are nearly sorted: %v", sizes)
	}
}

func TestParseOptionsErrors(t *testing.T) {
	for _, test := range []struct{ raw, message, hint string }{
		{`[]`, "not a JSON object", ""},
		{`{"size": 256`, "not a JSON object", ""},
		{`{"sise": 256}`, `unknown option "sise"`, `did you mean "size"?`},
		{`{"Size": 256}`, `unknown option "Size"`, `did you mean "size"?`},
		{`{"test_defects": 2}`, `unknown option "test_defects"`, `did you mean "test_defect"?`},
		{`{"size": "256"}`, `option "size": want a whole number of pixels, got "256"`, ""},
		{`{"size": 63}`, `option "size": 63 is not from 64 to 1024 pixels`, ""},
		{`{"classes": 0}`, `option "classes": want a number from 1 to 12 or a list of names, got 0`, ""},
		{`{"classes": []}`, `option "classes": names no class`, ""},
		{`{"classes": ["wod"]}`, `unknown class "wod"`, `did you mean "wood"?`},
		{`{"classes": ["wood", "wood"]}`, `"wood" is there twice`, ""},
		{`{"train": [1, 2]}`, `option "train": 2 counts for 12 classes`, ""},
		{`{"train": [1]}`, `option "train": 1 counts for 12 classes`, ""},
		{`{"train": 0}`, `option "train": 0 for class "woven" is not from 1 to 2400 images`, ""},
		{`{"train": 1.5}`, `option "train": want a whole number of images or a list`, ""},
		{`{"test_normal": -1}`, `option "test_normal": -1 is not from 1 to 2400 images`, ""},
		{`{"test_defect": 2401}`, `option "test_defect": 2401 is not`, ""},
		{`{"train_defects": 1.5}`, `option "train_defects": 1.5 is not a fraction from 0 to 1`, ""},
		{`{"masks": "oval"}`, `option "masks": "oval" is neither "exact" nor "ellipse"`, ""},
		{`{"seed": -1}`, `option "seed": want a whole number from 0 on, got -1`, ""},
	} {
		_, err := ParseOptions(json.RawMessage(test.raw))
		if err == nil || fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: error %v, want %q", test.raw, err, test.message)
			continue
		}
		if shown := fault.Format(err); !strings.Contains(shown, test.hint) {
			t.Errorf("%s: %q has no %q", test.raw, shown, test.hint)
		}
	}
}

// FuzzParseOptions: whatever is accepted is valid and means the same when it is
// written and read again.
func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `{"classes": 2, "train": [3, 4]}`, `{"classes": ["wood"], "masks": "ellipse"}`,
		`{"train": 7, "size": 64, "train_defects": 1e-3, "seed": 9}`, `{"classes": null, "x": 1}`, `{"train": [[]]}`, `3`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := ParseOptions(raw)
		if err != nil {
			return
		}
		if err := o.validate(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseOptions(text); err != nil || !reflect.DeepEqual(again, o) {
			t.Fatalf("%s: %+v, %v", text, again, err)
		}
	})
}
