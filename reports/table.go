// Package reports turns stored results into comparison tables. It reads records
// and runs nothing.
//
// A Report has one Block for each dataset and protocol: results of other data or
// another protocol never share a table. Its rows are config x task (x group), its
// columns are methods, as in the paper's Tables 3 to 5.
package reports

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// Options choose what a report shows.
type Options struct {
	Groups   []ad.Group  // default: All
	Metrics  []ad.Metric // default: image AUROC as Det., pixel AUROC as Seg.
	Decimals int         // of percentages; default 2
}

func (o Options) withDefaults() Options {
	if len(o.Groups) == 0 {
		o.Groups = []ad.Group{ad.All}
	}
	if len(o.Metrics) == 0 {
		o.Metrics = []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}
	}
	if o.Decimals == 0 {
		o.Decimals = 2
	}
	return o
}

// Entry is one cell of the benchmark and its record, nil if it has not run.
type Entry struct {
	Cell   result.Cell
	Record *result.Record
}

// Report is the comparison of methods.
type Report struct {
	Blocks []Block `json:"blocks"`
	opts   Options
}

// Block is one table: one dataset under one protocol.
type Block struct {
	Dataset  ad.DatasetName  `json:"dataset"`
	Digest   ad.Digest       `json:"dataset_digest"`
	Protocol metric.Protocol `json:"protocol"`
	Methods  []ad.MethodName `json:"methods"` // the columns
	Rows     []Row           `json:"rows"`
	Notes    []string        `json:"notes,omitempty"` // note i+1 is marked i+1 in the table
}

// Row is one metric of one group of classes under one configuration.
type Row struct {
	Config  string    `json:"config"` // split, and encoder if the block has several
	Split   ad.Digest `json:"split_digest"`
	Encoder string    `json:"encoder"`
	Metric  ad.Metric `json:"metric"`
	Group   ad.Group  `json:"group"`
	Values  []Value   `json:"values"` // by Methods
}

// Value is one number of the table: the mean over seeds, as a fraction of 1.
type Value struct {
	Mean  *float64 `json:"mean"`          // nil: failed, undefined or not run
	Std   *float64 `json:"std,omitempty"` // sample standard deviation, with 2 seeds or more
	Seeds int      `json:"seeds"`
	Rank  int      `json:"rank,omitempty"`  // 1 best, 2 second; ties share; others 0
	State string   `json:"state,omitempty"` // why Mean is nil: failed, undefined, missing
	Notes []int    `json:"notes,omitempty"` // numbers of the notes that explain it
}

// Build projects the entries onto tables. Blocks, rows and columns keep the order
// of first appearance in entries.
func Build(entries []Entry, o Options) *Report {
	r := &Report{opts: o.withDefaults()}
	type blockKey struct {
		dataset ad.DatasetName
		inputs  ad.Digest
	}
	// Cells that never ran join the first block of their dataset.
	known := map[ad.DatasetName]ad.Digest{}
	for _, e := range entries {
		if e.Record != nil && known[e.Cell.Dataset] == "" {
			known[e.Cell.Dataset] = e.Record.Inputs.Comparable()
		}
	}
	var order []blockKey
	byBlock := map[blockKey][]Entry{}
	for _, e := range entries {
		k := blockKey{e.Cell.Dataset, known[e.Cell.Dataset]}
		if e.Record != nil {
			k.inputs = e.Record.Inputs.Comparable()
		}
		if byBlock[k] == nil {
			order = append(order, k)
		}
		byBlock[k] = append(byBlock[k], e)
	}
	for _, k := range order {
		r.Blocks = append(r.Blocks, r.block(byBlock[k]))
	}
	return r
}

func (r *Report) block(entries []Entry) Block {
	b := Block{Dataset: entries[0].Cell.Dataset}
	encoders := map[string]bool{}
	for _, e := range entries {
		encoders[e.Cell.Encoder] = true
		if !slices.Contains(b.Methods, e.Cell.Method) {
			b.Methods = append(b.Methods, e.Cell.Method)
		}
		if e.Record != nil && b.Digest == "" {
			b.Digest, b.Protocol = e.Record.Inputs.Dataset, e.Record.Inputs.Protocol
		}
	}
	type config struct{ split, encoder string }
	var configs []config
	cells := map[config]map[ad.MethodName][]Entry{}
	type draw struct {
		config
		splitSeed uint64
	}
	drawn := map[draw]ad.Digest{}
	for _, e := range entries {
		c := config{e.Cell.Split, e.Cell.Encoder}
		if e.Record != nil {
			// Another split of the same name gets rows of its own.
			d, digest := draw{c, e.Cell.SplitSeed}, e.Record.Inputs.Split
			drawn[d] = cmp.Or(drawn[d], digest)
			if drawn[d] != digest {
				c.split += " (" + short(digest) + ")"
			}
		}
		if cells[c] == nil {
			configs = append(configs, c)
			cells[c] = map[ad.MethodName][]Entry{}
		}
		cells[c][e.Cell.Method] = append(cells[c][e.Cell.Method], e)
	}
	for _, c := range configs {
		label := c.split
		if len(encoders) > 1 {
			label += " " + c.encoder
		}
		for _, m := range r.opts.Metrics {
			for _, g := range r.opts.Groups {
				row := Row{Config: label, Encoder: c.encoder, Metric: m, Group: g, Split: splitOf(cells[c])}
				for _, method := range b.Methods {
					row.Values = append(row.Values, b.value(cells[c][method], m, g))
				}
				rank(row.Values, r.opts.Decimals)
				b.Rows = append(b.Rows, row)
			}
		}
	}
	return b
}

