package tensors_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/tensors"
)

// The files under testdata are NumPy's own (testdata/make.py).
func TestReadsNumPysFiles(t *testing.T) {
	f, err := tensors.Open("testdata/f4.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !slices.Equal(f.Shape, []int{2, 3, 4}) || f.Float32s()[23] != 23.0/8 {
		t.Errorf("f4.npy: %v ending in %v", f.Header, f.Float32s()[23])
	}
	row := make([]float32, 12)
	f.ReadRows(row, 1)
	if row[0] != 1.5 {
		t.Errorf("f4.npy: row 1 begins with %v, want 1.5", row[0])
	}
	at, err := f.Dense().At(1, 2, 3)
	if err != nil || at != float32(23.0/8) {
		t.Errorf("f4.npy as a tensor: element (1,2,3) is %v, %v", at, err)
	}

	r, err := tensors.OpenReader("testdata/f2.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	half := make([]float32, 4)
	if err := r.ReadRows(half, 0); err != nil {
		t.Fatal(err)
	}
	if want := []float32{0, -1.5, 65504, 5.9604645e-08}; !slices.Equal(half, want) {
		t.Errorf("f2.npy: %v, want %v", half, want)
	}

	for _, name := range []string{"u1.npy", "v2.npy"} {
		g, err := tensors.Open("testdata/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		g.Close()
	}
}

// A written file must be NumPy's bytes, so that numpy.load and checksums agree.
func TestWritesNumPysBytes(t *testing.T) {
	want, err := os.ReadFile("testdata/f4.npy")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	w, err := tensors.Create(path, tensors.Float32, 2, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]float32, 24)
	for i := range data {
		data[i] = float32(i) / 8
	}
	// The second row first: rows may come in any order.
	if err := w.WriteRows(data[12:], 1); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteRows(data[:12], 0); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteRows(data, 1); err == nil {
		t.Error("writing past the last row was allowed")
	}
	if err := w.WriteRows(data[:5], 0); err == nil {
		t.Error("writing part of a row was allowed")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("written file differs from NumPy's:\n%q\n%q", got[:128], want[:128])
	}
}

func TestFloat16RefusesOverflow(t *testing.T) {
	w, err := tensors.Create(filepath.Join(t.TempDir(), "x.npy"), tensors.Float16, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.WriteRows([]float32{1, 1e6}, 0); err == nil || !strings.Contains(err.Error(), "float16") {
		t.Errorf("1e6 as float16: %v, want an error", err)
	}
	if err := w.WriteRows([]float32{1, float32(math.Inf(1))}, 0); err != nil {
		t.Errorf("infinity as float16: %v", err)
	}
}

func TestRefusesBadFiles(t *testing.T) {
	whole, err := os.ReadFile("testdata/f4.npy")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"short data", "needs 224 bytes, the file has 223", whole[:len(whole)-1]},
		{"long data", "needs 224 bytes, the file has 225", append(slices.Clone(whole), 0)},
		{"short header", "cut short", whole[:50]},
		{"empty", "shorter than its header", nil},
		{"no magic", "wrong magic", []byte("PK\x03\x04 something else")},
		{"negative", "negative size", bytes.Replace(whole, []byte("(2, 3, 4)"), []byte("(2,-3, 4)"), 1)},
		{"huge", "too large", bytes.Replace(whole, []byte("(2, 3, 4), }"+strings.Repeat(" ", 40)), []byte("(2, 3, 4294967296, 4294967296, 42949672), }         "), 1)},
	} {
		path := filepath.Join(dir, "bad.npy")
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := tensors.Open(path)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	for name, want := range map[string]string{"fortran.npy": "Fortran order", "bigendian.npy": `">f4"`} {
		if _, err := tensors.Open("testdata/" + name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	for _, name := range []string{"f4.npy", "v2.npy", "fortran.npy"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := tensors.ReadHeader(bytes.NewReader(data))
		if err == nil && (h.FileSize() < h.Offset || h.Offset > int64(len(data))) {
			t.Errorf("%v: impossible size %d for offset %d", h, h.FileSize(), h.Offset)
		}
	})
}
