package reports_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
)

var update = flag.Bool("update", false, "write the golden files")

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
	return reports.Entry{Cell: c, Record: &result.Record{Cell: c, Inputs: in, Status: result.Done, Means: means, Maps: &result.Maps{}}}
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
		Failure: &result.Failure{Kind: fault.Timeout, Source: fault.Author, Message: "fit took longer than 10m0s\nsecond line"},
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
	options := reports.Options{Groups: []ad.Group{ad.All, ad.High, ad.Low}}
	for _, c := range []struct {
		name, format string
		colour       bool
		options      reports.Options
	}{
		{"table.txt", "table", false, reports.Options{}},
		{"table-colour.txt", "table", true, reports.Options{}},
		{"table-groups.txt", "table", false, options},
		{"report.csv", "csv", false, options},
		{"report.json", "json", false, reports.Options{}},
	} {
		golden(t, c.name, c.format, c.colour, reports.Build(entries(), c.options))
	}
}

func golden(t *testing.T, name, format string, colour bool, report interface {
	Write(w io.Writer, format string, colour bool) error
}) {
	t.Helper()
	var got bytes.Buffer
	if err := report.Write(&got, format, colour); err != nil {
		t.Fatal(err)
	}
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s differs (go test ./reports -update writes it):\n%s", path, diff)
	}
}

// Reports must be the same bytes from the same results, whatever Go's maps do.
func TestSameBytes(t *testing.T) {
	texts := map[string]bool{}
	for range 20 {
		var b bytes.Buffer
		if err := reports.Build(entries(), reports.Options{}).Write(&b, "json", false); err != nil {
			t.Fatal(err)
		}
		texts[b.String()] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d different reports of the same results", len(texts))
	}
}

func TestUnknownFormat(t *testing.T) {
	err := reports.Build(nil, reports.Options{}).Write(new(bytes.Buffer), "latex2", false)
	if fault.KindOf(err) != fault.Usage {
		t.Errorf("format latex2: %v, want a usage error", fmt.Sprint(err))
	}
	err = reports.BuildAblation(nil, nil, reports.Options{}).Write(new(bytes.Buffer), "latex2", false)
	if fault.KindOf(err) != fault.Usage {
		t.Errorf("format latex2 of an ablation: %v, want a usage error", fmt.Sprint(err))
	}
}
