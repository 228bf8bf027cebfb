package state

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
)

type values struct {
	N int `json:"n"`
}

func write(t testing.TB, dir string) {
	w, err := NewWriter(dir, "m", "1", values{3})
	if err == nil {
		err = Put(w, "a", []float64{1, 2, 3, 4, 5, 6}, 2, 3)
	}
	if err == nil {
		err = Put(w, "b", []int32{-7, 8}, 2)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	var v values
	r, err := Open(dir, "m", "1", &v)
	if err != nil || v.N != 3 {
		t.Fatal(v, err)
	}
	a, err := Get[float64](r, "a", 2, 3)
	if err != nil || !slices.Equal(a, []float64{1, 2, 3, 4, 5, 6}) {
		t.Error(a, err)
	}
	b, err := Get[int32](r, "b", 2)
	if err != nil || !slices.Equal(b, []int32{-7, 8}) {
		t.Error(b, err)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	var v values
	for _, who := range [][2]string{{"n", "1"}, {"m", "2"}} {
		if _, err := Open(dir, who[0], who[1], &v); fault.KindOf(err) != fault.Data {
			t.Errorf("state of m 1 opens as %v: %v", who, err)
		}
	}
	if _, err := Open(dir, "m", "1", &struct{}{}); fault.KindOf(err) != fault.Data {
		t.Errorf("unknown values are taken: %v", err)
	}
	r, err := Open(dir, "m", "1", &v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Get[float32](r, "a", 2, 3); err == nil {
		t.Error("float64 is read as float32")
	}
	if _, err := Get[float64](r, "a", 3, 2); err == nil {
		t.Error("[2 3] is read as [3 2]")
	}
	if _, err := Get[float64](r, "c", 1); err == nil {
		t.Error("an array that is not there is read")
	}
	if err := os.Remove(filepath.Join(dir, headFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "m", "1", &v); err == nil {
		t.Error("an unfinished state opens")
	}
}

// Every byte of state.json counts.
func TestDamagedHead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	path := filepath.Join(dir, headFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(good) - 1 { // the last is the end of the line
		raw := slices.Clone(good)
		raw[i] ^= 1
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var v values
		if _, err := Open(dir, "m", "1", &v); fault.KindOf(err) != fault.Data {
			t.Errorf("state.json with %q for %q opens: %v", raw[i], good[i], err)
		}
	}
}

// Whatever state.json holds, Open gives an error or a state, and Get the array
// that was written or an error.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	write(f, dir)
	good, err := os.ReadFile(filepath.Join(dir, headFile))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		good, nil, []byte("null"), []byte("{}"), append(slices.Clone(good), '{'), good[:len(good)/2],
		bytes.Replace(good, []byte(`"a"`), []byte(`"b"`), 1), bytes.Replace(good, []byte(`"format": 2`), []byte(`"format": 1`), 1),
		bytes.Replace(good, []byte(`"n": 3`), []byte(`"n": 2`), 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(filepath.Join(dir, headFile), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var v values
		r, err := Open(dir, "m", "1", &v)
		if err != nil {
			return
		}
		if v.N != 3 {
			t.Errorf("state.json %q gives %+v", raw, v)
		}
		if a, err := Get[float64](r, "a", 2, 3); err == nil && a[5] != 6 {
			t.Errorf("state.json %q gives %v", raw, a)
		}
	})
}
