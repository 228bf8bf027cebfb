package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// Result is one cell of a run.
type Result struct {
	Cell   result.Cell
	Record *result.Record // nil if there is none, or one that cannot be used
	// Problem is why the record cannot be used; "" if there is none.
	Problem string
	// Open opens the pixels of the record, which has maps.
	Open func(ctx context.Context) (Pixels, error)
}

// Pixels are those of one result's test images.
type Pixels interface {
	// Class gives the images of one class whose pixels' truth is known, in the order of
	// the record's samples.
	Class(name ad.ClassName) metric.Pixels
	Close() error
}

// Matched is the pairs of one configuration.
type Matched struct {
	Dataset  ad.DatasetName
	Split    string
	Encoder  string
	MethodA  ad.MethodName
	MethodB  ad.MethodName
	Pairs    []Pair   // at least one
	Notes    []string // what stands beside the numbers
	LeftOut  []string // cells without a pair that can be used
	Problems []string // the same, of results that are damaged
}

// Pair is two results that may be compared.
type Pair struct{ A, B Result }

// Match pairs the results of A and B, which have one for each cell: those with equal
// cells, or with crossed those that have the same dataset, split, encoder and seeds, of
// the one method that each run then has. Configurations keep the order of a. Results
// that may not be compared are errors of kind NotComparable, all of them joined, that
// say what differs. That there is no pair is an error of kind Data.
func Match(a, b []Result, crossed bool) ([]Matched, error) {
	of := func(c result.Cell) result.Cell {
		if crossed {
			c.Method = ""
		}
		return c
	}
	others := map[result.Cell]Result{}
	for _, r := range b {
		others[of(r.Cell)] = r
	}
	var out []Matched
	var errs []error
	for _, r := range a {
		other, found := others[of(r.Cell)]
		m := Matched{Dataset: r.Cell.Dataset, Split: r.Cell.Split, Encoder: r.Cell.Encoder, MethodA: r.Cell.Method, MethodB: r.Cell.Method}
		if crossed && found {
			m.MethodB = other.Cell.Method
		}
		at := slices.IndexFunc(out, func(o Matched) bool {
			return o.Dataset == m.Dataset && o.Split == m.Split && o.Encoder == m.Encoder && o.MethodA == m.MethodA
		})
		if at < 0 {
			at, out = len(out), append(out, m)
		}
		if !found {
			out[at].LeftOut = append(out[at].LeftOut, fmt.Sprintf("%s: B has no such cell", r.Cell))
			continue
		}
		out[at].MethodB = m.MethodB
		delete(others, of(r.Cell))
		errs = append(errs, out[at].add(Pair{r, other}))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var without []string
	for _, r := range b {
		if _, left := others[of(r.Cell)]; left {
			without = append(without, fmt.Sprintf("%s: A has no such cell", r.Cell))
		}
	}
	return join(out, without)
}

// join drops configurations without a pair; what they say goes to the first that has
// one, since nothing is left out in silence.
func join(all []Matched, leftOut []string) ([]Matched, error) {
	var out []Matched
	var problems, said []string
	for _, m := range all {
		if len(m.Pairs) > 0 {
			out = append(out, m)
			continue
		}
		said, problems = append(said, m.LeftOut...), append(problems, m.Problems...)
	}
	said = append(said, leftOut...)
	if len(out) == 0 {
		return nil, fault.New(fault.Data, "A and B have no cell in common that both have a result of").
			WithHint("%s", strings.Join(append(said, problems...), "\n        "))
	}
	out[0].LeftOut, out[0].Problems = append(out[0].LeftOut, said...), append(out[0].Problems, problems...)
	return out, nil
}

// add takes a pair if both have numbers.
func (m *Matched) add(p Pair) error {
	for _, side := range []struct {
		name string
		Result
	}{{"A", p.A}, {"B", p.B}} {
		cell, r := side.Cell, side.Record
		switch {
		case side.Problem != "":
			m.Problems = append(m.Problems, fmt.Sprintf("%s: %s: %s", side.name, cell, side.Problem))
			return nil
		case r == nil:
			m.LeftOut = append(m.LeftOut, fmt.Sprintf("%s: %s has no result", side.name, cell))
			return nil
		case r.Status == result.Failed:
			line, _, _ := strings.Cut(r.Failure.Message, "\n")
			m.LeftOut = append(m.LeftOut, fmt.Sprintf("%s: %s failed (%s): %s", side.name, cell, r.Failure.Kind, line))
			return nil
		}
	}
	a, b := p.A.Record, p.B.Record
	if what := differences(a.Inputs, b.Inputs); len(what) > 0 {
		return fault.New(fault.NotComparable, "%s and %s are not comparable: %s", p.A.Cell, p.B.Cell, strings.Join(what, "; ")).
			WithHint("run or rescore one of them as the other was, or leave the cell out with --only")
	}
	if len(m.Pairs) > 0 {
		first := m.Pairs[0].A
		in := a.Inputs
		in.Split = first.Record.Inputs.Split // seeds may have splits of their own
		if what := differences(first.Record.Inputs, in); len(what) > 0 {
			return fault.New(fault.NotComparable, "%s and %s cannot be averaged: %s", first.Cell, p.A.Cell, strings.Join(what, "; ")).
				WithHint("run both again with the configuration as it is, or choose one with --only seed=N")
		}
	}
	same := func(x, y result.Sample) bool {
		return x.ID == y.ID && x.Class == y.Class && x.Label == y.Label && x.Truth == y.Truth
	}
	if !slices.EqualFunc(a.Samples, b.Samples, same) {
		m.Problems = append(m.Problems, fmt.Sprintf("%s and %s name the same data and do not list the same images", p.A.Cell, p.B.Cell))
		return nil
	}
	if a.Inputs.Encoder != b.Inputs.Encoder {
		m.note("encoder %q is not the same for both: %s for A, %s for B", m.Encoder, a.Inputs.Encoder.Short(), b.Inputs.Encoder.Short())
	}
	for _, r := range []*result.Record{a, b} {
		for _, w := range r.Warnings {
			m.note("%s", w)
		}
		if r.Prior {
			m.note("%s is told the names of the classes", r.Cell.Method)
		}
	}
	m.Pairs = append(m.Pairs, p)
	return nil
}

// note adds a note, once.
func (m *Matched) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.Notes, text) {
		m.Notes = append(m.Notes, text)
	}
}

// differences says what keeps two results apart: data, split or protocol.
func differences(a, b result.Inputs) (out []string) {
	if a.Dataset != b.Dataset {
		out = append(out, fmt.Sprintf("the data differ (%s and %s)", a.Dataset.Short(), b.Dataset.Short()))
	}
	if a.Split != b.Split {
		out = append(out, fmt.Sprintf("the splits differ (%s and %s)", a.Split.Short(), b.Split.Short()))
	}
	if a.Protocol != b.Protocol {
		var parts []string
		was, is := settings(a.Protocol), settings(b.Protocol)
		for i := range was {
			if was[i] != is[i] {
				parts = append(parts, fmt.Sprintf("%s and %s", was[i], is[i]))
			}
		}
		out = append(out, fmt.Sprintf("the protocols differ (%s)", strings.Join(parts, ", ")))
	}
	return out
}

// settings are those of a protocol, one by one, by their JSON names.
func settings(p metric.Protocol) []string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data
	}
	return strings.Split(strings.Trim(strings.ReplaceAll(string(text), `"`, ""), "{}"), ",")
}
