package gallery

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/reports"
)

// Choose makes the sheets of the entries, in their order, and chooses the images; it
// opens no file, so the sheets have no pictures yet. An unknown rule or method, and
// numbers out of bounds, are errors of kind Usage.
func Choose(entries []reports.Entry, o Options) ([]*Sheet, error) {
	o, err := o.complete(entries)
	if err != nil {
		return nil, err
	}
	var sheets []*Sheet
	for _, group := range groups(entries) {
		s := newSheet(group, entries, o)
		s.choose(group)
		sheets = append(sheets, s)
	}
	return sheets, nil
}

// complete checks the options and fills in defaults.
func (o Options) complete(entries []reports.Entry) (Options, error) {
	var known []ad.MethodName
	for _, e := range entries {
		if !slices.Contains(known, e.Cell.Method) {
			known = append(known, e.Cell.Method)
		}
	}
	named := slices.Clone(o.Methods)
	if o.By != "" {
		named = append(named, o.By)
	}
	for m := range o.Names {
		named = append(named, m)
	}
	slices.Sort(named)
	for _, m := range named {
		if !slices.Contains(known, m) {
			return o, fault.New(fault.Usage, "there are no results of a method %q", m).WithHint("%s", fault.Suggest(m, known))
		}
	}
	for _, r := range o.Rules {
		if !slices.Contains(Rules, r) {
			return o, fault.New(fault.Usage, "rule %q is unknown", r).WithHint("%s", fault.Suggest(r, Rules))
		}
	}
	if len(o.Rules) == 0 {
		o.Rules = []Rule{Worst}
	}
	if len(o.Methods) == 0 {
		o.Methods = known
	}
	o.Rules, o.Methods = distinct(o.Rules), distinct(o.Methods)
	o.PerClass, o.Size = cmp.Or(o.PerClass, 2), cmp.Or(o.Size, 160)
	if o.PerClass < 1 {
		return o, fault.New(fault.Usage, "%d images per class: want 1 or more", o.PerClass)
	}
	if o.Size < minSize || o.Size > maxSize {
		return o, fault.New(fault.Usage, "pictures of %d pixels: want from %d to %d", o.Size, minSize, maxSize)
	}
	return o, nil
}

