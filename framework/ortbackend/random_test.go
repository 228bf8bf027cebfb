package ortbackend

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// The known answers of Random123 (kat_vectors, philox 4x32 10).
func TestRandomBits(t *testing.T) {
	s := newSpy(t, "cpu")
	draw := func(state []uint64) (next, bits []uint64) {
		t.Helper()
		out, err := evaluate(s, func(xs []*Node) []*Node {
			a, b := RNGStateSplit(xs[0]) // draws three words of 64 bits
			return []*Node{a, b}
		}, []*tensors.Tensor{tensors.FromFlatDataAndDimensions(state, 3)})
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[uint64](out[0]), tensors.MustCopyFlatData[uint64](out[1])
	}
	for _, c := range []struct {
		state []uint64 // key, counter
		want  []uint32
	}{
		{[]uint64{0, 0, 0}, []uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[]uint64{math.MaxUint64, math.MaxUint64, math.MaxUint64}, []uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[]uint64{0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e}, []uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		next, got := draw(c.state)
		for i := range 2 {
			if want := uint64(c.want[2*i]) | uint64(c.want[2*i+1])<<32; got[i] != want {
				t.Errorf("state %x: number %d is %x, want %x", c.state, i, got[i], want)
			}
		}
		if want := []uint64{c.state[0], c.state[1] + 2, c.state[2]}; !slices.Equal(next, want) {
			t.Errorf("next state %x, want %x", next, want)
		}
	}
}

// Numbers that GoMLX makes of the bits have the distribution that they should have.
func TestRandomNumbers(t *testing.T) {
	s := newSpy(t, "cpu")
	const n = 1 << 16
	state, err := RNGStateFromSeed(3)
	if err != nil {
		t.Fatal(err)
	}
	out, err := evaluate(s, func(xs []*Node) []*Node {
		next, uniform := RandomUniform(xs[0], shapes.Make(dtypes.Float32, n))
		_, normal := RandomNormal(next, shapes.Make(dtypes.Float32, n/2, 2))
		return []*Node{uniform, normal}
	}, []*tensors.Tensor{state})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]float64{{0.5, 1. / 12}, {0, 1}} {
		var sum, squares float64
		for _, v := range tensors.MustCopyFlatData[float32](out[i]) {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		mean := sum / n
		if v := squares/n - mean*mean; math.Abs(mean-want[0]) > 0.02 || math.Abs(v-want[1]) > 0.02 {
			t.Errorf("mean %g and variance %g, want %v", mean, v, want)
		}
	}
}
