package reports_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/internal/golden"
	"github.com/ltadbench/ltadbench/reports"
)

// record makes a finished cell whose means are det and seg for all classes, one
// point more for High and one less for Low.
func record(c result.Cell, det, seg float64) reports.Entry {
	means := map[ad.Group]map[ad.Metric]metric.Mean{}
	for g, shift := range map[ad.Group]float64{ad.All: 0, ad.High: 0.01, ad.Low: -0.01} {
		d, s := det+shift, seg+shift
		means[g] = map[ad.Metric]metric.Mean{
			ad.ImageAUROC: {Value: &d, Classes: 4, Of: 4},
			ad.PixelAUROC: {Value: &s, Classes: 4, Of: 4},
		}
	}
	in := result.Inputs{Schema: 1, Dataset: "sha256:aabbccddeeff00112233", Split: "sha256:5511", Seed: c.Seed,
		Protocol: metric.DefaultProtocol()}
	high, low := det+0.01, det-0.01
	classes := []result.Class{
		{Name: "bolt", Group: ad.High, Train: 20 + int(c.SplitSeed), Metrics: map[ad.Metric]metric.Value{ad.ImageAUROC: &high, ad.PixelAUROC: &seg}},
		{Name: "[1] nut|#1 -- *?`\"", Group: ad.Low, Train: 1, Metrics: map[ad.Metric]metric.Value{ad.ImageAUROC: &low, ad.PixelAUROC: nil}},
	}
	return reports.Entry{Cell: c, Record: &result.Record{Key: ad.Digest("sha256:" + c.String()), Cell: c, Inputs: in, Status: result.Done,
		Classes: classes, Means: means, Maps: &result.Maps{}}}
}

func cell(split string, method ad.MethodName, seed uint64) result.Cell {
	return result.Cell{Dataset: "plant", Split: split, Encoder: "bank", Method: method, Seed: seed}
}

// entries covers what a table must tell apart: ties as printed, several seeds, a
// failed cell, a failed seed, an undefined class, a prior, a cell that never ran,
// another split of the same name, and a result of another protocol.
func entries() []reports.Entry {
	failed := reports.Entry{Cell: cell("exp20", "hang", 0), Record: &result.Record{
		Status: result.Failed, Inputs: record(cell("exp20", "hang", 0), 0, 0).Record.Inputs,
		Failure: &result.Failure{Kind: fault.Timeout, Source: fault.Author, Message: "method \"hang\": fit took longer than 10m0s\nsecond line"},
	}}
	failedSeed := failed
	failedSeed.Cell = cell("step20", "hang", 1)
	prior := record(cell("step20", "padim", 0), 0.91234, 0.95)
	prior.Record.Prior = true
	partial := record(cell("step20", "hang", 0), 0.5, 0.5)
	pixel := partial.Record.Means[ad.All][ad.PixelAUROC]
	pixel.Classes = 3
	partial.Record.Means[ad.All][ad.PixelAUROC] = pixel
	none := partial.Record.Means[ad.Low]
	none[ad.PixelAUROC] = metric.Mean{Of: 2}
	other := record(cell("exp20", "padim", 0), 0.7, 0.7)
	other.Record.Inputs.Protocol.Size = 256
	redrawn := record(cell("exp20", "late", 0), 0.8, 0.8)
	redrawn.Record.Inputs.Split = "sha256:7722"
	return []reports.Entry{
		record(cell("exp20", "random", 0), 0.5, 0.5),
		record(cell("exp20", "padim", 0), 0.912341, 0.9511),
		record(cell("exp20", "patchcore", 0), 0.912339, 0.97),
		failed,
		record(cell("step20", "random", 0), 0.49, 0.51),
		record(cell("step20", "random", 1), 0.51, 0.50),
		prior,
		{Cell: cell("step20", "patchcore", 0)},
		partial, failedSeed,
		redrawn, other,
	}
}

