package stream_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// A changed draw would silently change every split ever made, so the first
// draws are pinned; a change here needs a new stream.Version.
func TestDrawsArePinned(t *testing.T) {
	s := stream.New(7, "splits", "bottle")
	got := []int{s.IntN(1000), s.IntN(1000), s.IntN(1000), s.IntN(3), s.IntN(1 << 40)}
	want := []int{824, 256, 61, 0, 555155410103}
	if !slices.Equal(got, want) {
		t.Errorf("draws of (7, splits, bottle) = %v, want %v", got, want)
	}
}

func TestStreamsAreIndependent(t *testing.T) {
	firsts := map[uint64]string{}
	for _, names := range [][]string{{}, {"a"}, {"b"}, {"a", "b"}, {"b", "a"}, {"ab"}, {"a", ""}, {"", "a"}} {
		v := stream.New(1, names...).Uint64()
		if other, dup := firsts[v]; dup {
			t.Errorf("streams %q and %s begin with the same draw", names, other)
		}
		firsts[v] = "other"
	}
	if stream.New(1, "a").Uint64() == stream.New(2, "a").Uint64() {
		t.Error("seeds 1 and 2 give the same stream")
	}
}

// Chi-squared test of uniformity over all 24 orders of 4 elements; the bound is
// the 1 - 1e-6 quantile of chi-squared with 23 degrees of freedom.
func TestPermIsUniform(t *testing.T) {
	const rounds = 48000
	s := stream.New(3, "perm")
	count := map[[4]int]int{}
	for range rounds {
		count[[4]int(s.Perm(4))]++
	}
	expected := rounds / 24.0
	chi := 0.0
	for _, n := range count {
		chi += math.Pow(float64(n)-expected, 2) / expected
	}
	if len(count) != 24 || chi > 71.6 {
		t.Errorf("%d of 24 orders seen, chi-squared %.1f", len(count), chi)
	}
}
