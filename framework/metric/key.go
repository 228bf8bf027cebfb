package metric

import "math"

// key maps a float32 to an integer of the same order: it negates the magnitude of
// negative numbers, so that -0 and +0 share a key. Infinities are the ends of the
// range, 2^31 -/+ infinity; a NaN lies beyond them.
func key(x float32) uint32 {
	b := math.Float32bits(x)
	sign := uint32(int32(b) >> 31)
	return 1<<31 + ((b&magnitude ^ sign) - sign)
}

const (
	magnitude = 1<<31 - 1
	infinity  = 0x7f800000
)

// aboveInfinity has the highest bit set if x is NaN, and only then.
func aboveInfinity(x float32) uint32 { return infinity - math.Float32bits(x)&magnitude }

// firstNaN is the index of the first NaN in scores, or -1.
func firstNaN(scores []float32) int {
	var all uint32
	for _, x := range scores {
		all |= aboveInfinity(x)
	}
	if int32(all) < 0 {
		for i, x := range scores {
			if x != x {
				return i
			}
		}
	}
	return -1
}

// Key maps a score to an integer of the same order, by which this package ranks: -0
// and +0 have one key, infinities are the ends, and a NaN lies beyond them.
func Key(score float32) uint32 { return key(score) }
