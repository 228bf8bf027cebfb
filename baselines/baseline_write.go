package baselines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// baselineHeader begins a new file.
const baselineHeader = `# A stored baseline of ltadbench: what the cells of a benchmark had for numbers, which
# are fractions of 1 with all their digits.
#
#   ltadbench baseline save NAME                writes it; what stands above "cells:" stays
#   ltadbench verify --baseline THIS FILE       compares today's results with it
`

// toleranceHeader explains the rules.
const toleranceHeader = `
# How far a number may move. The last rule that fits a number holds; where none fits, it
# must be the same. A rule fits all that it does not narrow down:
#
#   {methods: [..], metrics: [..], groups: [All, High, Low], absolute: 0.01}
#   {.., deviations: 3}    standard deviations over the seeds in this file, two or more
#   {.., absolute: 0.001, deviations: 3}        the larger of the two
`

// Bytes is the file. above is an earlier version of it, nil if there is none: unless
// its rules are others, all that stands above its cells stays as it is, and else its
// first comment. The error is of kind Data if the rules do not fit the cells.
func (b *Baseline) Bytes(above []byte) ([]byte, error) {
	if err := b.Check(); err != nil {
		return nil, err
	}
	var cells bytes.Buffer
	b.writeCells(&cells)
	var candidates []string
	if head, ok := aboveCells(above); ok {
		candidates = append(candidates, head)
	}
	comment := firstComment(above)
	if comment == "" {
		comment = baselineHeader
	}
	candidates = append(candidates, comment+b.tolerance(), baselineHeader+b.tolerance())
	err := errors.New("its cells differ")
	for _, head := range candidates {
		text := append([]byte(head), cells.Bytes()...)
		again, problem := ParseBaseline("baseline", text)
		if problem != nil {
			err = problem
			continue
		}
		var same bytes.Buffer
		if again.writeCells(&same); sameRules(again.Rules, b.Rules) && bytes.Equal(same.Bytes(), cells.Bytes()) {
			return text, nil
		}
	}
	return nil, fault.New(fault.Internal, "a baseline that cannot be read again: %w", err)
}

// aboveCells is what stands above the key cells.
func aboveCells(text []byte) (string, bool) {
	head, _, found := strings.Cut("\n"+string(text), "\ncells:")
	return strings.TrimPrefix(head+"\n", "\n"), found
}

// firstComment is the comment that a file begins with.
func firstComment(text []byte) string {
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		out.WriteString(line)
	}
	return out.String()
}

func (b *Baseline) tolerance() string {
	var w strings.Builder
	fmt.Fprintf(&w, "schema: %d\n%stolerance:", BaselineSchema, toleranceHeader)
	if len(b.Rules) == 0 {
		w.WriteString(" []")
	}
	w.WriteString("\n")
	for _, r := range b.Rules {
		var parts []string
		parts = appendList(parts, "methods", r.Methods)
		parts = appendList(parts, "metrics", r.Metrics)
		parts = appendList(parts, "groups", r.Groups)
		for _, x := range []struct {
			name  string
			value *float64
		}{{"absolute", r.Absolute}, {"deviations", r.Deviations}} {
			if x.value != nil {
				parts = append(parts, x.name+": "+scalarOf(x.value))
			}
		}
		fmt.Fprintf(&w, "  - {%s}\n", strings.Join(parts, ", "))
	}
	w.WriteString("\n")
	return w.String()
}

func appendList[T ~string](parts []string, name string, list []T) []string {
	if len(list) == 0 {
		return parts
	}
	var texts []string
	for _, x := range list {
		texts = append(texts, scalarText(string(x)))
	}
	return append(parts, name+": ["+strings.Join(texts, ", ")+"]")
}

