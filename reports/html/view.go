package html

import (
	"fmt"
	"html/template"
	"image"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
)

var pageTemplate = template.Must(template.New("index.html.tmpl").
	Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }}).ParseFS(assets, "assets/*.tmpl"))

// view is what the page's template shows.
type view struct {
	Page
	Summary  string
	Facts    []fact // of the whole report
	Blocks   []block
	Datasets choice
	Classes  choice
	Methods  choice
	Sections []section
	Sheets   []sheetView
	Rules    []string // of the gallery, in order of first appearance
	Scale    scale
	Failures []failureView

	cells   []cellData
	cellAt  map[cellID]int
	numbers map[string]number
}

// fact is a line of a list of properties.
type fact struct{ Name, Value string }

// block is data and protocol that tables share.
type block struct {
	Title string
	Facts []fact
}

// choice is what one filter chooses from; elements of the page refer to its items by
// their index, so that names need no quoting.
type choice struct {
	Key   string // in the address
	One   string
	Many  string
	Items []item
	at    map[string]int
}

type item struct{ Name, Label string }

// index gives the index of an item, which it adds if it is new.
func (c *choice) index(name, label string) int {
	i, ok := c.at[name]
	if !ok {
		if c.at == nil {
			c.at = map[string]int{}
		}
		i = len(c.Items)
		c.at[name] = i
		c.Items = append(c.Items, item{name, label})
	}
	return i
}

// section is the tables of one report.
type section struct {
	ID, Title, Lead string
	Tables          []table
}

// sectionTexts are titles and introductions by layout.
var sectionTexts = map[string][2]string{
	reports.Comparison: {"Comparison", "Each method under each split and encoder."},
	reports.Ablation:   {"Ablation", "Variants of a method, over all, majority (High) and minority (Low) classes."},
	reports.Grid:       {"Grid", "Two options against each other."},
	reports.PerClass:   {"Classes", "Each class on its own, most populated first, with the means over all, majority (High) and minority (Low) classes below."},
}

func newView(p Page) *view {
	v := &view{Page: p, cellAt: map[cellID]int{}, numbers: map[string]number{},
		Datasets: choice{Key: "dataset", One: "dataset", Many: "Datasets"},
		Classes:  choice{Key: "class", One: "class", Many: "Classes"},
		Methods:  choice{Key: "method", One: "method", Many: "Methods"}}
	for _, e := range p.Entries {
		v.entry(e)
	}
	tables := 0
	for i, r := range p.Reports {
		texts, ok := sectionTexts[r.Layout]
		if !ok {
			texts = [2]string{r.Layout, ""}
		}
		s := section{ID: "tables-" + strconv.Itoa(i+1), Title: texts[0], Lead: texts[1]}
		for _, t := range r.Tables {
			tables++
			s.Tables = append(s.Tables, v.table("t"+strconv.Itoa(tables), r, t))
		}
		v.Sections = append(v.Sections, s)
	}
	for i, s := range p.Gallery.Sheets {
		v.Sheets = append(v.Sheets, v.sheet(i, s))
	}
	if len(v.Sheets) > 0 {
		v.Scale = newScale(p.Gallery)
	}
	v.head()
	return v
}

func (v *view) dataset(d ad.DatasetName) int { return v.Datasets.index(string(d), string(d)) }

func (v *view) class(c ad.ClassName) int { return v.Classes.index(string(c), string(c)) }

func (v *view) method(m ad.MethodName) int {
	label := string(m)
	if name, ok := v.Names[m]; ok {
		label = name
	}
	return v.Methods.index(string(m), label)
}

