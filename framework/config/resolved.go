package config

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Resolved writes the benchmark out in full: defaults filled in, variables
// expanded, one entry for each factor and seed of a split. It is a file that Load
// reads as the same benchmark (its relative paths are then relative to the working
// directory), and the same bytes for the same benchmark. Values of inherited
// environment variables are not in it.
func (b *Bench) Resolved() []byte {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(b.node()); err != nil {
		panic(err) // the tree is made here
	}
	return out.Bytes()
}

func (b *Bench) node() *yaml.Node {
	datasets, encoders, methods, splits := mapping(), mapping(), mapping(), &yaml.Node{Kind: yaml.SequenceNode}
	for _, d := range b.Datasets {
		m := mapping("kind", text(d.Kind))
		add(m, d.Root != "", "root", escaped(d.Root))
		add(m, d.Fingerprint != "", "fingerprint", text(string(d.Fingerprint)))
		add(datasets, true, string(d.Name), add(m, true, "options", fromJSON(d.Options)))
	}
	for _, s := range b.Splits {
		splits.Content = append(splits.Content, s.node())
	}
	for _, e := range b.Encoders {
		pack := text(e.Pack)
		if e.Dir != "" {
			pack = escaped(slashed(e.Dir))
		}
		add(encoders, true, e.Name, mapping("pack", pack, "dtype", text(e.DType)))
	}
	for _, m := range b.Methods {
		add(methods, true, string(m.Name), m.node())
	}
	jobs := text("auto")
	if b.Run.Jobs > 0 {
		jobs = number(strconv.Itoa(b.Run.Jobs))
	}
	return mapping(
		"version", number(strconv.Itoa(Version)),
		"datasets", datasets,
		"splits", splits,
		"encoders", encoders,
		"methods", methods,
		"seeds", list(b.Seeds, unsigned),
		"evaluation", mapping(
			"size", number(strconv.Itoa(b.Evaluation.Size)),
			"map_resize", text(b.Evaluation.MapResize),
			"mask_threshold", number(strconv.Itoa(b.Evaluation.MaskThreshold)),
			"image_score", text(b.Evaluation.ImageScore),
			"aupro_limit", float(b.Evaluation.AUPROLimit),
			"connectivity", number(strconv.Itoa(b.Evaluation.Connectivity)),
		),
		"run", mapping("jobs", jobs, "device", text(b.Run.Device), "engine", text(b.Run.Engine), "timeout", text(b.Run.Timeout.String())),
		"output", mapping(
			"results", escaped(b.Output.Results),
			"keep_maps", number(strconv.FormatInt(b.Output.KeepMaps, 10)),
			"metrics", list(b.Output.Metrics, text),
			"groups", list(b.Output.Groups, text),
			"decimals", number(strconv.Itoa(b.Output.Decimals)),
		),
	)
}

func (s Split) node() *yaml.Node {
	m := mapping("type", text(s.Type))
	m.Style = yaml.FlowStyle
	if s.Type == Manifest {
		add(m, true, "name", text(s.Label))
		add(m, true, "file", escaped(s.File))
		add(m, true, "format", text(s.Format))
	}
	if s.Type == Exp || s.Type == Step {
		add(m, true, "factor", float(s.Factor))
		add(m, true, "seeds", list([]uint64{s.Seed}, unsigned))
	}
	if s.Order != "" {
		order := text(s.Order)
		if s.Order == "list" {
			order = list(s.List, text)
		}
		add(m, true, "order", order)
		add(m, true, "reverse", number(strconv.FormatBool(s.Reverse)))
	}
	return add(m, s.Datasets != nil, "datasets", list(s.Datasets, text))
}

func (m Method) node() *yaml.Node {
	n := mapping()
	use := m.Use
	if m.Preset != "" {
		use += "/" + m.Preset
	}
	add(n, m.Use != "", "method", text(use))
	add(n, m.Use == "", "command", list(m.Command, escaped))
	add(n, m.Use == "" && m.Preset != "", "preset", text(m.Preset))
	add(n, true, "options", fromJSON(m.Options))
	own := mapping()
	for _, name := range sortedKeys(m.DatasetOptions) {
		add(own, true, string(name), fromJSON(m.DatasetOptions[name]))
	}
	add(n, m.DatasetOptions != nil, "dataset_options", own)
	add(n, true, "timeout", text(m.Timeout.String()))
	env := mapping()
	for _, v := range m.Env {
		value := text(v.Value)
		if v.Inherit {
			value = number("null")
		}
		add(env, true, v.Name, value)
	}
	add(n, m.Env != nil, "env", env)
	add(n, m.Datasets != nil, "datasets", list(m.Datasets, text))
	return add(n, m.Encoders != nil, "encoders", list(m.Encoders, text))
}

func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(pairs); i += 2 {
		add(n, true, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return n
}

// add gives m, with the key unless it is not wanted.
func add(m *yaml.Node, wanted bool, key string, value *yaml.Node) *yaml.Node {
	if wanted {
		m.Content = append(m.Content, text(key), value)
	}
	return m
}

func list[T any](items []T, node func(T) *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, item := range items {
		n.Content = append(n.Content, node(item))
	}
	return n
}

// text is a string, which the encoder quotes where it would read as another type.
func text[S ~string](s S) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(s)}
}

// number is a scalar that is no string.
func number(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func unsigned(n uint64) *yaml.Node { return number(strconv.FormatUint(n, 10)) }

func float(f float64) *yaml.Node { return number(strconv.FormatFloat(f, 'f', -1, 64)) }

// escaped is a text that expansion gives back.
func escaped(s string) *yaml.Node {
	if s == "~" || strings.HasPrefix(s, "~/") {
		s = "./" + s
	}
	return text(strings.ReplaceAll(s, "$", "$$"))
}

// slashed keeps a directory in the working directory from looking like a name.
func slashed(dir string) string {
	if strings.ContainsRune(filepath.ToSlash(dir), '/') {
		return dir
	}
	return "." + string(filepath.Separator) + dir
}

// fromJSON gives the nodes of plain JSON data, in flow style and with sorted keys.
func fromJSON(data json.RawMessage) *yaml.Node {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(err) // jsonObject made it
	}
	return plain(v)
}

func plain(v any) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		m := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		for _, key := range sortedKeys(v) {
			add(m, true, key, plain(v[key]))
		}
		return m
	case []any:
		return list(v, plain)
	case string:
		return text(v)
	case json.Number:
		return number(v.String())
	case bool:
		return number(strconv.FormatBool(v))
	}
	return number("null")
}
