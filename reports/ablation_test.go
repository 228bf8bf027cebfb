package reports_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
)

// presets covers two methods in one table, columns that not all rows have, a row of
// two tables, one of no table, and one that no cell has.
func presets() []reports.Preset {
	column := func(pairs ...string) (out []reports.Label) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, reports.Label{Name: pairs[i], Value: pairs[i+1]})
		}
		return out
	}
	const six, seven, eight = "Table 6: reconstruction", "Table 7: semantics", "Table 8: names"
	return []reports.Preset{
		{Name: "small", Method: "ltad/small", Columns: column("size", "64")},
		{Name: "6.2", Method: "uniad/6.2", Table: six, Columns: column("method", "UniAD")},
		{Name: "6.3", Method: "ltad/6.3", Table: six, Columns: column("method", "LTAD", "AE or VAE", "AE", "DAS", "no")},
		{Name: "6.4", Method: "ltad/6.4", Table: six, Columns: column("method", "LTAD", "DAS", "yes", "AE or VAE", "VAE")},
		{Name: "7.4", Method: "ltad/7.4", Table: seven, Columns: column("pooling", "max")},
		{Name: "8.2", Method: "ltad/8.2", Table: eight, Columns: column("text encoder", "no")},
		{Name: "8.3", Method: "ltad/8.3", Table: eight, Columns: column("text encoder", "yes")},
		{Name: "9.1", Method: "ltad/9.1", Table: "Table 9"},
	}
}

func ablation() []reports.Entry {
	out := []reports.Entry{
		record(cell("step100", "ltad/small", 0), 0.6, 0.6),
		record(cell("step100", "uniad/6.2", 0), 0.8501, 0.9291),
		record(cell("step100", "ltad/6.3", 0), 0.8448, 0.9253),
		{Cell: cell("step100", "ltad/6.4", 0)},
		record(cell("step100", "ltad/7.4", 0), 0.84, 0.91),
		record(cell("step100", "ltad/7.4", 1), 0.85, 0.92),
		{Cell: cell("step100", "ltad/8.2", 0), Record: &result.Record{
			Status: result.Failed, Inputs: record(cell("step100", "ltad/8.2", 0), 0, 0).Record.Inputs,
			Failure: &result.Failure{Kind: fault.Crash, Source: fault.Author, Message: "exit status 7"},
		}},
		record(cell("step100", "ltad/8.3", 0), 0.84, 0.91),
		record(cell("step100", "ltad/8.3", 1), 0.85, 0.92),
		record(cell("exp100", "uniad/6.2", 0), 0.8, 0.9),
	}
	return append(out, record(cell("exp100", "ltad/6.3", 0), 0.8, 0.91))
}

func TestAblationGolden(t *testing.T) {
	all := reports.Options{Decimals: 2}
	for _, c := range []struct {
		name, format string
		colour       bool
		options      reports.Options
	}{
		{"ablation.txt", "table", false, all},
		{"ablation-colour.txt", "table", true, reports.Options{Decimals: 2, Groups: []ad.Group{ad.Low}, Metrics: []ad.Metric{ad.PixelAUROC}}},
		{"ablation.csv", "csv", false, all},
		{"ablation.json", "json", false, reports.Options{Decimals: 2, Groups: []ad.Group{ad.All}}},
		{"ablation.tex", "latex", false, all},
		{"ablation.md", "markdown", false, reports.Options{Decimals: 2, Groups: []ad.Group{ad.Low}, Published: aboutNine}},
	} {
		check(t, c.name, c.format, c.colour, ablation(), presets(), c.options)
	}
}

// Two entries of one method have presets of the same names.
func TestAblationOfTwoEntries(t *testing.T) {
	rows := []reports.Preset{{Name: "6.3", Method: "a/6.3", Table: "Table 6"}, {Name: "6.3", Method: "b/6.3", Table: "Table 6"}}
	entries := []reports.Entry{record(cell("step100", "a/6.3", 0), 0.7, 0.7), record(cell("step100", "b/6.3", 0), 0.8, 0.8)}
	r, err := reports.Build(entries, rows, reports.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b, "table", false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"│ a/6.3 │", "│ b/6.3 │"} {
		if !bytes.Contains(b.Bytes(), []byte(name)) {
			t.Errorf("no row %s in\n%s", name, b.String())
		}
	}
}

// aboutNine is published of every preset, whatever was measured.
func aboutNine(reports.Entry, ad.Metric, ad.Group) (reports.Published, bool) {
	return reports.Published{Value: 0.9, Source: "paper"}, true
}

// A grid has holes where no preset is, and marks the best of all of it.
func TestGridGolden(t *testing.T) {
	var rows []reports.Preset
	var entries []reports.Entry
	for i, words := range [][2]string{{"a", "a broken"}, {"a", "a damaged"}, {"a good", "a broken"}} {
		p := reports.Preset{Name: fmt.Sprintf("9.%d", i), Method: ad.MethodName(fmt.Sprintf("ltad/9.%d", i)), Table: "Table 9: prompts",
			Columns: []reports.Label{{Name: "v_n", Value: words[0]}, {Name: "v_a", Value: words[1]}}}
		rows = append(rows, p)
		entries = append(entries, record(cell("step100", p.Method, 0), 0.7+0.1*float64(i%2), 0.9-0.01*float64(i)))
	}
	o := reports.Options{Decimals: 2, Layout: reports.Grid}
	check(t, "grid.txt", "table", true, entries, rows, o)
	check(t, "grid.tex", "latex", false, entries, rows, o)
}