// splitOf gives the digest of the split that all cells of a row share. Seeds have
// splits of their own; then, and if nothing has run, it is empty.
func splitOf(cells map[ad.MethodName][]Entry) ad.Digest {
	digests := map[ad.Digest]bool{}
	for _, entries := range cells {
		for _, e := range entries {
			if e.Record != nil {
				digests[e.Record.Inputs.Split] = true
			}
		}
	}
	if len(digests) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(digests))[0]
}

// value aggregates the seeds of one table cell. Seeds that failed are left out of
// the mean and noted.
func (b *Block) value(entries []Entry, m ad.Metric, g ad.Group) Value {
	var v Value
	var xs []float64
	for _, e := range entries {
		switch {
		case e.Record == nil:
			v.State = cmp.Or(v.State, "missing")
		case e.Record.Status == result.Failed:
			v.State = "failed"
			v.note(b, failure(e))
		default:
			mean := e.Record.Means[g][m]
			if mean.Value == nil {
				v.State = cmp.Or(v.State, "undefined")
				if strings.HasPrefix(string(m), "pixel_") && e.Record.Maps == nil {
					v.note(b, fmt.Sprintf("%s gives no anomaly maps", e.Cell.Method))
				} else {
					v.note(b, fmt.Sprintf("%s of %s on %s is defined for no class of these", m, e.Cell.Method, e.Cell.Split))
				}
				continue
			}
			if mean.Classes < mean.Of {
				v.note(b, fmt.Sprintf("%s: mean over %d of %d classes; the others have no truth for it, or one label only",
					m, mean.Classes, mean.Of))
			}
			for _, w := range e.Record.Warnings {
				v.note(b, w)
			}
			if e.Record.Prior {
				v.note(b, fmt.Sprintf("%s is told the names of the classes", e.Cell.Method))
			}
			xs = append(xs, *mean.Value)
		}
	}
	if len(entries) == 0 {
		v.State = "missing"
	}
	v.Seeds = len(xs)
	if len(xs) == 0 {
		return v
	}
	if len(xs) < len(entries) {
		v.note(b, fmt.Sprintf("mean over %d of %d seeds", len(xs), len(entries)))
	}
	v.State = ""
	mean := 0.0
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	v.Mean = &mean
	if len(xs) > 1 {
		sum := 0.0
		for _, x := range xs {
			sum += float64((x - mean) * (x - mean))
		}
		std := math.Sqrt(sum / float64(len(xs)-1))
		v.Std = &std
	}
	return v
}

func failure(e Entry) string {
	f := e.Record.Failure
	return fmt.Sprintf("%s failed (%s, by the %s): %s", e.Cell, f.Kind, f.Source, firstLine(f.Message))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// note refers to the block's note of that text, adding it if it is new.
func (v *Value) note(b *Block, text string) {
	at := slices.Index(b.Notes, text)
	if at < 0 {
		b.Notes = append(b.Notes, text)
		at = len(b.Notes) - 1
	}
	if !slices.Contains(v.Notes, at+1) {
		v.Notes = append(v.Notes, at+1)
		slices.Sort(v.Notes)
	}
}

// rank marks the best and second best numbers, as they are printed: numbers that
// look the same share a rank.
func rank(values []Value, decimals int) {
	scale := math.Pow10(decimals + 2)
	printed := func(v Value) float64 { return math.Round(*v.Mean * scale) }
	var distinct []float64
	for _, v := range values {
		if v.Mean != nil && !slices.Contains(distinct, printed(v)) {
			distinct = append(distinct, printed(v))
		}
	}
	if len(values) < 2 {
		return
	}
	slices.SortFunc(distinct, func(a, b float64) int { return cmp.Compare(b, a) })
	for i := range values {
		if values[i].Mean == nil {
			continue
		}
		if at := slices.Index(distinct, printed(values[i])); at < 2 {
			values[i].Rank = at + 1
		}
	}
}
