package stream

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// words is Doty-Humphrey's generator SFC64: about four times as fast as ChaCha8,
// for the draws that training needs by the million.
type words struct{ a, b, c, n uint64 }

// words starts a generator whose state is three words of the stream.
func (s *Stream) words() words { return words{s.Uint64(), s.Uint64(), s.Uint64(), 1} }

// next gives a word and the generator after it: as values, which the compiler
// keeps in registers.
func (w words) next() (uint64, words) {
	out := w.a + w.b + w.n
	return out, words{w.b ^ w.b>>11, w.c + w.c<<3, bits.RotateLeft64(w.c, 24) + out, w.n + 1}
}

// Bernoulli draws 8*len(dst) independent bits, each 1 with probability q. Element
// i is bit i%8 of dst[i/8], counted from the least significant.
//
// q is exact, so that 1/q is the scale that keeps a mean: every number from 2^-12
// to 1 is a multiple of 2^-64 and taken as it is; a smaller one is rounded down to
// such a multiple. Bernoulli panics if q is not a number from 0 to 1.
//
// It takes three words of the stream, however long dst is, so two calls for the
// halves of dst draw other bits than one call for the whole. It draws 64 numbers
// from [0, 1) at a time, each word being one binary digit of all of them, and
// stops once the digits tell for each whether it is below q.
func (s *Stream) Bernoulli(dst []byte, q float64) {
	if !(q >= 0 && q <= 1) {
		panic("stream: Bernoulli with a probability outside [0, 1]")
	}
	s.words().bernoulli(dst, q)
}

func (w words) bernoulli(dst []byte, q float64) {
	if q == 1 {
		for i := range dst {
			dst[i] = 0xff
		}
		return
	}
	digits := uint64(float64(q * 0x1p64))
	for len(dst) > 0 {
		var below, r uint64
		for d, open := digits, ^uint64(0); open != 0 && d != 0; d <<= 1 {
			r, w = w.next()
			one := uint64(int64(d) >> 63) // the digit of q, in all lanes
			decided := open & (r ^ one)
			below |= decided & one
			open ^= decided
		}
		if len(dst) < 8 {
			var last [8]byte
			binary.LittleEndian.PutUint64(last[:], below)
			copy(dst, last[:])
			return
		}
		binary.LittleEndian.PutUint64(dst, below)
		dst = dst[8:]
	}
}

// Norms fills dst with independent draws from the standard normal distribution.
//
// Each is the quantile function at an odd multiple of 2^-65, so the tails reach out
// to 9.2, within 0.51 units in the last place of a float32 or 3e-16. Only sums and
// products that cannot be fused are used (a fused one rounds once, not twice), so
// all machines and compilers draw the same bits.
//
// It takes three words of the stream, however long dst is, so two calls for the
// halves of dst draw other numbers than one call for the whole.
func (s *Stream) Norms(dst []float32) { s.words().norms(dst) }

func (w words) norms(dst []float32) {
	var r uint64
	for i := range dst {
		r, w = w.next()
		dst[i] = normal(r)
	}
}

// normal maps a uniform word to a normal number: the top bit is the sign, and the
// others are the tail's probability (2r+1)/2^65, a half-way point so that neither 0
// nor 1/2 occurs. Its leading zeros and first digit choose the polynomial, the
// other digits are its argument, which grows from 0 to 1 as the probability falls.
func normal(r uint64) float32 {
	tail := r<<1 | 1
	octave := bits.LeadingZeros64(tail)
	tail <<= octave
	c := &normalTable[2*octave|int(tail>>62&1)]
	t := float64(int64(^(tail<<2)>>11|1)) * 0x1p-53 // exact
	z := c[8]
	z = float64(z*t) + c[7]
	z = float64(z*t) + c[6]
	z = float64(z*t) + c[5]
	z = float64(z*t) + c[4]
	z = float64(z*t) + c[3]
	z = float64(z*t) + c[2]
	z = float64(z*t) + c[1]
	z = float64(z*t) + c[0]
	return math.Float32frombits(math.Float32bits(float32(z)) ^ uint32(r>>63<<31))
}
