package gallery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/gallery"
)

// entry makes a finished cell of one class from the scores of its normal images, n0,
// n1, ..., and of its anomalous ones, a0, a1, ...
func entry(method ad.MethodName, normal, anomalous []float32) reports.Entry {
	c := result.Cell{Dataset: "plant", Split: "exp20", Encoder: "bank", Method: method}
	r := &result.Record{Cell: c, Status: result.Done, Classes: []result.Class{{Name: "nut"}},
		Inputs: result.Inputs{Dataset: "sha256:aabb", Split: "sha256:55", Protocol: metric.DefaultProtocol()}}
	for i, s := range anomalous {
		r.Samples = append(r.Samples, result.Sample{ID: ad.SampleID(fmt.Sprint("a", i)), Class: "nut", Label: ad.Anomalous, Score: s})
	}
	for i, s := range normal {
		r.Samples = append(r.Samples, result.Sample{ID: ad.SampleID(fmt.Sprint("n", i)), Class: "nut", Score: s})
	}
	return reports.Entry{Cell: c, Record: r}
}

func choose(t *testing.T, o gallery.Options, entries ...reports.Entry) *gallery.Sheet {
	t.Helper()
	sheets, err := gallery.Choose(entries, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(sheets) != 1 {
		t.Fatalf("%d sheets", len(sheets))
	}
	return sheets[0]
}

func ids(s *gallery.Sheet) string {
	var out []string
	for _, r := range s.Rows {
		out = append(out, string(r.ID))
	}
	return strings.Join(out, " ")
}

func TestRules(t *testing.T) {
	f := func(scores ...float32) []float32 { return scores }
	// Misses by hand, of four normal and three anomalous images: a0 1.5/4 (one tie), a1
	// 0, a2 1/4; n0 0, n1 0, n2 0.5/3 (the tie), n3 2/3.
	plain := entry("plain", f(1, 2, 5, 8), f(5, 9, 7))
	// The other way round: a1 misses.
	other := entry("other", f(1, 2, 3, 4), f(9, 0, 8))
	all := func(r ...gallery.Rule) gallery.Options { return gallery.Options{Rules: r, PerClass: 9} }
	by := func(m ad.MethodName, r gallery.Rule) gallery.Options {
		return gallery.Options{Rules: []gallery.Rule{r}, PerClass: 9, By: m}
	}
	for name, c := range map[string]struct {
		o       gallery.Options
		entries []reports.Entry
		want    string
	}{
		// n3 0.667, a0 0.375, a2 0.25, n2 0.167, n1 0, n0 0, a1 0; of the last three n1
		// lies deepest among its own.
		"worst": {all(gallery.Worst), []reports.Entry{plain}, "n3 a0 a2 n2 n1 a1 n0"},
		"best":  {all(gallery.Best), []reports.Entry{plain}, "a1 a2 a0"},
		"two":   {gallery.Options{Rules: []gallery.Rule{gallery.Best, gallery.Worst}, PerClass: 1}, []reports.Entry{plain}, "a1 n3"},
		"by":    {by("other", gallery.Best), []reports.Entry{plain, other}, "a0 a2 a1"},
		// The mean: a1 (0 + 1)/2, a0 0.375/2, a2 0.25/2.
		"mean": {all(gallery.Best), []reports.Entry{plain, other}, "a2 a0 a1"},
		// All equal: by ID. One label: by the place in it.
		"ties":           {all(gallery.Worst), []reports.Entry{entry("flat", f(3, 3), f(3, 3))}, "a0 a1 n0 n1"},
		"one label":      {all(gallery.Worst), []reports.Entry{entry("one", nil, f(3, 1, 2))}, "a1 a2 a0"},
		"none anomalous": {all(gallery.Best), []reports.Entry{entry("one", f(3, 1, 2), nil)}, ""},
	} {
		if got := ids(choose(t, c.o, c.entries...)); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	s := choose(t, all(gallery.Worst), plain, other)
	for _, r := range s.Rows {
		if r.ID == "n2" && (r.Maps[0].Rank != 4 || r.Maps[0].Of != 7 || r.Maps[1].Rank != 4 || r.Normal != 4 || r.Anomalous != 3) {
			t.Errorf("n2: %+v", r)
		}
	}
	if s := choose(t, all(gallery.Best), entry("one", f(3), nil)); len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "class nut has no test images") {
		t.Errorf("notes %q", s.Notes)
	}
}

// A draw depends on the seed, not on the methods, and a longer one goes on.
func TestRandomRule(t *testing.T) {
	draw := func(seed uint64, n int, m ad.MethodName) string {
		scores := make([]float32, 12)
		scores[5] = float32(len(m))
		return ids(choose(t, gallery.Options{Rules: []gallery.Rule{gallery.Random}, PerClass: n, Seed: seed}, entry(m, scores, scores)))
	}
	if a, b := draw(1, 5, "x"), draw(1, 6, "another"); !strings.HasPrefix(b, a+" ") {
		t.Errorf("%q, and more of it %q", a, b)
	}
	if draw(1, 9, "x") == draw(2, 9, "x") {
		t.Error("another seed draws the same")
	}
}

func TestColumnsAndSheets(t *testing.T) {
	f := func(scores ...float32) []float32 { return scores }
	with := func(e reports.Entry, change func(e *reports.Entry)) reports.Entry {
		r := *e.Record
		e.Record = &r
		change(&e)
		return e
	}
	base := entry("a", f(1), f(2))
	failed := with(base, func(e *reports.Entry) { e.Record.Status = result.Failed; e.Cell.Seed = 1 })
	second := with(base, func(e *reports.Entry) { e.Cell.Seed = 2 })
	redrawn := with(base, func(e *reports.Entry) { e.Cell.SplitSeed, e.Record.Inputs.Split = 7, "sha256:66" })
	missing := reports.Entry{Cell: entry("b", nil, nil).Cell}
	damaged := reports.Entry{Cell: entry("c", nil, nil).Cell, Problem: "its stored record cannot be used"}
	step := with(entry("a", f(1), f(2)), func(e *reports.Entry) { e.Cell.Split = "step20" })
	sized := with(entry("b", f(1), f(2)), func(e *reports.Entry) { e.Record.Inputs.Protocol.Size = 64 })

	s := choose(t, gallery.Options{Names: map[ad.MethodName]string{"a": "A!"}, Methods: []ad.MethodName{"c", "a", "b"}}, failed, second, missing, damaged, redrawn)
	var got []string
	for i, c := range s.Columns {
		got = append(got, fmt.Sprintf("%s seed %d of %d: %q", c.Name, c.Cell.Seed, c.Seeds, s.Rows[0].Maps[i].Missing))
	}
	want := []string{`c seed 0 of 1: "its stored record cannot be used"`, `A! seed 2 of 3: ""`, `b seed 0 of 1: "no result yet"`}
	if !slices.Equal(got, want) {
		t.Errorf("columns %q", got)
	}
	sheets, err := gallery.Choose([]reports.Entry{base, step, sized}, gallery.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, s := range sheets {
		text := s.Title() + fmt.Sprint(" ", s.Protocol.Size)
		for _, c := range s.Columns {
			text += " " + c.Name
		}
		got = append(got, text)
	}
	want = []string{"plant, exp20, bank 224 a", "plant, step20, bank 224 a", "plant, exp20, bank 64 b"}
	if !slices.Equal(got, want) {
		t.Errorf("sheets %q", got)
	}
	s = choose(t, gallery.Options{By: "b"}, base, missing)
	if len(s.Rows) != 0 || len(s.Problems) != 1 {
		t.Errorf("chosen by a method without results: %d rows, problems %v", len(s.Rows), s.Problems)
	}
	for _, o := range []gallery.Options{
		{Rules: []gallery.Rule{"wrost"}}, {Methods: []ad.MethodName{"x"}}, {By: "x"}, {Names: map[ad.MethodName]string{"x": "X"}},
		{PerClass: -1}, {Size: 95}, {Size: 5000},
	} {
		if _, err := gallery.Choose([]reports.Entry{base}, o); fault.KindOf(err) != fault.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
