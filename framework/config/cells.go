package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Cell is one run of one method: the unit of a benchmark.
type Cell struct {
	Dataset Dataset
	Split   Split
	Encoder Encoder
	Method  Method
	Seed    uint64 // of the method; the split has its own
}

// Name identifies the cell within its benchmark, by the names in the file:
// "synthetic/exp20/texturebank/padim/seed0".
func (c Cell) Name() string {
	return fmt.Sprintf("%s/%s/%s/%s/seed%d", c.Dataset.Name, c.Split.ID(), c.Encoder.Name, c.Method.Name, c.Seed)
}

// Options are the options of the cell's method, but for its defaults: a JSON object
// with sorted keys. Those of the entry, and over them those of the dataset, replace
// what its preset says; in a row of an ablation the preset replaces both. preset is
// an object, or nothing; the error is that it is something else.
func (c Cell) Options(preset json.RawMessage) (json.RawMessage, error) {
	own := []json.RawMessage{c.Method.Options, c.Method.DatasetOptions[c.Dataset.Name]}
	layers := append([]json.RawMessage{preset}, own...)
	if c.Method.Ablated {
		layers = append(own, preset)
	}
	merged := map[string]json.RawMessage{}
	for _, text := range layers {
		if len(text) == 0 {
			continue
		}
		if err := json.Unmarshal(text, &merged); err != nil {
			return nil, err
		}
	}
	return toJSON(merged), nil
}

// Expand lists the cells in the order of the file: by dataset, split, encoder,
// method and seed, the last changing fastest.
func (b *Bench) Expand() []Cell {
	var cells []Cell
	b.eachGroup(func(d Dataset, s Split, e Encoder, m Method) {
		for _, seed := range b.Seeds {
			cells = append(cells, Cell{d, s, e, m, seed})
		}
	})
	return cells
}

func (b *Bench) eachGroup(f func(Dataset, Split, Encoder, Method)) {
	for _, d := range b.Datasets {
		for _, s := range b.Splits {
			for _, e := range b.Encoders {
				for _, m := range b.Methods {
					if applies(s.Datasets, d.Name) && applies(m.Datasets, d.Name) && applies(m.Encoders, e.Name) {
						f(d, s, e, m)
					}
				}
			}
		}
	}
}

// tooMany says, without listing them, whether the benchmark has more than n cells.
func (b *Bench) tooMany(n int) bool {
	product := 1
	for _, f := range []int{len(b.Datasets), len(b.Splits), len(b.Encoders), len(b.Methods), len(b.Seeds)} {
		if f > 0 && product > n/f {
			return true
		}
		product *= f
	}
	return false
}

// The keys of Filter, with the values that a cell has for them. A split answers
// to its configuration (all seeds) and to its ID.
var filterKeys = map[string]func(Cell) []string{
	"dataset": func(c Cell) []string { return []string{string(c.Dataset.Name)} },
	"split":   func(c Cell) []string { return []string{c.Split.Name(), c.Split.ID()} },
	"encoder": func(c Cell) []string { return []string{c.Encoder.Name} },
	"method":  func(c Cell) []string { return []string{string(c.Method.Name)} },
	"seed":    func(c Cell) []string { return []string{strconv.FormatUint(c.Seed, 10)} },
}

// Filter expands the benchmark to the cells that pass every filter (see Select). That
// no cell passes is an error of kind fault.Usage, too.
func (b *Bench) Filter(only []string) ([]Cell, error) {
	wanted, err := b.Select(only)
	if err != nil {
		return nil, err
	}
	cells := slices.DeleteFunc(b.Expand(), func(c Cell) bool {
		return !wanted.Passes(func(key string) []string { return filterKeys[key](c) })
	})
	if len(cells) == 0 {
		return nil, fault.New(fault.Usage, "--only %s: no cell of %s is all of that", strings.Join(only, " --only "), b.File)
	}
	return cells, nil
}

// Selection is filters that have been read: the values wanted of each key.
type Selection map[string][]string

// Passes says whether a cell passes all filters. values gives those that it has for a
// key: dataset, split, encoder, method or seed.
func (s Selection) Passes(values func(key string) []string) bool {
	for key, list := range s {
		if !slices.ContainsFunc(values(key), func(v string) bool { return slices.Contains(list, v) }) {
			return false
		}
	}
	return true
}

// Select reads filters. A filter is KEY=VALUE[,VALUE...] with the keys dataset, split,
// encoder, method and seed; values of one key, also in several filters, are
// alternatives. Errors are of kind fault.Usage: an unknown key or value, with the
// nearest there is.
func (b *Bench) Select(only []string) (Selection, error) {
	cells := b.Expand()
	wanted := Selection{}
	for _, filter := range only {
		key, list, ok := strings.Cut(filter, "=")
		if !ok {
			return nil, fault.New(fault.Usage, "--only %s: want KEY=VALUE", quote(filter)).
				WithHint("keys: %s", strings.Join(sortedKeys(filterKeys), ", "))
		}
		values, ok := filterKeys[key]
		if !ok {
			e := fault.New(fault.Usage, "--only %s: unknown key %s", quote(filter), quote(key))
			e.Hint = fault.Suggest(key, sortedKeys(filterKeys))
			return nil, e
		}
		var known []string
		for _, c := range cells {
			for _, value := range values(c) {
				if !slices.Contains(known, value) {
					known = append(known, value)
				}
			}
		}
		for _, value := range strings.Split(list, ",") {
			if !slices.Contains(known, value) {
				e := fault.New(fault.Usage, "--only %s: no %s %s in %s", quote(filter), key, quote(value), b.File)
				e.Hint = fault.Suggest(value, known)
				return nil, e
			}
			wanted[key] = append(wanted[key], value)
		}
	}
	return wanted, nil
}

func applies[T ~string](only []T, name T) bool {
	return only == nil || slices.Contains(only, name)
}
