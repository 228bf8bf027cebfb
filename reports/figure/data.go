package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/result"
)

// drawing is one call of Draw.
type drawing struct {
	Input
	configs []*config
	kind    string // that is being drawn
	figs    []*Figure
	skipped []string
}

// config is the results on one dataset, split and encoder under one protocol: what
// may stand in one figure.
type config struct {
	dataset ad.DatasetName
	split   string
	encoder string
	block   ad.Digest // of the data and the protocol
	names   []string  // parts of file names: dataset, split, what tells it from others
	label   string    // for titles
	// records of each method that has finished, by seed.
	records map[ad.MethodName][]*result.Record
	// lost says of methods, as a note, why results are missing.
	lost map[ad.MethodName]string
}

func newDrawing(in Input) (*drawing, error) {
	d := &drawing{Input: in}
	if len(d.Metrics) == 0 {
		d.Metrics = []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}
	}
	for _, m := range d.Metrics {
		if !slices.Contains(ad.Metrics, m) {
			return nil, unknown("metric", m, ad.Metrics)
		}
	}
	var known []ad.MethodName
	for _, e := range in.Entries {
		if !slices.Contains(known, e.Cell.Method) {
			known = append(known, e.Cell.Method)
		}
	}
	for i, m := range in.Methods {
		if !slices.Contains(known, m) {
			return nil, unknown("method", m, known)
		}
		if slices.Contains(in.Methods[:i], m) {
			return nil, unknown("second method", m, known)
		}
	}
	if in.Methods == nil {
		d.Methods = known
	}
	d.group()
	return d, nil
}

// group divides the entries into configs.
func (d *drawing) group() {
	type draw struct {
		block          ad.Digest
		dataset        ad.DatasetName
		split, encoder string
		seed           uint64
	}
	drawn := map[draw]ad.Digest{} // the first split of that name and seed
	known := map[ad.DatasetName]ad.Digest{}
	for _, e := range d.Entries {
		if e.Record != nil {
			known[e.Cell.Dataset] = cmp.Or(known[e.Cell.Dataset], e.Record.Inputs.Comparable())
		}
	}
	encoders := map[ad.DatasetName][]string{}
	for _, e := range d.Entries {
		if !slices.Contains(encoders[e.Cell.Dataset], e.Cell.Encoder) {
			encoders[e.Cell.Dataset] = append(encoders[e.Cell.Dataset], e.Cell.Encoder)
		}
	}
	for _, e := range d.Entries {
		if !slices.Contains(d.Methods, e.Cell.Method) {
			continue
		}
		block, other := known[e.Cell.Dataset], "" // other: another split, data or protocol than the first
		if e.Record != nil {
			if block = e.Record.Inputs.Comparable(); block != known[e.Cell.Dataset] {
				other = block.Short()
			}
			k := draw{block, e.Cell.Dataset, e.Cell.Split, e.Cell.Encoder, e.Cell.SplitSeed}
			if drawn[k] = cmp.Or(drawn[k], e.Record.Inputs.Split); drawn[k] != e.Record.Inputs.Split {
				other += e.Record.Inputs.Split.Short()
			}
		}
		d.config(e.Cell, block, other, len(encoders[e.Cell.Dataset]) > 1).take(e.Cell, e.Record, e.Problem)
	}
	for _, c := range d.configs {
		for _, records := range c.records {
			slices.SortStableFunc(records, func(a, b *result.Record) int {
				return cmp.Or(cmp.Compare(a.Cell.SplitSeed, b.Cell.SplitSeed), cmp.Compare(a.Inputs.Seed, b.Inputs.Seed))
			})
		}
	}
}

// config finds the config of a cell, or begins it.
func (d *drawing) config(cell result.Cell, block ad.Digest, other string, encoders bool) *config {
	c := &config{dataset: cell.Dataset, split: cell.Split, encoder: cell.Encoder, block: block,
		records: map[ad.MethodName][]*result.Record{}, lost: map[ad.MethodName]string{}}
	c.names = []string{string(cell.Dataset), cell.Split}
	if encoders {
		c.names = append(c.names, cell.Encoder)
	}
	c.label = strings.Join(c.names, ", ")
	if other != "" {
		c.names = append(c.names, other)
		c.label += " (" + other + ")"
	}
	at := slices.IndexFunc(d.configs, func(o *config) bool {
		return slices.Equal(o.names, c.names) && o.encoder == c.encoder && o.block == c.block
	})
	if at >= 0 {
		return d.configs[at]
	}
	d.configs = append(d.configs, c)
	return c
}

