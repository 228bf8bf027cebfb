package safetensors_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

type stored struct {
	DType   safetensors.DType
	Shape   []int
	Data    string // hexadecimal
	Float32 []float32
}

const reference = "testdata/reference.safetensors"

func open(t testing.TB, path string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The file, and the account of what is in it, are the reference implementation's
// and PyTorch's (testdata/make.py).
func TestReadsTheReferencesFile(t *testing.T) {
	var want map[string]stored
	if err := json.Unmarshal(read(t, "testdata/reference.json"), &want); err != nil {
		t.Fatal(err)
	}
	f := open(t, reference)
	if len(want) != 17 || len(f.Tensors()) != len(want) {
		t.Fatalf("%d tensors, want %d", len(f.Tensors()), len(want))
	}
	if m := f.Metadata(); len(m) != 1 || m["format"] != "pt \t\"é\"" {
		t.Errorf("metadata %q", m)
	}
	for name, w := range want {
		got, err := f.Tensor(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got.DType != w.DType || !slices.Equal(got.Shape, w.Shape) || hex.EncodeToString(got.Data) != w.Data {
			t.Errorf("%q: %v %x, want %s%v %s", name, got, got.Data, w.DType, w.Shape, w.Data)
		}
		floats, err := f.Float32s(name)
		if wide := got.DType == safetensors.F64; w.Float32 == nil || wide {
			if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), reference) {
				t.Errorf("%q as float32: %v, %v", name, floats, err)
			}
		} else if err != nil || !slices.Equal(floats, w.Float32) {
			t.Errorf("%q as float32: %v, %v, want %v", name, floats, err, w.Float32)
		}
	}
	if step, err := safetensors.Get[int64](f, "step"); err != nil || !slices.Equal(step, []int64{math.MinInt64}) {
		t.Error(step, err)
	}
	if x, err := safetensors.Get[float32](f, "encoder.weight", 2, 3); err != nil || x[5] != 0.375 {
		t.Error(x, err)
	}
	for name, err := range map[string]error{
		`tensor "encoder.weight": is F32[2 3], not F32[3 2]`: second(safetensors.Get[float32](f, "encoder.weight", 3, 2)),
		`tensor "step": is I64[], not F64[]`:                 second(safetensors.Get[float64](f, "step")),
		`no tensor "encoder.weigth"`:                         second(f.Float32s("encoder.weigth")),
	} {
		if fault.KindOf(err) != fault.Data || err.Error() != reference+": "+name {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// In any order, and with metadata in a map, the same bytes as the reference's.
func TestWritesTheReferencesBytes(t *testing.T) {
	f := open(t, reference)
	tensors := slices.Clone(f.Tensors())
	slices.Reverse(tensors)
	var got bytes.Buffer
	if err := safetensors.Write(&got, tensors, f.Metadata()); err != nil {
		t.Fatal(err)
	}
	if want := read(t, reference); !bytes.Equal(got.Bytes(), want) {
		t.Errorf("written\n%q, want\n%q", got.Bytes(), want)
	}
}

// samples has each element type of Go's.
func samples() []safetensors.Tensor {
	return []safetensors.Tensor{
		safetensors.Of("w", []float32{1, -2, 3, 4, 5, 6}, 2, 3), safetensors.Of("loss", []float64{math.Pi}),
		safetensors.Of("a", []int8{-1}, 1), safetensors.Of("b", []int16{-2}, 1), safetensors.Of("c", []int32{-3}, 1),
		safetensors.Of("d", []int64{-4}, 1), safetensors.Of("e", []uint8{5, 6, 7}, 3), safetensors.Of("f", []uint16{6}, 1),
		safetensors.Of("g", []uint32{7}, 1), safetensors.Of("h", []uint64{8}, 1), safetensors.Of("none", []float32{}, 0, 5),
		{Name: "keep", DType: safetensors.Bool, Shape: []int{2}, Data: []byte{0, 1}},
		{Name: "zero \x01\"ü", DType: safetensors.BF16, Shape: []int{1}, Data: []byte{0x80, 0x3f}},
	}
}

var notes = map[string]string{"epoch": "12", "aux": "", "z\n": "\u2028"}

func TestWriteFileReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.safetensors")
	for _, scale := range []float32{1, 2} {
		tensors := samples()
		tensors[0] = safetensors.Of("w", []float32{1 * scale, -2, 3, 4, 5, 6}, 2, 3)
		if err := safetensors.WriteFile(path, tensors, notes); err != nil {
			t.Fatal(err)
		}
		f := open(t, path)
		if w, err := safetensors.Get[float32](f, "w", 2, 3); err != nil || w[0] != scale {
			t.Error(w, err)
		}
		if !maps.Equal(f.Metadata(), notes) {
			t.Errorf("metadata %q", f.Metadata())
		}
	}
	// What cannot be written leaves the file, and nothing else.
	before := read(t, path)
	for _, c := range []struct {
		want   string
		tensor safetensors.Tensor
	}{
		{`tensor "w": the name is taken`, safetensors.Of("w", []float32{1}, 1)},
		{`tensor "__metadata__": the name is taken`, safetensors.Of("__metadata__", []float32{1}, 1)},
		{`tensor "x": F32[2] needs 8 bytes of data, not 4`, safetensors.Of("x", []float32{1}, 2)},
		{`tensor "x": shape [-1] has a negative size`, safetensors.Of("x", []float32{}, -1)},
		{`tensor "x": element type "F8" is not known`, safetensors.Tensor{Name: "x", DType: "F8"}},
		{`tensor "\xff": the name is not UTF-8`, safetensors.Of("\xff", []float32{1}, 1)},
	} {
		err := safetensors.WriteFile(path, append(samples(), c.tensor), nil)
		if fault.KindOf(err) != fault.Internal || !strings.HasSuffix(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
	if err := safetensors.WriteFile(filepath.Join(path, "x"), nil, nil); fault.KindOf(err) != fault.System {
		t.Errorf("a file as directory: %v", err)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file has changed")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// The data of old files begins anywhere.
func TestReadsUnalignedData(t *testing.T) {
	raw := read(t, reference)
	size := raw[0] // the header is longer than 255 bytes
	for ; size%8 != 3; size++ {
		raw = slices.Insert(raw, 8+int(raw[1])<<8+int(raw[0]), ' ')
	}
	raw[0] = size
	path := filepath.Join(t.TempDir(), "old.safetensors")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := open(t, path).Float32s("encoder.weight")
	if err != nil || !slices.Equal(w, []float32{-0.25, -0.125, 0, 0.125, 0.25, 0.375}) {
		t.Error(w, err)
	}
}

func TestRefusesDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.safetensors")
	for _, d := range damages {
		if err := os.WriteFile(path, d.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := safetensors.Open(path)
		if err == nil {
			f.Close()
		}
		if fault.KindOf(err) != fault.Data || !strings.HasPrefix(err.Error(), path+": "+d.want) {
			t.Errorf("%.200q: error\n%v, want\n%s", d.raw, err, d.want)
		}
	}
	if _, err := safetensors.Open(path + "x"); fault.KindOf(err) != fault.Data || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := safetensors.Open(t.TempDir()); fault.KindOf(err) != fault.Data {
		t.Errorf("a directory: %v", err)
	}
}

// LTADBENCH_PYTHON names a Python with the packages safetensors and numpy: it must
// read what we write, and refuse what we refuse but for what it does not check.
func TestReferenceAgrees(t *testing.T) {
	python := os.Getenv("LTADBENCH_PYTHON")
	if python == "" {
		t.Skip("LTADBENCH_PYTHON is not set")
	}
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "ours.safetensors")}
	if err := safetensors.WriteFile(paths[0], samples(), notes); err != nil {
		t.Fatal(err)
	}
	for i, d := range damages {
		paths = append(paths, filepath.Join(dir, string(rune('A'+i))))
		if err := os.WriteFile(paths[i+1], d.raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, append([]string{"testdata/read.py"}, paths...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []*struct {
		Tensors  map[string]stored
		Metadata map[string]string
	}
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(paths) || got[0] == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !maps.Equal(got[0].Metadata, notes) || len(got[0].Tensors) != len(samples()) {
		t.Errorf("metadata %q and %d tensors", got[0].Metadata, len(got[0].Tensors))
	}
	for _, s := range samples() {
		r := got[0].Tensors[s.Name]
		if r.DType != s.DType || len(r.Shape) != len(s.Shape) || r.Data != hex.EncodeToString(s.Data) {
			t.Errorf("%q: Python reads %v, want %v", s.Name, r, s)
		}
	}
	for i, d := range damages {
		if (got[i+1] == nil) == d.unseen {
			t.Errorf("%s: refused by Python: %v", d.want, got[i+1] == nil)
		}
	}
}
