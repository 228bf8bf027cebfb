// Package baselines holds numbers that results are compared with: what this
// benchmark measured before, stored as files of this directory, NAME.yaml.
//
// A Baseline is the cells of a benchmark with their numbers, with the inputs that
// make two results of a cell comparable, and with how far a number may move. It is
// a file for people, too: kept in version control, where its differences are read,
// and its tolerances are set by hand. Its bytes depend on the results alone.
package baselines

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// BaselineSchema is the version of a stored baseline's form.
const BaselineSchema = 1

// Baseline is a stored baseline.
type Baseline struct {
	Rules []Rule
	Cells []BaselineCell
}

// BaselineCell is one cell of a baseline.
type BaselineCell struct {
	Cell result.Cell
	// Inputs with Schema 0: what that is of does not matter here. Method version, files
	// and engine do not decide whether results can be compared; verification is for
	// changes of those.
	Inputs result.Inputs
	// Run is where the numbers come from: what of it can change a number.
	Run     result.Run
	Status  result.Status
	Failure string                                  // why there are no numbers, in a line
	Means   map[ad.Group]map[ad.Metric]metric.Value // All, High and Low, all metrics; nil where undefined
	Classes []result.Class                          // most populated first
	Pos     fault.Pos                               // in the file that it was read from
}

// Rule says how far numbers may move. It fits the numbers of some methods (by their
// names in the benchmark), metrics and groups of classes; none named means all.
type Rule struct {
	Methods []ad.MethodName
	Metrics []ad.Metric
	Groups  []ad.Group
	// Absolute is a distance, as a fraction of 1; nil if the rule gives none.
	Absolute *float64
	// Deviations counts sample standard deviations of the number over the baseline's
	// seeds of the same dataset, split, encoder and method; nil if the rule gives none.
	// With both the larger of the two holds.
	Deviations *float64
	Pos        fault.Pos
}

// groupsOf are the groups that a baseline has numbers for.
var groupsOf = []ad.Group{ad.All, ad.High, ad.Low}

// Add stores a cell's result. Numbers that the record lacks are undefined.
func (b *Baseline) Add(cell result.Cell, r *result.Record) {
	c := BaselineCell{Cell: cell, Inputs: r.Inputs, Status: r.Status}
	c.Inputs.Schema = 0
	c.Run = result.Run{Device: r.Run.Device, Features: r.Run.Features, Threads: r.Run.Threads, Machine: r.Run.Machine}
	if r.Status == result.Failed {
		c.Failure, _, _ = strings.Cut(r.Failure.Message, "\n")
		c.Failure = fmt.Sprintf("%s, by the %s: %s", r.Failure.Kind, r.Failure.Source, c.Failure)
	} else {
		c.Means = map[ad.Group]map[ad.Metric]metric.Value{}
		for _, g := range groupsOf {
			c.Means[g] = map[ad.Metric]metric.Value{}
			for _, m := range ad.Metrics {
				c.Means[g][m] = r.Means[g][m].Value
			}
		}
		c.Classes = r.Classes
	}
	b.Cells = append(b.Cells, c)
}

// rule is the last rule that fits a number, nil if none does.
func (b *Baseline) rule(method ad.MethodName, m ad.Metric, g ad.Group) *Rule {
	for i := len(b.Rules) - 1; i >= 0; i-- {
		r := &b.Rules[i]
		if fits(r.Methods, method) && fits(r.Metrics, m) && fits(r.Groups, g) {
			return r
		}
	}
	return nil
}

func fits[T comparable](list []T, x T) bool { return len(list) == 0 || slices.Contains(list, x) }

// Tolerance is how far a number of the cell may move, as a fraction of 1: what the
// last rule that fits it says, and 0 if none does. The error is of kind Data: the rule
// counts deviations, and the baseline has fewer than two seeds of the number.
func (b *Baseline) Tolerance(cell result.Cell, m ad.Metric, g ad.Group) (float64, error) {
	r := b.rule(cell.Method, m, g)
	if r == nil {
		return 0, nil
	}
	tolerance := 0.0
	if r.Absolute != nil {
		tolerance = *r.Absolute
	}
	if r.Deviations == nil {
		return tolerance, nil
	}
	var xs []float64
	for _, c := range b.Cells {
		same := c.Cell
		same.Seed, same.SplitSeed = cell.Seed, cell.SplitSeed
		if x := c.Means[g][m]; same == cell && x != nil {
			xs = append(xs, *x)
		}
	}
	if len(xs) < 2 {
		return 0, fault.New(fault.Data, "the tolerance counts deviations over seeds, and there are fewer than two seeds with a number for %s of %s of %s", m, g, cell).
			At(r.Pos).WithHint("store a baseline of a benchmark with several seeds, or give an absolute tolerance for this method")
	}
	return max(tolerance, *r.Deviations*deviation(xs)), nil
}

// deviation is the sample standard deviation.
func deviation(xs []float64) float64 {
	mean, sum := 0.0, 0.0
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		sum += float64((x - mean) * (x - mean))
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}

// Check reports that there are no cells, which any result would pass, or the first rule
// that cannot be followed: it names a method that no cell has, or counts deviations
// without two seeds.
func (b *Baseline) Check() error {
	if len(b.Cells) == 0 {
		return fault.New(fault.Data, "a baseline without cells has nothing to compare with")
	}
	var methods []ad.MethodName
	for _, c := range b.Cells {
		if !slices.Contains(methods, c.Cell.Method) {
			methods = append(methods, c.Cell.Method)
		}
	}
	for i, r := range b.Rules {
		for _, m := range r.Methods {
			if !slices.Contains(methods, m) {
				return fault.New(fault.Data, "rule %d of the tolerance is for the method %q, of which there are no cells", i+1, m).At(r.Pos).
					WithHint("%s", fault.Suggest(m, methods))
			}
		}
	}
	for _, c := range b.Cells {
		for _, g := range groupsOf {
			for _, m := range ad.Metrics {
				if c.Means[g][m] == nil {
					continue
				}
				if _, err := b.Tolerance(c.Cell, m, g); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// ReadBaseline reads a stored baseline.
func ReadBaseline(path string) (*Baseline, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Data, "%w", err).WithHint("`ltadbench baseline save NAME` stores one")
	}
	return ParseBaseline(path, text)
}

// sameRules compares rules, their places apart.
func sameRules(a, b []Rule) bool {
	number := func(x *float64) float64 {
		if x == nil {
			return -1
		}
		return *x
	}
	return slices.EqualFunc(a, b, func(a, b Rule) bool {
		return slices.Equal(a.Methods, b.Methods) && slices.Equal(a.Metrics, b.Metrics) && slices.Equal(a.Groups, b.Groups) &&
			cmp.Compare(number(a.Absolute), number(b.Absolute)) == 0 && cmp.Compare(number(a.Deviations), number(b.Deviations)) == 0
	})
}
