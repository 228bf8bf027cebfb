// Package verify compares results with a stored baseline. It reads records and runs
// nothing.
//
// Results are compared where everything that decides the numbers on purpose is the
// same: the data, its split, the encoder, the method's name and options, the seed and
// the protocol. Anything else there is "not comparable", which is neither a pass nor a
// failure. The method's version and program, the engine, the machine and the libraries
// may differ, since verification is to find out what they do to the numbers; they are
// stated.
//
// Every metric of every group of classes has a line of its own. All metrics are better
// the larger they are.
package verify

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
)

// Verdict is what a comparison comes to.
type Verdict string

// The verdicts.
const (
	Equal         Verdict = "equal"     // within the tolerance
	Improved      Verdict = "improved"  // above it; or a number where the baseline has none
	Regressed     Verdict = "regressed" // below it; or no number where the baseline has one
	NotComparable Verdict = "not comparable"
	Missing       Verdict = "missing" // in the baseline, and no result now
	Failed        Verdict = "failed"  // a cell that has numbers in the baseline
	Extra         Verdict = "extra"   // not in the baseline; it changes nothing
)

// severity orders verdicts: that of a cell is the worst of its lines.
var severity = []Verdict{Extra, Equal, Improved, NotComparable, Missing, Regressed, Failed}

// Result is a comparison.
type Result struct {
	Schema   int    `json:"schema"`
	Baseline string `json:"baseline"` // the file's name
	// Strict is for numbers that are to stay what they are: one that improved past its
	// tolerance is then as bad as one that regressed.
	Strict  bool    `json:"strict"`
	Verdict Verdict `json:"verdict"` // the worst of all cells
	Numbers Count   `json:"numbers"`
	Count   Count   `json:"cells"`
	Cells   []Cell  `json:"results"`
}

// Count counts verdicts.
type Count struct {
	Equal         int `json:"equal"`
	Improved      int `json:"improved"`
	Regressed     int `json:"regressed"`
	NotComparable int `json:"not_comparable"`
	Missing       int `json:"missing"`
	Failed        int `json:"failed"`
	Extra         int `json:"extra"`
}

// Cell is one cell of the comparison.
type Cell struct {
	Cell    result.Cell `json:"cell"`
	Verdict Verdict     `json:"verdict"`
	// Reason is why there are no lines, or why they are what they are; "" mostly.
	Reason string `json:"reason,omitempty"`
	// Inputs are those that differ: why the cell is not comparable.
	Inputs []Difference `json:"inputs,omitempty"`
	// Ran is what else differs; it decides nothing.
	Ran   []Difference `json:"ran,omitempty"`
	Lines []Line       `json:"lines,omitempty"`

	pos fault.Pos // in the baseline
}

// Difference is an input or a circumstance that is not what it was.
type Difference struct {
	Name     string `json:"name"`
	Baseline string `json:"baseline"`
	Now      string `json:"now"`
}

// String says it with digests cut short.
func (d Difference) String() string {
	show := func(s string) string {
		if strings.HasPrefix(s, "sha256:") {
			s = ad.Digest(s).Short()
		}
		return cmp.Or(s, "nothing")
	}
	return fmt.Sprintf("%s is %s in the baseline, now %s", d.Name, show(d.Baseline), show(d.Now))
}

// Line compares one number. Numbers are fractions of 1, nil where undefined.
type Line struct {
	Metric     ad.Metric `json:"metric"`
	Group      ad.Group  `json:"group"`
	Baseline   *float64  `json:"baseline"`
	Now        *float64  `json:"now"`
	Difference *float64  `json:"difference"` // now less baseline
	Tolerance  float64   `json:"tolerance"`
	Verdict    Verdict   `json:"verdict"`
	// Classes are those that moved most the way a regressed number did, at most three,
	// the worst first.
	Classes []Moved `json:"classes,omitempty"`
}

// Moved is a class and how its number moved.
type Moved struct {
	Class    ad.ClassName `json:"class"`
	Baseline *float64     `json:"baseline"`
	Now      *float64     `json:"now"`
}

