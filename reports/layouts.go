package reports

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
)

// comparison adds the table of a block: config x task (x group) by method.
func (r *Report) comparison(block []Entry, _ []Preset) error {
	t := table(block)
	t.Labels = []string{"config", "task"}
	if len(r.opts.Groups) > 1 {
		t.Labels = append(t.Labels, "classes")
	}
	methods := r.opts.methods(block)
	for _, m := range methods {
		t.Columns = append(t.Columns, Column{Name: r.opts.name(m)})
	}
	encoders := map[string]bool{}
	for _, e := range block {
		encoders[e.Cell.Encoder] = true
	}
	for i, c := range configs(block) {
		label := c.split
		if len(encoders) > 1 {
			label += " " + c.encoder
		}
		for j, m := range r.opts.Metrics {
			for k, g := range r.opts.Groups {
				row := Row{Labels: []string{label, MetricLabel(m)}, rule: i > 0 && j == 0 && k == 0}
				if len(r.opts.Groups) > 1 {
					row.Labels = append(row.Labels, string(g))
				}
				for _, method := range methods {
					row.Values = append(row.Values, r.group(&t.Notes, c, method, m, g))
				}
				r.rank(pointers(row.Values))
				t.Rows = append(t.Rows, row)
			}
		}
	}
	r.Tables = append(r.Tables, t)
	return nil
}

func pointers(values []Value) (out []*Value) {
	for i := range values {
		out = append(out, &values[i])
	}
	return out
}

// rankColumns ranks the values below each other.
func (r *Report) rankColumns(t *Table) {
	for j := range t.Columns {
		var column []*Value
		for i := range t.Rows {
			column = append(column, &t.Rows[i].Values[j])
		}
		r.rank(column)
	}
}

// of is a table of one config: its split and encoder.
func (r *Report) of(block []Entry, c config) Table {
	t := table(block)
	t.Config = c.split + ", " + c.encoder
	return t
}

// ablation adds a table for each config and each table that presets name, in order of
// their first appearance; presets of no table come last. Without presets the rows are
// the methods.
func (r *Report) ablation(block []Entry, presets []Preset) error {
	first := "expID"
	if presets == nil {
		first = "method"
		for _, m := range r.opts.methods(block) {
			presets = append(presets, Preset{Name: r.opts.name(m), Method: m})
		}
	}
	for _, c := range configs(block) {
		for _, title := range titles(presets) {
			rows := ofTable(presets, title, c)
			if len(rows) == 0 {
				continue
			}
			t := r.of(block, c)
			t.Title, t.Labels = title, append([]string{first}, columns(rows)...)
			for _, m := range r.opts.Metrics {
				for _, g := range r.opts.Groups {
					t.Columns = append(t.Columns, Column{MetricLabel(m), string(g)})
				}
			}
			for _, p := range rows {
				row := Row{Labels: append([]string{uniqueName(p, rows)}, p.texts(t.Labels[1:])...)}
				for _, m := range r.opts.Metrics {
					for _, g := range r.opts.Groups {
						v := r.group(&t.Notes, c, p.Method, m, g)
						if first == "expID" {
							v.Preset = p.Name
						}
						row.Values = append(row.Values, v)
					}
				}
				t.Rows = append(t.Rows, row)
			}
			r.rankColumns(&t)
			r.Tables = append(r.Tables, t)
		}
	}
	return nil
}

// titles are those of the presets' tables, "" last.
func titles(presets []Preset) (out []string) {
	for _, p := range presets {
		if p.Table != "" && !slices.Contains(out, p.Table) {
			out = append(out, p.Table)
		}
	}
	return append(out, "")
}

// ofTable gives the presets of a table that have cells.
func ofTable(presets []Preset, title string, c config) []Preset {
	return slices.DeleteFunc(slices.Clone(presets), func(p Preset) bool { return p.Table != title || c.cells[p.Method] == nil })
}

// columns are the names of the presets' columns, those of no table left out: they have
// no columns in common.
func columns(presets []Preset) (out []string) {
	for _, p := range presets {
		for _, l := range p.Columns {
			if p.Table != "" && !slices.Contains(out, l.Name) {
				out = append(out, l.Name)
			}
		}
	}
	return out
}

// texts are what the preset says in those columns.
func (p Preset) texts(columns []string) []string {
	out := make([]string, len(columns))
	for i, name := range columns {
		out[i] = "N/A"
		if at := slices.IndexFunc(p.Columns, func(l Label) bool { return l.Name == name }); at >= 0 {
			out[i] = p.Columns[at].Value
		}
	}
	return out
}

// uniqueName is the preset's name, or that of its method if presets of two methods
// have it.
func uniqueName(p Preset, rows []Preset) string {
	for _, other := range rows {
		if other.Name == p.Name && other.Method != p.Method {
			return string(p.Method)
		}
	}
	return p.Name
}

