package baselines

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// ParseBaseline reads a stored baseline. file names the text in errors, which are of
// kind Data with file, line and column, and one for each mistake: an unknown or missing
// key, a value that cannot be, a cell that is there twice, a rule that does not fit
// the cells, or the schema of a newer ltadbench.
func ParseBaseline(file string, text []byte) (*Baseline, error) {
	p := &baselineParser{yamlReader{file: file}}
	root := p.document(text, "baseline")
	if root == nil || !p.schema(root) {
		return nil, errors.Join(p.errs...)
	}
	b := &Baseline{}
	first := map[result.Cell]int{}
	p.object(root, "", yamlKeys{
		"schema": func(*yaml.Node, string) {}, // read before
		"tolerance?": func(n *yaml.Node, key string) {
			p.list(n, key, func(n *yaml.Node) { b.Rules = append(b.Rules, p.rule(n)) })
		},
		"cells": func(n *yaml.Node, key string) {
			p.list(n, key, func(n *yaml.Node) {
				c := p.cell(n)
				unique(&p.yamlReader, n, first, c.Cell, "cell "+c.Cell.String())
				b.Cells = append(b.Cells, c)
			})
		},
	})
	if len(p.errs) == 0 && len(b.Cells) == 0 {
		p.fail(root, "a baseline without cells has nothing to compare with")
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return b, b.Check()
}

type baselineParser struct{ yamlReader }

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

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (p *baselineParser) digest(n *yaml.Node, path string) ad.Digest {
	s := p.text(n, path)
	if s != "" && !digestForm.MatchString(s) {
		p.fail(n, "%s: want sha256: and 64 hexadecimal digits, got %q", path, s)
	}
	return ad.Digest(s)
}

func (p *baselineParser) rule(n *yaml.Node) Rule {
	r := Rule{Pos: p.pos(n)}
	before := len(p.errs)
	p.object(n, "tolerance", yamlKeys{
		"methods?":    set(&r.Methods, words[ad.MethodName](&p.yamlReader, nil)),
		"metrics?":    set(&r.Metrics, words(&p.yamlReader, ad.Metrics)),
		"groups?":     set(&r.Groups, words(&p.yamlReader, groupsOf)),
		"absolute?":   set(&r.Absolute, p.number(1, "a fraction from 0 to 1")),
		"deviations?": set(&r.Deviations, p.number(1e6, "a number of standard deviations")),
	})
	if r.Absolute == nil && r.Deviations == nil && len(p.errs) == before {
		p.fail(n, "tolerance: a rule needs absolute, deviations, or both")
	}
	return r
}

func (p *baselineParser) cell(n *yaml.Node) BaselineCell {
	c := BaselineCell{Pos: p.pos(n)}
	in, run, name := &c.Inputs, &c.Run, &c.Cell
	p.object(n, "cells", yamlKeys{
		"cell": func(n *yaml.Node, key string) {
			p.object(n, key, yamlKeys{
				"dataset":    set((*string)(&name.Dataset), p.text),
				"split":      set(&name.Split, p.text),
				"split_seed": set(&name.SplitSeed, p.whole),
				"encoder":    set(&name.Encoder, p.text),
				"method":     set((*string)(&name.Method), p.text),
				"seed":       set(&name.Seed, p.whole),
			})
		},
		"status":   set((*string)(&c.Status), p.text),
		"failure?": set(&c.Failure, p.text),
		"inputs": func(n *yaml.Node, key string) {
			p.object(n, key, yamlKeys{
				"dataset":      set(&in.Dataset, p.digest),
				"split":        set(&in.Split, p.digest),
				"encoder":      set(&in.Encoder, p.digest),
				"text?":        set(&in.Text, p.digest),
				"feature_type": set(&in.FeatureType, p.text),
				"method?":      set(&in.Method, p.text), // one that could not be asked has no name
				"seed":         set(&in.Seed, p.whole),
				"protocol":     set(&in.Protocol, p.protocol),
				"options": func(n *yaml.Node, key string) {
					if !isPlain(n, yaml.MappingNode) {
						p.fail(n, "%s: want a mapping, got %s", key, whatIs(n))
						return
					}
					in.Options, _ = json.Marshal(p.plain(n)) // plain data: no error
				},
			})
		},
		"ran": func(n *yaml.Node, key string) {
			p.object(n, key, yamlKeys{
				"method_version?": set(&in.MethodVersion, p.text),
				"method_files?":   set(&in.MethodFiles, p.digest),
				"engine?":         set(&in.Engine, p.text),
				"device?":         set(&run.Device, p.text),
				"threads":         set(&run.Threads, p.count),
				"features?":       set(&run.Features, p.text),
				"ltadbench?":      set(&run.Machine.Ltadbench, p.text),
				"go?":             set(&run.Machine.Go, p.text),
				"onnx_runtime?":   set(&run.Machine.ONNXRuntime, p.text),
				"platform?":       set(&run.Machine.Platform, p.text),
				"cpu?":            set(&run.Machine.CPU, p.text),
				"cpus":            set(&run.Machine.CPUs, p.count),
			})
		},
		"means?": func(n *yaml.Node, key string) {
			c.Means = map[ad.Group]map[ad.Metric]metric.Value{}
			keys := yamlKeys{}
			for _, g := range groupsOf {
				keys[string(g)] = func(n *yaml.Node, key string) {
					c.Means[g] = map[ad.Metric]metric.Value{}
					p.object(n, key, p.metrics(c.Means[g]))
				}
			}
			p.object(n, key, keys)
		},
		"classes?": func(n *yaml.Node, key string) {
			p.list(n, key, func(n *yaml.Node) {
				k := result.Class{Metrics: map[ad.Metric]metric.Value{}}
				keys := p.metrics(k.Metrics)
				keys["name"] = set((*string)(&k.Name), p.text)
				keys["group"] = set((*string)(&k.Group), p.text)
				keys["train"] = set(&k.Train, p.count)
				keys["test_normal"] = set(&k.Normal, p.count)
				keys["test_anomalous"] = set(&k.Anomalous, p.count)
				p.object(n, key, keys)
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
func (p *baselineParser) metrics(values map[ad.Metric]metric.Value) yamlKeys {
	read := p.number(1, "a fraction from 0 to 1, or null")
	keys := yamlKeys{}
	for _, m := range ad.Metrics {
		keys[string(m)] = func(n *yaml.Node, key string) {
			values[m] = nil
			if !isPlain(n, yaml.ScalarNode) || n.ShortTag() != "!!null" {
				values[m] = read(n, key)
			}
		}
	}
	return keys
}

func (p *baselineParser) protocol(n *yaml.Node, path string) (out metric.Protocol) {
	p.object(n, path, yamlKeys{
		"version":        set(&out.Version, p.text),
		"size":           set(&out.Size, p.count),
		"map_resize":     set((*string)(&out.MapResize), p.text),
		"mask_resize":    set((*string)(&out.MaskResize), p.text),
		"mask_threshold": set(&out.MaskThreshold, p.count),
		"image_score":    set((*string)(&out.ImageScore), p.text),
		"aupro_limit":    func(n *yaml.Node, key string) { out.AUPROLimit = *p.number(1, "a fraction from 0 to 1")(n, key) },
		"connectivity":   set(&out.Connectivity, p.count),
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
