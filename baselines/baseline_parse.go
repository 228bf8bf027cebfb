package baselines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// ParseBaseline reads a stored baseline. file names the text in errors, which are of
// kind Data with file, line and column, and one for each mistake: an unknown or missing
// key, a value that cannot be, a cell that is there twice, a rule that does not fit
// the cells, or the schema of a newer ltadbench.
func ParseBaseline(file string, text []byte) (*Baseline, error) {
	p := &baselineParser{file: file}
	root := p.document(text)
	if root == nil {
		return nil, errors.Join(p.errs...)
	}
	if !p.schema(root) {
		return nil, errors.Join(p.errs...)
	}
	b := &Baseline{}
	first := map[result.Cell]int{}
	p.object(root, "", baselineKeys{
		"schema": func(*yaml.Node) {}, // read before
		"tolerance?": func(n *yaml.Node) {
			p.list(n, "tolerance", func(n *yaml.Node) { b.Rules = append(b.Rules, p.rule(n)) })
		},
		"cells": func(n *yaml.Node) {
			p.list(n, "cells", func(n *yaml.Node) {
				c := p.cell(n)
				if line := first[c.Cell]; line > 0 {
					p.fail(n, "cell %s is there twice, first in line %d", c.Cell, line)
				}
				first[c.Cell] = n.Line
				b.Cells = append(b.Cells, c)
			})
		},
	})
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	if len(b.Cells) == 0 {
		p.fail(root, "a baseline without cells has nothing to compare with")
		return nil, errors.Join(p.errs...)
	}
	return b, b.Check()
}

// baselineParser collects what is wrong with a file.
type baselineParser struct {
	file string
	errs []error
}

func (p *baselineParser) fail(n *yaml.Node, format string, args ...any) *fault.Error {
	e := fault.New(fault.Data, format, args...).At(fault.Pos{File: p.file, Line: n.Line, Col: n.Column})
	p.errs = append(p.errs, e)
	return e
}

// document is the top of the one document of the file, nil if there is none.
func (p *baselineParser) document(text []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		p.fail(&yaml.Node{}, "an empty file is no baseline")
		return nil
	case err != nil:
		at, message := yaml.Node{}, strings.TrimPrefix(err.Error(), "yaml: ")
		if n, _ := fmt.Sscanf(message, "line %d:", &at.Line); n == 1 {
			_, message, _ = strings.Cut(message, ": ")
		}
		p.fail(&at, "not YAML: %s", message)
		return nil
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		p.fail(&doc, "more than one YAML document, or text after the first")
		return nil
	}
	return doc.Content[0]
}

// schema says whether the file has a form that can be read here. It comes first: a
// newer one may have keys that this one has not.
func (p *baselineParser) schema(root *yaml.Node) bool {
	if root.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(root.Content); i += 2 {
			if root.Content[i].Value != "schema" {
				continue
			}
			n := root.Content[i+1]
			version := p.whole(n, "schema")
			if len(p.errs) == 0 && version > BaselineSchema {
				p.fail(n, "schema %d is that of a newer ltadbench; this one reads %d", version, BaselineSchema).
					WithHint("update ltadbench, or store the baseline again with this one")
			} else if len(p.errs) == 0 && version != BaselineSchema {
				p.fail(n, "schema %d, this ltadbench reads %d", version, BaselineSchema)
			}
			return len(p.errs) == 0
		}
	}
	p.fail(root, "not a baseline of ltadbench: it has no schema")
	return false
}

// baselineKeys are the keys that a mapping has, and what reads their values; one with
// a question mark may be left out.
type baselineKeys map[string]func(*yaml.Node)

