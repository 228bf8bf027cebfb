// Package methodtest is what the tests of the built-in methods share.
package methodtest

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Numbers gives n numbers in [-0.5, 0.5) that the oracles' Python scripts make in
// the same way: a linear congruential generator's upper 24 bits.
func Numbers(seed uint32, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = float32(seed>>8)/(1<<24) - 0.5
	}
	return out
}

// Samples makes samples of features of the shape [n, h, w, c], whose embeddings, [n,
// c], are the means of their patches. classes may be nil.
func Samples(t testing.TB, dtype tensors.DType, data []float32, n, h, w, c int, classes []int) plugin.Samples {
	t.Helper()
	means := make([]float32, n*c)
	for i, v := range data {
		means[i/(h*w*c)*c+i%c] += v / float32(h*w)
	}
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	if classes == nil {
		classes = make([]int, n)
	}
	s, err := plugin.NewSamples(classes, rows, Mapped(t, dtype, data, n, h, w, c), nil, Mapped(t, tensors.Float32, means, n, c))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Mapped is a tensor in a file.
func Mapped(t testing.TB, dtype tensors.DType, data []float32, shape ...int) *tensors.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tensor.npy")
	f, err := tensors.Create(path, dtype, shape...)
	if err == nil {
		err = f.WriteRows(data, 0)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := tensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// Session makes a session with the method's default options, changed as given.
func Session(t testing.TB, m plugin.Method, threads int, change map[string]any) plugin.Session {
	t.Helper()
	var schema struct {
		Properties map[string]struct {
			Default any `json:"default"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(m.Describe().Options, &schema); err != nil {
		t.Fatal(err)
	}
	options := map[string]any{}
	for k, p := range schema.Properties {
		options[k] = p.Default
	}
	for k, v := range change {
		if _, ok := options[k]; !ok {
			t.Fatalf("%s has no option %q", m.Describe().Name, k)
		}
		options[k] = v
	}
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Session{
		Options: raw, Seed: 1, Device: "cpu", Threads: threads, WorkDir: t.TempDir(), Classes: []string{"", "", ""},
		Log: hclog.NewNullLogger(), Report: func(float64, float64, string) {},
	}
}

// Fit fits m and fails the test if that fails.
func Fit(t testing.TB, m plugin.Method, s plugin.Session, train plugin.Samples) plugin.Method {
	t.Helper()
	if err := m.Fit(context.Background(), s, train); err != nil {
		t.Fatal(err)
	}
	return m
}

// Predict gives the predictions for test; it fails the test unless there is one
// for each sample and all numbers are finite.
func Predict(t testing.TB, m plugin.Method, test plugin.Samples) []plugin.Prediction {
	t.Helper()
	out := make([]plugin.Prediction, test.Len())
	seen := make([]int, test.Len())
	var mu sync.Mutex
	err := m.Predict(context.Background(), test, func(i int, p plugin.Prediction) error {
		mu.Lock()
		defer mu.Unlock()
		out[i] = p
		seen[i]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range out {
		if seen[i] != 1 || len(p.Map) != p.H*p.W {
			t.Fatalf("sample %d: %d answers, map of %d for %d x %d", i, seen[i], len(p.Map), p.H, p.W)
		}
		for _, v := range append(p.Map, p.Score) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("sample %d: %g in the answer", i, v)
			}
		}
	}
	return out
}

// Oracle reads testdata/oracle.json, which testdata/oracle.py made.
func Oracle(t testing.TB, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "oracle.json"))
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Near fails the test unless got is want up to the relative error.
func Near(t testing.TB, what string, got, want []float32, rel float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Abs(float64(got[i])-float64(want[i])) > rel*math.Abs(float64(want[i])) {
			t.Fatalf("%s: number %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

// Conformance checks what every built-in method must do with features that are
// awkward, and that results do not depend on the number of threads, on a round
// through Save and Load, or on the element type beyond its precision.
func Conformance(t *testing.T, create func() plugin.Method) {
	const h, w, c = 4, 5, 6
	size := h * w * c
	train := Numbers(1, 12*size)
	test := Samples(t, tensors.Float32, Numbers(2, 3*size), 3, h, w, c, []int{0, 1, 2})
	fit := func(t *testing.T, threads int, s plugin.Samples) plugin.Method {
		m := create()
		return Fit(t, m, Session(t, m, threads, nil), s)
	}
	classes := []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2} // none of class 1, one of class 2
	whole := Samples(t, tensors.Float32, train, 12, h, w, c, classes)
	m := fit(t, 1, whole)
	want := Predict(t, m, test)

	t.Run("threads", func(t *testing.T) {
		if got := Predict(t, fit(t, 3, whole), test); !reflect.DeepEqual(got, want) {
			t.Error("three threads give other numbers than one")
		}
	})
	t.Run("again", func(t *testing.T) {
		if got := Predict(t, m, test); !reflect.DeepEqual(got, want) {
			t.Error("a second Predict gives other numbers")
		}
	})
	t.Run("saved", func(t *testing.T) {
		dir := t.TempDir()
		if err := m.(plugin.Saver).Save(context.Background(), dir); err != nil {
			t.Fatal(err)
		}
		load := func() (plugin.Method, error) {
			l := create()
			return l, l.(plugin.Saver).Load(context.Background(), Session(t, l, 2, nil), dir)
		}
		l, err := load()
		if err != nil {
			t.Fatal(err)
		}
		if got := Predict(t, l, test); !reflect.DeepEqual(got, want) {
			t.Error("the loaded method gives other numbers")
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("saved files: %v, %v", files, err)
		}
		for _, f := range files { // every byte counts: cut one off, or flip one
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			flipped := append([]byte(nil), raw...)
			flipped[len(flipped)/2] ^= 4
			for _, damaged := range [][]byte{raw[:len(raw)-2], flipped, {}} {
				if err := os.WriteFile(f, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				if l, err := load(); err == nil && !reflect.DeepEqual(Predict(t, l, test), want) {
					t.Errorf("%s: damaged, but it loads and gives other numbers", filepath.Base(f))
				} else if err == nil && filepath.Ext(f) == ".npy" {
					t.Errorf("%s: damaged, but it loads", filepath.Base(f))
				}
			}
			if err := os.WriteFile(f, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := load(); err != nil {
			t.Errorf("the mended state does not load: %v", err)
		}
	})
	t.Run("one image", func(t *testing.T) {
		Predict(t, fit(t, 2, Samples(t, tensors.Float32, train[:size], 1, h, w, c, nil)), test)
	})
	t.Run("constant features", func(t *testing.T) {
		same := make([]float32, 3*size)
		for i := range same {
			same[i] = 0.3
		}
		s := Samples(t, tensors.Float32, same, 3, h, w, c, nil)
		m := fit(t, 2, s)
		Predict(t, m, s)
		Predict(t, m, test)
	})
	t.Run("float16", func(t *testing.T) {
		half := Predict(t, fit(t, 2, Samples(t, tensors.Float16, train, 12, h, w, c, nil)), test)
		// Rounding may change single choices of a coreset, but not the whole.
		Near(t, "sum of maps", []float32{sum(half)}, []float32{sum(want)}, 0.1)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		m := create()
		if err := m.Fit(ctx, Session(t, m, 2, nil), whole); err == nil {
			t.Error("Fit does not notice that its context is done")
		}
	})
	t.Run("unfitted", func(t *testing.T) {
		m := create()
		if err := m.Predict(context.Background(), test, nil); err == nil {
			t.Error("Predict works before Fit")
		}
		if err := m.(plugin.Saver).Save(context.Background(), t.TempDir()); err == nil {
			t.Error("Save works before Fit")
		}
	})
	t.Run("unknown option", func(t *testing.T) {
		m := create()
		s := Session(t, m, 1, nil)
		s.Options = json.RawMessage(`{"no_such_option": 1}`)
		if err := m.Fit(context.Background(), s, whole); err == nil {
			t.Error("Fit takes an unknown option")
		}
	})
}

func sum(ps []plugin.Prediction) (total float32) {
	for _, p := range ps {
		for _, v := range p.Map {
			total += v
		}
	}
	return total
}