// Compare compares the entries with the cells of the baseline that are chosen (nil: all).
// name is the baseline's, for people. asked has what the configuration asks for as it is
// now: a result of other inputs is of an earlier one, and passes for nothing; a cell that
// asked lacks is not checked. Cells stand in the order of the baseline, those that it
// lacks at the end. The error is that of a tolerance that cannot be found.
func Compare(name string, b *baselines.Baseline, chosen func(result.Cell) bool, entries []reports.Entry,
	asked map[result.Cell]result.Inputs) (*Result, error) {
	r := &Result{Schema: 1, Baseline: name, Verdict: Equal}
	known := map[result.Cell]bool{}
	for _, base := range b.Cells {
		if chosen != nil && !chosen(base.Cell) {
			continue
		}
		known[base.Cell] = true
		i := slices.IndexFunc(entries, func(e reports.Entry) bool { return e.Cell == base.Cell })
		if i < 0 {
			r.add(Cell{Cell: base.Cell, Verdict: Missing, Reason: "there is no result of this cell", pos: base.Pos})
			continue
		}
		c, err := compare(b, base, entries[i], asked)
		if err != nil {
			return nil, err
		}
		r.add(c)
	}
	for _, e := range entries {
		if !known[e.Cell] {
			r.add(Cell{Cell: e.Cell, Verdict: Extra, Reason: "the baseline has no such cell"})
		}
	}
	return r, nil
}

func (r *Result) add(c Cell) {
	r.Cells = append(r.Cells, c)
	r.Count.add(c.Verdict)
	for _, l := range c.Lines {
		r.Numbers.add(l.Verdict)
	}
	if c.Verdict != Extra {
		r.Verdict = worse(r.Verdict, c.Verdict)
	}
}

func worse(a, b Verdict) Verdict {
	if slices.Index(severity, b) > slices.Index(severity, a) {
		return b
	}
	return a
}

func (c *Count) add(v Verdict) {
	*map[Verdict]*int{
		Equal: &c.Equal, Improved: &c.Improved, Regressed: &c.Regressed, NotComparable: &c.NotComparable,
		Missing: &c.Missing, Failed: &c.Failed, Extra: &c.Extra,
	}[v]++
}

// bad says whether a cell is to fail the verification.
func (r *Result) bad(c Cell) bool {
	return c.Verdict == Regressed || c.Verdict == Failed || c.Verdict == Improved && r.Strict
}

// Err is how the comparison ends the program: an error of kind Regression if a number
// regressed or a cell failed, else of kind NotComparable if there is something that
// could not be compared, or nothing at all, else nil.
func (r *Result) Err() error {
	n := r.Count
	switch {
	case slices.ContainsFunc(r.Cells, r.bad):
		return fault.New(fault.Regression, "%s: %s", r.Baseline, r.summary()).
			WithHint("if the change is meant, store the numbers with `ltadbench baseline save %s` and say why in the commit", r.Baseline)
	case len(r.Cells) == n.Extra:
		return fault.New(fault.NotComparable, "%s: no cell of the baseline is among those to compare: %s", r.Baseline, r.summary()).
			WithHint("is it the baseline of this configuration? Do the filters of --only leave any of its cells?")
	case n.NotComparable+n.Missing > 0:
		return fault.New(fault.NotComparable, "%s: %s", r.Baseline, r.summary()).
			WithHint("run the benchmark that the baseline is of, or store another with `ltadbench baseline save %s`", r.Baseline)
	}
	return nil
}

// summary counts the cells by verdict.
func (r *Result) summary() string {
	n := r.Count
	var parts []string
	for _, p := range []struct {
		count int
		what  Verdict
	}{{n.Failed, Failed}, {n.Regressed, Regressed}, {n.Missing, Missing}, {n.NotComparable, NotComparable}, {n.Improved, Improved}, {n.Equal, Equal}, {n.Extra, Extra}} {
		if p.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.count, p.what))
		}
	}
	if len(parts) == 0 {
		return "no cells"
	}
	cells := "cells"
	if len(r.Cells) == 1 {
		cells = "cell"
	}
	return fmt.Sprintf("%d %s: %s", len(r.Cells), cells, strings.Join(parts, ", "))
}

