package compare

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// Options are how runs are compared.
type Options struct {
	Metrics    []ad.Metric
	Resamples  int     // of the bootstrap; 0: no intervals
	Confidence float64 // of the intervals, in (0, 1)
	Seed       uint64  // of the bootstrap, and of permutations that are drawn
	Workers    int     // at least 1; changes nothing but time
	// Update hears how many of how many steps are done, and of what; may be nil.
	Update func(done, total int, what string)
}

// Comparison is B compared with A. Metrics are fractions of 1.
type Comparison struct {
	Metrics        []ad.Metric     `json:"metrics"`
	Resamples      int             `json:"resamples"`
	Confidence     float64         `json:"confidence"`
	Seed           uint64          `json:"seed"`
	Tests          int             `json:"tests"` // permutation tests, for which Holm adjusts
	Configurations []Configuration `json:"configurations"`
}

// Configuration is the comparison on one dataset, split and encoder.
type Configuration struct {
	Dataset  ad.DatasetName  `json:"dataset"`
	Digest   ad.Digest       `json:"dataset_digest"`
	Protocol metric.Protocol `json:"protocol"`
	Split    string          `json:"split"`
	Encoder  string          `json:"encoder"`
	MethodA  ad.MethodName   `json:"method_a"`
	MethodB  ad.MethodName   `json:"method_b"`
	Pairs    []Keys          `json:"pairs"` // the means are over these
	Rows     []Row           `json:"rows"`  // by metric: its groups, then its classes
	Notes    []string        `json:"notes,omitempty"`
	LeftOut  []string        `json:"left_out,omitempty"` // cells, and why
	Problems []string        `json:"problems,omitempty"` // what is damaged
}

// Keys names the results of a pair.
type Keys struct {
	SplitSeed uint64    `json:"split_seed"`
	Seed      uint64    `json:"seed"`
	A         ad.Digest `json:"a"`
	B         ad.Digest `json:"b"`
}

// Row is one metric of a group of classes, or of one class.
type Row struct {
	Metric ad.Metric    `json:"metric"`
	Group  ad.Group     `json:"group"` // of a class: the half that it is in
	Class  ad.ClassName `json:"class,omitempty"`
	// Classes is how many the row is over, of Of: those that define the metric in all
	// results.
	Classes    int          `json:"classes"`
	Of         int          `json:"of"`
	A          metric.Value `json:"a"` // nil if no class defines it
	B          metric.Value `json:"b"`
	Difference metric.Value `json:"difference"` // B - A
	Interval   *Interval    `json:"interval"`   // nil if there is none
	// Tests over classes; nil for a class.
	Sign        *Sign        `json:"sign_test,omitempty"`
	Permutation *Permutation `json:"permutation_test,omitempty"`
	Holm        *float64     `json:"permutation_holm,omitempty"` // its p, adjusted
	Verdict     Verdict      `json:"verdict,omitempty"`
}

// Verdict says in words where the interval lies.
type Verdict string

// The verdicts; none without an interval.
const (
	BetterB Verdict = "B better"            // above 0
	BetterA Verdict = "A better"            // below 0
	Neither Verdict = "no difference shown" // with 0 in it, which does not show that there is none
)

func verdict(i *Interval) Verdict {
	switch {
	case i == nil:
		return ""
	case i.Low > 0:
		return BetterB
	case i.High < 0:
		return BetterA
	}
	return Neither
}

// Run compares what Match has paired. What is missing or damaged for an interval is
// said in the configuration's notes or problems, and costs that interval; only a
// cancelled context ends it.
func Run(ctx context.Context, matched []Matched, o Options) (*Comparison, error) {
	c := &Comparison{Metrics: o.Metrics, Resamples: o.Resamples, Confidence: o.Confidence, Seed: o.Seed}
	steps := &steps{update: o.Update}
	for _, m := range matched {
		steps.total += len(o.Metrics) * len(m.Pairs[0].A.Record.Classes)
	}
	for _, m := range matched {
		one, err := compare(ctx, m, o, steps)
		if err != nil {
			return nil, err
		}
		c.Configurations = append(c.Configurations, *one)
	}
	c.adjust()
	return c, nil
}

type steps struct {
	done   atomic.Int64
	total  int
	update func(done, total int, what string)
}

func (s *steps) step(what string) {
	if n := s.done.Add(1); s.update != nil {
		s.update(int(n), s.total, what)
	}
}

// adjust counts the permutation tests and adjusts their p-values.
func (c *Comparison) adjust() {
	var rows []*Row
	var p []float64
	for i := range c.Configurations {
		for j := range c.Configurations[i].Rows {
			if r := &c.Configurations[i].Rows[j]; r.Permutation != nil {
				rows, p = append(rows, r), append(p, r.Permutation.P)
			}
		}
	}
	c.Tests = len(p)
	for i, adjusted := range Holm(p) {
		rows[i].Holm = &adjusted
	}
}

