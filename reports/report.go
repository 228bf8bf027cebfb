// Package reports turns stored results into tables: for people, papers and programs.
// It reads records and runs nothing.
//
// A Report is one or more Tables in one of the Layouts. Results of other data or
// another protocol never share a table. FORMATS.md, beside this file, describes what
// programs read (CSV and JSON); text, Markdown and LaTeX are made from a Sheet.
package reports

import (
	"maps"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// The layouts of tables.
const (
	// Comparison has a row for each config, task and group, and a column for each
	// method: the paper's Tables 3 to 5.
	Comparison = "comparison"
	// Ablation has a row for each preset (or method, if there are no presets) and a
	// column for each task and group: Tables 6 to 8.
	Ablation = "ablation"
	// PerClass has a row for each class and a column for each task and method.
	PerClass = "per-class"
	// Grid has the values of a preset's first column as rows and those of its second
	// as columns: Table 9.
	Grid = "grid"
)

// Layouts lists the layouts.
var Layouts = []string{Comparison, Ablation, PerClass, Grid}

// Options choose what a report shows.
type Options struct {
	Layout   string                   // default: Ablation if there are presets, else Comparison
	Groups   []ad.Group               // default: All; All, High and Low of Ablation and PerClass
	Metrics  []ad.Metric              // default: image AUROC as Det., pixel AUROC as Seg.
	Methods  []ad.MethodName          // which and in what order; default: all, as they first appear
	Names    map[ad.MethodName]string // what people read in place of a method's name
	Decimals int                      // of percentages
	// Published gives what somebody else has published for the number of an entry; nil
	// if that is not to be shown. Classes have none, only groups.
	Published func(Entry, ad.Metric, ad.Group) (Published, bool)
}

// Entry is one cell of the benchmark and its record, nil if it has not run or if its
// record cannot be used, which Problem then says.
type Entry struct {
	Cell    result.Cell
	Record  *result.Record
	Problem string
}

// Preset is a variant of a method: a row of an ablation table.
type Preset struct {
	Name    string
	Method  ad.MethodName // in the entries of its cells
	Table   string        // title of its table, "" if it has none
	Columns []Label
}

// Label is what a table prints of a preset, beside its numbers: a column and its text.
type Label struct{ Name, Value string }

// Report is tables of one layout.
type Report struct {
	Layout string  `json:"layout"`
	Tables []Table `json:"tables"`
	opts   Options
}

// Table is a table as data; Report.Sheet makes of it what people read.
type Table struct {
	Title    string          `json:"title,omitempty"` // of a paper's table, as a preset has it
	Dataset  ad.DatasetName  `json:"dataset"`
	Digest   ad.Digest       `json:"dataset_digest"`
	Protocol metric.Protocol `json:"protocol"`
	// Config is the split (and encoder) that all numbers share; "" in a Comparison.
	Config string `json:"config,omitempty"`
	// Labels head the columns that lead each row, Columns those of the numbers.
	Labels  []string `json:"labels"`
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
	Notes   []string `json:"notes,omitempty"` // Value.Notes counts them from 1
}

// Column heads a column of numbers, if Group is not "" as one of those that share it.
type Column struct {
	Group string `json:"group,omitempty"`
	Name  string `json:"name"`
}

// Row is a row of a table.
type Row struct {
	Labels []string `json:"labels"` // by the table's
	Values []Value  `json:"values"` // by the table's columns
	rule   bool     // people see a line above it
}

// Value is one number of a table: what it is of, and the mean over its seeds as a
// fraction of 1.
type Value struct {
	Split string `json:"split"`
	// SplitDigest is empty if repetitions have splits of their own, or if nothing ran.
	SplitDigest ad.Digest     `json:"split_digest"`
	Encoder     string        `json:"encoder"`
	Method      ad.MethodName `json:"method"`
	Preset      string        `json:"preset,omitempty"`
	Metric      ad.Metric     `json:"metric"`
	// Group or Class is what the metric is of: the mean of a group, or one class.
	Group ad.Group     `json:"group,omitempty"`
	Class ad.ClassName `json:"class,omitempty"`

	Mean  *float64 `json:"mean"`            // nil: failed, undefined or not run
	Std   *float64 `json:"std,omitempty"`   // sample standard deviation, with 2 seeds or more
	Runs  []Run    `json:"runs"`            // the seeds that have the number
	Rank  int      `json:"rank,omitempty"`  // 1 best, 2 second; ties share; others 0
	State string   `json:"state,omitempty"` // why Mean is nil: failed, undefined, missing
	Notes []int    `json:"notes,omitempty"` // of the table, counted from 1; they explain it

	Published *Published `json:"published,omitempty"`

	entries []Entry
}

// Entries are the cells behind the number, one per seed, also those that failed or have
// not run; none if there is no such cell.
func (v *Value) Entries() []Entry { return v.entries }

// Run is the number of one cell.
type Run struct {
	Key       ad.Digest `json:"key"` // of its record in the store
	SplitSeed uint64    `json:"split_seed"`
	Seed      uint64    `json:"seed"`
	Value     float64   `json:"value"`
}

// Published is a number that somebody else has published, as a fraction of 1.
type Published struct {
	Value   float64  `json:"value"`
	Source  string   `json:"source"`
	Remarks []string `json:"remarks,omitempty"` // what to know when comparing with it
}

// Build projects the entries onto tables. Tables, rows and columns keep the order of
// first appearance in entries, or that of Options.Methods; rows of presets keep the
// order of presets, of which those without entries are left out. An unknown layout or
// method is a fault of kind Usage.
func Build(entries []Entry, presets []Preset, o Options) (*Report, error) {
	if o.Layout == "" {
		o.Layout = Comparison
		if presets != nil {
			o.Layout = Ablation
		}
	}
	if len(o.Groups) == 0 {
		o.Groups = []ad.Group{ad.All}
		if o.Layout == Ablation || o.Layout == PerClass {
			o.Groups = []ad.Group{ad.All, ad.High, ad.Low}
		}
	}
	if len(o.Metrics) == 0 {
		o.Metrics = []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}
	}
	entries, err := o.Chosen(entries)
	if err != nil {
		return nil, err
	}
	r := &Report{Layout: o.Layout, Tables: []Table{}, opts: o}
	build := map[string]func([]Entry, []Preset) error{
		Comparison: r.comparison, Ablation: r.ablation, PerClass: r.perClass, Grid: r.grid,
	}[o.Layout]
	if build == nil {
		return nil, CheckLayout(o.Layout)
	}
	for _, block := range blocks(entries) {
		if err := build(block, presets); err != nil {
			return nil, err
		}
	}
	if o.Layout == Grid && len(r.Tables) == 0 {
		return nil, fault.New(fault.Usage, "layout %s: no table of these results has two columns to span it", Grid).
			WithHint("it is for the presets of such a table, as in --ablate ltad=9 --layout %s", Grid)
	}
	return r, nil
}

