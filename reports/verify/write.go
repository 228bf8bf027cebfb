package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/reports"
)

// WriteTable prints the numbers that differ by more than their tolerance, or all of
// them, in percent; then what there is to say of cells, and a line that sums up.
func (r *Result) WriteTable(w io.Writer, all bool) error {
	var rows [][]string
	for _, c := range r.Cells {
		if c.Lines == nil && (all || c.Verdict != Equal && c.Verdict != Extra) {
			rows = append(rows, []string{c.Cell.String(), "-", "-", "", "", "", "", string(c.Verdict)})
		}
		for _, l := range c.Lines {
			if all || l.Verdict != Equal {
				rows = append(rows, []string{c.Cell.String(), string(l.Metric), string(l.Group), percent(l.Baseline), percent(l.Now),
					signed(l.Difference), percent(&l.Tolerance), string(l.Verdict)})
			}
		}
	}
	if len(rows) > 0 {
		header := []string{"cell", "metric", "classes", "baseline", "now", "difference", "tolerance", "verdict"}
		if err := reports.List(w, header, rows, "baseline", "now", "difference", "tolerance"); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, c := range r.Cells {
		for _, text := range c.remarks() {
			fmt.Fprintf(w, "%s: %s\n", c.Cell, text)
		}
	}
	for _, text := range r.circumstances() {
		fmt.Fprintf(w, "not the same: %s\n", text)
	}
	n := r.Numbers
	_, err := fmt.Fprintf(w, "%s; of the numbers %d equal, %d improved, %d regressed\n", r.summary(), n.Equal, n.Improved, n.Regressed)
	return err
}

// remarks are what the table has no room for.
func (c Cell) remarks() (out []string) {
	for _, d := range c.Inputs {
		out = append(out, fmt.Sprintf("%s: %s", c.Verdict, d))
	}
	if c.Reason != "" {
		out = append(out, fmt.Sprintf("%s: %s", c.Verdict, c.Reason))
	}
	if l := c.worst(); l != nil && len(l.Classes) > 0 {
		out = append(out, l.moved())
	}
	return out
}

// worst is the line that regressed most for its tolerance, nil if none did.
func (c Cell) worst() (worst *Line) {
	beyond := func(l *Line) float64 {
		if l.Difference == nil {
			return math.Inf(1) // the number is lost
		}
		return -*l.Difference / max(l.Tolerance, 1e-6)
	}
	for i := range c.Lines {
		if l := &c.Lines[i]; l.Verdict == Regressed && (worst == nil || beyond(l) > beyond(worst)) {
			worst = l
		}
	}
	return worst
}

// moved says which classes went down most.
func (l Line) moved() string {
	var parts []string
	for _, m := range l.Classes {
		parts = append(parts, fmt.Sprintf("%s from %s to %s", m.Class, percent(m.Baseline), percent(m.Now)))
	}
	return fmt.Sprintf("classes that lost most %s: %s", l.Metric, strings.Join(parts, ", "))
}

// circumstances are what differs without deciding anything, each once, with the number
// of cells that it is of.
func (r *Result) circumstances() []string {
	var order []string
	cells := map[string]int{}
	for _, c := range r.Cells {
		for _, d := range c.Ran {
			text := d.String()
			switch d.Name {
			case "method version", "engine":
				text = string(c.Cell.Method) + "'s " + text
			case "method program":
				text = "the programs of methods" // of most, after any change of the code
			}
			if cells[text] == 0 {
				order = append(order, text)
			}
			cells[text]++
		}
	}
	for i, text := range order {
		if n := cells[text]; n > 1 {
			order[i] += fmt.Sprintf(" (%d cells)", n)
		}
	}
	return order
}

// percent prints a fraction as the tables do; what they would show as zero and is not,
// with its magnitude.
func percent(x *float64) string {
	if x == nil {
		return "n/a"
	}
	text := strconv.FormatFloat(100**x, 'f', 2, 64)
	if *x != 0 && strings.Trim(text, "-0.") == "" {
		text = strconv.FormatFloat(100**x, 'g', 1, 64)
	}
	return text
}

func signed(x *float64) string {
	text := percent(x)
	if x != nil && *x > 0 {
		text = "+" + text
	}
	return text
}

// WriteJSON writes the whole comparison; numbers are fractions with all their digits.
func (r *Result) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteAnnotations writes workflow commands of GitHub Actions: an error for each cell
// that regressed or failed, a warning for each that could not be compared, and a notice
// for each that improved. They point at the cell in the baseline's file.
func (r *Result) WriteAnnotations(w io.Writer) error {
	for _, c := range r.Cells {
		level := map[Verdict]string{
			Regressed: "error", Failed: "error", NotComparable: "warning", Missing: "warning", Improved: "notice",
		}[c.Verdict]
		if r.bad(c) {
			level = "error"
		}
		if level == "" {
			continue
		}
		place := ""
		if c.pos.Line > 0 {
			place = fmt.Sprintf("file=%s,line=%d,", property(c.pos.File), c.pos.Line)
		}
		title := fmt.Sprintf("%s %s", c.Cell, c.Verdict)
		if _, err := fmt.Fprintf(w, "::%s %stitle=%s::%s\n", level, place, property(title), message(strings.Join(c.texts(), "\n"))); err != nil {
			return err
		}
	}
	return nil
}

// texts say all that is wrong with a cell, or better, a line each, the worst first.
func (c Cell) texts() (out []string) {
	for _, d := range c.Inputs {
		out = append(out, d.String())
	}
	if c.Reason != "" {
		out = append(out, c.Reason)
	}
	for _, v := range []Verdict{Regressed, Improved} {
		for _, l := range c.Lines {
			if l.Verdict == v {
				out = append(out, fmt.Sprintf("%s of %s %s: %s in the baseline, now %s (tolerance %s)",
					l.Metric, l.Group, l.Verdict, percent(l.Baseline), percent(l.Now), percent(&l.Tolerance)))
			}
		}
	}
	if l := c.worst(); l != nil && len(l.Classes) > 0 {
		out = append(out, l.moved())
	}
	return out
}

// The escapes of workflow commands: a message ends with its line, and a property also
// with a comma or a colon.
var (
	messageEscape  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscape = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func message(s string) string  { return messageEscape.Replace(s) }
func property(s string) string { return propertyEscape.Replace(s) }