func (c *config) take(cell result.Cell, r *result.Record, problem string) {
	switch {
	case r == nil && problem != "":
		c.lost[cell.Method] = cmp.Or(c.lost[cell.Method], problem)
	case r == nil:
		c.lost[cell.Method] = cmp.Or(c.lost[cell.Method], "has not run")
	case r.Status != result.Done:
		c.lost[cell.Method] = cmp.Or(c.lost[cell.Method], "failed")
	default:
		c.records[cell.Method] = append(c.records[cell.Method], r)
	}
}

// methods are those with results here, and their places among all, which give them
// the same look in every figure.
func (d *drawing) methods(c *config) (list []series) {
	for i, m := range d.Methods {
		if len(c.records[m]) > 0 {
			list = append(list, series{m, d.display(m), seriesStyle(i), c.records[m]})
		}
	}
	return list
}

// series is a method in a figure.
type series struct {
	method  ad.MethodName
	name    string
	style   style
	records []*result.Record
}

func (d *drawing) display(m ad.MethodName) string { return cmp.Or(d.Names[m], string(m)) }

// reportLost tells which methods have no results where others may, and why.
func (d *drawing) reportLost() {
	for _, c := range d.configs {
		for _, m := range d.Methods {
			if why := c.lost[m]; why != "" && len(c.records[m]) == 0 {
				d.skipped = append(d.skipped, fmt.Sprintf("%s: %s %s", c.label, m, why))
			}
		}
	}
}

// classes are those of the first record, most populated first.
func (c *config) classes(methods []series) []result.Class {
	for _, s := range methods {
		return s.records[0].Classes
	}
	return nil
}

// class finds a class in a record.
func class(r *result.Record, name ad.ClassName) (result.Class, bool) {
	at := slices.IndexFunc(r.Classes, func(c result.Class) bool { return c.Name == name })
	if at < 0 {
		return result.Class{}, false
	}
	return r.Classes[at], true
}

// stat is the mean of some seeds and their sample standard deviation, NaN for fewer
// than two.
type stat struct {
	mean, std float64
	n         int
}

// summarise takes what value gives for the records; nil is left out, as is what is no
// fraction and so no metric. Of none the mean is NaN.
func summarise(records []*result.Record, value func(*result.Record) *float64) stat {
	var xs []float64
	for _, r := range records {
		if v := value(r); v != nil && *v >= 0 && *v <= 1 {
			xs = append(xs, *v)
		}
	}
	s := stat{math.NaN(), math.NaN(), len(xs)}
	if len(xs) == 0 {
		return s
	}
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	s.mean = sum / float64(len(xs))
	if len(xs) > 1 {
		squares := 0.0
		for _, x := range xs {
			squares += float64((x - s.mean) * (x - s.mean))
		}
		s.std = math.Sqrt(squares / float64(len(xs)-1))
	}
	return s
}

// ofClass gives a metric of a class, in a record.
func ofClass(name ad.ClassName, m ad.Metric) func(*result.Record) *float64 {
	return func(r *result.Record) *float64 {
		c, _ := class(r, name)
		return c.Metrics[m]
	}
}

// ofGroup gives the mean of a metric over a group of classes.
func ofGroup(g ad.Group, m ad.Metric) func(*result.Record) *float64 {
	return func(r *result.Record) *float64 { return r.Means[g][m].Value }
}

// metricNames are the metrics' names on axes. All are printed in percent.
var metricNames = map[ad.Metric]string{
	ad.ImageAUROC: "image AUROC",
	ad.PixelAUROC: "pixel AUROC",
	ad.ImageAP:    "image AP",
	ad.ImageF1Max: "image F1-max",
	ad.PixelAP:    "pixel AP",
	ad.PixelF1Max: "pixel F1-max",
	ad.PixelAUPRO: "pixel AUPRO",
}

// chance is what a detector that knows nothing has, for metrics of which that does
// not depend on the data; bars stand on it.
func chance(m ad.Metric) float64 {
	if m == ad.ImageAUROC || m == ad.PixelAUROC {
		return 50
	}
	return 0
}

// number prints a fraction in percent, with a decimal.
func number(x float64) string {
	if !finite(x) {
		return "undefined"
	}
	return fmt.Sprintf("%.1f", 100*x)
}

// listed joins words as a sentence does.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// seedsNote says how many seeds the numbers are means over; "" for one.
func seedsNote(methods []series) string {
	low, high := math.MaxInt, 0
	for _, s := range methods {
		low, high = min(low, len(s.records)), max(high, len(s.records))
	}
	switch {
	case high < 2:
		return ""
	case low == high:
		return fmt.Sprintf(" Means over %d seeds; bars are sample standard deviations.", high)
	}
	return fmt.Sprintf(" Means over %d to %d seeds; bars are sample standard deviations.", low, high)
}

// firstSeedNote says that a curve is of one of several seeds.
func firstSeedNote(methods []series) string {
	for _, s := range methods {
		if len(s.records) > 1 {
			return " Of several seeds the first is drawn."
		}
	}
	return ""
}
