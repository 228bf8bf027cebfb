package paired_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/compare"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/internal/golden"
	"github.com/ltadbench/ltadbench/reports/paired"
)

func value(x float64) *float64 { return &x }

// row makes one whose A is 0.8.
func row(m ad.Metric, g ad.Group, class ad.ClassName, of int, d float64) compare.Row {
	return compare.Row{Metric: m, Group: g, Class: class, Classes: of, Of: of, A: value(0.8), B: value(0.8 + d), Difference: value(d)}
}

// report covers what a table must tell apart: each verdict, no interval, an undefined
// class, ties, p-values too small to print, differences that round to nothing, fewer
// resamples, and what was left out.
func report() *paired.Report {
	interval := func(r compare.Row, low, high float64, v compare.Verdict) compare.Row {
		r.Interval, r.Verdict = &compare.Interval{Low: low, High: high, Resamples: 2000}, v
		return r
	}
	tests := func(r compare.Row, b, a, ties int, sign, permutation, holm float64) compare.Row {
		r.Sign, r.Permutation = &compare.Sign{B: b, A: a, Ties: ties, P: sign}, &compare.Permutation{P: permutation}
		r.Holm = value(holm)
		return r
	}
	fewer := interval(row(ad.PixelAUROC, ad.Low, "cog", 1, -0.00001), -0.01, 0.00004, compare.Neither)
	fewer.Interval.Resamples = 1990
	some := tests(row(ad.PixelAUROC, ad.All, "", 3, -0.05), 0, 2, 1, 0.5, 0.5, 1)
	some.Of = 4
	return &paired.Report{Schema: paired.Schema, A: "uniad", B: "ltad", Decimals: 2, Comparison: &compare.Comparison{
		Metrics: []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}, Resamples: 2000, Confidence: 0.9, Seed: 7, Tests: 2,
		Configurations: []compare.Configuration{{
			Dataset: "plant", Digest: "sha256:aabbccddeeff00112233", Protocol: metric.DefaultProtocol(), Split: "exp100", Encoder: "bank",
			MethodA: "uniad", MethodB: "ltad", Pairs: []compare.Keys{{Seed: 1, A: "sha256:01", B: "sha256:02"}, {SplitSeed: 1, A: "sha256:03", B: "sha256:04"}},
			Rows: []compare.Row{
				tests(interval(row(ad.ImageAUROC, ad.All, "", 4, 0.0512345), 0.01, 0.09, compare.BetterB), 4, 0, 0, 0.125, 0.0001, 0.0002),
				interval(row(ad.ImageAUROC, ad.High, "nut", 1, -0.0512345), -0.09, -0.01, compare.BetterA),
				some, fewer,
				{Metric: ad.PixelAUROC, Group: ad.Low, Class: "cam", Of: 1},
			},
			Notes:    []string{"ltad is told the names of the classes"},
			LeftOut:  []string{"A: plant/exp100/bank/uniad/seed2 failed (crash): out of luck"},
			Problems: []string{"B: plant/exp100/bank/ltad/seed3: its stored record cannot be used"},
		}, {
			Dataset: "plant", Protocol: metric.DefaultProtocol(), Split: "full", Encoder: "bank", MethodA: "uniad", MethodB: "uniad",
			Pairs: []compare.Keys{{}}, Rows: []compare.Row{row(ad.PixelAUPRO, ad.All, "", 4, 0)},
		}},
	}}
}

func TestGolden(t *testing.T) {
	r := report()
	last := &r.Configurations[1].Rows[0]
	last.Sign, last.Permutation, last.Holm = &compare.Sign{Ties: 4, P: 1}, &compare.Permutation{P: 1}, value(1)
	for _, format := range paired.Formats {
		var got bytes.Buffer
		if err := r.Write(&got, format); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/report."+format, got.Bytes())
	}
	if err := r.Write(&bytes.Buffer{}, "pdf"); fault.KindOf(err) != fault.Usage {
		t.Errorf("an unknown format: %v", err)
	}
}

// What is written as JSON is all there is.
func TestJSONIsLossless(t *testing.T) {
	want := report()
	var text bytes.Buffer
	if err := want.Write(&text, "json"); err != nil {
		t.Fatal(err)
	}
	got := &paired.Report{Decimals: 2}
	if err := json.Unmarshal(text.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
