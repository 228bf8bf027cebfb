package config

import (
	"maps"
	"slices"
	"strconv"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// nearest words the hint at the known word that was probably meant, if there is
// one.
func nearest(word string, known []string) string {
	if near := fault.Nearest(word, known); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// quote keeps a long word from filling the terminal.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return strconv.Quote(s)
}
