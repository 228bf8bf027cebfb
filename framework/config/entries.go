package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

func (b *Bench) datasetNames() (names []string) {
	for _, d := range b.Datasets {
		names = append(names, string(d.Name))
	}
	return names
}

func (b *Bench) encoderNames() (names []string) {
	for _, e := range b.Encoders {
		names = append(names, e.Name)
	}
	return names
}

// splitKeys are the keys of an entry of "splits" that have a meaning for its type.
var splitKeys = map[string][]string{
	Exp:      {"type", "datasets", "factor", "factors", "seeds", "order", "reverse"},
	Step:     {"type", "datasets", "factor", "factors", "seeds", "order", "reverse"},
	Full:     {"type", "datasets", "order", "reverse"},
	Manifest: {"type", "datasets", "file", "format", "name", "order", "reverse"},
}

func (v value) splits(b *Bench) {
	v.items(func(c value) {
		s := Split{Order: "size", Format: Manifest, Pointer: c.pointer}
		var factors []float64
		seeds := []uint64{0}
		seen := c.object(fields{
			"type":     func(c value) { c.oneOf(&s.Type, Exp, Step, Full, Manifest) },
			"factor":   func(c value) { factors = c.factor(factors) },
			"factors":  func(c value) { factors = c.factors() },
			"seeds":    func(c value) { seeds = c.seeds() },
			"order":    func(c value) { c.order(&s) },
			"reverse":  func(c value) { c.boolean(&s.Reverse) },
			"file":     func(c value) { c.path(&s.File) },
			"format":   func(c value) { c.oneOf(&s.Format, formats...) },
			"name":     func(c value) { c.name(&s.Label) },
			"datasets": func(c value) { s.Datasets = convert[ad.DatasetName](c.names("dataset", b.datasetNames())) },
		})
		if _, ok := seen["type"]; !ok {
			c.fail("no type is given").Hint = fault.Suggest("", []string{Exp, Step, Full, Manifest})
		}
		if s.Type == "" || !c.checkSplit(&s, seen) {
			return
		}
		if len(factors) == 0 {
			factors = []float64{0}
		}
		if len(b.Splits)+len(factors)*len(seeds) > maxSplits {
			c.fail("more than %d splits", maxSplits)
			return
		}
		for _, s.Factor = range factors {
			for _, s.Seed = range seeds {
				b.Splits = append(b.Splits, s)
			}
		}
	})
}

// checkSplit checks what the keys of an entry say together.
func (v value) checkSplit(s *Split, seen map[string]value) bool {
	before := len(v.errs)
	for _, key := range sortedKeys(seen) {
		if !slices.Contains(splitKeys[s.Type], key) {
			v.failAt(v.keyPos(key), "%s: key %q has no meaning for a split of type %s", dotted(v.pointer), key, s.Type).
				WithHint("its keys are: %s", strings.Join(splitKeys[s.Type], ", "))
		}
	}
	has := func(key string) bool { _, ok := seen[key]; return ok }
	switch s.Type {
	case Exp, Step:
		if has("factor") == has("factors") {
			v.fail("want either factor or factors").
				WithHint("the factor is the size of the largest class over that of the smallest, such as 100")
		}
	case Manifest:
		if !has("file") {
			v.fail("no file is given")
		}
		if s.Format == Manifest {
			for _, key := range []string{"order", "reverse"} {
				if has(key) {
					v.failAt(v.keyPos(key), "%s: key %q has no meaning for a manifest, which says it itself", dotted(v.pointer), key)
				}
			}
			s.Order = ""
		}
		if base := filepath.Base(s.File); !has("name") && s.File != "" {
			s.Label = strings.TrimSuffix(base, filepath.Ext(base))
			if !nameForm.MatchString(s.Label) {
				v.fail("the file's name makes no good name for the split: give a name")
			}
		}
	}
	if s.Type != Manifest {
		s.Format = ""
	}
	return len(v.errs) == before
}

// factor reads one factor and adds it to list.
func (v value) factor(list []float64) []float64 {
	const want = "a number, at least 1"
	f, ok := v.number(want)
	switch {
	case !ok:
	case f < 1:
		v.fail("factor %s is impossible: want %s", v.node.Value, want).
			WithHint("the factor is the size of the largest class over that of the smallest, such as 100")
	case f > 1e9:
		v.fail("factor %s is impossible: no dataset has a class so large", v.node.Value)
	case slices.Contains(list, f):
		v.fail("factor %s is there twice", v.node.Value)
	default:
		list = append(list, f)
	}
	return list
}

func (v value) factors() (list []float64) {
	before := len(v.errs)
	v.items(func(c value) {
		if len(list) < maxList {
			list = c.factor(list)
		}
	})
	v.checkLength(len(list), before)
	return list
}

