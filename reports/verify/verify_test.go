package verify_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/internal/golden"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/verify"
)

func cell(method ad.MethodName) result.Cell {
	return result.Cell{Dataset: "plant", Split: "exp20", Encoder: "bank", Method: method}
}

// record is a done cell; all its numbers are 0.5, but for image AUROC, which is high of
// the class bolt, in High, and low of nut and screw, in Low.
func record(high, nut, screw float64) *result.Record {
	class := func(name ad.ClassName, g ad.Group, x float64) result.Class {
		return result.Class{Name: name, Group: g, Metrics: values(x)}
	}
	r := &result.Record{
		Schema: result.Schema, Status: result.Done,
		Inputs: result.Inputs{
			Schema: result.Schema, Dataset: "sha256:aa", Split: "sha256:bb", Encoder: "sha256:cc", FeatureType: "float32",
			Method: "ltad", MethodVersion: "1", MethodFiles: "sha256:dd", Engine: "ort", Protocol: metric.DefaultProtocol(),
			Options: json.RawMessage(`{"epochs":40,"lr":1e-3,"levels":[1,2],"deep":{"a":1,"b":2}}`),
		},
		Means: map[ad.Group]map[ad.Metric]metric.Mean{
			ad.All: means((high + nut + screw) / 3), ad.High: means(high), ad.Low: means((nut + screw) / 2),
		},
		Classes: []result.Class{class("bolt", ad.High, high), class("nut", ad.Low, nut), class("screw", ad.Low, screw)},
		Run:     result.Run{Threads: 2, Device: "cpu", Machine: result.Machine{CPU: "a CPU", ONNXRuntime: "1.27.0"}},
	}
	return r
}

func values(x float64) map[ad.Metric]metric.Value {
	out := map[ad.Metric]metric.Value{}
	for _, m := range ad.Metrics {
		half := 0.5
		out[m] = &half
	}
	out[ad.ImageAUROC] = &x
	return out
}

func means(x float64) map[ad.Metric]metric.Mean {
	out := map[ad.Metric]metric.Mean{}
	for m, v := range values(x) {
		out[m] = metric.Mean{Value: v, Classes: 1, Of: 1}
	}
	return out
}

func failed(r *result.Record) *result.Record {
	r.Status, r.Means, r.Classes = result.Failed, nil, nil
	r.Failure = &result.Failure{Kind: fault.Crash, Source: fault.Author, Message: "exit status 7\nlog"}
	return r
}

func undefined(r *result.Record) *result.Record {
	for _, g := range []ad.Group{ad.All, ad.High, ad.Low} {
		r.Means[g][ad.PixelAP] = metric.Mean{Of: 1}
	}
	return r
}

func changed(f func(in *result.Inputs)) *result.Record {
	r := record(0.9, 0.8, 0.7)
	f(&r.Inputs)
	return r
}

// number is the line of a metric and a group.
func number(c verify.Cell, m ad.Metric, g ad.Group) verify.Line {
	i := slices.IndexFunc(c.Lines, func(l verify.Line) bool { return l.Metric == m && l.Group == g })
	if i < 0 {
		return verify.Line{}
	}
	return c.Lines[i]
}

