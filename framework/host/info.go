package host

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// checkInfo says what is wrong with a method's description of itself.
func checkInfo(i plugin.Info) error {
	switch {
	case !methodName.MatchString(i.Name):
		return fault.New(fault.Plugin, "its name %q does not match %s", clean(i.Name, 80), methodName)
	case i.Version == "" || clean(i.Version, 80) != i.Version:
		return fault.New(fault.Plugin, "its version %q is not one line of 1 to 80 bytes", clean(i.Version, 80))
	case !i.Maps && !i.Scores:
		return fault.New(fault.Plugin, "it gives neither maps nor scores")
	}
	for n, e := range i.Engines {
		if !methodName.MatchString(e) || slices.Contains(i.Engines[:n], e) {
			return fault.New(fault.Plugin, "its engines %q are not different words that match %s", i.Engines, methodName)
		}
	}
	if err := checkSchema(i.Options); err != nil {
		return err
	}
	return checkPresets(i)
}

var presetName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checkPresets says what is wrong with a method's presets, whose texts are printed.
func checkPresets(i plugin.Info) error {
	seen := map[string]bool{}
	for _, p := range i.Presets {
		if !presetName.MatchString(p.Name) {
			return fault.New(fault.Plugin, "the name of its preset %q does not match %s", clean(p.Name, 80), presetName)
		}
		if seen[p.Name] {
			return fault.New(fault.Plugin, "it has two presets %q", p.Name)
		}
		seen[p.Name] = true
		texts := []string{p.Summary, p.Table}
		for _, c := range p.Columns {
			texts = append(texts, c.Name, c.Value)
		}
		for _, text := range texts {
			if clean(text, 200) != text {
				return fault.New(fault.Plugin, "its preset %q: %q is not one line of at most 200 bytes", p.Name, clean(text, 80))
			}
		}
		if !bytes.HasPrefix(bytes.TrimSpace(p.Options), []byte("{")) {
			return fault.New(fault.Plugin, "its preset %q: its options are %q, no object", p.Name, clean(string(p.Options), 80))
		}
		if _, err := CompleteOptions(i, p.Options, ""); err != nil {
			return fault.New(fault.Plugin, "its preset %q: %w", p.Name, err)
		}
	}
	return nil
}

// Engine is the engine with which a method computes where the user wants the one
// asked for: that one, or "" if the choice does not concern the method. A method that
// has engines and not this one is an error of kind Config.
func Engine(i plugin.Info, asked string) (string, error) {
	if len(i.Engines) == 0 {
		return "", nil
	}
	if !slices.Contains(i.Engines, asked) {
		return "", fault.New(fault.Config, "method %q has no engine %q; it has %s", i.Name, asked, strings.Join(i.Engines, ", ")).
			WithHint("choose one that it has with --engine or run.engine in bench.yaml")
	}
	return asked, nil
}

func (s Spec) commandLine() string {
	return clean(strings.Join(s.Command, " "), 300)
}
