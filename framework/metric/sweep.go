package metric

import (
	"math/big"
	"math/bits"
)

// sweep lowers a threshold over the scores, from above the highest to below the
// lowest, and integrates what the metrics need on the way. Its state is integers:
// counts, areas under the ROC curve in half pairs of pixels, and precisions and
// shares of regions in units of 2^-64, each the floor of a quotient of counts. So
// the results depend on the multiset of (score, label, region size) alone; AUROC
// and F1-max are correctly rounded, AP and AUPRO are the correctly rounded values
// of numbers less than 2^-64 below the exact ones.
type sweep struct {
	positives, negatives uint64
	tp, fp               uint64 // counted so far, at or above the threshold

	roc u192 // twice the area under (fp, tp)
	ap  u192 // sum over thresholds of new positives x precision, in 2^-64

	f1Num, f1Den uint64 // best 2 tp / (positives + tp + fp), halved numerator

	// Per-region overlap: the sum over regions of the share above the threshold, in
	// 2^-64. Regions of one size are summed before they are divided.
	regions uint64
	sizes   []size
	overlap u192

	pro     u192     // twice the area under (fp, overlap), up to whole fp below limit
	limit   *big.Rat // where the integral ends, in false positives: not an integer in general
	whole   uint64   // floor of limit
	rest    *big.Rat // twice the area between the last threshold before limit and limit
	proDone bool
}

// size is the regions of one size, in pixels. quo and rem are 2^64 divided by it
// (for size 1, quo is unused: 2^64 does not fit); left is the remainder that their
// pixels so far have summed to.
type size struct {
	pixels, quo, rem, left uint64
}

func newSize(pixels uint64) size {
	if pixels == 1 {
		return size{pixels: 1}
	}
	quo, rem := bits.Div64(1, 0, pixels)
	return size{pixels: pixels, quo: quo, rem: rem}
}

// newSweep starts a sweep; limit is AUPRO's, as a false positive rate.
func newSweep(positives, negatives, regions uint64, sizes []size, limit float64) *sweep {
	s := &sweep{positives: positives, negatives: negatives, f1Den: 1, regions: regions, sizes: sizes}
	s.limit = new(big.Rat).SetFloat64(limit)
	s.limit.Mul(s.limit, new(big.Rat).SetInt(new(big.Int).SetUint64(negatives)))
	s.whole = new(big.Int).Quo(s.limit.Num(), s.limit.Denom()).Uint64()
	return s
}

// skip lowers the threshold over n scores that are all normal.
func (s *sweep) skip(n uint64) {
	if n == 0 {
		return
	}
	s.roc.addMul(s.tp, n)
	s.roc.addMul(s.tp, n)
	s.segment(s.overlap, n)
	s.fp += n
}

// hit adds n anomalous pixels of regions of one size (an index into sizes) to the
// overlap; step must follow.
func (s *sweep) hit(index uint32, n uint64) {
	z := &s.sizes[index]
	if z.pixels == 1 {
		s.overlap.add(0, n)
		return
	}
	hi, lo := bits.Mul64(z.quo, n)
	// rem < pixels <= 2^24 and n < 2^40: no overflow.
	z.left += z.rem * n
	if z.left >= z.pixels {
		var carry uint64
		lo, carry = bits.Add64(lo, z.left/z.pixels, 0)
		hi += carry
		z.left %= z.pixels
	}
	s.overlap.add(lo, hi)
}

// step lowers the threshold onto one score that positives anomalous and negatives
// normal ones share; before is the overlap above it.
func (s *sweep) step(positives, negatives uint64, before u192) {
	if negatives > 0 {
		s.roc.addMul(s.tp, negatives)
		s.roc.addMul(s.tp+positives, negatives)
		s.segment(before, negatives)
	}
	s.tp += positives
	s.fp += negatives
	if s.fp == 0 {
		s.ap.add(0, positives)
	} else {
		precision, _ := bits.Div64(s.tp, 0, s.tp+s.fp)
		s.ap.addMul(precision, positives)
	}
	num, den := s.tp, s.positives+s.tp+s.fp
	ah, al := bits.Mul64(num, s.f1Den)
	bh, bl := bits.Mul64(s.f1Num, den)
	if ah > bh || ah == bh && al > bl {
		s.f1Num, s.f1Den = num, den
	}
}

// segment integrates the overlap while fp grows by n and the overlap rises from
// before to what it is, on a straight line.
func (s *sweep) segment(before u192, n uint64) {
	switch {
	case s.proDone:
	case s.fp+n <= s.whole:
		s.pro.addMul192(before, n)
		s.pro.addMul192(s.overlap, n)
	default:
		// part of n, the rest lies beyond the limit: the line is cut there.
		part := new(big.Rat).SetInt(new(big.Int).SetUint64(s.fp))
		part.Sub(s.limit, part)
		low, high := before.rat(), s.overlap.rat()
		rise := new(big.Rat).Sub(high, low)
		rise.Mul(rise, part).Quo(rise, new(big.Rat).SetInt(new(big.Int).SetUint64(n)))
		s.rest = rise.Add(rise, low).Add(rise, low)
		s.rest.Mul(s.rest, part)
		s.proDone = true
	}
}

// finish lowers the threshold over the remaining scores, all normal, and gives
// the metrics; all are nil if a label is missing.
func (s *sweep) finish() (auroc, ap, f1, aupro Value) {
	if s.positives == 0 || s.negatives == 0 {
		return nil, nil, nil, nil
	}
	s.skip(s.negatives - s.fp)
	whole := func(n uint64) *big.Rat { return new(big.Rat).SetInt(new(big.Int).SetUint64(n)) }
	one := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 64)) // 1 in units of 2^-64
	pairs := new(big.Rat).Mul(whole(s.positives), whole(s.negatives))
	auroc = ratio(s.roc.rat(), pairs.Add(pairs, pairs))
	ap = ratio(s.ap.rat(), new(big.Rat).Mul(whole(s.positives), one))
	f1 = ratio(new(big.Rat).Add(whole(s.f1Num), whole(s.f1Num)), whole(s.f1Den))
	if s.regions > 0 {
		area := s.pro.rat()
		if s.rest != nil {
			area.Add(area, s.rest)
		}
		full := new(big.Rat).Mul(whole(s.regions), one)
		full.Mul(full, s.limit)
		aupro = ratio(area, full.Add(full, full))
	}
	return auroc, ap, f1, aupro
}

// u192 is an unsigned integer of three 64-bit digits, lowest first.
type u192 [3]uint64

// add adds hi x 2^64 + lo.
func (u *u192) add(lo, hi uint64) {
	var c uint64
	u[0], c = bits.Add64(u[0], lo, 0)
	u[1], c = bits.Add64(u[1], hi, c)
	u[2] += c
}

// addMul adds a x b.
func (u *u192) addMul(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	u.add(lo, hi)
}

// addMul192 adds a x b; the highest digit of a is 0.
func (u *u192) addMul192(a u192, b uint64) {
	u.addMul(a[0], b)
	hi, lo := bits.Mul64(a[1], b)
	var c uint64
	u[1], c = bits.Add64(u[1], lo, 0)
	u[2] += hi + c
}

func (u *u192) rat() *big.Rat {
	n := new(big.Int)
	for i := len(u) - 1; i >= 0; i-- {
		n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(u[i]))
	}
	return new(big.Rat).SetInt(n)
}
