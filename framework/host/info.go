package host

import (
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
	return checkSchema(i.Options)
}

func (s Spec) commandLine() string {
	return clean(strings.Join(s.Command, " "), 300)
}
