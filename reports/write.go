package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Formats lists the names that Write takes.
var Formats = []string{"table", "markdown", "latex", "csv", "json"}

// Schema is the version of the CSV and JSON that FORMATS.md describes.
const Schema = 2

// Write renders the report in the format. colour asks for bold (best) and
// underlined (second) numbers in a table for a terminal. The bytes depend on the
// report alone. An unknown format is a fault of kind Usage.
func (r *Report) Write(w io.Writer, format string, colour bool) error {
	switch format {
	case "table":
		return r.each(w, "no cells\n", func(t Table) error { return r.Sheet(t).text(w, colour) })
	case "markdown":
		return r.each(w, "No cells.\n", func(t Table) error { return r.Sheet(t).markdown(w) })
	case "latex":
		return r.writeLaTeX(w)
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Schema int `json:"schema"`
			*Report
		}{Schema, r})
	case "csv":
		lines, err := r.lines()
		if err != nil {
			return err
		}
		return csv.NewWriter(w).WriteAll(lines)
	}
	return fault.New(fault.Usage, "report format %q is unknown", format).WithHint("formats: %s", strings.Join(Formats, ", "))
}

// each writes the tables with an empty line between them, or what stands for none.
func (r *Report) each(w io.Writer, none string, write func(Table) error) error {
	for i, t := range r.Tables {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := write(t); err != nil {
			return err
		}
	}
	if len(r.Tables) == 0 {
		_, err := io.WriteString(w, none)
		return err
	}
	return nil
}

func (r *Report) writeLaTeX(w io.Writer) error {
	var b bytes.Buffer
	var labels []string
	err := r.each(&b, "% no cells\n", func(t Table) error {
		label := latexLabel(string(t.Dataset), t.Config, t.Title, r.Layout)
		for n := 2; slices.Contains(labels, label); n++ {
			label = latexLabel(string(t.Dataset), t.Config, t.Title, r.Layout, strconv.Itoa(n))
		}
		labels = append(labels, label)
		protocol, err := json.Marshal(t.Protocol)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%% data %s\n%% evaluation %s\n", t.Digest, protocol)
		return r.Sheet(t).latex(&b, label)
	})
	if err != nil {
		return err
	}
	head := "% Written by `ltadbench report --format latex`. In the preamble: \\usepackage{booktabs}\n"
	if exotic(b.String()) {
		head += "% Has characters beyond the Latin ones: compile it with LuaLaTeX or XeLaTeX and a font that has them.\n"
	}
	_, err = io.WriteString(w, head+b.String())
	return err
}

// lines are those of a CSV: one per number, lossless: fractions with all their digits.
func (r *Report) lines() ([][]string, error) {
	lines := [][]string{{"schema", "layout", "table", "dataset", "split", "encoder", "method", "preset", "labels", "metric", "group", "class",
		"mean", "std", "seeds", "rank", "state", "values", "notes", "published", "published_source",
		"dataset_digest", "split_digest", "keys", "evaluation", "value_seeds"}}
	for _, t := range r.Tables {
		protocol, err := json.Marshal(t.Protocol)
		if err != nil {
			return nil, err
		}
		for _, row := range t.Rows {
			var labels []string
			for i, name := range t.Labels {
				labels = append(labels, escapeList(name+"="+row.Labels[i]))
			}
			for _, v := range row.Values {
				var values, keys, seeds, notes []string
				for _, run := range v.Runs {
					values, keys = append(values, Number(&run.Value)), append(keys, string(run.Key))
					seeds = append(seeds, fmt.Sprintf("%d/%d", run.SplitSeed, run.Seed))
				}
				for _, n := range v.Notes {
					notes = append(notes, escapeList(t.Notes[n-1]))
				}
				published, source := "", ""
				if v.Published != nil {
					published, source = Number(&v.Published.Value), v.Published.Source
					for _, remark := range v.Published.Remarks {
						notes = append(notes, escapeList(remark))
					}
				}
				lines = append(lines, []string{strconv.Itoa(Schema), r.Layout, t.Title, string(t.Dataset), v.Split, v.Encoder,
					string(v.Method), v.Preset, strings.Join(labels, "; "), string(v.Metric), string(v.Group), string(v.Class),
					Number(v.Mean), Number(v.Std), strconv.Itoa(len(v.Runs)), strconv.Itoa(v.Rank), v.State, strings.Join(values, " "),
					strings.Join(notes, "; "), published, source, string(t.Digest), string(v.SplitDigest), strings.Join(keys, " "), string(protocol),
					strings.Join(seeds, " ")})
			}
		}
	}
	return lines, nil
}

// escapeList makes a text one of a list that semicolons separate.
func escapeList(text string) string { return strings.NewReplacer(`\`, `\\`, ";", `\;`).Replace(text) }

// Number is a number of a CSV, with all its digits; nil is empty.
func Number(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}
