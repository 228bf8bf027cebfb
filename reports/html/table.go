package html

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/reports"
)

// table is a reports.Sheet, laid out for the page.
type table struct {
	ID, Title, Subject, Legend string
	Dataset                    int
	Top, Sub                   []head // the rows of headings; Sub is empty if there is one only
	Bodies                     []body
	Notes                      []string
	Tall                       bool // scrolls in a frame of its own
}

// head is a heading: of a column that can be sorted by, or of a group of them.
type head struct {
	Text    string
	Column  int // -1 for a group
	Span    int // columns
	Rows    int
	Numeric bool
	Label   bool
	Room    int    // as that of its cells
	Methods string // indices of those below it; "" if it has none
}

// body is rows that are sorted among themselves, or, if Fixed, not at all.
type body struct {
	Fixed bool
	Lines []line
}

type line struct {
	Follow  bool // belongs to the line above
	Rule    bool
	Labels  []label
	Cells   []cell
	Class   string // index, or ""
	Methods string
}

type label struct {
	Text    string
	Again   bool // the line above has the same
	Numeric bool
}

type cell struct {
	Column  int
	Text    string
	Std     string
	Rank    int
	Sort    string // what it is sorted by, as a number; "" comes last
	Number  string // ID of the number's provenance, or ""
	State   string // of a cell that has no number: failed, undefined, missing
	Source  string
	Notes   []noteRef
	Room    int // for the notes of its column: characters
	Methods string
}

type noteRef struct {
	ID   string
	N    int
	Text string
}

// table lays out a table, and keeps the provenance of its numbers.
func (v *view) table(id string, r *reports.Report, t reports.Table) table {
	s := r.Sheet(t)
	out := table{ID: id, Title: s.Title, Subject: s.Subject, Legend: s.Legend, Dataset: v.dataset(t.Dataset), Notes: s.Notes, Tall: len(s.Lines) > 14}
	numeric := make([]bool, len(s.Labels))
	for i := range numeric {
		numeric[i] = slices.ContainsFunc(s.Lines, func(l reports.Line) bool { return l.Labels[i] != "" }) &&
			!slices.ContainsFunc(s.Lines, func(l reports.Line) bool { return l.Labels[i] != "" && leading(l.Labels[i]) == "" })
	}
	columns := v.columnMethods(s)
	room := make([]int, len(s.Heads))
	for _, l := range s.Lines {
		for j, c := range l.Cells {
			room[j] = max(room[j], noteRoom(c.Notes))
		}
	}
	out.heads(s, numeric, columns, room)
	bodies := [2]body{{}, {Fixed: true}}
	for i, l := range s.Lines {
		row := line{Rule: l.Rule, Follow: true}
		for j, text := range l.Labels {
			again := j == 0 && len(s.Labels) > 1 && i > 0 && s.Lines[i-1].Labels[0] == text
			row.Labels = append(row.Labels, label{text, again, numeric[j]})
		}
		var methods []int
		for j, c := range l.Cells {
			one := v.cell(id, t, s, c)
			one.Column, one.Room, one.Methods = len(s.Labels)+j, room[j], indices(columns[j])
			row.Cells = append(row.Cells, one)
			if c.Value != nil {
				row.Follow = false
				methods = append(methods, v.method(c.Value.Method))
				if c.Value.Class != "" {
					row.Class = strconv.Itoa(v.class(c.Value.Class))
				}
			}
		}
		if row.Follow && len(methods) == 0 && i > 0 {
			row.Methods = lastMethods(bodies)
		} else {
			row.Methods = indices(methods)
		}
		at := 0
		if r.Layout == reports.PerClass && row.Class == "" {
			at = 1
		}
		bodies[at].Lines = append(bodies[at].Lines, row)
	}
	for _, b := range bodies {
		if len(b.Lines) > 0 {
			out.Bodies = append(out.Bodies, b)
		}
	}
	return out
}

func lastMethods(bodies [2]body) string {
	if l := bodies[0].Lines; len(l) > 0 {
		return l[len(l)-1].Methods
	}
	return ""
}

// columnMethods gives the methods whose numbers are in each column. Published numbers
// and differences belong to the column before them.
func (v *view) columnMethods(s reports.Sheet) [][]int {
	out := make([][]int, len(s.Heads))
	for j := range s.Heads {
		for _, l := range s.Lines {
			if value := l.Cells[j].Value; value != nil {
				if m := v.method(value.Method); !slices.Contains(out[j], m) {
					out[j] = append(out[j], m)
				}
			}
		}
		if out[j] == nil && j > 0 {
			out[j] = out[j-1]
		}
	}
	return out
}

// heads lays out the headings: groups above their columns, others over both rows.
func (t *table) heads(s reports.Sheet, numeric []bool, methods [][]int, room []int) {
	grouped := slices.ContainsFunc(s.Heads, func(h reports.Head) bool { return h.Group != "" })
	rows := 1
	if grouped {
		rows = 2
	}
	for i, text := range s.Labels {
		t.Top = append(t.Top, head{Text: text, Column: i, Rows: rows, Span: 1, Numeric: numeric[i], Label: true})
	}
	for j, h := range s.Heads {
		column := head{Text: h.Name, Column: len(s.Labels) + j, Rows: 1, Span: 1, Numeric: true, Room: room[j], Methods: indices(methods[j])}
		if h.Group == "" {
			column.Rows = rows
			t.Top = append(t.Top, column)
			continue
		}
		t.Sub = append(t.Sub, column)
		if j > 0 && s.Heads[j-1].Group == h.Group {
			t.Top[len(t.Top)-1].Span++
			continue
		}
		t.Top = append(t.Top, head{Text: h.Group, Column: -1, Rows: 1, Span: 1})
	}
}

func (v *view) cell(id string, t reports.Table, s reports.Sheet, c reports.Cell) cell {
	out := cell{Text: c.Text, Std: c.Std, Rank: c.Rank, Source: c.Source}
	if c.Value != nil {
		out.State = c.Value.State
		if c.Value.Mean != nil {
			out.Sort = digits(*c.Value.Mean)
		}
		if len(c.Value.Entries()) > 0 {
			out.Number = v.number(t, c)
		}
	} else if _, err := strconv.ParseFloat(c.Text, 64); err == nil {
		out.Sort = strings.TrimPrefix(c.Text, "+")
	}
	for _, n := range c.Notes {
		out.Notes = append(out.Notes, noteRef{id + "-note-" + strconv.Itoa(n), n, s.Notes[n-1]})
	}
	return out
}

// noteRoom is how many characters the marks of notes take: "1,2".
func noteRoom(notes []int) int {
	n := max(0, len(notes)-1)
	for _, one := range notes {
		n += len(strconv.Itoa(one))
	}
	return min(n, 8)
}

// indices is a list for an attribute.
func indices(list []int) string {
	list = slices.Clone(list)
	slices.Sort(list)
	var out []string
	for _, i := range slices.Compact(list) {
		out = append(out, strconv.Itoa(i))
	}
	return strings.Join(out, " ")
}

// leading is the number that a text begins with, "" if it does not: 3 of "3–5".
func leading(s string) string {
	first, _, _ := strings.Cut(s, "–")
	if _, err := strconv.ParseFloat(first, 64); err != nil {
		return ""
	}
	return first
}

// Sort is what a label is sorted by, if it is a number.
func (l label) Sort() string { return leading(l.Text) }

// digits is a number with all its digits.
func digits(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
