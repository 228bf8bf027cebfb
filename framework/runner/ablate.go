package runner

import (
	"context"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// preset is what the method says of the preset that an entry names; the empty one if
// it names none, or if the method could not be asked.
func (p *Plan) preset(c config.Method, m *method) (plugin.Preset, error) {
	if c.Preset == "" || m.broken != nil {
		return plugin.Preset{}, nil
	}
	at := slices.IndexFunc(m.info.Presets, func(one plugin.Preset) bool { return one.Name == c.Preset })
	if at < 0 {
		e := fault.New(fault.Config, "method %q has no preset %q", m.info.Name, c.Preset).At(p.Bench.PresetPos(c))
		e.Hint = fault.Suggest(c.Preset, presetNames(m.info.Presets))
		return plugin.Preset{}, e
	}
	return m.info.Presets[at], nil
}

func presetNames(presets []plugin.Preset) (names []string) {
	for _, one := range presets {
		names = append(names, one.Name)
	}
	return names
}

// Row is a row of an ablation: a preset, and the name of the method in its cells.
type Row struct {
	Method ad.MethodName
	plugin.Preset
}

// Ablate gives the benchmark of an ablation: that of s with other methods, namely
// presets of its methods as entries called ENTRY/PRESET. Each of asked is ENTRY or
// ENTRY=PREFIX[,PREFIX...], which takes the presets of these names, and those that go
// on from there with a dot. Of s it needs Bench, Builtin, PluginPath and Show.
func Ablate(ctx context.Context, s Setup, asked []string) (*config.Bench, []Row, error) {
	p := &Plan{Setup: s}
	b := *s.Bench
	b.Methods = nil
	var rows []Row
	for _, text := range asked {
		name, list, some := strings.Cut(text, "=")
		entry, presets, err := p.presets(ctx, name, text)
		if err != nil {
			return nil, nil, err
		}
		if some {
			prefixes := strings.Split(list, ",")
			for _, prefix := range prefixes {
				if !slices.ContainsFunc(presets, func(one plugin.Preset) bool { return begins(one.Name, prefix) }) {
					e := fault.New(fault.Usage, "--ablate %q: method %q has no preset that begins with %q", text, name, prefix)
					e.Hint = fault.Suggest(prefix, presetNames(presets))
					return nil, nil, e
				}
			}
			presets = slices.DeleteFunc(slices.Clone(presets), func(one plugin.Preset) bool {
				return !slices.ContainsFunc(prefixes, func(prefix string) bool { return begins(one.Name, prefix) })
			})
		}
		for _, one := range presets {
			row := entry
			row.Name, row.Preset, row.Ablated = entry.Name+"/"+ad.MethodName(one.Name), one.Name, true
			if !slices.ContainsFunc(rows, func(r Row) bool { return r.Method == row.Name }) {
				rows = append(rows, Row{row.Name, one})
				b.Methods = append(b.Methods, row)
			}
		}
	}
	return &b, rows, nil
}

// presets finds an entry of the methods and what presets its method has; text is the
// flag that asks for it.
func (p *Plan) presets(ctx context.Context, name, text string) (entry config.Method, presets []plugin.Preset, err error) {
	var names []string
	for _, m := range p.Bench.Methods {
		names = append(names, string(m.Name))
	}
	i := slices.Index(names, name)
	if i < 0 {
		e := fault.New(fault.Usage, "--ablate %q: no method %q in %s", text, name, p.Bench.File)
		e.Hint = fault.Suggest(name, names)
		return entry, nil, e
	}
	if entry = p.Bench.Methods[i]; entry.Preset != "" {
		return entry, nil, fault.New(fault.Usage, "--ablate %q: method %q is the preset %q already", text, name, entry.Preset).
			WithHint("name an entry without one: other presets may not set all that this one does")
	}
	m, err := p.ask(ctx, entry)
	if err == nil && m.broken != nil {
		err = at(m.broken, p.Bench.Pos(entry.Pointer))
	}
	if err != nil {
		return entry, nil, err
	}
	if len(m.info.Presets) == 0 {
		return entry, nil, fault.New(fault.Usage, "--ablate %q: method %q has no presets", text, name).
			WithHint("`ltadbench plugin list --presets` shows who has")
	}
	return entry, m.info.Presets, nil
}

// begins says whether a name is the prefix, or goes on from it with a dot: "6" begins
// "6.3" and not "61".
func begins(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+".")
}
