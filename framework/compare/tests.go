package compare

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
	"slices"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// Sign is the sign test of some classes' differences.
type Sign struct {
	B    int `json:"b"`    // classes in which B is better
	A    int `json:"a"`    // classes in which A is better
	Ties int `json:"ties"` // classes in which they are equal, which are dropped
	// P is the two-sided p-value: 1 if all are ties.
	P float64 `json:"p"`
}

// SignTest is the exact two-sided binomial test of the signs.
func SignTest(differences []float64) Sign {
	var s Sign
	for _, d := range differences {
		switch {
		case d > 0:
			s.B++
		case d < 0:
			s.A++
		default:
			s.Ties++
		}
	}
	n, k := int64(s.A+s.B), int64(min(s.A, s.B))
	tail := new(big.Int)
	for i := range k + 1 {
		tail.Add(tail, new(big.Int).Binomial(n, i))
	}
	p := new(big.Rat).SetFrac(tail.Lsh(tail, 1), new(big.Int).Lsh(big.NewInt(1), uint(n)))
	s.P, _ = p.Float64()
	s.P = min(1, s.P) // in the middle both tails have the middle
	return s
}

const (
	enumerated = 20      // classes, up to which all signs are tried
	draws      = 100_000 // of signs, for more classes
)

// Permutation is the permutation test of some classes' differences.
type Permutation struct {
	// Draws is how many sign assignments were drawn; 0: all were tried.
	Draws int     `json:"draws"`
	P     float64 `json:"p"`
}

// PermutationTest is the two-sided test of the mean difference under flips of the
// signs. Differences are from -1 to 1 and at most 2000; s is used only for more than 20.
func PermutationTest(differences []float64, s *stream.Stream) Permutation {
	// In units of 2^-52: sums are exact and do not depend on the order. A difference is
	// off by half a unit, and what equal sums of others were rounded to by as much.
	var units []int64
	var sum int64
	for _, d := range differences {
		u := int64(math.RoundToEven(d * (1 << 52)))
		units = append(units, u)
		sum += u
	}
	least := max(sum, -sum) - 4*int64(len(units))
	hit := func(sum int64) int {
		if max(sum, -sum) >= least {
			return 1
		}
		return 0
	}
	hits := 0
	if n := len(units); n <= enumerated {
		// The signs of i's Gray code differ from those of its predecessor's in one.
		signs := slices.Clone(units)
		for i := range 1 << n {
			if i > 0 {
				at := bits.TrailingZeros(uint(i))
				signs[at] = -signs[at]
				sum += 2 * signs[at]
			}
			hits += hit(sum)
		}
		return Permutation{P: float64(hits) / float64(int(1)<<n)}
	}
	for range draws {
		var word uint64
		sum := int64(0)
		for i, u := range units {
			if i%64 == 0 {
				word = s.Uint64()
			}
			if word&1 == 1 {
				u = -u
			}
			word >>= 1
			sum += u
		}
		hits += hit(sum)
	}
	return Permutation{Draws: draws, P: float64(1+hits) / (1 + draws)}
}

// Holm gives the p-values adjusted for their number by Holm's step-down procedure.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	adjusted, last := make([]float64, len(p)), 0.0
	for rank, i := range order {
		last = max(last, min(1, p[i]*float64(len(p)-rank)))
		adjusted[i] = last
	}
	return adjusted
}
