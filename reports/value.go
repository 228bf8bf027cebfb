package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// group is the number of a group of classes: the mean over the method's seeds.
func (r *Report) group(notes *[]string, c config, method ad.MethodName, m ad.Metric, g ad.Group) Value {
	v := Value{Split: c.split, SplitDigest: c.digest, Encoder: c.encoder, Method: method, Metric: m, Group: g}
	entries := c.cells[method]
	v.fill(notes, entries, func(record *result.Record) metric.Mean { return record.Means[g][m] })
	if r.opts.Published != nil && len(entries) > 0 {
		if p, ok := r.opts.Published(entries[0], m, g); ok {
			v.Published = &p
		}
	}
	return v
}

// class is the number of one class: the mean over the method's seeds.
func class(notes *[]string, c config, method ad.MethodName, m ad.Metric, name ad.ClassName) Value {
	v := Value{Split: c.split, SplitDigest: c.digest, Encoder: c.encoder, Method: method, Metric: m, Class: name}
	v.fill(notes, c.cells[method], func(record *result.Record) metric.Mean {
		for _, one := range record.Classes {
			if one.Name == name && one.Metrics[m] != nil {
				return metric.Mean{Value: one.Metrics[m], Classes: 1, Of: 1}
			}
		}
		return metric.Mean{}
	})
	return v
}

// fill aggregates the seeds of one table cell. Seeds that failed are left out of the
// mean and noted.
func (v *Value) fill(notes *[]string, entries []Entry, pick func(*result.Record) metric.Mean) {
	v.Runs, v.entries = []Run{}, entries
	for _, e := range entries {
		switch {
		case e.Record == nil:
			v.State = cmp.Or(v.State, "missing")
			if e.Problem != "" {
				v.note(notes, fmt.Sprintf("%s: %s", e.Cell, firstLine(e.Problem)))
			}
		case e.Record.Status == result.Failed:
			v.State = "failed"
			v.note(notes, failure(e))
		default:
			mean := pick(e.Record)
			if mean.Value == nil {
				v.State = cmp.Or(v.State, "undefined")
				v.note(notes, v.undefined(e))
				continue
			}
			if mean.Classes < mean.Of {
				v.note(notes, fmt.Sprintf("%s: mean over %d of %d classes; the others have no truth for it, or one label only",
					v.Metric, mean.Classes, mean.Of))
			}
			for _, w := range e.Record.Warnings {
				v.note(notes, w)
			}
			if e.Record.Prior {
				v.note(notes, fmt.Sprintf("%s is told the names of the classes", e.Cell.Method))
			}
			v.Runs = append(v.Runs, Run{Key: e.Record.Key, SplitSeed: e.Cell.SplitSeed, Seed: e.Cell.Seed, Value: *mean.Value})
		}
	}
	if len(entries) == 0 {
		v.State = "missing"
	}
	if len(v.Runs) == 0 {
		return
	}
	if len(v.Runs) < len(entries) {
		v.note(notes, fmt.Sprintf("mean over %d of %d seeds", len(v.Runs), len(entries)))
	}
	v.State = ""
	v.Mean, v.Std = spread(v.Runs)
}

// spread gives the mean, and with two runs or more the sample standard deviation.
func spread(runs []Run) (mean, std *float64) {
	m := 0.0
	for _, run := range runs {
		m += run.Value / float64(len(runs))
	}
	if len(runs) == 1 {
		return &m, nil
	}
	sum := 0.0
	for _, run := range runs {
		sum += float64((run.Value - m) * (run.Value - m))
	}
	s := math.Sqrt(sum / float64(len(runs)-1))
	return &m, &s
}

// undefined says why a finished cell does not have the number.
func (v *Value) undefined(e Entry) string {
	switch {
	case strings.HasPrefix(string(v.Metric), "pixel_") && e.Record.Maps == nil:
		return fmt.Sprintf("%s gives no anomaly maps", e.Cell.Method)
	case v.Class != "":
		return fmt.Sprintf("%s is undefined where test images have no truth for it, or one label only", v.Metric)
	}
	return fmt.Sprintf("%s of %s on %s is defined for no class of these", v.Metric, e.Cell.Method, e.Cell.Split)
}

func failure(e Entry) string {
	f := e.Record.Failure
	return fmt.Sprintf("%s failed (%s, by the %s): %s", e.Cell, f.Kind, f.Source, firstLine(f.Message))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// note refers to the note of that text, adding it if it is new.
func (v *Value) note(notes *[]string, text string) {
	at := slices.Index(*notes, text)
	if at < 0 {
		*notes = append(*notes, text)
		at = len(*notes) - 1
	}
	if !slices.Contains(v.Notes, at+1) {
		v.Notes = append(v.Notes, at+1)
		slices.Sort(v.Notes)
	}
}

// rank marks the best and second best numbers, as they are printed: numbers that look
// the same share a rank. A number without rivals has none.
func (r *Report) rank(values []*Value) {
	values = slices.DeleteFunc(values, func(v *Value) bool { return v.Mean == nil })
	printed := func(v *Value) float64 { return r.printed(*v.Mean) }
	var distinct []float64
	for _, v := range values {
		if !slices.Contains(distinct, printed(v)) {
			distinct = append(distinct, printed(v))
		}
	}
	slices.SortFunc(distinct, func(a, b float64) int { return cmp.Compare(b, a) })
	for _, v := range values {
		if at := slices.Index(distinct, printed(v)); at < 2 && len(values) > 1 {
			v.Rank = at + 1
		}
	}
}
