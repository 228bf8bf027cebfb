package html_test

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/html"
)

// attack is a text that does harm wherever it is not escaped.
const attack = `</script><img src=x onerror="window.hacked=1"> '"&\ {{.}} ` + "`${window.hacked=1}`"

// hostile names: an attack, one written from right to left with an override, one that
// is far too long.
var hostile = []ad.ClassName{attack, "\u202eעברית-evil\u202c", ad.ClassName(strings.Repeat("long", 60))}

// record makes a finished cell of n classes; shift moves all of its numbers.
func record(c result.Cell, n int, shift float64) reports.Entry {
	in := result.Inputs{Schema: 1, Dataset: ad.Digest("sha256:da7a" + string(c.Dataset)), Split: "sha256:5711", Encoder: "sha256:e0c0", FeatureType: "float32",
		Method: string(c.Method), MethodVersion: "3", MethodFiles: "sha256:f11e", Engine: "ort", Options: []byte(`{"epochs":40,"note":"a \u003cb\u003e"}`),
		Seed: c.Seed, Protocol: metric.DefaultProtocol()}
	r := &result.Record{Schema: 1, Key: in.Key(), Cell: c, Inputs: in, Status: result.Done,
		Means: map[ad.Group]map[ad.Metric]metric.Mean{}, Maps: &result.Maps{Digest: "sha256:3a95", Kept: true},
		Run: result.Run{Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: map[string]float64{"fit": 1.5, "predict": 0.25, "total": 2},
			Memory: map[string]int64{"method": 100 << 20}, Device: "cpu", Threads: 2, Command: []string{"ltadbench", "plugin", "serve"},
			Machine: result.Machine{Ltadbench: "v1.2.3", Go: "go1.26", Platform: "linux/amd64", CPU: "CPU of tests", CPUs: 2, ONNXRuntime: "1.27.0"}}}
	sum := map[ad.Group]float64{}
	count := map[ad.Group]int{}
	for i := range n {
		name := ad.ClassName(fmt.Sprintf("class%03d", i))
		if i < len(hostile) && n > 10 {
			name = hostile[i]
		}
		group := ad.High
		if i >= n/2 {
			group = ad.Low
		}
		x := 0.9 - float64((i*37)%n)/float64(4*n) + shift
		y := x + 0.05
		r.Classes = append(r.Classes, result.Class{Name: name, Group: group, Train: 2 * (n - i), Normal: 5, Anomalous: 5,
			Metrics: map[ad.Metric]metric.Value{ad.ImageAUROC: &x, ad.PixelAUROC: &y}})
		for _, g := range []ad.Group{ad.All, group} {
			sum[g] += x
			count[g]++
		}
	}
	for g, s := range sum {
		x := s / float64(count[g])
		y := x + 0.05
		r.Means[g] = map[ad.Metric]metric.Mean{
			ad.ImageAUROC: {Value: &x, Classes: count[g], Of: count[g]},
			ad.PixelAUROC: {Value: &y, Classes: count[g], Of: count[g]},
		}
	}
	return reports.Entry{Cell: c, Record: r}
}

func cell(dataset ad.DatasetName, split string, method ad.MethodName, seed uint64) result.Cell {
	return result.Cell{Dataset: dataset, Split: split, Encoder: "bank", Method: method, Seed: seed}
}