func distinct[T comparable](list []T) (out []T) {
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// groups divides the entries into those of one sheet: of one dataset under one
// protocol, one split and one encoder. Of a split that was drawn several times, the
// first draw is shown. Cells without a record join the first group of their names.
func groups(entries []reports.Entry) (out [][]reports.Entry) {
	type names struct {
		dataset        ad.DatasetName
		split, encoder string
		draw           uint64
	}
	type key struct {
		names
		inputs, split ad.Digest
	}
	name := func(e reports.Entry) names {
		return names{e.Cell.Dataset, e.Cell.Split, e.Cell.Encoder, e.Cell.SplitSeed}
	}
	first := map[names]*key{} // nil until there is a record
	draws := map[names]uint64{}
	for _, e := range entries {
		n := name(e)
		if e.Record != nil && first[n] == nil {
			first[n] = &key{n, e.Record.Inputs.Comparable(), e.Record.Inputs.Split}
		}
		n.draw = 0
		if _, ok := draws[n]; !ok {
			draws[n] = e.Cell.SplitSeed
		}
	}
	at := map[key]int{}
	for _, e := range entries {
		n := name(e)
		k := key{names: n}
		if first[n] != nil {
			k = *first[n]
		}
		if e.Record != nil {
			k.inputs, k.split = e.Record.Inputs.Comparable(), e.Record.Inputs.Split
		}
		if n.draw = 0; draws[n] != e.Cell.SplitSeed {
			continue
		}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

// newSheet makes the sheet of a group of the entries, without rows.
func newSheet(group, all []reports.Entry, o Options) *Sheet {
	c := group[0].Cell
	s := &Sheet{Dataset: c.Dataset, Split: c.SplitID(), Encoder: c.Encoder, options: o}
	for _, e := range group {
		if e.Record != nil {
			s.Digest, s.Protocol = e.Record.Inputs.Dataset, e.Record.Inputs.Protocol
			break
		}
	}
	for _, m := range o.Methods {
		if column, ok := columnOf(group, m); ok {
			column.Name = cmp.Or(o.Names[m], string(m))
			for _, e := range all {
				seedless := e.Cell
				seedless.Seed, seedless.SplitSeed = column.Cell.Seed, column.Cell.SplitSeed
				if seedless == column.Cell {
					column.Seeds++
				}
			}
			s.Columns = append(s.Columns, column)
		}
	}
	return s
}

// columnOf takes the method's first seed that has a result, or else its first.
func columnOf(group []reports.Entry, m ad.MethodName) (Column, bool) {
	var shown *reports.Entry
	for i, e := range group {
		if e.Cell.Method != m {
			continue
		}
		if shown == nil || !done(*shown) && done(e) {
			shown = &group[i]
		}
	}
	if shown == nil {
		return Column{}, false
	}
	c := Column{Cell: shown.Cell}
	switch {
	case done(*shown):
		c.record = shown.Record
	case shown.Record != nil:
		c.missing = "the cell failed"
	case shown.Problem != "":
		c.missing = shown.Problem
	default:
		c.missing = "no result yet"
	}
	return c, true
}

func done(e reports.Entry) bool { return e.Record != nil && e.Record.Status == result.Done }

// choose fills the sheet's rows.
func (s *Sheet) choose(group []reports.Entry) {
	var base *result.Record // for the classes and their images, which all records share
	var judges, shown []*result.Record
	for _, c := range s.Columns {
		shown = append(shown, c.record)
		if c.record != nil {
			judges = append(judges, c.record)
		}
	}
	if s.options.By != "" {
		judges = nil
		if by, ok := columnOf(group, s.options.By); ok && by.record != nil {
			judges = append(judges, by.record)
		} else if slices.ContainsFunc(s.options.Rules, func(r Rule) bool { return r != Random }) {
			s.Problems = append(s.Problems, fault.New(fault.Data, "%s: no result of %q to choose images by", s.title(), s.options.By).
				WithHint("choose by another method, or run it"))
			return
		}
	}
	for _, r := range append(slices.Clone(judges), shown...) {
		if r != nil {
			base = r
			break
		}
	}
	if base == nil {
		s.Notes = append(s.Notes, "no method has a result")
		return
	}
	for _, class := range base.Classes {
		images := newImages(base, class.Name)
		for _, r := range judges {
			images.judge(r)
		}
		places := make([]map[ad.SampleID]place, len(shown))
		for i, r := range shown {
			places[i] = ranks(r, class.Name)
		}
		for _, rule := range s.options.Rules {
			chosen := images.by(rule, s.options, s.Dataset)
			if len(chosen) == 0 {
				s.Notes = append(s.Notes, fmt.Sprintf("class %s has no test images for the rule %q", class.Name, rule))
			}
			for _, m := range chosen {
				row := Row{ID: m.ID, Class: m.Class, Label: m.Label, Truth: m.Truth, Rule: rule, Group: class.Group, Train: class.Train,
					Normal: images.count(ad.Normal), Anomalous: images.count(ad.Anomalous)}
				for i, c := range s.Columns {
					p := places[i][m.ID]
					row.Maps = append(row.Maps, Map{Score: p.score, Rank: p.rank, Of: p.of, Missing: c.missing})
				}
				s.Rows = append(s.Rows, row)
			}
		}
	}
}

// by chooses images by a rule, the most fitting first.
func (c *images) by(rule Rule, o Options, dataset ad.DatasetName) []*candidate {
	list := slices.Clone(c.list)
	switch rule {
	case Worst:
		slices.SortStableFunc(list, c.worse) // of equal ones, by ID
	case Best:
		list = slices.DeleteFunc(list, func(m *candidate) bool { return m.Label != ad.Anomalous })
		slices.SortStableFunc(list, func(a, b *candidate) int { return c.worse(b, a) })
	case Random:
		stream.New(o.Seed, "gallery", string(dataset), string(c.class)).Shuffle(len(list), func(i, j int) {
			list[i], list[j] = list[j], list[i]
		})
	}
	return list[:min(len(list), o.PerClass)]
}
