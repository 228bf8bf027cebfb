package baselines_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/internal/golden"
)

func digest(c string) ad.Digest { return ad.Digest("sha256:" + strings.Repeat(c, 64)) }

// record is a done cell whose every number is x, but for pixel AUPRO, which is undefined.
func record(seed uint64, x float64) *result.Record {
	values := map[ad.Metric]metric.Value{}
	means := map[ad.Metric]metric.Mean{}
	for _, m := range ad.Metrics {
		values[m] = &x
		if m == ad.PixelAUPRO {
			values[m] = nil
		}
		means[m] = metric.Mean{Value: values[m], Classes: 1, Of: 1}
	}
	r := &result.Record{
		Schema: result.Schema, Status: result.Done,
		Inputs: result.Inputs{
			Schema: result.Schema, Dataset: digest("a"), Split: digest("b"), Encoder: digest("c"), Text: digest("d"), FeatureType: "float32",
			Method: "padim", MethodVersion: "1", MethodFiles: digest("e"), Engine: "ort", Seed: seed, Protocol: metric.DefaultProtocol(),
			Options: json.RawMessage(`{"d":100,"eps":1e-08,"on":true,"name":"yes","text":"a \"b\":\n\u007f,","none":null,"list":[0.5,"x: y",[]],"deep":{"b":[1],"a":{}}}`),
		},
		Means: map[ad.Group]map[ad.Metric]metric.Mean{ad.All: means, ad.High: means, ad.Low: means},
		Classes: []result.Class{
			{Name: "bolt", Group: ad.High, Train: 20, Normal: 5, Anomalous: 6, Metrics: values},
			{Name: "Mutter, groß: #1", Group: ad.Low, Train: 1, Normal: 5, Anomalous: 0, Metrics: values},
		},
		Run: result.Run{
			Device: "cpu", Features: "cpu, ONNX Runtime 1.27.0", Threads: 2, Seconds: map[string]float64{"fit": x},
			Machine: result.Machine{Ltadbench: "(devel)", Go: "go1.26", Platform: "linux/amd64", CPU: "A CPU @ 2 GHz", CPUs: 2, ONNXRuntime: "1.27.0"},
		},
	}
	r.Key = r.Inputs.Key()
	return r
}

func cell(method ad.MethodName, seed uint64) result.Cell {
	return result.Cell{Dataset: "plant", Split: "exp20", Encoder: "bank", Method: method, Seed: seed}
}

func failed() *result.Record {
	r := record(0, 0)
	r.Status, r.Means, r.Classes = result.Failed, nil, nil
	r.Failure = &result.Failure{Kind: fault.Crash, Source: fault.Author, Message: "exit status 7\nsecond line"}
	return r
}

// example has two seeds of one method and a failed cell of another.
func example() *baselines.Baseline {
	absolute, tight, deviations := 0.01, 0.001, 3.0
	b := &baselines.Baseline{Rules: []baselines.Rule{
		{Absolute: &absolute},
		{Methods: []ad.MethodName{"padim"}, Metrics: []ad.Metric{ad.ImageAUROC, ad.ImageAP}, Absolute: &tight, Deviations: &deviations},
		{Groups: []ad.Group{ad.Low}, Absolute: &tight},
	}}
	b.Add(cell("padim", 0), record(0, 1.0/3))
	b.Add(cell("padim", 1), record(1, 0.5))
	b.Add(cell("crasher", 0), failed())
	return b
}