func TestVerdicts(t *testing.T) {
	tolerance, none := 0.01, 0.0
	good := record(0.9, 0.8, 0.7)
	options := func(text string) *result.Record {
		return changed(func(in *result.Inputs) { in.Options = json.RawMessage(text) })
	}
	for _, c := range []struct {
		name      string
		base, now *result.Record // nil: there is none
		rules     []baselines.Rule
		want      verify.Verdict
		kind      fault.Kind // of the error; "" for none
		text      string     // what the table says somewhere
	}{
		{"the same", good, record(0.9, 0.8, 0.7), nil, verify.Equal, "", "1 cell: 1 equal; of the numbers 21 equal"},
		{"within the tolerance", good, record(0.9, 0.79, 0.7), nil, verify.Equal, "", "1 equal"},
		{"on the edge of the tolerance", record(0.5, 0.5, 0.5), record(0.51, 0.49, 0.49), nil, verify.Equal, "", "1 equal"},
		{"beyond it", good, record(0.9, 0.7, 0.69), nil, verify.Regressed, fault.Regression, "classes that lost most image_auroc: nut from 80.00 to 70.00, screw from 70.00 to 69.00"},
		{"better", good, record(0.9, 0.9, 0.9), nil, verify.Improved, "", "+15.00"},
		{"better and worse", good, record(0.8, 0.9, 0.9), nil, verify.Regressed, fault.Regression, "bolt from 90.00 to 80.00"},
		{"no tolerance", good, record(0.9, 0.8, 0.69999), []baselines.Rule{{Absolute: &none}}, verify.Regressed, fault.Regression, "-0.0005"},
		{"number lost", good, undefined(record(0.9, 0.8, 0.7)), nil, verify.Regressed, fault.Regression, "n/a"},
		{"number gained", undefined(record(0.9, 0.8, 0.7)), good, nil, verify.Improved, "", "n/a"},
		{"undefined in both", undefined(record(0.9, 0.8, 0.7)), undefined(record(0.9, 0.8, 0.7)), nil, verify.Equal, "", "1 equal"},

		{"failed now", good, failed(record(0, 0, 0)), nil, verify.Failed, fault.Regression, "failed: crash, by the method: exit status 7"},
		{"failed in both", failed(record(0, 0, 0)), failed(record(0, 0, 0)), nil, verify.Equal, "", "equal: it failed as in the baseline: crash"},
		{"failed then", failed(record(0, 0, 0)), good, nil, verify.Improved, "", "has numbers now"},
		{"missing", good, nil, nil, verify.Missing, fault.NotComparable, "missing"},
		{"extra", nil, good, nil, verify.Extra, fault.NotComparable, "extra: the baseline has no such cell"},

		{"other data", good, changed(func(in *result.Inputs) { in.Dataset = "sha256:ab" }), nil, verify.NotComparable, fault.NotComparable, "dataset is aa in the baseline, now ab"},
		{"other split", good, changed(func(in *result.Inputs) { in.Split = "sha256:ab" }), nil, verify.NotComparable, fault.NotComparable, "split is"},
		{"other encoder", good, changed(func(in *result.Inputs) { in.Encoder = "sha256:ab" }), nil, verify.NotComparable, fault.NotComparable, "encoder is"},
		{"a text side", good, changed(func(in *result.Inputs) { in.Text = "sha256:ab" }), nil, verify.NotComparable, fault.NotComparable, "text encoder is nothing in the baseline, now ab"},
		{"other features", good, changed(func(in *result.Inputs) { in.FeatureType = "float16" }), nil, verify.NotComparable, fault.NotComparable, "feature type is float32 in the baseline, now float16"},
		{"other method", good, changed(func(in *result.Inputs) { in.Method = "uniad" }), nil, verify.NotComparable, fault.NotComparable, "method is ltad in the baseline, now uniad"},
		{"other seed", good, changed(func(in *result.Inputs) { in.Seed = 1 }), nil, verify.NotComparable, fault.NotComparable, "seed is 0"},
		{"other protocol", good, changed(func(in *result.Inputs) { in.Protocol.AUPROLimit = 0.05 }), nil, verify.NotComparable, fault.NotComparable, "protocol aupro_limit is 0.3 in the baseline, now 0.05"},
		{"other option", good, options(`{"epochs":20,"lr":1e-3,"levels":[1,2],"deep":{"a":1,"b":2}}`), nil, verify.NotComparable, fault.NotComparable, "option epochs is 40 in the baseline, now 20"},
		{"option in an option", good, options(`{"epochs":40,"lr":1e-3,"levels":[1,2],"deep":{"a":1,"b":3}}`), nil, verify.NotComparable, fault.NotComparable, "option deep.b is 2 in the baseline, now 3"},
		{"other list", good, options(`{"epochs":40,"lr":1e-3,"levels":[2,1],"deep":{"a":1,"b":2}}`), nil, verify.NotComparable, fault.NotComparable, "option levels is [1, 2] in the baseline, now [2, 1]"},
		{"new option", good, options(`{"epochs":40,"lr":1e-3,"levels":[1,2],"deep":{"a":1,"b":2},"name":"x"}`), nil, verify.NotComparable, fault.NotComparable, `option name is nothing in the baseline, now "x"`},
		{"option gone", good, options(`{"lr":1e-3,"levels":[1,2],"deep":{"a":1,"b":2}}`), nil, verify.NotComparable, fault.NotComparable, "option epochs is 40 in the baseline, now nothing"},
		{"options written otherwise", good, options(`{"lr":0.001,"levels":[1,2],"epochs":4e1,"deep":{"b":2,"a":1}}`), nil, verify.Equal, "", "1 equal"},
		{"failed under another option", good, failed(options(`{"epochs":20}`)), nil, verify.NotComparable, fault.NotComparable, "option epochs"},

		{"method version", good, changed(func(in *result.Inputs) { in.MethodVersion = "2" }), nil, verify.Equal, "", "not the same: ltad's method version is 1 in the baseline, now 2"},
		{"method program", good, changed(func(in *result.Inputs) { in.MethodFiles = "sha256:ee" }), nil, verify.Equal, "", "not the same: the programs of methods"},
		{"engine", good, changed(func(in *result.Inputs) { in.Engine = "go" }), nil, verify.Equal, "", "not the same: ltad's engine is ort in the baseline, now go"},
	} {
		b := &baselines.Baseline{Rules: []baselines.Rule{{Absolute: &tolerance}}}
		if c.rules != nil {
			b.Rules = c.rules
		}
		if c.base != nil {
			b.Add(cell("ltad"), c.base)
		}
		var entries []reports.Entry
		if c.now != nil {
			entries = append(entries, reports.Entry{Cell: cell("ltad"), Record: c.now})
		}
		r, err := verify.Compare("b.yaml", b, nil, entries, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Cells[0].Verdict != c.want {
			t.Errorf("%s: verdict %s, want %s", c.name, r.Cells[0].Verdict, c.want)
		}
		if err := r.Err(); (err == nil) != (c.kind == "") || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s: error %v, want kind %q", c.name, err, c.kind)
		}
		if r.Strict = c.name == "better"; r.Strict && fault.KindOf(r.Err()) != fault.Regression {
			t.Errorf("%s: error %v when strict, want a regression", c.name, r.Err())
		}
		if r.Strict {
			var junit, notes bytes.Buffer
			if err := errors.Join(r.WriteJUnit(&junit), r.WriteAnnotations(&notes)); err != nil ||
				!strings.Contains(junit.String(), `failures="1"`) || !strings.HasPrefix(notes.String(), "::error ") {
				t.Errorf("%s: when strict, %v:\n%s\n%s", c.name, err, &junit, &notes)
			}
			r.Strict = false
		}
		var text bytes.Buffer
		if err := r.WriteTable(&text, false); err != nil || !strings.Contains(text.String(), c.text) {
			t.Errorf("%s: the table lacks %q:\n%s", c.name, c.text, &text)
		}
	}
}

