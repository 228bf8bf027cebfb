package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// metricLabels are the short names of metrics in tables. The two of the paper stand
// there as it prints them.
var metricLabels = map[ad.Metric]string{
	ad.ImageAUROC: "Det.",
	ad.PixelAUROC: "Seg.",
	ad.ImageAP:    "Det. AP",
	ad.ImageF1Max: "Det. F1-max",
	ad.PixelAP:    "Seg. AP",
	ad.PixelF1Max: "Seg. F1-max",
	ad.PixelAUPRO: "Seg. AUPRO",
}

var metricNames = map[ad.Metric]string{
	ad.ImageAUROC: "image AUROC",
	ad.PixelAUROC: "pixel AUROC",
	ad.ImageAP:    "image average precision",
	ad.ImageF1Max: "image F1-max",
	ad.PixelAP:    "pixel average precision",
	ad.PixelF1Max: "pixel F1-max",
	ad.PixelAUPRO: "area under the per-region overlap",
}

// MetricLabel is the short name of a metric in tables and figures, such as "Det.".
func MetricLabel(m ad.Metric) string { return metricLabels[m] }

// MetricName is what a metric is called in full, such as "image AUROC".
func MetricName(m ad.Metric) string { return metricNames[m] }

// Sheet is a table as people read it: texts in percent, with published numbers and
// differences beside the measured ones.
type Sheet struct {
	Title   string // "" if it has none of its own
	Subject string // the data, config and protocol
	Legend  string // what the numbers are and how the best are marked
	Labels  []string
	Heads   []Head // of the numbers
	Lines   []Line
	Notes   []string // note i+1 is marked i+1
}

// Head is the heading of a column of numbers, below that of its group if it has one.
type Head struct{ Group, Name string }

// Line is a line of a Sheet; Rule asks for a line drawn above it.
type Line struct {
	Labels []string
	Cells  []Cell
	Rule   bool
}

// Cell is one printed number.
type Cell struct {
	Text  string // "88.86", "+1.20", "failed", "n/a", "-"; "" for nothing to say
	Std   string // "0.71", or "" with one seed
	Rank  int    // 1 best, 2 second
	Notes []int
	// Value is what it was printed from; nil for a published number or a difference.
	Value *Value
	// Source is where a published number stands.
	Source string
}

// Sheet gives the table as people read it. In a Comparison, columns of published
// numbers and differences follow those of a method that has any; in other layouts lines
// do.
func (r *Report) Sheet(t Table) Sheet {
	s := Sheet{Title: t.Title, Subject: t.subject(), Legend: t.legend(), Labels: t.Labels, Notes: slices.Clone(t.Notes)}
	wide := make([]bool, len(t.Columns))
	for j, c := range t.Columns {
		wide[j] = r.Layout == Comparison && slices.ContainsFunc(t.Rows, func(row Row) bool { return row.Values[j].Published != nil })
		if wide[j] {
			s.Heads = append(s.Heads, Head{c.Name, "measured"}, Head{c.Name, "published"}, Head{c.Name, "difference"})
		} else {
			s.Heads = append(s.Heads, Head(c))
		}
	}
	for _, row := range t.Rows {
		line := Line{Labels: row.Labels, Rule: row.rule}
		published, difference := Line{}, Line{}
		any := false
		for j := range row.Values {
			v := &row.Values[j]
			line.Cells = append(line.Cells, r.measured(v))
			p, d := r.published(v, &s.Notes)
			if wide[j] {
				line.Cells = append(line.Cells, p, d)
			}
			published.Cells, difference.Cells = append(published.Cells, p), append(difference.Cells, d)
			any = any || v.Published != nil
		}
		s.Lines = append(s.Lines, line)
		if any && r.Layout != Comparison {
			for _, more := range []struct {
				name string
				line Line
			}{{"published", published}, {"difference", difference}} {
				more.line.Labels = make([]string, len(t.Labels))
				more.line.Labels[0] = row.Labels[0] + " " + more.name
				s.Lines = append(s.Lines, more.line)
			}
		}
	}
	return s
}

func (r *Report) measured(v *Value) Cell {
	c := Cell{Text: map[string]string{"failed": "failed", "undefined": "n/a", "missing": "-"}[v.State], Rank: v.Rank, Notes: v.Notes, Value: v}
	if v.Mean != nil {
		c.Text = r.percent(*v.Mean)
		if v.Std != nil {
			c.Std = r.percent(*v.Std)
		}
	}
	return c
}

// published gives the number that is published for v, and how far v is from it; its
// remarks join the notes.
func (r *Report) published(v *Value, notes *[]string) (number, difference Cell) {
	if v.Published == nil {
		return number, difference
	}
	number = Cell{Text: r.percent(v.Published.Value), Source: v.Published.Source}
	refer := &Value{}
	for _, remark := range v.Published.Remarks {
		refer.note(notes, remark)
	}
	number.Notes = refer.Notes
	if v.Mean != nil { // of the numbers as they are printed
		difference.Text = strconv.FormatFloat(r.printed(*v.Mean)-r.printed(v.Published.Value), 'f', r.opts.Decimals, 64)
		switch {
		case strings.Trim(difference.Text, "-0.") == "":
			difference.Text = strings.TrimPrefix(difference.Text, "-")
		case difference.Text[0] != '-':
			difference.Text = "+" + difference.Text
		}
	}
	return number, difference
}

func (r *Report) percent(x float64) string {
	text := strconv.FormatFloat(100*x, 'f', r.opts.Decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		return strings.TrimPrefix(text, "-") // no -0.00
	}
	return text
}

// printed is the number that percent prints.
func (r *Report) printed(x float64) float64 {
	f, _ := strconv.ParseFloat(r.percent(x), 64) // which is a number
	return f
}

// subject says what a table is of: the data, config and protocol.
func (t Table) subject() string {
	what := string(t.Dataset)
	if t.Config != "" {
		what += ", " + t.Config
	}
	if t.Digest != "" {
		what += fmt.Sprintf(" (data %s; evaluated at %d px, image score %s)", t.Digest.Short(), t.Protocol.Size, t.Protocol.ImageScore)
	}
	return what
}

// legend says what the numbers are.
func (t Table) legend() string {
	var out []string
	for _, m := range ad.Metrics {
		if slices.ContainsFunc(t.Rows, func(row Row) bool {
			return slices.ContainsFunc(row.Values, func(v Value) bool { return v.Metric == m })
		}) {
			out = append(out, MetricLabel(m)+": "+metricNames[m])
		}
	}
	return strings.Join(out, "; ") + "; in percent. Best in bold, second best underlined."
}

// grouped says whether heads have two levels.
func (s Sheet) grouped() bool {
	return slices.ContainsFunc(s.Heads, func(h Head) bool { return h.Group != "" })
}

// label is that of a line, "" in the first of several columns if the line above has the
// same: a config is named once.
func (s Sheet) label(line, column int) string {
	text := s.Lines[line].Labels[column]
	if column == 0 && len(s.Labels) > 1 && line > 0 && s.Lines[line-1].Labels[0] == text {
		return ""
	}
	return text
}

func (h Head) String() string { return strings.TrimSpace(h.Group + " " + h.Name) }