// CheckLayout gives an error of kind Usage for the name of no layout.
func CheckLayout(layout string) error {
	if slices.Contains(Layouts, layout) {
		return nil
	}
	e := fault.New(fault.Usage, "layout %q is unknown", layout)
	return e.WithHint("layouts: %s", strings.Join(Layouts, ", "))
}

// Chosen gives the entries of the methods that are asked for, all of them if none is.
// Methods, also those of Names, without any entry are a fault of kind Usage.
func (o Options) Chosen(entries []Entry) ([]Entry, error) {
	var known []string
	for _, e := range entries {
		if name := string(e.Cell.Method); !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	unknown := func(flag string, m ad.MethodName) error {
		return fault.New(fault.Usage, "%s: no results of method %q", flag, m).WithHint("there are results of %s", strings.Join(known, ", "))
	}
	for _, m := range slices.Sorted(maps.Keys(o.Names)) {
		if !slices.Contains(known, string(m)) {
			return nil, unknown("names", m)
		}
	}
	shown := map[string]ad.MethodName{}
	for _, name := range known {
		m := ad.MethodName(name)
		if other, twice := shown[o.name(m)]; twice && (len(o.Methods) == 0 || slices.Contains(o.Methods, m) && slices.Contains(o.Methods, other)) {
			return nil, fault.New(fault.Usage, "names: methods %q and %q would both be shown as %q", other, m, o.name(m)).
				WithHint("give each a name of its own")
		}
		shown[o.name(m)] = m
	}
	if len(o.Methods) == 0 {
		return entries, nil
	}
	at := map[ad.MethodName]int{}
	for i, m := range o.Methods {
		if !slices.Contains(known, string(m)) {
			return nil, unknown("methods", m)
		}
		at[m] = i + 1
	}
	out := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return at[e.Cell.Method] == 0 })
	return out, nil
}

// methods gives those of the entries in the order of columns.
func (o Options) methods(entries []Entry) (out []ad.MethodName) {
	for _, e := range entries {
		if !slices.Contains(out, e.Cell.Method) {
			out = append(out, e.Cell.Method)
		}
	}
	if len(o.Methods) > 0 {
		slices.SortStableFunc(out, func(a, b ad.MethodName) int {
			return slices.Index(o.Methods, a) - slices.Index(o.Methods, b)
		})
	}
	return out
}

// name is what people read for a method.
func (o Options) name(m ad.MethodName) string {
	if name, ok := o.Names[m]; ok {
		return name
	}
	return string(m)
}

// HasPublished says whether any number has a published one beside it.
func (r *Report) HasPublished() bool {
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			if slices.ContainsFunc(row.Values, func(v Value) bool { return v.Published != nil }) {
				return true
			}
		}
	}
	return false
}
