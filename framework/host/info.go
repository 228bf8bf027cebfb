package host

import (
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
	return checkSchema(i.Options)
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