func TestBaselineGolden(t *testing.T) {
	got, err := example().Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/baseline.yaml"
	golden.Check(t, path, got)
	// What was stored comes back: all numbers, inputs and options.
	again, err := baselines.ReadBaseline(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range example().Cells {
		var a, b any
		if json.Unmarshal(c.Inputs.Options, &a) != nil || json.Unmarshal(again.Cells[i].Inputs.Options, &b) != nil || !cmp.Equal(a, b) {
			t.Errorf("options %s came back as %s", c.Inputs.Options, again.Cells[i].Inputs.Options)
		}
		c.Inputs.Options, c.Pos = again.Cells[i].Inputs.Options, again.Cells[i].Pos
		if diff := cmp.Diff(c, again.Cells[i]); diff != "" {
			t.Errorf("cell %s came back otherwise:\n%s", c.Cell, diff)
		}
	}
	if pos := again.Cells[1].Pos; pos.File != path || !strings.Contains(strings.Split(string(got), "\n")[pos.Line-1], "method: padim, seed: 1") {
		t.Errorf("the second cell is at %s", pos)
	}
}

func TestTolerance(t *testing.T) {
	b := example()
	deviation := (0.5 - 1.0/3) / math.Sqrt2
	for _, c := range []struct {
		method ad.MethodName
		metric ad.Metric
		group  ad.Group
		want   float64
	}{
		{"padim", ad.ImageAUROC, ad.All, 3 * deviation},
		{"padim", ad.PixelAUROC, ad.All, 0.01},  // another metric: the first rule
		{"padim", ad.ImageAUROC, ad.Low, 0.001}, // the last rule that fits
		{"crasher", ad.ImageAUROC, ad.High, 0.01},
	} {
		got, err := b.Tolerance(cell(c.method, 1), c.metric, c.group)
		if err != nil || math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s of %s of %s: tolerance %v, %v; want %v", c.metric, c.group, c.method, got, err, c.want)
		}
	}
	b.Rules = b.Rules[1:2]
	if got, err := b.Tolerance(cell("padim", 0), ad.PixelAP, ad.All); err != nil || got != 0 {
		t.Errorf("no rule fits: tolerance %v, %v", got, err)
	}
	b.Cells = slices.Delete(b.Cells, 1, 2)
	if err := b.Check(); fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), "plant/exp20/bank/padim/seed0") {
		t.Errorf("deviations of one seed: %v", err)
	}
	if _, err := b.Bytes(nil); err == nil {
		t.Error("a baseline was written that cannot be used")
	}
}

