package reports

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/tw"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
)

// Preset is a variant of a method: a row of an ablation table.
type Preset struct {
	Name    string
	Method  ad.MethodName // in the entries of its cells
	Table   string        // title of its table, "" if it has none
	Columns []Column
}

// Column is what a table prints of a preset, beside its numbers.
type Column struct{ Name, Value string }

// Ablation is the comparison of presets.
type Ablation struct {
	Tables []AblationTable `json:"tables"`
	opts   Options
}

// AblationTable is presets on one dataset, split and encoder under one protocol.
type AblationTable struct {
	Title    string          `json:"title"` // "" for presets that no table has
	Dataset  ad.DatasetName  `json:"dataset"`
	Digest   ad.Digest       `json:"dataset_digest"`
	Protocol metric.Protocol `json:"protocol"`
	Config   string          `json:"config"` // split
	Split    ad.Digest       `json:"split_digest"`
	Encoder  string          `json:"encoder"`
	Columns  []string        `json:"columns"`
	Numbers  []Number        `json:"numbers"`
	Rows     []AblationRow   `json:"rows"`
	Notes    []string        `json:"notes,omitempty"` // note i+1 is marked i+1 in the table
}

// Number is what a column of numbers has: one metric of one group of classes.
type Number struct {
	Metric ad.Metric `json:"metric"`
	Group  ad.Group  `json:"group"`
}

// AblationRow is one preset.
type AblationRow struct {
	Preset  string        `json:"preset"`
	Method  ad.MethodName `json:"method"`
	Columns []string      `json:"columns"` // by the table's
	Values  []Value       `json:"values"`  // by the table's numbers
}

// notApplicable stands in a column that a preset says nothing about.
const notApplicable = "N/A"

// BuildAblation projects the entries onto the tables that presets name, in order of
// their first appearance; those of no table come last. Rows keep the order of
// presets, of which those without entries are left out. The groups are All, High and
// Low by default, as in the paper.
func BuildAblation(entries []Entry, presets []Preset, o Options) *Ablation {
	if len(o.Groups) == 0 {
		o.Groups = []ad.Group{ad.All, ad.High, ad.Low}
	}
	a := &Ablation{opts: o.withDefaults()}
	var titles []string
	for _, p := range presets {
		if p.Table != "" && !slices.Contains(titles, p.Table) {
			titles = append(titles, p.Table)
		}
	}
	titles = append(titles, "")
	for _, block := range blocks(entries) {
		for _, c := range configs(block) {
			for _, title := range titles {
				t := AblationTable{Title: title, Dataset: block[0].Cell.Dataset, Config: c.split, Split: c.digest(), Encoder: c.encoder,
					Columns: []string{}}
				t.Digest, t.Protocol = inputs(block)
				rows := slices.DeleteFunc(slices.Clone(presets), func(p Preset) bool { return p.Table != title || c.cells[p.Method] == nil })
				if len(rows) > 0 {
					a.fill(&t, rows, c)
					a.Tables = append(a.Tables, t)
				}
			}
		}
	}
	return a
}

// fill gives the table its rows.
func (a *Ablation) fill(t *AblationTable, presets []Preset, c config) {
	for _, m := range a.opts.Metrics {
		for _, g := range a.opts.Groups {
			t.Numbers = append(t.Numbers, Number{m, g})
		}
	}
	for _, p := range presets {
		for _, column := range p.Columns {
			if t.Title != "" && !slices.Contains(t.Columns, column.Name) {
				t.Columns = append(t.Columns, column.Name)
			}
		}
	}
	for _, p := range presets {
		row := AblationRow{Preset: p.Name, Method: p.Method, Columns: []string{}}
		for _, name := range t.Columns {
			text := notApplicable
			if i := slices.IndexFunc(p.Columns, func(c Column) bool { return c.Name == name }); i >= 0 {
				text = p.Columns[i].Value
			}
			row.Columns = append(row.Columns, text)
		}
		for _, n := range t.Numbers {
			row.Values = append(row.Values, value(&t.Notes, c.cells[p.Method], n.Metric, n.Group))
		}
		t.Rows = append(t.Rows, row)
	}
	column := make([]Value, len(t.Rows))
	for j := range t.Numbers {
		for i, row := range t.Rows {
			column[i] = row.Values[j]
		}
		rank(column, a.opts.Decimals)
		for i, row := range t.Rows {
			row.Values[j] = column[i]
		}
	}
}

// Write renders the tables as Report.Write does.
func (a *Ablation) Write(w io.Writer, format string, colour bool) error {
	switch format {
	case "table":
		return a.writeTables(w, colour)
	case "json":
		return writeJSON(w, struct {
			Schema int `json:"schema"`
			*Ablation
		}{1, a})
	case "csv":
		return csv.NewWriter(w).WriteAll(a.lines())
	}
	return unknownFormat(format)
}

func (a *Ablation) writeTables(w io.Writer, colour bool) error {
	for i, t := range a.Tables {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := a.writeOne(w, t, colour); err != nil {
			return err
		}
	}
	if len(a.Tables) == 0 {
		fmt.Fprintln(w, "no cells")
	}
	return nil
}

func (a *Ablation) writeOne(w io.Writer, t AblationTable, colour bool) error {
	if t.Title != "" {
		fmt.Fprintln(w, t.Title)
	}
	fmt.Fprintln(w, title(fmt.Sprintf("%s, %s, %s", t.Dataset, t.Config, t.Encoder), t.Digest, t.Protocol))
	header := append([]string{"expID"}, t.Columns...)
	align := slices.Repeat(tw.Alignment{tw.AlignLeft}, len(header))
	for _, n := range t.Numbers {
		header, align = append(header, labels[n.Metric]+" "+string(n.Group)), append(align, tw.AlignRight)
	}
	var lines [][]string
	for _, row := range t.Rows {
		name := row.Preset
		for _, other := range t.Rows {
			if other.Preset == name && other.Method != row.Method {
				name = string(row.Method)
				break
			}
		}
		line := append([]string{name}, row.Columns...)
		for _, v := range row.Values {
			line = append(line, a.opts.cell(v, colour))
		}
		lines = append(lines, line)
	}
	return writeGrid(w, header, align, lines, t.Notes)
}

// lines are those of a CSV: one per number, lossless. The columns, which differ
// between tables, share a field: "name=value; name=value".
func (a *Ablation) lines() [][]string {
	lines := [][]string{append([]string{"dataset", "dataset_digest", "split", "split_digest", "encoder", "table", "preset", "columns",
		"metric", "classes", "method"}, valueHeader...)}
	for _, t := range a.Tables {
		for _, row := range t.Rows {
			var columns []string
			for i, name := range t.Columns {
				columns = append(columns, name+"="+row.Columns[i])
			}
			for j, v := range row.Values {
				n := t.Numbers[j]
				lines = append(lines, append([]string{string(t.Dataset), string(t.Digest), t.Config, string(t.Split), t.Encoder, t.Title,
					row.Preset, strings.Join(columns, "; "), string(n.Metric), string(n.Group), string(row.Method)}, v.fields(t.Notes)...))
			}
		}
	}
	return lines
}