// order reads the name of an order, or the classes in their order.
func (v value) order(s *Split) {
	if !v.plain(yaml.SequenceNode) {
		if name := v.node.Value; !v.scalar("!!str") || !slices.Contains(orders, name) {
			v.fail("want %s, or a list of all classes, got %s", strings.Join(orders, ", "), v.describe()).Hint = nearest(name, orders)
			return
		}
		s.Order = v.node.Value
		return
	}
	s.Order = "list"
	seen := map[string]bool{}
	before := len(v.errs)
	v.items(func(c value) {
		name, ok := c.text()
		switch {
		case !ok:
		case name == "":
			c.fail("want the name of a class, got an empty text")
		case seen[name]:
			c.fail("class %s is there twice", quote(name))
		default:
			seen[name] = true
			s.List = append(s.List, ad.ClassName(name))
		}
	})
	if len(s.List) == 0 && len(v.errs) == before {
		v.fail("empty: want all classes in their order")
	}
}

func (v value) methods(b *Bench, known Host) {
	v.entries(func(name string, c value) {
		m := Method{Name: ad.MethodName(name), Use: name, Options: []byte("{}"), Timeout: b.Run.Timeout, Pointer: c.pointer}
		at, preset := c, ""
		seen := c.object(fields{
			"method":          func(c value) { at = c; m.Use, m.Preset = c.method() },
			"command":         func(c value) { m.Command = c.command() },
			"preset":          func(c value) { c.name(&preset) },
			"options":         func(c value) { m.Options = c.jsonObject() },
			"dataset_options": func(c value) { c.datasetOptions(b, &m) },
			"timeout":         func(c value) { c.duration(&m.Timeout) },
			"env":             func(c value) { m.Env = c.env() },
			"datasets":        func(c value) { m.Datasets = convert[ad.DatasetName](c.names("dataset", b.datasetNames())) },
			"encoders":        func(c value) { m.Encoders = c.names("encoder", b.encoderNames()) },
		})
		if _, ok := seen["command"]; ok {
			if _, both := seen["method"]; both {
				c.fail("want either method or command, got both")
			}
			m.Use, m.Preset = "", preset
		} else if _, ok := seen["preset"]; ok {
			c.failAt(c.keyPos("preset"), "%s: key \"preset\" has no meaning without a command", dotted(c.pointer)).
				WithHint("name the preset with its method, as method: %s", cmp.Or(m.Use, "METHOD")+"/"+cmp.Or(preset, "PRESET"))
		}
		if m.Use != "" && known.Methods != nil && !slices.Contains(known.Methods, m.Use) {
			at.fail("no method %s", quote(m.Use)).
				WithHint("%s (or give a command of your own, as command: [PROGRAM, ARGUMENT, ...])", fault.Suggest(m.Use, known.Methods))
		}
		b.Methods = append(b.Methods, m)
	})
}

// method reads the name of a method, with that of a preset if there is a slash.
func (v value) method() (use, preset string) {
	s, ok := v.text()
	use, preset, has := strings.Cut(s, "/")
	if !ok || !v.checkName(use) || has && !v.checkName(preset) {
		return "", ""
	}
	return use, preset
}

func (v value) datasetOptions(b *Bench, m *Method) {
	m.DatasetOptions = map[ad.DatasetName]json.RawMessage{}
	v.pairs(func(name string, c value) {
		if !slices.Contains(b.datasetNames(), name) {
			v.failAt(v.keyPos(name), "%s: no dataset %s", dotted(v.pointer), quote(name)).Hint = fault.Suggest(name, b.datasetNames())
			return
		}
		m.DatasetOptions[ad.DatasetName(name)] = c.jsonObject()
	})
}

// command reads a program and its arguments. Variables are expanded in all of
// them; words that begin with ./ or ../ are paths, and so is a program with a
// slash.
func (v value) command() []string {
	var words []string
	before := len(v.errs)
	v.items(func(c value) {
		s, ok := c.expanded()
		if !ok {
			return
		}
		slashed := filepath.ToSlash(s)
		if strings.HasPrefix(slashed, "./") || strings.HasPrefix(slashed, "../") || len(words) == 0 && strings.Contains(slashed, "/") {
			s = c.resolve(s)
			if !strings.ContainsRune(filepath.ToSlash(s), '/') {
				s = "." + string(filepath.Separator) + s // else the program would be sought in PATH
			}
		}
		if len(words) == 0 && s == "" {
			c.fail("want a program, got an empty text")
		}
		words = append(words, s)
	})
	if len(words) == 0 && len(v.errs) == before {
		v.fail("empty: want a program and its arguments")
	}
	return words
}

// env reads variables and their values; a variable without a value is inherited.
func (v value) env() (list []Variable) {
	v.pairs(func(name string, c value) {
		switch {
		case variableForm.FindString(name) != name || name == "":
			v.failAt(v.keyPos(name), "%s: %s is no name of an environment variable", dotted(v.pointer), quote(name))
		case c.null():
			list = append(list, Variable{Name: name, Inherit: true})
		case c.scalar("!!str", "!!int", "!!float", "!!bool", "!!timestamp"):
			list = append(list, Variable{Name: name, Value: c.node.Value})
		default:
			c.wrong(fmt.Sprintf("the value of variable %s, or nothing to inherit it", name))
		}
	})
	return list
}