func (b *Baseline) writeCells(w *bytes.Buffer) {
	w.WriteString("cells:\n")
	for _, c := range b.Cells {
		w.WriteString("\n")
		n, in, run := c.Cell, c.Inputs, c.Run
		fmt.Fprintf(w, "  - cell: {dataset: %s, split: %s, split_seed: %d, encoder: %s, method: %s, seed: %d}\n",
			scalarText(string(n.Dataset)), scalarText(n.Split), n.SplitSeed, scalarText(n.Encoder), scalarText(string(n.Method)), n.Seed)
		fmt.Fprintf(w, "    status: %s\n", c.Status)
		if c.Failure != "" {
			fmt.Fprintf(w, "    failure: %s\n", scalarText(c.Failure))
		}
		w.WriteString("    inputs:\n")
		writeTexts(w, [][2]string{
			{"dataset", string(in.Dataset)}, {"split", string(in.Split)}, {"encoder", string(in.Encoder)}, {"text", string(in.Text)},
			{"feature_type", in.FeatureType}, {"method", in.Method},
		})
		fmt.Fprintf(w, "      seed: %d\n", in.Seed)
		p := in.Protocol
		fmt.Fprintf(w, "      protocol: {version: %s, size: %d, map_resize: %s, mask_resize: %s, mask_threshold: %d, image_score: %s, aupro_limit: %s, connectivity: %d}\n",
			scalarText(p.Version), p.Size, scalarText(string(p.MapResize)), scalarText(string(p.MaskResize)), p.MaskThreshold,
			scalarText(string(p.ImageScore)), scalarOf(&p.AUPROLimit), p.Connectivity)
		writeOptions(w, in.Options)
		w.WriteString("    ran:\n")
		writeTexts(w, [][2]string{
			{"method_version", in.MethodVersion}, {"method_files", string(in.MethodFiles)}, {"engine", in.Engine},
			{"device", run.Device}, {"features", run.Features}, {"ltadbench", run.Machine.Ltadbench},
			{"go", run.Machine.Go}, {"onnx_runtime", run.Machine.ONNXRuntime}, {"platform", run.Machine.Platform}, {"cpu", run.Machine.CPU},
		})
		fmt.Fprintf(w, "      cpus: %d\n      threads: %d\n", run.Machine.CPUs, run.Threads)
		if c.Status != result.Done {
			continue
		}
		w.WriteString("    means:\n")
		for _, g := range groupsOf {
			fmt.Fprintf(w, "      %s: {%s}\n", g, numbersOf(c.Means[g]))
		}
		w.WriteString("    classes:\n")
		for _, k := range c.Classes {
			fmt.Fprintf(w, "      - {name: %s, group: %s, train: %d, test_normal: %d, test_anomalous: %d, %s}\n",
				scalarText(string(k.Name)), scalarText(string(k.Group)), k.Train, k.Normal, k.Anomalous, numbersOf(k.Metrics))
		}
	}
}

// writeTexts writes a line for each name and text that is not empty.
func writeTexts(w *bytes.Buffer, lines [][2]string) {
	for _, l := range lines {
		if l[1] != "" {
			fmt.Fprintf(w, "      %s: %s\n", l[0], scalarText(l[1]))
		}
	}
}

// writeOptions writes a JSON object with a line for each option.
func writeOptions(w *bytes.Buffer, options json.RawMessage) {
	all, err := decodeOptions(options)
	if err != nil || len(all) == 0 {
		w.WriteString("      options: {}\n")
		return
	}
	w.WriteString("      options:\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "        %s: %s\n", scalarText(name), flowOf(all[name]))
	}
}

func decodeOptions(options json.RawMessage) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(options))
	dec.UseNumber()
	var all map[string]any
	err := dec.Decode(&all)
	return all, err
}

// flowOf writes plain data on one line.
func flowOf(data any) string {
	switch v := data.(type) {
	case string:
		return scalarText(v)
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, flowOf(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, scalarText(name)+": "+flowOf(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case nil:
		return "null"
	}
	return fmt.Sprint(data) // a json.Number or a bool
}

func numbersOf(values map[ad.Metric]metric.Value) string {
	var parts []string
	for _, m := range ad.Metrics {
		parts = append(parts, fmt.Sprintf("%s: %s", m, scalarOf(values[m])))
	}
	return strings.Join(parts, ", ")
}

// scalarOf writes a number with all its digits, null if there is none.
func scalarOf(x *float64) string {
	if x == nil {
		return "null"
	}
	text, _ := json.Marshal(*x)
	return string(text)
}

var plainText = regexp.MustCompile(`^(sha256:[0-9a-f]+|[A-Za-z][A-Za-z0-9._/+-]*)$`)

// scalarText writes text so that YAML reads it as text.
func scalarText(s string) string {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return strconv.Quote(s)
	}
	if plainText.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
