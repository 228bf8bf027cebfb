package encoder

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/pixels"
)

// The network's bytes are the same on every machine. A change here changes every
// result with the texture bank.
func TestTextureBankIsPinned(t *testing.T) {
	p := newTextureBank()
	model, err := p.model()
	if err != nil {
		t.Fatal(err)
	}
	const want = "d972ef7bb36ffb70773686fb91deeda9d8ae280d66cb0895e97b83556ced3cde"
	if got := fmt.Sprintf("%x", sha256.Sum256(model)); got != want {
		t.Errorf("the network hashes to %s, want %s", got, want)
	}
	levels := []Level{{Output{"level1", 32}, 4}, {Output{"level2", 97}, 8}, {Output{"level3", 6}, 16}}
	if !reflect.DeepEqual(p.Levels, levels) {
		t.Errorf("levels %v, want %v", p.Levels, levels)
	}
	if d, err := p.Digest(); err != nil || d != "sha256:e0a6284645408712f481b0ef58d9eca8d445bf700279f10309bbfff4dc1f7428" {
		t.Errorf("the pack's digest is %s, %v", d, err)
	}
}

// No tap is so near to a tie that another machine's last bits could round it the
// other way; filters sum to zero, and what is mirrored is equal.
func TestGaborFilters(t *testing.T) {
	for k := range directions {
		even, odd := gabor(math.Pi * float64(k) / directions)
		for _, f := range [][]float64{even, odd} {
			sum, size := 0.0, 0.0
			for i, v := range f {
				if d := math.Abs(math.Abs(v-math.Trunc(v)) - 0.5); d < 1e-6 {
					t.Errorf("direction %d, tap %d: %g is %g from a tie", k, i, v, d)
				}
			}
			for _, v := range quantise(f) {
				sum += float64(v)
				size += math.Abs(float64(v))
				if v*gaborUnit != float32(math.Round(float64(v*gaborUnit))) {
					t.Errorf("direction %d: tap %g is no multiple of 1/%d", k, v, gaborUnit)
				}
			}
			if sum != 0 || math.Abs(size-1) > 0.02 {
				t.Errorf("direction %d: taps sum to %g, their magnitudes to %g", k, sum, size)
			}
		}
		// Even filters are symmetric about the centre, odd ones antisymmetric.
		e, o := quantise(even), quantise(odd)
		for i := range e {
			if j := len(e) - 1 - i; e[i] != e[j] || o[i] != -o[j] {
				t.Errorf("direction %d: taps %d and %d do not mirror", k, i, j)
			}
		}
	}
}

// A grating excites the filters of its direction and octave the most; a plain
// image excites nothing but the mean; a coloured spot as bright as its
// surroundings is seen where it is, by the channels of colours alone.
func TestTextureBankResponds(t *testing.T) {
	p := newTextureBank()
	e := open(t, p, Options{})
	patch := func(x, y int, colour func(x, y int) (r, g, b float64)) []float32 {
		t.Helper()
		img := &pixels.Image{W: bankSide, H: bankSide}
		for i := range bankSide * bankSide {
			r, g, b := colour(i%bankSide, i/bankSide)
			img.Pix = append(img.Pix, uint8(r), uint8(g), uint8(b))
		}
		f, err := e.Encode(context.Background(), []*pixels.Image{img})
		if err != nil {
			t.Fatal(err)
		}
		return f.Patches[(y*bankGrid+x)*f.Channels:][:f.Channels]
	}
	const colours, grey = 22, 126 // channels: contrast of two colours at octave 0, local mean
	for octave, channel := range []int{0, 24} {
		for k := range directions {
			sin, cos := math.Sincos(math.Pi * float64(k) / directions)
			length := gaborLength * float64(int(1)<<octave)
			f := patch(14, 14, func(x, y int) (r, g, b float64) {
				v := 128 + 60*math.Cos(2*math.Pi*(float64(x)*cos+float64(y)*sin)/length)
				return v, v, v
			})
			if best := slices.Index(f, slices.Max(f)); best != channel+k {
				t.Errorf("octave %d, direction %d: channel %d answers most, not %d", octave, k, best, channel+k)
			}
		}
	}
	for c, v := range patch(0, 5, func(int, int) (r, g, b float64) { return 90, 90, 90 }) {
		if c != grey && v != 0 || c == grey && v != 4*90./256 {
			t.Errorf("plain image: channel %d is %g", c, v)
		}
	}
	spot := func(x, y int) (r, g, b float64) {
		if (x-84)*(x-84)+(y-44)*(y-44) < 20 {
			return 140, 60, 140 // r + 2g + b as around it
		}
		return 100, 100, 100
	}
	there, elsewhere := patch(10, 5, spot), patch(20, 20, spot)
	if there[colours] < 0.5 || there[0] > 1e-3 || elsewhere[colours] > 1e-3 {
		t.Errorf("spot of colour: %g there, %g elsewhere, energy %g", there[colours], elsewhere[colours], there[0])
	}
}