// head sums the report up.
func (v *view) head() {
	count := map[string]int{}
	var machines []string
	var versions []string
	cellsOf := map[string]int{}
	blockAt := map[ad.Digest]int{}
	for _, e := range v.Entries {
		r := e.Record
		if r == nil {
			count["missing"]++
			continue
		}
		count[string(r.Status)]++
		m := machineText(r.Run.Machine)
		if !slices.Contains(machines, m) {
			machines = append(machines, m)
		}
		cellsOf[m]++
		if one := r.Run.Machine.Ltadbench; one != "" && !slices.Contains(versions, one) {
			versions = append(versions, one)
		}
		if _, ok := blockAt[r.Inputs.Comparable()]; !ok {
			blockAt[r.Inputs.Comparable()] = len(v.Blocks)
			v.Blocks = append(v.Blocks, block{string(e.Cell.Dataset), append([]fact{{"data", string(r.Inputs.Dataset)}}, protocolFacts(r.Inputs.Protocol)...)})
		}
	}
	var parts []string
	for _, s := range []struct{ key, text string }{{"done", "finished"}, {"failed", "failed"}, {"missing", "not there"}} {
		if n := count[s.key]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s.text))
		}
	}
	v.Summary = fmt.Sprintf("%s: %s.", plural(len(v.Entries), "cell"), strings.Join(parts, ", "))
	if n := len(v.Entries); n > 1 && count["done"] == n {
		v.Summary = fmt.Sprintf("All %d cells are finished.", n)
	}
	v.Facts = facts("Configuration", v.Config, "Datasets", names(v.Datasets), "Methods", names(v.Methods))
	for _, m := range machines {
		text := m
		if len(machines) > 1 {
			text += " (" + plural(cellsOf[m], "cell") + ")"
		}
		v.Facts = append(v.Facts, fact{"Machine", text})
	}
	for _, one := range versions {
		v.Facts = append(v.Facts, fact{"Made with", "ltadbench " + one})
	}
}

func names(c choice) string {
	const most = 12
	var out []string
	for i, one := range c.Items {
		if i == most && len(c.Items) > most+1 {
			out = append(out, fmt.Sprintf("and %d more", len(c.Items)-most))
			break
		}
		out = append(out, one.Label)
	}
	return strings.Join(out, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func machineText(m result.Machine) string {
	cpus := ""
	if m.CPUs > 0 {
		cpus = plural(m.CPUs, "CPU")
	}
	return strings.Join(slices.DeleteFunc([]string{m.CPU, cpus, m.Platform}, func(s string) bool { return s == "" }), ", ")
}

// failureView is a cell without numbers.
type failureView struct {
	cellData
	Dataset, Method int
	Tail            string // of the stored log, if it says more than the record
}

// failed lists the cells that failed, or whose records cannot be used.
func (v *view) failed(e reports.Entry, c cellData) {
	if c.Failure == nil && e.Problem == "" {
		return
	}
	f := failureView{cellData: c, Dataset: v.dataset(e.Cell.Dataset), Method: v.method(e.Cell.Method)}
	if c.Failure != nil {
		if tail := v.Logs[e.Record.Key]; strings.TrimSpace(tail) != strings.TrimSpace(c.Failure.Log) {
			f.Tail = tail
		}
	}
	v.Failures = append(v.Failures, f)
}

func figurePath(f Figure) string { return "figures/" + safe(f.Name) + ".svg" }

// Path is where the figure is, as seen from the page.
func (f Figure) Path() string { return figurePath(f) }

// Pixels is its size in whole pixels, for its aspect.
func (f Figure) Pixels() image.Point {
	const width = 1000
	height := 600.0
	if f.Width > 0 && f.Height > 0 {
		height = math.Round(width * f.Height / f.Width)
	}
	return image.Pt(width, int(height))
}

// safe makes a text a part of a file name and of an address.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("._+-", r)) {
			return r
		}
		return '-'
	}, s)
}

func picturePath(sheet, row int) string {
	return path.Join("gallery", "sheet"+strconv.Itoa(sheet+1)) + fmt.Sprintf("/%03d-", row+1)
}

func mapPath(base string, column int) string { return base + "map" + strconv.Itoa(column+1) + ".png" }
