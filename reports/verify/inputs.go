package verify

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/result"
)

// Changed gives the inputs that must be the same for numbers to be comparable, and are not.
func Changed(base, now result.Inputs) (out []Difference) {
	out = differing(
		Difference{"dataset", string(base.Dataset), string(now.Dataset)},
		Difference{"split", string(base.Split), string(now.Split)},
		Difference{"encoder", string(base.Encoder), string(now.Encoder)},
		Difference{"text encoder", string(base.Text), string(now.Text)},
		Difference{"feature type", base.FeatureType, now.FeatureType},
		Difference{"method", base.Method, now.Method},
		Difference{"seed", strconv.FormatUint(base.Seed, 10), strconv.FormatUint(now.Seed, 10)},
	)
	protocol := func(in result.Inputs) json.RawMessage {
		text, err := json.Marshal(in.Protocol)
		if err != nil {
			panic(err) // only plain data
		}
		return text
	}
	out = append(out, fields("protocol", protocol(base), protocol(now))...)
	return append(out, fields("option", base.Options, now.Options)...)
}

// differing leaves out what is the same.
func differing(list ...Difference) []Difference {
	return slices.DeleteFunc(list, func(d Difference) bool { return d.Baseline == d.Now })
}

// fields compares two JSON objects key by key, also of objects in them: "option a.b".
func fields(what string, base, now json.RawMessage) (out []Difference) {
	a, b := leaves(base), leaves(now)
	names := slices.Sorted(maps.Keys(a))
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if d := (Difference{strings.TrimSpace(what + " " + name), a[name], b[name]}); d.Baseline != d.Now {
			out = append(out, d)
		}
	}
	return out
}

// leaves are the values of a JSON object that are no objects, by their paths. Numbers
// are as one writes them, so that 10 and 1e1 are the same.
func leaves(text json.RawMessage) map[string]string {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var data any
	out := map[string]string{}
	if err := dec.Decode(&data); err != nil {
		return out // no options
	}
	var walk func(path string, data any)
	walk = func(path string, data any) {
		object, ok := data.(map[string]any)
		if !ok || len(object) == 0 && path != "" {
			out[path] = leaf(data)
			return
		}
		for name, value := range object {
			if path != "" {
				name = path + "." + name
			}
			walk(name, value)
		}
	}
	walk("", data)
	return out
}

func leaf(data any) string {
	switch v := data.(type) {
	case json.Number:
		if x, err := v.Float64(); err == nil {
			// Whole numbers can have more digits than a float64.
			if n, ok := new(big.Int).SetString(v.String(), 10); ok {
				return n.String()
			}
			return strconv.FormatFloat(x, 'g', -1, 64)
		}
		return v.String()
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, leaf(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		panic(err) // it comes from JSON
	}
	return strings.TrimSpace(b.String())
}

// circumstances are what differs and does not decide whether numbers can be compared.
func circumstances(base baselines.BaselineCell, now *result.Record) []Difference {
	a, b := base.Run, now.Run
	return differing(
		Difference{"method version", base.Inputs.MethodVersion, now.Inputs.MethodVersion},
		Difference{"method program", string(base.Inputs.MethodFiles), string(now.Inputs.MethodFiles)},
		Difference{"engine", base.Inputs.Engine, now.Inputs.Engine},
		Difference{"device", a.Device, b.Device},
		Difference{"features by", a.Features, b.Features},
		Difference{"threads", strconv.Itoa(a.Threads), strconv.Itoa(b.Threads)},
		Difference{"CPU", a.Machine.CPU, b.Machine.CPU},
		Difference{"CPUs", strconv.Itoa(a.Machine.CPUs), strconv.Itoa(b.Machine.CPUs)},
		Difference{"platform", a.Machine.Platform, b.Machine.Platform},
		Difference{"ONNX Runtime", a.Machine.ONNXRuntime, b.Machine.ONNXRuntime},
		Difference{"Go", a.Machine.Go, b.Machine.Go},
		Difference{"ltadbench", a.Machine.Ltadbench, b.Machine.Ltadbench},
	)
}