// A record that cannot be used is a cell that is missing, for that reason.
func TestDamagedRecordIsMissing(t *testing.T) {
	b := &baselines.Baseline{}
	b.Add(cell("ltad"), record(0.9, 0.8, 0.7))
	r, err := verify.Compare("b.yaml", b, nil, []reports.Entry{{Cell: cell("ltad"), Problem: "its record is torn"}}, nil)
	if err != nil || r.Cells[0].Verdict != verify.Missing || r.Cells[0].Reason != "its record is torn" {
		t.Errorf("%+v, %v", r, err)
	}
}

// mixed is a comparison with a cell of every verdict.
func mixed(t *testing.T) *verify.Result {
	tolerance, tight := 0.01, 0.001
	b := &baselines.Baseline{Rules: []baselines.Rule{{Absolute: &tolerance}, {Groups: []ad.Group{ad.Low}, Absolute: &tight}}}
	var entries []reports.Entry
	for _, c := range []struct {
		name ad.MethodName
		now  *result.Record
	}{
		{"same", record(0.9, 0.8, 0.7)}, {"worse", record(0.9, 0.6, 0.8)}, {"better", record(0.95, 0.8, 0.7)},
		{"crashed", failed(record(0, 0, 0))}, {"gone", nil}, {"unlike", changed(func(in *result.Inputs) { in.Options = json.RawMessage(`{"note":"50% <b>, a:b"}`) })},
	} {
		b.Add(cell(c.name), record(0.9, 0.8, 0.7))
		if c.now != nil {
			entries = append(entries, reports.Entry{Cell: cell(c.name), Record: c.now})
		}
	}
	entries = append(entries, reports.Entry{Cell: cell("new"), Record: record(0.5, 0.5, 0.5)})
	for i := range b.Cells {
		b.Cells[i].Pos = fault.Pos{File: "baselines/a,b.yaml", Line: 10 * (i + 1), Col: 5}
	}
	r, err := verify.Compare("baselines/a,b.yaml", b, nil, entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGolden(t *testing.T) {
	r := mixed(t)
	for _, c := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"verify.txt", func(w io.Writer) error { return r.WriteTable(w, false) }},
		{"verify.json", r.WriteJSON},
		{"verify.xml", r.WriteJUnit},
		{"annotations.txt", r.WriteAnnotations},
	} {
		var got bytes.Buffer
		if err := c.write(&got); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/"+c.name, got.Bytes())
	}
	var all bytes.Buffer
	if err := r.WriteTable(&all, true); err != nil || strings.Count(all.String(), "plant/exp20/bank/same/seed0 ") != 21 {
		t.Errorf("not all numbers of a cell that is equal, %v:\n%s", err, &all)
	}
	if l := number(r.Cells[1], ad.ImageAUROC, ad.Low); l.Verdict != verify.Regressed || l.Tolerance != 0.001 || len(l.Classes) != 1 || l.Classes[0].Class != "nut" {
		t.Errorf("line %+v", l)
	}
}

