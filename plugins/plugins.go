// Package plugins lists the built-in methods. Each is a package of its own below
// this one; the ltadbench binary serves them by executing itself again.
package plugins

import (
	"maps"
	"slices"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/ltad"
	"github.com/ltadbench/ltadbench/plugins/padim"
	"github.com/ltadbench/ltadbench/plugins/patchcore"
	"github.com/ltadbench/ltadbench/plugins/random"
	"github.com/ltadbench/ltadbench/plugins/uniad"
)

var builtin = map[string]func() plugin.Method{
	"ltad":      ltad.New,
	"padim":     padim.New,
	"patchcore": patchcore.New,
	"random":    random.New,
	"uniad":     uniad.New,
}

// Builtin maps the name of each built-in method to its constructor. The map is the
// caller's to change.
func Builtin() map[string]func() plugin.Method { return maps.Clone(builtin) }

// Names are the names of the built-in methods, sorted.
func Names() []string { return slices.Sorted(maps.Keys(builtin)) }
