package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// suggest words the hint for an unknown word: the known one that was probably
// meant, else all of them.
func suggest(word string, known []string) string {
	if hint := nearest(word, known); hint != "" {
		return hint
	}
	if len(known) == 0 {
		return "there are none"
	}
	return "there are: " + strings.Join(known, ", ")
}

// nearest words the hint at the known word that was probably meant, if there is
// one.
func nearest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, k := range known {
		if d := typos(strings.ToLower(word), strings.ToLower(k), least); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(best) + "?"
}

// typos counts the insertions, deletions, replacements and exchanges of
// neighbours that turn a into b (optimal string alignment); limit or more is
// given as limit.
func typos(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return min(row[len(b)], limit)
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// quote keeps a long word from filling the terminal.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return strconv.Quote(s)
}