// page is a report of two datasets, one of them small, the other with n classes, with
// all that can go wrong.
func page(n int) html.Page {
	failed := record(cell("plant", "exp20", "breaks", 0), 4, 0)
	failed.Record.Status, failed.Record.Classes, failed.Record.Means = result.Failed, nil, nil
	failed.Record.Failure = &result.Failure{Kind: fault.Crash, Source: fault.Author, Message: "the plugin died: exit status 7\n" + attack,
		Hint: "look at " + attack, Log: "line 1\n" + attack}
	prior := record(cell("plant", "step20", "padim", 0), 4, 0.01)
	prior.Record.Prior, prior.Record.Warnings = true, []string{attack}
	evil := ad.MethodName(attack)
	entries := []reports.Entry{
		record(cell("plant", "exp20", "random", 0), 4, -0.3),
		record(cell("plant", "exp20", "random", 1), 4, -0.28),
		record(cell("plant", "exp20", "padim", 0), 4, 0.02),
		failed,
		record(cell("plant", "exp20", evil, 0), 4, 0),
		record(cell("plant", "step20", "random", 0), 4, -0.31),
		record(cell("plant", "step20", "random", 1), 4, -0.33),
		prior,
		{Cell: cell("plant", "step20", "breaks", 0)},
		{Cell: cell("plant", "step20", evil, 0), Problem: "its stored record cannot be used"},
		record(cell("street", "exp20", "random", 0), n, -0.35),
		record(cell("street", "exp20", "padim", 0), n, 0),
	}
	o := reports.Options{Decimals: 2, Published: func(e reports.Entry, m ad.Metric, g ad.Group) (reports.Published, bool) {
		return reports.Published{Value: 0.9, Source: "a paper, Table 3", Remarks: []string{"other data"}},
			e.Cell.Method == "padim" && m == ad.ImageAUROC
	}}
	p := html.Page{Title: "Results of <tests>", Config: attack, Entries: entries, Decimals: 2, Warnings: []string{"runs/cells/x.json: " + attack},
		Logs:    map[ad.Digest]string{failed.Record.Key: "line 0\nline 1\n" + attack},
		Command: func(e reports.Entry) string { return "ltadbench run --only method='" + string(e.Cell.Method) + "'" },
		Figures: []html.Figure{{Name: "curve ../of", Title: "A curve", Alt: "it rises", Caption: attack, Width: 3, Height: 2,
			SVG: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 2"><path d="M0 2 3 0" stroke="#000" stroke-width=".05"/></svg>`)}},
	}
	for _, layout := range []string{reports.Comparison, reports.Ablation, reports.PerClass} {
		o.Layout = layout
		r, err := reports.Build(entries, nil, o)
		if err != nil {
			panic(err)
		}
		p.Reports = append(p.Reports, r)
	}
	p.Gallery = gallery()
	return p
}

// gallery has maps that are of level 100 on their left half and 200 on their right.
func gallery() html.Gallery {
	const size = 64
	bounds := image.Rect(0, 0, size, size)
	photo, mask, level := image.NewNRGBA(bounds), image.NewGray(bounds), image.NewGray(bounds)
	for y := range size {
		for x := range size {
			photo.SetNRGBA(x, y, color.NRGBA{40, 120, 40, 255})
			level.SetGray(x, y, color.Gray{100})
			if x >= size/2 {
				level.SetGray(x, y, color.Gray{200})
			}
			if x >= 16 && x < 48 && y >= 16 && y < 48 {
				mask.SetGray(x, y, color.Gray{255})
			}
		}
	}
	g := html.Gallery{}
	rate := 1.0
	for i := range g.Colours {
		g.Colours[i], g.Rates[i] = color.NRGBA{uint8(i), 0, uint8(255 - i), 255}, rate
		rate *= 0.9645255256 // 10^(-4/255)
	}
	for _, d := range []ad.DatasetName{"plant", "street"} {
		s := html.Sheet{Dataset: d, Title: string(d) + ", exp20, bank", Columns: []html.Column{{Method: "random", Name: "random"}, {Method: "padim", Name: "PaDiM"}},
			Notes: []string{"a note " + attack}}
		for i, class := range []ad.ClassName{"class001", attack} {
			row := html.Row{ID: fmt.Sprintf("%s/test/%03d.png", class, i), Class: class, Label: "anomalous", Rule: []string{"worst", "random"}[i], Image: photo, Mask: mask,
				Maps: []html.Map{{Level: level, Score: 0.5, Rank: 3, Of: 10}, {Missing: "maps not kept " + attack}}}
			s.Rows = append(s.Rows, row)
		}
		g.Sheets = append(g.Sheets, s)
	}
	return g
}