// What a person wrote above the cells stays; new rules keep the first comment.
func TestBytesKeepsWhatStandsAbove(t *testing.T) {
	const head = "# Mine.\n# Found by experiment.\nschema: 1 # one\n\n# Why\ntolerance:\n- absolute: 0.02 # generous\n\n"
	whole, err := example().Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, cells, _ := strings.Cut(string(whole), "\ncells:\n")
	old := head + "cells:\n" + cells
	before, err := baselines.ParseBaseline("old.yaml", []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := before.Bytes([]byte(old)); err != nil || string(got) != old {
		t.Errorf("%v:\n%s", err, cmp.Diff(old, string(got)))
	}
	x := 0.5
	before.Rules = []baselines.Rule{{Absolute: &x}}
	got, err := before.Bytes([]byte(old))
	if err != nil || !bytes.HasPrefix(got, []byte("# Mine.\n# Found by experiment.\nschema: 1\n")) ||
		!bytes.Contains(got, []byte("\n  - {absolute: 0.5}\n")) || bytes.Contains(got, []byte("generous")) {
		t.Errorf("%v:\n%.300s", err, got)
	}
	// A file in another order keeps its rules, though not its comments.
	moved := "cells:\n" + cells + head
	if before, err = baselines.ParseBaseline("old.yaml", []byte(moved)); err != nil {
		t.Fatal(err)
	}
	if got, err := before.Bytes([]byte(moved)); err != nil || !bytes.Contains(got, []byte("\n  - {absolute: 0.02}\n")) {
		t.Errorf("%v:\n%.300s", err, got)
	}
}

func TestParseBaselineErrors(t *testing.T) {
	good, err := os.ReadFile("testdata/baseline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"empty", "*", "", "b.yaml: an empty file is no baseline"},
		{"not YAML", "*", "a: [", "b.yaml:1: not YAML"},
		{"two documents", "\ncells:", "\n---\ncells:", "more than one YAML document"},
		{"foreign", "*", "version: 1\n", "b.yaml:1:1: not a baseline of ltadbench: it has no schema"},
		{"a list", "*", "- 1\n", "it has no schema"},
		{"newer", "schema: 1", "schema: 2\nlater: yes", "b.yaml:6:9: schema 2 is that of a newer ltadbench; this one reads 1"},
		{"older", "schema: 1", "schema: 0", "schema 0, this ltadbench reads 1"},
		{"odd schema", "schema: 1", "schema: one", `schema: want a whole number, got "one"`},
		{"no cells", "*", "schema: 1\ncells: []\n", "b.yaml:1:1: a baseline without cells"},
		{"unknown key", "schema: 1", "schema: 1\ntolerances: []", `b.yaml:7:1: unknown key "tolerances"`},
		{"missing key", "status: done", "statu: done", `unknown key "statu"`},
		{"no status", "    status: done\n", "", `cells: no key "status"`},
		{"odd status", "status: done", "status: odd", `status: want done or failed, got "odd"`},
		{"done without numbers", "status: failed\n", "status: done\n", "a cell that is done has means and classes"},
		{"twice", "method: padim, seed: 1", "method: padim, seed: 0", "b.yaml:62:5: cell plant/exp20/bank/padim/seed0 is there twice, first in line 21"},
		{"number out of range", "image_auroc: 0.5,", "image_auroc: 50,", `image_auroc: want a fraction from 0 to 1, or null, got "50"`},
		{"not a number", "image_auroc: 0.5,", "image_auroc: .nan,", "image_auroc: want a fraction"},
		{"text for a number", "image_auroc: 0.5,", `image_auroc: "0.5",`, "image_auroc: want a fraction"},
		{"a metric is missing", "pixel_auroc: 0.5, ", "", `All: no key "pixel_auroc"`},
		{"digest", "text: sha256:d", "text: sha256:z", "text: want sha256: and 64 hexadecimal digits"},
		{"alias", "- {absolute: 0.01}", "- &a {absolute: 0.01}\n  - *a", "got an alias"},
		{"rule without a number", "- {absolute: 0.01}", "- {groups: [All]}", "b.yaml:15:5: tolerance: a rule needs absolute, deviations, or both"},
		{"rule of no groups", "- {absolute: 0.01}", "- {groups: [], absolute: 0.01}", "an empty list fits nothing"},
		{"rule for an unknown metric", "metrics: [image_auroc,", "metrics: [image_aucro,", `metrics: "image_aucro" is unknown`},
		{"rule for an unknown method", "methods: [padim]", "methods: [padin]", `b.yaml:16:5: rule 2 of the tolerance is for the method "padin"`},
		{"negative tolerance", "- {absolute: 0.01}", "- {absolute: -0.01}", "absolute: want a fraction"},
		{"class twice", "name: bolt,", `name: "Mutter, groß: #1",`, "is there twice"},
	} {
		text := strings.Replace(string(good), c.old, c.new, 1)
		if c.old == "*" {
			text = c.new
		}
		if text == string(good) {
			t.Errorf("%s: the file is as before", c.name)
		}
		_, err := baselines.ParseBaseline("b.yaml", []byte(text))
		if err == nil || fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
	if _, err := baselines.ReadBaseline("testdata/none.yaml"); fault.KindOf(err) != fault.Data {
		t.Errorf("no file: %v", err)
	}
}

// The baselines of this directory can be read.
func TestStoredBaselines(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") {
			if _, err := baselines.ReadBaseline(e.Name()); err != nil {
				t.Error(err)
			}
		}
	}
}

func FuzzParseBaseline(f *testing.F) {
	good, err := example().Bytes(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("schema: 1\ncells: []\n"))
	f.Add([]byte("schema: 1\ntolerance: [{absolute: 1}]\ncells: [{cell: {}}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := baselines.ParseBaseline("f", text)
		if err != nil {
			return
		}
		// What can be read can be written, and is then the same.
		once, err := b.Bytes(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := baselines.ParseBaseline("f", once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.Bytes(nil); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%v: %s", err, cmp.Diff(string(once), string(twice)))
		}
	})
}