// compare compares the pairs of one configuration.
func compare(ctx context.Context, m Matched, o Options, steps *steps) (*Configuration, error) {
	first := m.Pairs[0].A.Record
	c := &Configuration{Dataset: m.Dataset, Digest: first.Inputs.Dataset, Protocol: first.Inputs.Protocol, Split: m.Split, Encoder: m.Encoder,
		MethodA: m.MethodA, MethodB: m.MethodB, LeftOut: m.LeftOut, Problems: m.Problems}
	for _, p := range m.Pairs {
		c.Pairs = append(c.Pairs, Keys{p.A.Cell.SplitSeed, p.A.Cell.Seed, p.A.Record.Key, p.B.Record.Key})
	}
	opened, err := m.open(ctx, o, c)
	if err != nil {
		return nil, err
	}
	defer opened.close()
	halves := m.halves()
	for _, name := range o.Metrics {
		classes := make([]*class, len(first.Classes))
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(max(1, o.Workers))
		for i := range first.Classes {
			classes[i] = m.class(first.Classes[i].Name, name)
			g.Go(func() error {
				defer steps.step(fmt.Sprintf("%s %s, %s %s", m.Dataset, m.Split, name, classes[i].name))
				return classes[i].bootstrap(ctx, m, opened, o)
			})
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		c.rows(m, name, classes, halves, o)
	}
	c.Notes = append(c.Notes, m.Notes...)
	return c, nil
}

// halves gives each class its group in all results of the configuration; nil if the
// results do not agree, as when splits of their own have another order.
func (m *Matched) halves() map[ad.ClassName]ad.Group {
	halves := map[ad.ClassName]ad.Group{}
	for _, p := range m.Pairs {
		for _, r := range []*result.Record{p.A.Record, p.B.Record} {
			for _, c := range r.Classes {
				if halves[c.Name] == "" {
					halves[c.Name] = c.Group
				}
				if halves[c.Name] != c.Group {
					m.note("there is no High and Low: the seeds' splits do not divide the classes alike")
					return nil
				}
			}
		}
	}
	return halves
}

// rows adds those of one metric: its groups, then its classes.
func (c *Configuration) rows(m Matched, name ad.Metric, classes []*class, halves map[ad.ClassName]ad.Group, o Options) {
	var undefined []string
	for _, class := range classes {
		if len(class.a) == 0 {
			undefined = append(undefined, string(class.name))
		}
		if class.problem != "" {
			c.Problems = append(c.Problems, class.problem)
		}
	}
	if len(undefined) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%s is not defined in all results for %s", name, strings.Join(undefined, ", ")))
	}
	for _, group := range []ad.Group{ad.All, ad.High, ad.Low} {
		if group != ad.All && halves == nil {
			continue
		}
		r := Row{Metric: name, Group: group}
		var members []*class
		for _, class := range classes {
			if group == ad.All || halves[class.name] == group {
				r.Of++
				if len(class.a) > 0 {
					members = append(members, class)
				}
			}
		}
		r.fill(members, o)
		if r.Difference != nil {
			var differences []float64
			for _, class := range members {
				_, _, d := means(class.a, class.b)
				differences = append(differences, d)
			}
			sign := SignTest(differences)
			permutation := PermutationTest(differences, stream.New(o.Seed, "compare", "permutation", string(m.Dataset), m.Split, m.Encoder,
				string(m.MethodA), string(m.MethodB), string(name), string(group)))
			r.Sign, r.Permutation = &sign, &permutation
		}
		c.Rows = append(c.Rows, r)
	}
	for i, class := range classes {
		r := Row{Metric: name, Group: halves[class.name], Class: class.name, Of: 1}
		if len(class.a) > 0 {
			r.fill(classes[i:i+1], o)
		}
		c.Rows = append(c.Rows, r)
	}
}

// fill computes the row over its classes.
func (r *Row) fill(members []*class, o Options) {
	r.Classes = len(members)
	if len(members) == 0 {
		return
	}
	var a, b []float64
	for _, m := range members {
		a, b = append(a, m.a...), append(b, m.b...)
	}
	meanA, meanB, d := means(a, b)
	r.A, r.B, r.Difference = &meanA, &meanB, &d
	if slices.ContainsFunc(members, func(m *class) bool { return m.resampled == nil }) {
		return
	}
	mean := make([]float64, o.Resamples)
	for i := range mean {
		for _, m := range members {
			mean[i] += m.resampled[i]
		}
		mean[i] /= float64(len(members))
	}
	r.Interval = percentiles(mean, o.Confidence)
	r.Verdict = verdict(r.Interval)
}

// means are those of a, b and b - a, correctly rounded.
func means(a, b []float64) (meanA, meanB, difference float64) {
	sumA, sumB := new(big.Rat), new(big.Rat)
	for i := range a {
		sumA.Add(sumA, new(big.Rat).SetFloat64(a[i]))
		sumB.Add(sumB, new(big.Rat).SetFloat64(b[i]))
	}
	n := big.NewRat(int64(len(a)), 1)
	meanA, _ = new(big.Rat).Quo(sumA, n).Float64()
	meanB, _ = new(big.Rat).Quo(sumB, n).Float64()
	difference, _ = new(big.Rat).Quo(sumB.Sub(sumB, sumA), n).Float64()
	return meanA, meanB, difference
}
