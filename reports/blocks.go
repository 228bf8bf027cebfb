package reports

import (
	"cmp"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
)

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
	// digest is that of the split that all cells share. Seeds have splits of their own;
	// then, and if nothing has run, it is empty.
	digest ad.Digest
	cells  map[ad.MethodName][]Entry
}

// configs divides the entries of a block by split and encoder.
func configs(entries []Entry) (out []config) {
	type draw struct {
		split, encoder string
		seed           uint64
	}
	drawn := map[draw]ad.Digest{}
	var seen []map[ad.Digest]bool // splits of each config
	for _, e := range entries {
		split := e.Cell.Split
		if e.Record != nil {
			// Another split of the same name gets rows of its own.
			d, digest := draw{split, e.Cell.Encoder, e.Cell.SplitSeed}, e.Record.Inputs.Split
			drawn[d] = cmp.Or(drawn[d], digest)
			if drawn[d] != digest {
				split += " (" + digest.Short() + ")"
			}
		}
		i := slices.IndexFunc(out, func(c config) bool { return c.split == split && c.encoder == e.Cell.Encoder })
		if i < 0 {
			i = len(out)
			out = append(out, config{split: split, encoder: e.Cell.Encoder, cells: map[ad.MethodName][]Entry{}})
			seen = append(seen, map[ad.Digest]bool{})
		}
		out[i].cells[e.Cell.Method] = append(out[i].cells[e.Cell.Method], e)
		if e.Record == nil {
			continue
		}
		if seen[i][e.Record.Inputs.Split] = true; len(seen[i]) == 1 {
			out[i].digest = e.Record.Inputs.Split
		} else {
			out[i].digest = ""
		}
	}
	return out
}

// table is a table of the entries, which share data and protocol, without rows. The
// digest is that of no data if none of them has run.
func table(entries []Entry) Table {
	t := Table{Dataset: entries[0].Cell.Dataset, Labels: []string{}, Columns: []Column{}, Rows: []Row{}}
	for _, e := range entries {
		if e.Record != nil {
			t.Digest, t.Protocol = e.Record.Inputs.Dataset, e.Record.Inputs.Protocol
			return t
		}
	}
	return t
}
