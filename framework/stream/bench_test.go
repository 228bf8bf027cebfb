package stream_test

import (
	"testing"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// The noise of one training step of UniAD: 426,496 normals, and 50 million bits in
// calls of about 400,000. B/s counts what is filled: 4 bytes for a normal, an
// eighth for a bit.
func BenchmarkNorms(b *testing.B) {
	s := stream.New(1, "bench")
	dst := make([]float32, 8*196*272)
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		s.Norms(dst)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(dst)), "ns/normal")
}

func BenchmarkBernoulli(b *testing.B) {
	s := stream.New(1, "bench")
	dst := make([]byte, 8*196*256/8)
	b.SetBytes(int64(len(dst)))
	for b.Loop() {
		s.Bernoulli(dst, 0.9)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*8*len(dst)), "ns/bit")
}

func BenchmarkUint64(b *testing.B) {
	s := stream.New(1, "bench")
	b.SetBytes(8)
	for b.Loop() {
		s.Uint64()
	}
}