// compare compares a cell that is in both.
func compare(b *baselines.Baseline, base baselines.BaselineCell, e reports.Entry, asked map[result.Cell]result.Inputs) (Cell, error) {
	c := Cell{Cell: base.Cell, Verdict: Equal, pos: base.Pos}
	now := e.Record
	if now == nil {
		c.Verdict, c.Reason = Missing, cmp.Or(e.Problem, "it has not run")
		return c, nil
	}
	c.Inputs = Changed(base.Inputs, now.Inputs)
	if today, ok := asked[base.Cell]; ok && len(Changed(now.Inputs, today)) > 0 {
		c.Reason = "the configuration has changed since this result was made: run it again"
		c.Inputs = Changed(base.Inputs, today)
		c.Verdict = NotComparable
		return c, nil
	}
	c.Ran = circumstances(base, now)
	failed := now.Status == result.Failed
	failure := ""
	if failed {
		failure, _, _ = strings.Cut(now.Failure.Message, "\n")
		failure = fmt.Sprintf("%s, by the %s: %s", now.Failure.Kind, now.Failure.Source, failure)
	}
	switch {
	case len(c.Inputs) > 0:
		c.Verdict = NotComparable
		return c, nil
	case failed && base.Status == result.Failed:
		c.Reason = "it failed as in the baseline: " + failure
		return c, nil
	case failed:
		c.Verdict, c.Reason = Failed, failure
		return c, nil
	case base.Status == result.Failed:
		c.Verdict, c.Reason = Improved, "has numbers now; in the baseline it failed: "+base.Failure
		return c, nil
	}
	for _, m := range ad.Metrics {
		for _, g := range []ad.Group{ad.All, ad.High, ad.Low} {
			l := Line{Metric: m, Group: g, Baseline: base.Means[g][m], Now: now.Means[g][m].Value}
			if l.Baseline != nil && l.Now != nil { // else the seeds may have no spread
				var err error
				if l.Tolerance, err = b.Tolerance(base.Cell, m, g); err != nil {
					return c, err
				}
			}
			l.judge()
			if l.Verdict == Regressed {
				l.Classes = moved(base.Classes, now.Classes, m, g)
			}
			c.Verdict = worse(c.Verdict, l.Verdict)
			c.Lines = append(c.Lines, l)
		}
	}
	return c, nil
}

// slack is for the rounding of the difference itself: 0.51 less 0.5 is a little more
// than 0.01.
const slack = 1e-12

// judge fills in the difference and the verdict. A number that is no longer defined is
// lost: regressed. One that the baseline has not got is gained.
func (l *Line) judge() {
	switch {
	case l.Baseline == nil && l.Now == nil:
		l.Verdict = Equal
	case l.Now == nil:
		l.Verdict = Regressed
	case l.Baseline == nil:
		l.Verdict = Improved
	default:
		d := *l.Now - *l.Baseline
		l.Difference = &d
		switch {
		case math.Abs(d) <= l.Tolerance+slack:
			l.Verdict = Equal
		case d > 0:
			l.Verdict = Improved
		default:
			l.Verdict = Regressed
		}
	}
}

// moved gives the classes of a group that lost most of a metric.
func moved(base, now []result.Class, m ad.Metric, g ad.Group) (out []Moved) {
	for _, k := range base {
		i := slices.IndexFunc(now, func(other result.Class) bool { return other.Name == k.Name })
		if i < 0 || g != ad.All && k.Group != g {
			continue
		}
		one := Moved{Class: k.Name, Baseline: k.Metrics[m], Now: now[i].Metrics[m]}
		if one.loss() > slack {
			out = append(out, one)
		}
	}
	slices.SortStableFunc(out, func(a, b Moved) int { return cmp.Compare(b.loss(), a.loss()) })
	return out[:min(3, len(out))]
}

// loss is how much the number went down; one that is lost is worse than any.
func (m Moved) loss() float64 {
	switch {
	case m.Baseline == nil:
		return 0
	case m.Now == nil:
		return 1 + *m.Baseline
	}
	return *m.Baseline - *m.Now
}