// object reads a mapping; path is where it stands, for messages.
func (p *baselineParser) object(n *yaml.Node, path string, keys baselineKeys) {
	if !isPlain(n, yaml.MappingNode) {
		p.fail(n, "%swant a mapping, got %s", prefix(path), whatIs(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := keys[key.Value]
		if read == nil {
			read = keys[key.Value+"?"]
		}
		switch {
		case !isPlain(key, yaml.ScalarNode) || read == nil:
			var known []string
			for k := range keys {
				known = append(known, strings.TrimSuffix(k, "?"))
			}
			slices.Sort(known)
			p.fail(key, "%sunknown key %q", prefix(path), key.Value).Hint = fault.Suggest(key.Value, known)
		case seen[key.Value]:
			p.fail(key, "%skey %q is there twice", prefix(path), key.Value)
		default:
			seen[key.Value] = true
			read(value)
		}
	}
	var missing []string
	for k := range keys {
		if !seen[k] && !strings.HasSuffix(k, "?") {
			missing = append(missing, strconv.Quote(k))
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		p.fail(n, "%sno key %s", prefix(path), strings.Join(missing, ", "))
	}
}

func prefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

// list reads a list, which may be empty.
func (p *baselineParser) list(n *yaml.Node, path string, read func(*yaml.Node)) {
	if !isPlain(n, yaml.SequenceNode) {
		p.fail(n, "%s: want a list, got %s", path, whatIs(n))
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

func isPlain(n *yaml.Node, kind yaml.Kind) bool {
	return n.Kind == kind && n.Style&yaml.TaggedStyle == 0
}

func whatIs(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		return "an alias (write the value out)"
	case n.Style&yaml.TaggedStyle != 0:
		return "a value with the tag " + n.Tag
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// text reads text that is not empty.
func (p *baselineParser) text(n *yaml.Node, path string) string {
	if !isPlain(n, yaml.ScalarNode) || n.ShortTag() != "!!str" || n.Value == "" {
		p.fail(n, "%s: want text, got %s", path, whatIs(n))
		return ""
	}
	return n.Value
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (p *baselineParser) digest(n *yaml.Node, path string) ad.Digest {
	s := p.text(n, path)
	if s != "" && !digestForm.MatchString(s) {
		p.fail(n, "%s: want sha256: and 64 hexadecimal digits, got %q", path, s)
	}
	return ad.Digest(s)
}

var (
	wholeForm  = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

func (p *baselineParser) whole(n *yaml.Node, path string) uint64 {
	x, err := strconv.ParseUint(n.Value, 10, 64)
	if !isPlain(n, yaml.ScalarNode) || n.Style != 0 || !wholeForm.MatchString(n.Value) || err != nil {
		p.fail(n, "%s: want a whole number, got %s", path, whatIs(n))
	}
	return x
}

// count is a whole number that an int holds everywhere.
func (p *baselineParser) count(n *yaml.Node, path string) int {
	x := p.whole(n, path)
	if x > 1<<31-1 {
		p.fail(n, "%s: %d is too large", path, x)
		return 0
	}
	return int(x)
}

// number reads a number from 0 to most.
func (p *baselineParser) number(n *yaml.Node, path string, most float64, want string) *float64 {
	x, err := strconv.ParseFloat(n.Value, 64)
	if !isPlain(n, yaml.ScalarNode) || n.Style != 0 || !numberForm.MatchString(n.Value) || err != nil || x < 0 || x > most {
		p.fail(n, "%s: want %s, got %s", path, want, whatIs(n))
	}
	return &x
}

// oneOf reads a list of some of a few words, at least one.
func oneOf[T ~string](p *baselineParser, n *yaml.Node, path string, known []T) (list []T) {
	p.list(n, path, func(n *yaml.Node) {
		word := T(p.text(n, path))
		if known != nil && word != "" && !slices.Contains(known, word) {
			p.fail(n, "%s: %q is unknown", path, string(word)).Hint = fault.Suggest(word, known)
		}
		list = append(list, word)
	})
	if len(list) == 0 {
		p.fail(n, "%s: an empty list fits nothing: leave the key out for all", path)
	}
	return list
}

func (p *baselineParser) rule(n *yaml.Node) Rule {
	r := Rule{Pos: fault.Pos{File: p.file, Line: n.Line, Col: n.Column}}
	before := len(p.errs)
	p.object(n, "tolerance", baselineKeys{
		"methods?":  func(n *yaml.Node) { r.Methods = oneOf[ad.MethodName](p, n, "methods", nil) },
		"metrics?":  func(n *yaml.Node) { r.Metrics = oneOf(p, n, "metrics", ad.Metrics) },
		"groups?":   func(n *yaml.Node) { r.Groups = oneOf(p, n, "groups", groupsOf) },
		"absolute?": func(n *yaml.Node) { r.Absolute = p.number(n, "absolute", 1, "a fraction from 0 to 1") },
		"deviations?": func(n *yaml.Node) {
			r.Deviations = p.number(n, "deviations", 1e6, "a number of standard deviations")
		},
	})
	if r.Absolute == nil && r.Deviations == nil && len(p.errs) == before {
		p.fail(n, "tolerance: a rule needs absolute, deviations, or both")
	}
	return r
}

func (p *baselineParser) cell(n *yaml.Node) BaselineCell {
	c := BaselineCell{Pos: fault.Pos{File: p.file, Line: n.Line, Col: n.Column}}
	to := func(s *string, path string) func(*yaml.Node) {
		return func(n *yaml.Node) { *s = p.text(n, path) }
	}
	digest := func(d *ad.Digest, path string) func(*yaml.Node) {
		return func(n *yaml.Node) { *d = p.digest(n, path) }
	}
	number := func(x *uint64, path string) func(*yaml.Node) {
		return func(n *yaml.Node) { *x = p.whole(n, path) }
	}
	count := func(x *int, path string) func(*yaml.Node) {
		return func(n *yaml.Node) { *x = p.count(n, path) }
	}
	in, run, name := &c.Inputs, &c.Run, &c.Cell
	p.object(n, "cells", baselineKeys{
		"cell": func(n *yaml.Node) {
			p.object(n, "cell", baselineKeys{
				"dataset":    to((*string)(&name.Dataset), "dataset"),
				"split":      to(&name.Split, "split"),
				"split_seed": number(&name.SplitSeed, "split_seed"),
				"encoder":    to(&name.Encoder, "encoder"),
				"method":     to((*string)(&name.Method), "method"),
				"seed":       number(&name.Seed, "seed"),
			})
		},
		"status":   to((*string)(&c.Status), "status"),
		"failure?": to(&c.Failure, "failure"),
		"inputs": func(n *yaml.Node) {
			p.object(n, "inputs", baselineKeys{
				"dataset":      digest(&in.Dataset, "dataset"),
				"split":        digest(&in.Split, "split"),
				"encoder":      digest(&in.Encoder, "encoder"),
				"text?":        digest(&in.Text, "text"),
				"feature_type": to(&in.FeatureType, "feature_type"),
				"method?":      to(&in.Method, "method"), // one that could not be asked has no name
				"seed":         number(&in.Seed, "seed"),
				"protocol":     func(n *yaml.Node) { in.Protocol = p.protocol(n) },
				"options": func(n *yaml.Node) {
					if !isPlain(n, yaml.MappingNode) {
						p.fail(n, "options: want a mapping, got %s", whatIs(n))
						return
					}
					in.Options, _ = json.Marshal(p.plain(n)) // plain data: no error
				},
			})
		},
		"ran": func(n *yaml.Node) {
			p.object(n, "ran", baselineKeys{
				"method_version?": to(&in.MethodVersion, "method_version"),
				"method_files?":   digest(&in.MethodFiles, "method_files"),
				"engine?":         to(&in.Engine, "engine"),
				"device?":         to(&run.Device, "device"),
				"threads":         count(&run.Threads, "threads"),
				"features?":       to(&run.Features, "features"),
				"ltadbench?":      to(&run.Machine.Ltadbench, "ltadbench"),
				"go?":             to(&run.Machine.Go, "go"),
				"onnx_runtime?":   to(&run.Machine.ONNXRuntime, "onnx_runtime"),
				"platform?":       to(&run.Machine.Platform, "platform"),
				"cpu?":            to(&run.Machine.CPU, "cpu"),
				"cpus":            count(&run.Machine.CPUs, "cpus"),
			})
		},
		"means?": func(n *yaml.Node) {
			c.Means = map[ad.Group]map[ad.Metric]metric.Value{}
			keys := baselineKeys{}
			for _, g := range groupsOf {
				keys[string(g)] = func(n *yaml.Node) {
					values := map[ad.Metric]metric.Value{}
					p.object(n, string(g), p.metrics(values))
					c.Means[g] = values
				}
			}
			p.object(n, "means", keys)
		},
		"classes?": func(n *yaml.Node) {
			p.list(n, "classes", func(n *yaml.Node) {
				k := result.Class{Metrics: map[ad.Metric]metric.Value{}}
				keys := p.metrics(k.Metrics)
				keys["name"] = to((*string)(&k.Name), "name")
				keys["group"] = to((*string)(&k.Group), "group")
				keys["train"] = count(&k.Train, "train")
				keys["test_normal"] = count(&k.Normal, "test_normal")
				keys["test_anomalous"] = count(&k.Anomalous, "test_anomalous")
				p.object(n, "classes", keys)
				if slices.ContainsFunc(c.Classes, func(other result.Class) bool { return other.Name == k.Name }) {
					p.fail(n, "class %q is there twice", k.Name)
				}
				c.Classes = append(c.Classes, k)
			})
		},
	})
	switch {
	case c.Status == result.Done && (c.Means == nil || c.Classes == nil):
		p.fail(n, "cells: a cell that is done has means and classes")
	case c.Status == result.Failed && (c.Failure == "" || c.Means != nil || c.Classes != nil):
		p.fail(n, "cells: a cell that failed has a failure, and no means and classes")
	case c.Status != "" && c.Status != result.Done && c.Status != result.Failed:
		p.fail(n, "status: want done or failed, got %q", c.Status)
	}
	return c
}

// metrics are the keys of all metrics; what they give goes into values.
func (p *baselineParser) metrics(values map[ad.Metric]metric.Value) baselineKeys {
	keys := baselineKeys{}
	for _, m := range ad.Metrics {
		keys[string(m)] = func(n *yaml.Node) {
			values[m] = nil
			if !isPlain(n, yaml.ScalarNode) || n.ShortTag() != "!!null" {
				values[m] = p.number(n, string(m), 1, "a fraction from 0 to 1, or null")
			}
		}
	}
	return keys
}

func (p *baselineParser) protocol(n *yaml.Node) (out metric.Protocol) {
	text := func(s *string, path string) func(*yaml.Node) {
		return func(n *yaml.Node) { *s = p.text(n, path) }
	}
	p.object(n, "protocol", baselineKeys{
		"version":        text(&out.Version, "version"),
		"size":           func(n *yaml.Node) { out.Size = p.count(n, "size") },
		"map_resize":     text((*string)(&out.MapResize), "map_resize"),
		"mask_resize":    text((*string)(&out.MaskResize), "mask_resize"),
		"mask_threshold": func(n *yaml.Node) { out.MaskThreshold = p.count(n, "mask_threshold") },
		"image_score":    text((*string)(&out.ImageScore), "image_score"),
		"aupro_limit":    func(n *yaml.Node) { out.AUPROLimit = *p.number(n, "aupro_limit", 1, "a fraction from 0 to 1") },
		"connectivity":   func(n *yaml.Node) { out.Connectivity = p.count(n, "connectivity") },
	})
	return out
}

// plain reads data of any shape, as JSON has it.
func (p *baselineParser) plain(n *yaml.Node) any {
	switch {
	case isPlain(n, yaml.MappingNode):
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if name := p.text(key, "options"); name != "" {
				if _, twice := out[name]; twice {
					p.fail(key, "options: key %q is there twice", name)
				}
				out[name] = p.plain(n.Content[i+1])
			}
		}
		return out
	case isPlain(n, yaml.SequenceNode):
		out := []any{}
		for _, item := range n.Content {
			out = append(out, p.plain(item))
		}
		return out
	case isPlain(n, yaml.ScalarNode):
		switch n.ShortTag() {
		case "!!null":
			return nil
		case "!!bool":
			return strings.EqualFold(n.Value, "true")
		case "!!str":
			return n.Value
		}
		if numberForm.MatchString(n.Value) {
			return json.Number(n.Value)
		}
	}
	p.fail(n, "options: want text, a number, true, false, null, a list or a mapping, got %s", whatIs(n))
	return nil
}
