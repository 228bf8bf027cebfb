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

// Entry is one cell of the benchmark and its record, nil if it has not run or if its
// record cannot be used, which Problem then says.
type Entry struct {
	Cell    result.Cell
	Record  *result.Record
	Problem string
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
	for _, block := range blocks(entries) {
		r.Blocks = append(r.Blocks, r.block(block))
	}
	return r
}

// blocks divides entries into those that can share a table: of one dataset under one
// protocol. Cells that never ran join the first of their dataset.
func blocks(entries []Entry) [][]Entry {
	type blockKey struct {
		dataset ad.DatasetName
		inputs  ad.Digest
	}
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
	var out [][]Entry
	for _, k := range order {
		out = append(out, byBlock[k])
	}
	return out
}

// config is the cells of one split and one encoder, by their methods.
type config struct {
	split, encoder string
	cells          map[ad.MethodName][]Entry
}

// configs divides the entries of a block by split and encoder.
func configs(entries []Entry) (out []config) {
	type draw struct {
		split, encoder string
		seed           uint64
	}
	drawn := map[draw]ad.Digest{}
	for _, e := range entries {
		split := e.Cell.Split
		if e.Record != nil {
			// Another split of the same name gets rows of its own.
			d, digest := draw{split, e.Cell.Encoder, e.Cell.SplitSeed}, e.Record.Inputs.Split
			drawn[d] = cmp.Or(drawn[d], digest)
			if drawn[d] != digest {
				split += " (" + short(digest) + ")"
			}
		}
		i := slices.IndexFunc(out, func(c config) bool { return c.split == split && c.encoder == e.Cell.Encoder })
		if i < 0 {
			i = len(out)
			out = append(out, config{split, e.Cell.Encoder, map[ad.MethodName][]Entry{}})
		}
		out[i].cells[e.Cell.Method] = append(out[i].cells[e.Cell.Method], e)
	}
	return out
}

// inputs are the digest of the entries' data and their protocol, which they share;
// those of no data if none has run.
func inputs(entries []Entry) (data ad.Digest, p metric.Protocol) {
	for _, e := range entries {
		if e.Record != nil {
			return e.Record.Inputs.Dataset, e.Record.Inputs.Protocol
		}
	}
	return "", p
}

func (r *Report) block(entries []Entry) Block {
	b := Block{Dataset: entries[0].Cell.Dataset}
	b.Digest, b.Protocol = inputs(entries)
	encoders := map[string]bool{}
	for _, e := range entries {
		encoders[e.Cell.Encoder] = true
		if !slices.Contains(b.Methods, e.Cell.Method) {
			b.Methods = append(b.Methods, e.Cell.Method)
		}
	}
	for _, c := range configs(entries) {
		label := c.split
		if len(encoders) > 1 {
			label += " " + c.encoder
		}
		for _, m := range r.opts.Metrics {
			for _, g := range r.opts.Groups {
				row := Row{Config: label, Encoder: c.encoder, Metric: m, Group: g, Split: c.digest()}
				for _, method := range b.Methods {
					row.Values = append(row.Values, value(&b.Notes, c.cells[method], m, g))
				}
				rank(row.Values, r.opts.Decimals)
				b.Rows = append(b.Rows, row)
			}
		}
	}
	return b
}

// digest is that of the split that all cells share. Seeds have splits of their own;
// then, and if nothing has run, it is empty.
func (c config) digest() ad.Digest {
	digests := map[ad.Digest]bool{}
	for _, entries := range c.cells {
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
func value(notes *[]string, entries []Entry, m ad.Metric, g ad.Group) Value {
	var v Value
	var xs []float64
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
			mean := e.Record.Means[g][m]
			if mean.Value == nil {
				v.State = cmp.Or(v.State, "undefined")
				if strings.HasPrefix(string(m), "pixel_") && e.Record.Maps == nil {
					v.note(notes, fmt.Sprintf("%s gives no anomaly maps", e.Cell.Method))
				} else {
					v.note(notes, fmt.Sprintf("%s of %s on %s is defined for no class of these", m, e.Cell.Method, e.Cell.Split))
				}
				continue
			}
			if mean.Classes < mean.Of {
				v.note(notes, fmt.Sprintf("%s: mean over %d of %d classes; the others have no truth for it, or one label only",
					m, mean.Classes, mean.Of))
			}
			for _, w := range e.Record.Warnings {
				v.note(notes, w)
			}
			if e.Record.Prior {
				v.note(notes, fmt.Sprintf("%s is told the names of the classes", e.Cell.Method))
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
		v.note(notes, fmt.Sprintf("mean over %d of %d seeds", len(xs), len(entries)))
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
