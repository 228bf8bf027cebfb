package encoder

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Every float16 survives, and what lies between two of them goes to the nearer,
// halfway to the even one. Package tensors says what a float16 is.
func TestHalfRoundsToNearestEven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.npy")
	w, err := tensors.Create(path, tensors.Float16, 1<<15)
	if err != nil {
		t.Fatal(err)
	}
	var bits []byte
	for h := range 1 << 15 {
		bits = binary.LittleEndian.AppendUint16(bits, uint16(h))
	}
	if err := w.WriteBytes(bits, 0); err != nil {
		t.Fatal(err)
	}
	w.Close()
	f, err := tensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	value := make([]float32, 1<<15)
	f.ReadRows(value, 0)

	check := func(v float32, want int) {
		t.Helper()
		for sign, v := range map[uint16]float32{0: v, 0x8000: -v} {
			got, ok := floats([]float32{v}, true)
			if !ok || binary.LittleEndian.Uint16(got) != sign|uint16(want) {
				t.Fatalf("%g becomes %x (%v), want %x", v, got, ok, sign|uint16(want))
			}
		}
	}
	const largest = 0x7bff
	for h := range largest {
		low, high := value[h], value[h+1]
		middle := (low + high) / 2 // exact
		check(low, h)
		check(middle, h+h&1)
		check(math.Nextafter32(middle, 0), h)
		check(math.Nextafter32(middle, high), h+1)
	}
	check(65519.996, largest)
	for _, v := range []float32{65520, 1e9, float32(math.Inf(1))} {
		if _, ok := floats([]float32{-v}, true); ok {
			t.Errorf("%g fits float16", -v)
		}
	}
}