// perClass adds a table for each config: a row for each class, most populated first,
// and the means below.
func (r *Report) perClass(block []Entry, _ []Preset) error {
	methods := r.opts.methods(block)
	for _, c := range configs(block) {
		t := r.of(block, c)
		t.Labels = []string{"class", "train", "half"}
		for _, m := range r.opts.Metrics {
			for _, method := range methods {
				t.Columns = append(t.Columns, Column{MetricLabel(m), r.opts.name(method)})
			}
		}
		add := func(row Row, value func(ad.MethodName, ad.Metric) Value) {
			for _, m := range r.opts.Metrics {
				begin := len(row.Values)
				for _, method := range methods {
					row.Values = append(row.Values, value(method, m))
				}
				r.rank(pointers(row.Values[begin:]))
			}
			t.Rows = append(t.Rows, row)
		}
		for _, k := range classes(c) {
			add(Row{Labels: []string{string(k.name), k.train(), string(k.half)}}, func(method ad.MethodName, m ad.Metric) Value {
				return class(&t.Notes, c, method, m, k.name)
			})
		}
		for i, g := range r.opts.Groups {
			add(Row{Labels: []string{string(g), "", ""}, rule: i == 0}, func(method ad.MethodName, m ad.Metric) Value {
				return r.group(&t.Notes, c, method, m, g)
			})
		}
		r.Tables = append(r.Tables, t)
	}
	return nil
}

// classOf is a class of a config.
type classOf struct {
	name     ad.ClassName
	half     ad.Group
	min, max int // training images, which differ if the config's splits do
}

func (c classOf) train() string {
	if c.min < c.max {
		return strconv.Itoa(c.min) + "–" + strconv.Itoa(c.max)
	}
	return strconv.Itoa(c.min)
}

// classes gives those of the config's finished cells in the order of the first one.
func classes(c config) (out []classOf) {
	var records []*result.Record
	for _, entries := range c.cells {
		for _, e := range entries {
			if e.Record != nil && e.Record.Status == result.Done {
				records = append(records, e.Record)
			}
		}
	}
	// The order of cells is that of a map; the records' own is not.
	slices.SortFunc(records, func(a, b *result.Record) int {
		return cmp.Or(cmp.Compare(a.Cell.SplitSeed, b.Cell.SplitSeed), cmp.Compare(a.Key, b.Key))
	})
	for _, record := range records {
		for _, k := range record.Classes {
			at := slices.IndexFunc(out, func(have classOf) bool { return have.name == k.Name })
			if at < 0 {
				out = append(out, classOf{k.Name, k.Group, k.Train, k.Train})
				continue
			}
			out[at].min, out[at].max = min(out[at].min, k.Train), max(out[at].max, k.Train)
			if out[at].half != k.Group { // splits that order classes in their own ways
				out[at].half = ad.High + "/" + ad.Low
			}
		}
	}
	return out
}

// grid adds tables of presets that have two columns: the first's values by the
// second's.
func (r *Report) grid(block []Entry, presets []Preset) error {
	for _, c := range configs(block) {
		for _, title := range titles(presets) {
			rows := ofTable(presets, title, c)
			names := columns(rows)
			if title == "" || len(names) != 2 {
				continue
			}
			for _, g := range r.opts.Groups {
				t := r.of(block, c)
				t.Title, t.Labels = title, []string{names[0]}
				if len(r.opts.Groups) > 1 {
					t.Title += ", " + string(g)
				}
				if err := r.fillGrid(&t, c, rows, names, g); err != nil {
					return err
				}
				r.Tables = append(r.Tables, t)
			}
		}
	}
	return nil
}

func (r *Report) fillGrid(t *Table, c config, presets []Preset, names []string, g ad.Group) error {
	var down, across []string
	at := map[[2]string]Preset{}
	for _, p := range presets {
		texts := p.texts(names)
		if other, taken := at[[2]string(texts)]; taken {
			return fault.New(fault.Usage, "layout %s: %s and %s stand in the same place, %s = %s and %s = %s", Grid, other.Method, p.Method,
				names[0], texts[0], names[1], texts[1]).WithHint("choose those of one method, with --ablate or --methods")
		}
		at[[2]string(texts)] = p
		if !slices.Contains(down, texts[0]) {
			down = append(down, texts[0])
		}
		if !slices.Contains(across, texts[1]) {
			across = append(across, texts[1])
		}
	}
	for _, b := range across {
		for _, m := range r.opts.Metrics {
			t.Columns = append(t.Columns, Column{names[1] + " = " + b, MetricLabel(m)})
		}
	}
	for _, a := range down {
		row := Row{Labels: []string{a}}
		for _, b := range across {
			p, ok := at[[2]string{a, b}]
			for _, m := range r.opts.Metrics {
				v := Value{Split: c.split, SplitDigest: c.digest, Encoder: c.encoder, Metric: m, Group: g, State: "missing", Runs: []Run{}}
				if ok {
					v = r.group(&t.Notes, c, p.Method, m, g)
					v.Preset = p.Name
				}
				row.Values = append(row.Values, v)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	for _, m := range r.opts.Metrics { // the best of the whole grid
		var all []*Value
		for i := range t.Rows {
			for j := range t.Rows[i].Values {
				if t.Rows[i].Values[j].Metric == m {
					all = append(all, &t.Rows[i].Values[j])
				}
			}
		}
		r.rank(all)
	}
	return nil
}
