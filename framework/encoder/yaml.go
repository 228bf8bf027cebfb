package encoder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// reader takes values out of YAML nodes and keeps the first mistake.
type reader struct {
	file string
	err  error
}

// mapping is a YAML mapping whose keys have been checked.
type mapping struct {
	*reader
	node *yaml.Node // the mapping itself; nil for one that was left out
	path string     // of its key, such as "input."
	keys map[string]*yaml.Node
}

func (r *reader) at(n *yaml.Node) fault.Pos {
	if n == nil {
		return fault.Pos{File: r.file}
	}
	return fault.Pos{File: r.file, Line: n.Line, Col: n.Column}
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) *fault.Error {
	e := fault.New(fault.Config, format, args...).At(r.at(n))
	if r.err == nil {
		r.err = e
	}
	return e
}

// document parses the one document of a file.
func (r *reader) document(text []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		r.fail(nil, "empty file")
		return nil
	case err != nil:
		text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
		if n, _ := fmt.Sscanf(text, "line %d:", &line); n == 1 {
			_, text, _ = strings.Cut(text, ": ")
		}
		r.fail(nil, "not YAML: %s", text).Pos.Line = line
		return nil
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.fail(nil, "more than one YAML document, or text after the first")
		return nil
	}
	return doc.Content[0]
}

// mapping checks that n is a mapping of some of the keys, each once. A nil n
// gives an empty mapping.
func (r *reader) mapping(n *yaml.Node, path string, keys ...string) mapping {
	m := mapping{r, n, path, map[string]*yaml.Node{}}
	if n == nil {
		return m
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: expected a mapping with keys such as %q, found %s", title(path), keys[0], kindOf(n))
		return m
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch _, twice := m.keys[k.Value]; {
		case k.Kind != yaml.ScalarNode || !slices.Contains(keys, k.Value):
			r.fail(k, "unknown key %q", path+k.Value).WithHint("%s", fault.Suggest(k.Value, keys))
		case twice:
			r.fail(k, "key %q is given twice", path+k.Value)
		}
		m.keys[k.Value] = v
	}
	return m
}

func title(path string) string {
	if path == "" {
		return "the file"
	}
	return strings.TrimSuffix(path, ".")
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which this file may not have"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// need is the value of a key that must be there.
func (m mapping) need(key string) *yaml.Node {
	v := m.keys[key]
	if v == nil {
		m.fail(m.node, "key %q is missing", m.path+key)
	}
	return v
}

// text is a string, or the default if the key is not there.
func (m mapping) text(key, def string) string {
	v := m.keys[key]
	if v == nil {
		return def
	}
	if v.Kind != yaml.ScalarNode || v.Tag != "!!str" || strings.TrimSpace(v.Value) == "" {
		m.fail(v, "%s%s: expected text, found %s", m.path, key, kindOf(v))
		return def
	}
	return v.Value
}

// choice is one of the values, the first by default.
func (m mapping) choice(key string, values ...string) string {
	s := m.text(key, values[0])
	if !slices.Contains(values, s) {
		m.fail(m.keys[key], "%s%s: %q is not known", m.path, key, s).WithHint("%s", fault.Suggest(s, values))
	}
	return s
}

// count is a whole number from 1 to limit that must be there.
func (m mapping) count(key string, limit int) int {
	v := m.need(key)
	if v == nil {
		return 1
	}
	n, err := strconv.Atoi(v.Value)
	if v.Kind != yaml.ScalarNode || v.Tag != "!!int" || err != nil || n < 1 || n > limit {
		m.fail(v, "%s%s: expected a whole number from 1 to %d, found %s", m.path, key, limit, kindOf(v))
		return 1
	}
	return n
}

func (m mapping) flag(key string, def bool) bool {
	v := m.keys[key]
	if v == nil {
		return def
	}
	if v.Kind != yaml.ScalarNode || v.Tag != "!!bool" {
		m.fail(v, "%s%s: expected true or false, found %s", m.path, key, kindOf(v))
	}
	return v.Value == "true"
}

// number is a finite number, also written as a fraction ("1/255").
func (m mapping) number(n *yaml.Node, key string) float64 {
	if n.Kind == yaml.ScalarNode && len(n.Value) < 64 {
		if num, den, ok := strings.Cut(n.Value, "/"); ok {
			if a, ok := new(big.Rat).SetString(strings.TrimSpace(num)); ok {
				if b, ok := new(big.Rat).SetString(strings.TrimSpace(den)); ok && b.Sign() != 0 {
					f, _ := a.Quo(a, b).Float64()
					return f
				}
			}
		} else if f, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
	m.fail(n, "%s%s: expected a number, found %s", m.path, key, kindOf(n))
	return 1
}

func (m mapping) scalar(key string, def float64) float64 {
	if v := m.keys[key]; v != nil {
		return m.number(v, key)
	}
	return def
}

// triple is a list of three numbers, or one number for all three.
func (m mapping) triple(key string, def float64) [3]float64 {
	v := m.keys[key]
	switch {
	case v == nil:
		return [3]float64{def, def, def}
	case v.Kind == yaml.ScalarNode:
		f := m.number(v, key)
		return [3]float64{f, f, f}
	case v.Kind != yaml.SequenceNode || len(v.Content) != 3:
		m.fail(v, "%s%s: expected a number, or three for red, green and blue", m.path, key)
		return [3]float64{def, def, def}
	}
	var out [3]float64
	for i, n := range v.Content {
		out[i] = m.number(n, key)
	}
	return out
}

// list is the elements of a list; nil if the key is not there.
func (m mapping) list(key string) []*yaml.Node {
	v := m.keys[key]
	if v == nil {
		return nil
	}
	if v.Kind != yaml.SequenceNode || len(v.Content) == 0 {
		m.fail(v, "%s%s: expected a list with at least one element, found %s", m.path, key, kindOf(v))
		return nil
	}
	return v.Content
}
