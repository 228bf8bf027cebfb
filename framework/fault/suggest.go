package fault

import (
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Suggest words the hint for an unknown word: the known one that was probably
// meant, else all of them.
func Suggest[S ~string](word S, known []S) string {
	if near := Nearest(word, known); near != "" {
		return "did you mean " + strconv.Quote(string(near)) + "?"
	}
	if len(known) == 0 {
		return "there are none"
	}
	list := make([]string, len(known))
	for i, k := range known {
		list[i] = string(k)
	}
	return "there are: " + strings.Join(list, ", ")
}

// Nearest gives the known word that was probably meant by a misspelt one, or "":
// the one with the least edits, upper and lower case aside, if those are at most a
// third of its letters.
func Nearest[S ~string](word S, known []S) S {
	best, least := S(""), len(word)/3+1
	for _, k := range known {
		if abs(len(k)-len(word)) >= least {
			continue
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(string(word)), strings.ToLower(string(k))); d < least {
			best, least = k, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }
