// Package stream draws random numbers from named, seeded streams. Every random
// choice in ltadbench comes from one, so a run is the same on any machine, with
// any number of workers and any version of Go: the generator (ChaCha8, whose
// output the C2SP specification fixes) and each way of turning its 64-bit words
// into a draw are defined here and carry the version in Version. The bulk draws of
// training noise, Norms and Bernoulli, take only a seed from it, for SFC64.
package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Version names the algorithms of this package in manifests and result keys. It
// changes whenever a draw would; a new kind of draw is an addition, which leaves it.
const Version = "chacha8/1"

// Stream is an endless sequence of random draws. It is not safe for concurrent
// use: give each worker a stream with a name of its own.
type Stream struct{ src *rand.ChaCha8 }

// New returns the stream that seed and the names determine. Different names give
// independent streams; the order of the names matters.
func New(seed uint64, names ...string) *Stream {
	h := sha256.New()
	h.Write([]byte(Version))
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], seed)
	h.Write(n[:])
	for _, name := range names {
		binary.LittleEndian.PutUint64(n[:], uint64(len(name)))
		h.Write(n[:])
		h.Write([]byte(name))
	}
	return &Stream{rand.NewChaCha8([32]byte(h.Sum(nil)))}
}

// Uint64 draws 64 uniform bits.
func (s *Stream) Uint64() uint64 { return s.src.Uint64() }

// IntN draws uniformly from 0, ..., n-1, without bias (Lemire's multiplication
// with rejection). It panics if n < 1.
func (s *Stream) IntN(n int) int {
	if n < 1 {
		panic("stream: IntN of a number below 1")
	}
	u := uint64(n)
	hi, lo := bits.Mul64(s.Uint64(), u)
	if lo < u {
		for floor := -u % u; lo < floor; {
			hi, lo = bits.Mul64(s.Uint64(), u)
		}
	}
	return int(hi)
}

// Float64 draws uniformly from the multiples of 2^-53 in [0, 1).
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// Float32 draws uniformly from the multiples of 2^-24 in [0, 1).
func (s *Stream) Float32() float32 { return float32(s.Uint64()>>40) / (1 << 24) }

// Shuffle permutes n elements uniformly (Fisher-Yates from the last element
// down), calling swap for each exchange.
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.IntN(i+1))
	}
}

// Perm draws a uniform permutation of 0, ..., n-1.
func (s *Stream) Perm(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	s.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}
