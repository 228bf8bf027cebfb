// Package baselines holds numbers to compare results with: those that the LTAD paper
// prints, as data (paper/), and measured ones.
package baselines

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

//go:embed paper/*.yaml
var paperFiles embed.FS

// Paper is the tables of the LTAD paper: Tables 3 to 9 of "Long-Tailed Anomaly
// Detection with Learnable Class Names" (CVPR 2024, arXiv 2403.20236), in their order.
type Paper struct{ Tables []PaperTable }

// PaperTable is one table: rows x columns of numbers, with the names that the paper
// prints.
type PaperTable struct {
	Table   int // its number in the paper
	Title   string
	ArXiv   string
	Caption string
	Of      PaperScope
	Labels  []string // headings of the rows' labels
	Columns []PaperColumn
	Rows    []PaperRow
	Notes   []PaperNote

	pos fault.Pos // of the table's number
}

// PaperScope is what a number is of. Each part of it is said once: by the number's
// table, its column or its row; it is "" in the others.
type PaperScope struct {
	Kind    string   // of the dataset, as in bench.yaml: mvtec, visa or dagm
	Split   string   // as splits name it, such as "step100"
	Task    ad.Task  // image AUROC for detection, pixel AUROC for segmentation
	Group   ad.Group // All unless said
	Method  string   // its counterpart here: "ltad", "ltad/6.8"; "" if there is none
	Encoder string   // name of the pack with the encoder that it had; "" if unknown
}

// PaperColumn is a column of numbers.
type PaperColumn struct {
	Name string
	Of   PaperScope
}

// PaperRow is a row of numbers. Labels, by the table's, say what it is.
type PaperRow struct {
	Name   string // unique in the table
	Of     PaperScope
	Labels []string
	Values []PaperValue // by the table's columns
}

// PaperValue is a number as printed: percent with two decimals, or "N/A". Best and
// Second are the paper's own marks, bold and underlined: of the row in Tables 3 to 5,
// of the column in Tables 6 to 8 (which only have bold), of all rows in Table 9.
type PaperValue struct {
	Text         string
	Best, Second bool
}

// Fraction is the number as a fraction of 1: the float64 next to the printed decimal.
// It is false for "N/A".
func (v PaperValue) Fraction() (float64, bool) {
	f, err := strconv.ParseFloat(v.Text+"e-2", 64)
	return f, err == nil
}

// PaperNote is what a reader must know: mostly, where the paper contradicts itself.
// One that names rows or columns (no rows: all of them) concerns the numbers there;
// one that names neither concerns the table, or what the paper's text says of it.
type PaperNote struct {
	Rows, Columns []string
	Text          string
}

func (n PaperNote) concerns(row, column string) bool {
	in := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	return len(n.Rows)+len(n.Columns) > 0 && in(n.Rows, row) && in(n.Columns, column)
}

// LoadPaper parses and checks the tables, which are part of the program. An error
// (fault.Data) names file, line and column.
func LoadPaper() (*Paper, error) { return readPaper(paperFiles) }

func readPaper(fsys fs.FS) (*Paper, error) {
	files, err := fs.Glob(fsys, "paper/*.yaml")
	if err != nil {
		return nil, fault.New(fault.Internal, "the paper's tables: %w", err)
	}
	p := &Paper{}
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fault.New(fault.Internal, "the paper's tables: %w", err)
		}
		t, err := parsePaperTable("baselines/"+file, text)
		if err != nil {
			return nil, err
		}
		for _, other := range p.Tables {
			if other.Table == t.Table {
				return nil, fault.New(fault.Data, "table %d is there twice, first in %s", t.Table, other.pos).At(t.pos)
			}
		}
		p.Tables = append(p.Tables, *t)
	}
	slices.SortFunc(p.Tables, func(a, b PaperTable) int { return a.Table - b.Table })
	return p, nil
}

// Query asks for one number of the paper. Kind, Split and Method are as in PaperScope;
// Group "" is All.
type Query struct {
	Kind, Split, Method string
	Metric              ad.Metric
	Group               ad.Group
}

// Published is a number of the paper and where it stands.
type Published struct {
	Value       float64 // fraction of 1
	Text        string  // as printed, in percent: "88.86"
	Table       int
	Row, Column string
	Encoder     string   // with which it was made; "" if unknown
	Notes       []string // that concern it
}

// Source names the place: "LTAD paper, Table 3, exp100 Det., LTAD".
func (p Published) Source() string {
	return fmt.Sprintf("LTAD paper, Table %d, %s, %s", p.Table, p.Row, p.Column)
}

// paperTasks are the metrics that the paper's tables have.
var paperTasks = map[ad.Metric]ad.Task{ad.ImageAUROC: ad.Detection, ad.PixelAUROC: ad.Segmentation}

// Find gives the number that the paper has for a query; false if it has none.
//
// Two places can have it. For a method it is that of the comparisons (Tables 3 to 5),
// and of an ablation (6 to 9) for what these lack, such as High and Low; for a preset
// it is the other way round. This matters for one number: "uniad" on mvtec, step100,
// has 83.37 in detection, from Table 3, where 6.1 of Table 6, which its High and Low
// come from, has 82.63. All three have a note on it.
//
// The paper's order of the classes is not known, so that its "step100" of MVTec has
// other classes in the majority than the one made here by size.
func (p *Paper) Find(q Query) (Published, bool) {
	want := PaperScope{Kind: q.Kind, Split: q.Split, Task: paperTasks[q.Metric], Group: q.Group, Method: q.Method}
	if want.Group == "" {
		want.Group = ad.All
	}
	if q.Method == "" {
		return Published{}, false // many columns have no counterpart
	}
	tables := slices.Clone(p.Tables)
	if strings.Contains(q.Method, "/") {
		slices.Reverse(tables)
	}
	for _, t := range tables {
		for i, row := range t.Rows {
			for j, column := range t.Columns {
				of, _ := t.scope(i, j)
				encoder := of.Encoder
				of.Encoder = ""
				if of != want {
					continue
				}
				v := row.Values[j]
				if f, ok := v.Fraction(); ok {
					return Published{f, v.Text, t.Table, row.Name, column.Name, encoder, t.notes(row.Name, column.Name)}, true
				}
			}
		}
	}
	return Published{}, false
}

func (t *PaperTable) notes(row, column string) []string {
	var list []string
	for _, n := range t.Notes {
		if n.concerns(row, column) {
			list = append(list, n.Text)
		}
	}
	return list
}

// scope is what number j of row i is of. twice names a part that is said twice.
func (t *PaperTable) scope(i, j int) (of PaperScope, twice string) {
	parts := of.parts()
	for _, level := range []PaperScope{t.Of, t.Columns[j].Of, t.Rows[i].Of} {
		for k, part := range level.parts() {
			switch {
			case *part.text == "":
			case *parts[k].text != "":
				twice = part.key
			default:
				*parts[k].text = *part.text
			}
		}
	}
	if of.Group == "" {
		of.Group = ad.All
	}
	return of, twice
}

type paperPart struct {
	key  string // in the files
	text *string
}

func (o *PaperScope) parts() []paperPart {
	return []paperPart{
		{"kind", &o.Kind}, {"split", &o.Split}, {"task", (*string)(&o.Task)}, {"group", (*string)(&o.Group)},
		{"method", &o.Method}, {"encoder", &o.Encoder},
	}
}
