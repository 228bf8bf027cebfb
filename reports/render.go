package reports

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
)

// Formats lists the names that Write takes.
var Formats = []string{"table", "json", "csv"}

// Write renders the report in the format. colour asks for bold (best) and
// underlined (second) numbers in a table. The bytes depend on the report alone.
func (r *Report) Write(w io.Writer, format string, colour bool) error {
	switch format {
	case "table":
		return r.writeTable(w, colour)
	case "json":
		return writeJSON(w, struct {
			Schema int `json:"schema"`
			*Report
		}{1, r})
	case "csv":
		return csv.NewWriter(w).WriteAll(r.lines())
	}
	return unknownFormat(format)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func unknownFormat(format string) error {
	return fault.New(fault.Usage, "report format %q is unknown", format).
		WithHint("formats: %s", strings.Join(Formats, ", "))
}

// labels are the short names of metrics in tables. The two of the paper stand
// there as it prints them.
var labels = map[ad.Metric]string{
	ad.ImageAUROC: "Det.",
	ad.PixelAUROC: "Seg.",
	ad.ImageAP:    "Det. AP",
	ad.ImageF1Max: "Det. F1-max",
	ad.PixelAP:    "Seg. AP",
	ad.PixelF1Max: "Seg. F1-max",
	ad.PixelAUPRO: "Seg. AUPRO",
}

const (
	bold      = "\x1b[1m"
	underline = "\x1b[4m"
	reset     = "\x1b[0m"
)

func (r *Report) writeTable(w io.Writer, colour bool) error {
	for i, b := range r.Blocks {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := r.writeBlock(w, b, colour); err != nil {
			return err
		}
	}
	if len(r.Blocks) == 0 {
		fmt.Fprintln(w, "no cells")
	}
	return nil
}

func (r *Report) writeBlock(w io.Writer, b Block, colour bool) error {
	fmt.Fprintln(w, title(string(b.Dataset), b.Digest, b.Protocol))
	groups := len(r.opts.Groups) > 1
	header := []string{"config", "task"}
	align := tw.Alignment{tw.AlignLeft, tw.AlignLeft}
	if groups {
		header, align = append(header, "classes"), append(align, tw.AlignLeft)
	}
	for _, m := range b.Methods {
		header, align = append(header, string(m)), append(align, tw.AlignRight)
	}
	var lines [][]string
	last := ""
	for _, row := range b.Rows {
		config := row.Config
		if config == last {
			config = ""
		}
		last = row.Config
		line := []string{config, labels[row.Metric]}
		if groups {
			line = append(line, string(row.Group))
		}
		for _, v := range row.Values {
			line = append(line, r.opts.cell(v, colour))
		}
		lines = append(lines, line)
	}
	return writeGrid(w, header, align, lines, b.Notes)
}

// title says what a table is of: what, the data and the protocol.
func title(what string, data ad.Digest, p metric.Protocol) string {
	if data != "" {
		what += fmt.Sprintf(" (data %s; evaluated at %d px, image score %s)", short(data), p.Size, p.ImageScore)
	}
	return what
}

// writeGrid draws a table with lines around it, and its notes below.
func writeGrid(w io.Writer, header []string, align tw.Alignment, lines [][]string, notes []string) error {
	t := tablewriter.NewTable(w,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Settings: tw.Settings{Separators: tw.Separators{BetweenRows: tw.Off}},
		})),
	)
	t.Configure(func(c *tablewriter.Config) {
		c.Row.Alignment.PerColumn, c.Header.Alignment.PerColumn = align, align
	})
	t.Header(header)
	if err := t.Bulk(lines); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	for i, note := range notes {
		fmt.Fprintf(w, "[%d] %s\n", i+1, note)
	}
	return nil
}

func short(d ad.Digest) string {
	text := strings.TrimPrefix(string(d), "sha256:")
	return text[:min(12, len(text))]
}

// cell is a number as a table prints it: percent, deviation, marks of its notes.
func (o Options) cell(v Value, colour bool) string {
	text := map[string]string{"failed": "failed", "undefined": "n/a", "missing": "-"}[v.State]
	if v.Mean != nil {
		text = o.percent(*v.Mean)
		if v.Std != nil {
			text += " ±" + o.percent(*v.Std)
		}
	}
	if colour && v.Rank == 1 {
		text = bold + text + reset
	}
	if colour && v.Rank == 2 {
		text = underline + text + reset
	}
	for _, n := range v.Notes {
		text += fmt.Sprintf("[%d]", n)
	}
	return text
}

func (o Options) percent(x float64) string {
	return strconv.FormatFloat(100*x, 'f', o.Decimals, 64)
}

// lines are those of a CSV: one per number, lossless: fractions with all their digits.
func (r *Report) lines() [][]string {
	lines := [][]string{append([]string{"dataset", "dataset_digest", "split", "split_digest", "encoder", "metric", "classes",
		"method"}, valueHeader...)}
	for _, b := range r.Blocks {
		for _, row := range b.Rows {
			for i, v := range row.Values {
				lines = append(lines, append([]string{string(b.Dataset), string(b.Digest), row.Config, string(row.Split), row.Encoder,
					string(row.Metric), string(row.Group), string(b.Methods[i])}, v.fields(b.Notes)...))
			}
		}
	}
	return lines
}

// valueHeader names the fields of a value in a CSV.
var valueHeader = []string{"mean", "std", "seeds", "rank", "state", "notes"}

func (v Value) fields(notes []string) []string {
	var texts []string
	for _, n := range v.Notes {
		texts = append(texts, notes[n-1])
	}
	return []string{number(v.Mean), number(v.Std), strconv.Itoa(v.Seeds), strconv.Itoa(v.Rank), v.State, strings.Join(texts, "; ")}
}

func number(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}