func TestGolden(t *testing.T) {
	plain := reports.Options{Decimals: 2}
	groups := reports.Options{Decimals: 2, Groups: []ad.Group{ad.All, ad.High, ad.Low}}
	chosen := reports.Options{Decimals: 1, Methods: []ad.MethodName{"patchcore", "hang", "random"}, Published: published,
		Names: map[ad.MethodName]string{"patchcore": "PatchCore", "random": "by_chance & co."}}
	for _, c := range []struct {
		name, format string
		colour       bool
		options      reports.Options
	}{
		{"table.txt", "table", false, plain},
		{"table-colour.txt", "table", true, plain},
		{"table-groups.txt", "table", false, groups},
		{"table-chosen.txt", "table", false, chosen},
		{"per-class.txt", "table", false, reports.Options{Decimals: 2, Layout: reports.PerClass}},
		{"methods.txt", "table", false, reports.Options{Decimals: 2, Layout: reports.Ablation}},
		{"report.md", "markdown", false, chosen},
		{"report.tex", "latex", false, chosen},
		{"per-class.tex", "latex", false, reports.Options{Decimals: 2, Layout: reports.PerClass}},
		{"report.csv", "csv", false, groups},
		{"report.json", "json", false, reports.Options{Decimals: 2, Published: published}},
	} {
		check(t, c.name, c.format, c.colour, entries(), nil, c.options)
	}
}

// published knows a number of one method.
func published(e reports.Entry, m ad.Metric, _ ad.Group) (reports.Published, bool) {
	if e.Cell.Method != "patchcore" || m != ad.ImageAUROC {
		return reports.Published{}, false
	}
	return reports.Published{Value: 0.925, Source: "paper, Table 3", Remarks: []string{"published with encoder other"}}, true
}

func check(t *testing.T, name, format string, colour bool, entries []reports.Entry, presets []reports.Preset, o reports.Options) {
	t.Helper()
	report, err := reports.Build(entries, presets, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var got bytes.Buffer
	if err := report.Write(&got, format, colour); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/"+name, got.Bytes())
}

// Reports must be the same bytes from the same results, whatever Go's maps do.
func TestSameBytes(t *testing.T) {
	texts := map[string]bool{}
	for range 20 {
		var b bytes.Buffer
		for _, layout := range []string{reports.Comparison, reports.PerClass} {
			r, err := reports.Build(entries(), nil, reports.Options{Layout: layout})
			if err == nil {
				err = r.Write(&b, "json", false)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		texts[b.String()] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d different reports of the same results", len(texts))
	}
}

// Numbers rank as they are printed: 72.125 and 72.12 both read 72.12.
func TestRankAsPrinted(t *testing.T) {
	r, err := reports.Build([]reports.Entry{
		record(cell("exp20", "a", 0), 0.72125, 0.5), record(cell("exp20", "b", 0), 0.7212, 0.5), record(cell("exp20", "c", 0), 0.72, 0.4),
	}, nil, reports.Options{Decimals: 2})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, v := range r.Tables[0].Rows[0].Values {
		got = append(got, v.Rank)
	}
	if want := []int{1, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("ranks %v, want %v", got, want)
	}
}

// What is not there is named, with what is.
func TestUnknown(t *testing.T) {
	for _, c := range []struct {
		o      reports.Options
		format string
		want   string
	}{
		{reports.Options{}, "latex2", "latex2"},
		{reports.Options{Layout: "table9"}, "table", "table9"},
		{reports.Options{Methods: []ad.MethodName{"padim", "padme"}}, "table", "padme"},
		{reports.Options{Names: map[ad.MethodName]string{"padme": "PadMe"}}, "table", "padme"},
		{reports.Options{Layout: reports.Grid}, "table", "two columns"},
	} {
		r, err := reports.Build(entries(), nil, c.o)
		if err == nil {
			err = r.Write(new(bytes.Buffer), c.format, false)
		}
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v as %s: %v, want a usage error that names %s", c.o, c.format, err, c.want)
		}
	}
}
