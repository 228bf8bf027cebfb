// Package paired prints comparisons of two runs, for people and for programs.
//
// JSON is one object: schema (1), a and b (the runs as they were named), and the fields
// of compare.Comparison by their JSON names. CSV has one line for each row of the
// comparison, with a header; an empty field is a number that does not exist. Both hold
// metrics as fractions of 1, with all their digits. A change that could break a reader
// changes the schema.
package paired

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/compare"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/reports"
)

// Schema is the version of the JSON form.
const Schema = 1

// Formats lists the names that Write takes.
var Formats = []string{"table", "json", "csv"}

// Report is a comparison and the names of what it compares.
type Report struct {
	Schema int    `json:"schema"`
	A      string `json:"a"`
	B      string `json:"b"`
	*compare.Comparison
	Decimals int `json:"-"` // of percentages in tables
}

// Write renders the report. The bytes depend on the report alone.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "table":
		return r.table(w)
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	case "csv":
		return csv.NewWriter(w).WriteAll(r.lines())
	}
	return fault.New(fault.Usage, "format %q is unknown", format).WithHint("formats: %s", strings.Join(Formats, ", "))
}

func (r *Report) table(w io.Writer) error {
	fmt.Fprintf(w, "A = %s, B = %s; percent, differences B - A in percentage points\n", r.A, r.B)
	for _, c := range r.Configurations {
		fmt.Fprintf(w, "\n%s (data %s; evaluated at %d px, image score %s; %s)\n", title(c), c.Digest.Short(), c.Protocol.Size,
			c.Protocol.ImageScore, plural(len(c.Pairs), "pair of results", "pairs of results"))
		if err := r.configuration(w, c); err != nil {
			return err
		}
		for _, list := range []struct {
			what  string
			lines []string
		}{{"note", c.Notes}, {"left out", c.LeftOut}, {"damaged", c.Problems}} {
			for _, line := range list.lines {
				fmt.Fprintf(w, "%s: %s\n", list.what, line)
			}
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, strings.Join(r.legend(), "\n"))
	return nil
}

// title names the configuration, with its methods if they are not what A and B are.
func title(c compare.Configuration) string {
	text := fmt.Sprintf("%s, %s, %s", c.Dataset, c.Split, c.Encoder)
	if c.MethodA == c.MethodB {
		text += ", " + string(c.MethodA)
	}
	return text
}

func (r *Report) configuration(w io.Writer, c compare.Configuration) error {
	interval := fmt.Sprintf("%s%% interval", strconv.FormatFloat(100*r.Confidence, 'f', -1, 64))
	header := []string{"metric", "classes", "A", "B", "B - A", interval, "verdict", "B:A", "p sign", "p perm.", "Holm"}
	var rows [][]string
	last := ad.Metric("")
	for _, row := range c.Rows {
		name := string(row.Metric)
		if row.Metric == last {
			name = ""
		}
		last = row.Metric
		rows = append(rows, append([]string{name, members(row)}, r.cells(row)...))
	}
	return reports.List(w, header, rows, header[2:6]...)
}

// members says which classes the row is over.
func members(row compare.Row) string {
	switch {
	case row.Class != "":
		return "  " + string(row.Class)
	case row.Classes < row.Of:
		return fmt.Sprintf("%s (%d of %d)", row.Group, row.Classes, row.Of)
	}
	return fmt.Sprintf("%s (%d)", row.Group, row.Of)
}

func (r *Report) cells(row compare.Row) []string {
	out := []string{"n/a", "n/a", "n/a", "-", "-", "", "", "", ""}
	if row.Difference == nil {
		return out
	}
	out[0], out[1], out[2] = r.percent(*row.A), r.percent(*row.B), r.signed(*row.Difference)
	if i := row.Interval; i != nil {
		out[3], out[4] = fmt.Sprintf("[%s, %s]", r.signed(i.Low), r.signed(i.High)), string(row.Verdict)
	}
	if row.Sign != nil {
		out[5], out[6] = fmt.Sprintf("%d:%d", row.Sign.B, row.Sign.A), p(row.Sign.P)
		if row.Sign.Ties > 0 {
			out[5] += fmt.Sprintf(" %s", plural(row.Sign.Ties, "tie", "ties"))
		}
	}
	if row.Permutation != nil {
		out[7], out[8] = p(row.Permutation.P), p(*row.Holm)
	}
	return out
}

// legend says what the numbers are, and are not.
func (r *Report) legend() []string {
	out := []string{
		"B:A, p sign: in how many classes B and A are better, and the two-sided sign test of it (ties dropped).",
		fmt.Sprintf("p perm.: two-sided sign-flip permutation test of the mean difference over classes. Holm: adjusted for all %s here.",
			plural(r.Tests, "such test", "such tests")),
	}
	if r.Resamples > 0 {
		out = append(out,
			fmt.Sprintf("Interval: bootstrap over test images, %d resamples by class and label, seed %d. It tells what other test images of these", r.Resamples, r.Seed),
			"classes would change, not other seeds of the training or other classes. The verdict is whether 0 is in it; each interval stands",
			"for itself, so that of many some leave 0 out by chance.")
		for _, c := range r.Configurations {
			for _, row := range c.Rows {
				if i := row.Interval; i != nil && i.Resamples < r.Resamples {
					out = append(out, fmt.Sprintf("%s, %s of %s: from %d resamples, the others leave no anomalous pixel", title(c), row.Metric,
						strings.TrimSpace(members(row)), i.Resamples))
				}
			}
		}
	}
	return out
}

func (r *Report) percent(x float64) string { return strconv.FormatFloat(100*x, 'f', r.Decimals, 64) }

// signed is a difference in percentage points; what rounds to nothing has no sign.
func (r *Report) signed(x float64) string {
	text := r.percent(x)
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-")
	}
	if x > 0 {
		text = "+" + text
	}
	return text
}

func p(x float64) string {
	if x < 0.001 {
		return "<0.001"
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (r *Report) lines() [][]string {
	lines := [][]string{{"schema", "dataset", "dataset_digest", "split", "encoder", "method_a", "method_b", "pairs", "metric", "group", "class", "classes",
		"of", "a", "b", "difference", "confidence", "low", "high", "resamples", "verdict", "b_better", "a_better", "ties", "sign_p",
		"permutation_p", "permutation_holm"}}
	for _, c := range r.Configurations {
		for _, row := range c.Rows {
			line := []string{strconv.Itoa(r.Schema), string(c.Dataset), string(c.Digest), c.Split, c.Encoder, string(c.MethodA), string(c.MethodB),
				strconv.Itoa(len(c.Pairs)), string(row.Metric), string(row.Group), string(row.Class), strconv.Itoa(row.Classes),
				strconv.Itoa(row.Of), reports.Number(row.A), reports.Number(row.B), reports.Number(row.Difference)}
			interval, sign, permutation := []string{"", "", "", ""}, []string{"", "", "", ""}, []string{"", ""}
			if i := row.Interval; i != nil {
				interval = []string{reports.Number(&r.Confidence), reports.Number(&i.Low), reports.Number(&i.High), strconv.Itoa(i.Resamples)}
			}
			if s := row.Sign; s != nil {
				sign = []string{strconv.Itoa(s.B), strconv.Itoa(s.A), strconv.Itoa(s.Ties), reports.Number(&s.P)}
			}
			if row.Permutation != nil {
				permutation = []string{reports.Number(&row.Permutation.P), reports.Number(row.Holm)}
			}
			line = append(append(line, interval...), string(row.Verdict))
			lines = append(lines, append(append(line, sign...), permutation...))
		}
	}
	return lines
}