// junit is the schema of JUnit reports that Jenkins publishes, as far as it goes: the
// children and the attributes that an element may have, those with a ! that it must.
var junit = map[string]struct{ children, attributes string }{
	"":           {"testsuites testsuite", ""},
	"testsuites": {"testsuite", "name time tests failures disabled errors"},
	"testsuite": {"properties testcase system-out system-err",
		"name! tests! failures errors time disabled skipped timestamp hostname id package group file line"},
	"testcase":   {"skipped error failure system-out system-err", "name! classname! assertions time status class file line group"},
	"skipped":    {"", "message type"},
	"error":      {"", "message type"},
	"failure":    {"", "message type"},
	"system-out": {"", ""},
}

func TestJUnitSchema(t *testing.T) {
	var text bytes.Buffer
	if err := mixed(t).WriteJUnit(&text); err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(&text)
	path := []string{""}
	counts, claimed := map[string]int{}, map[string]string{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			name, parent := e.Name.Local, path[len(path)-1]
			if !slices.Contains(strings.Fields(junit[parent].children), name) {
				t.Errorf("%q in %q", name, parent)
			}
			known := strings.Fields(junit[name].attributes)
			for _, a := range e.Attr {
				if !slices.Contains(known, a.Name.Local) && !slices.Contains(known, a.Name.Local+"!") {
					t.Errorf("attribute %q of %q", a.Name.Local, name)
				}
				if name == "testsuite" {
					claimed[a.Name.Local] = a.Value
				}
			}
			for _, k := range known {
				if must, ok := strings.CutSuffix(k, "!"); ok && !slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == must }) {
					t.Errorf("%q without %q", name, must)
				}
			}
			counts[name]++
			path = append(path, name)
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
	for attribute, element := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
		if claimed[attribute] != strconv.Itoa(counts[element]) {
			t.Errorf("%s=%q, and %d of %q", attribute, claimed[attribute], counts[element], element)
		}
	}
	// Only a cell that was compared and is no worse may look like a test that passed.
	if counts["failure"] != 2 || counts["error"] != 2 || counts["skipped"] != 1 || counts["testcase"] != 7 {
		t.Errorf("counts %v", counts)
	}
}

// Numbers that no seed has, of a method without maps, have no spread, and need none.
func TestDeviationsOfUndefined(t *testing.T) {
	three := 3.0
	b := &baselines.Baseline{Rules: []baselines.Rule{{Deviations: &three}}}
	var entries []reports.Entry
	for seed := range uint64(2) {
		c := cell("ltad")
		c.Seed = seed
		r := undefined(record(0.9, 0.8, 0.7+float64(seed)/100))
		b.Add(c, r)
		entries = append(entries, reports.Entry{Cell: c, Record: r})
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if r, err := verify.Compare("b.yaml", b, nil, entries, nil); err != nil || r.Verdict != verify.Equal {
		t.Errorf("%v, %+v; want equal", err, r)
	}
}
