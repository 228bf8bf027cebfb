package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/protocol"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// TestMain lets this test binary be a plugin, for TestByHand.
func TestMain(m *testing.M) {
	if os.Getenv("SERVE_METHOD") != "" {
		Serve(funcs{})
	}
	os.Exit(m.Run())
}

// funcs is a method made of functions.
type funcs struct {
	Base
	fit     func(ctx context.Context, s Session, train Samples) error
	predict func(ctx context.Context, test Samples, emit func(int, Prediction) error) error
	noMaps  bool
	engines []string
}

func (f funcs) Describe() Info {
	return Info{Name: "funcs", Version: "1", Summary: "of a test", Needs: []Input{Features}, Maps: !f.noMaps, Scores: true, Engines: f.engines}
}

func (f funcs) Fit(ctx context.Context, s Session, train Samples) error {
	if f.fit == nil {
		return nil
	}
	return f.fit(ctx, s, train)
}

func (f funcs) Predict(ctx context.Context, test Samples, emit func(int, Prediction) error) error {
	return f.predict(ctx, test, emit)
}

// data writes features of 3 rows, 2 x 2 patches and 1 channel: 0, 1, 2, ...
func data(t *testing.T) protocol.Data {
	t.Helper()
	path := filepath.Join(t.TempDir(), "features.npy")
	w, err := tensors.Create(path, tensors.Float32, 3, 2, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.WriteRows([]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 0), w.Close()); err != nil {
		t.Fatal(err)
	}
	return protocol.Data{
		Features: &protocol.Tensor{Path: path, DType: tensors.Float32, Shape: []int{3, 2, 2, 1}},
		Samples:  []protocol.Sample{{ID: "a", Class: 1, Row: 2}, {ID: "b", Class: 0, Row: 0}},
	}
}

func TestNewSamples(t *testing.T) {
	t.Parallel()
	d := data(t)
	f, err := tensors.Open(d.Features.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := filepath.Join(t.TempDir(), "embeddings.npy")
	w, err := tensors.Create(path, tensors.Float32, 3, 2)
	if err == nil {
		err = errors.Join(w.WriteRows([]float32{0, 1, 2, 3, 4, 5}, 0), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	e, err := tensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := NewSamples([]int{1, 0}, []int{2, 0}, f, nil, e)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Feature(0, nil); !slices.Equal(got, []float32{8, 9, 10, 11}) {
		t.Errorf("sample 0 is %v", got)
	}
	dst := make([]float32, 5)
	if got := s.Embedding(0, dst); !slices.Equal(got, []float32{4, 5}) || &got[0] != &dst[0] || s.EmbeddingLen() != 2 {
		t.Errorf("embedding of sample 0 is %v, of length %d", got, s.EmbeddingLen())
	}
	for _, c := range []struct {
		name                         string
		classes, rows                []int
		features, images, embeddings *tensors.File
		want                         string
	}{
		{"row too large", []int{0}, []int{3}, f, nil, nil, "sample 0 is row 3 of 3"},
		{"negative row", []int{0}, []int{-1}, f, nil, nil, "row -1"},
		{"row of embeddings", []int{0}, []int{3}, nil, nil, e, "sample 0 is row 3 of 3"},
		{"class", []int{-1}, []int{0}, f, nil, nil, "class index -1"},
		{"lengths", []int{0, 0}, []int{0}, f, nil, nil, "2 class indices for 1 rows"},
		{"type", []int{0}, []int{0}, nil, f, nil, "images are float32[3 2 2 1], not uint8"},
		{"axes", []int{0}, []int{0}, nil, nil, f, "embeddings are float32[3 2 2 1], not float32 of shape [rows, D]"},
	} {
		if _, err := NewSamples(c.classes, c.rows, c.features, c.images, c.embeddings); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRequestsAreChecked(t *testing.T) {
	t.Parallel()
	s := newServer(funcs{}, hclog.NewNullLogger())
	for name, change := range map[string]func(*protocol.Data){
		"shape": func(d *protocol.Data) { d.Features.Shape = []int{3, 2, 2, 2} },
		"dtype": func(d *protocol.Data) { d.Features.DType = tensors.Float16 },
		"path":  func(d *protocol.Data) { d.Features.Path += "x" },
		"row":   func(d *protocol.Data) { d.Samples[1].Row = 3 },
	} {
		d := data(t)
		change(&d)
		if err := s.Fit(t.Context(), protocol.FitRequest{Train: d}, nil); fault.KindOf(err) != fault.System {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
}

func TestEmit(t *testing.T) {
	t.Parallel()
	good := func(i int) Prediction {
		return Prediction{Score: float32(i), Map: []float32{float32(i), 1}, H: 1, W: 2}
	}
	var late func(int, Prediction) error
	for _, c := range []struct {
		name    string
		noMaps  bool
		predict func(emit func(int, Prediction) error) error
		want    string
	}{
		{"good", false, func(emit func(int, Prediction) error) error { return errors.Join(emit(1, good(1)), emit(0, good(0))) }, ""},
		{"parallel", false, func(emit func(int, Prediction) error) error {
			var wg sync.WaitGroup
			errs := make([]error, 2)
			for i := range errs {
				wg.Go(func() { errs[i] = emit(i, good(i)) })
			}
			wg.Wait()
			return errors.Join(errs...)
		}, ""},
		{"index", false, func(emit func(int, Prediction) error) error { return emit(2, good(2)) }, "answer for sample 2, but there are 2"},
		{"negative", false, func(emit func(int, Prediction) error) error { return emit(-1, good(0)) }, "answer for sample -1"},
		{"no map", false, func(emit func(int, Prediction) error) error { return emit(0, Prediction{}) }, "sample 0 has no map"},
		{"a map", true, func(emit func(int, Prediction) error) error { return emit(0, good(0)) }, "says that it gives none"},
		{"length", false, func(emit func(int, Prediction) error) error {
			return emit(0, Prediction{Map: []float32{1}, H: 1, W: 2})
		}, "has 1 numbers, not 1 x 2"},
		{"negative size", false, func(emit func(int, Prediction) error) error {
			return emit(0, Prediction{Map: []float32{1}, H: -1, W: -1})
		}, "not -1 x -1"},
		{"sizes", false, func(emit func(int, Prediction) error) error {
			return errors.Join(emit(0, good(0)), emit(1, Prediction{Map: []float32{1, 2}, H: 2, W: 1}))
		}, "2 x 1, others are 1 x 2"},
		{"late", false, func(emit func(int, Prediction) error) error { late = emit; return nil }, ""},
	} {
		m := funcs{noMaps: c.noMaps, predict: func(_ context.Context, _ Samples, emit func(int, Prediction) error) error { return c.predict(emit) }}
		s := newServer(m, hclog.NewNullLogger())
		if err := s.Fit(t.Context(), protocol.FitRequest{Train: data(t)}, func(protocol.Progress) error { return nil }); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		var mu sync.Mutex
		scores := map[string]float32{}
		shape, err := s.Predict(t.Context(), protocol.PredictRequest{Test: data(t), OutputDir: dir}, func(a protocol.Answer) error {
			mu.Lock()
			defer mu.Unlock()
			scores[a.ID] = a.Score
			return nil
		})
		if c.want != "" {
			if fault.KindOf(err) != fault.Answer || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.name == "late" {
			if err := late(0, good(0)); err == nil {
				t.Error("emit works after Predict")
			}
			continue
		}
		f, err := tensors.Open(filepath.Join(dir, protocol.MapsFile))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(shape, []int{2, 1, 2}) || !slices.Equal(f.Float32s(), []float32{0, 1, 1, 1}) || scores["a"] != 0 || scores["b"] != 1 {
			t.Errorf("%s: shape %v, maps %v, scores %v", c.name, shape, f.Float32s(), scores)
		}
		f.Close()
	}
}

func TestOneCallAtATime(t *testing.T) {
	t.Parallel()
	s := newServer(funcs{fit: func(ctx context.Context, _ Session, _ Samples) error {
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		return ctx.Err()
	}}, hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan time.Time, 1)
	started := make(chan struct{})
	go func() {
		close(started)
		_ = s.Fit(ctx, protocol.FitRequest{Train: data(t)}, func(protocol.Progress) error { return nil })
		ended <- time.Now()
	}()
	<-started
	time.AfterFunc(20*time.Millisecond, cancel)
	time.Sleep(10 * time.Millisecond)
	err := s.Save(t.Context(), "")
	saved := time.Now()
	if fault.KindOf(err) != fault.Protocol || saved.Before((<-ended).Add(-20*time.Millisecond)) {
		t.Errorf("Save did not wait for Fit, or gives %v", err)
	}
}

// A host that does not choose, an older one perhaps, gets the method's own choice.
func TestEngineOfSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		has         []string
		asked, want string
	}{{nil, "", ""}, {[]string{"go", "ort"}, "", "go"}, {[]string{"go", "ort"}, "ort", "ort"}} {
		var got Session
		s := newServer(funcs{engines: c.has, fit: func(_ context.Context, s Session, _ Samples) error { got = s; return nil }}, hclog.NewNullLogger())
		text := &TextEncoder{Weights: "/w"}
		req := protocol.FitRequest{Session: protocol.Session{Engine: c.asked, Checkpoint: "/c", Levels: []int{1}, Text: text}, Train: data(t)}
		if err := s.Fit(t.Context(), req, func(protocol.Progress) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if got.Engine != c.want || got.Checkpoint != "/c" {
			t.Errorf("of %q with %q asked: engine %q, checkpoint %q", c.has, c.asked, got.Engine, got.Checkpoint)
		}
		if !slices.Equal(got.Levels, []int{1}) || got.Text != text {
			t.Errorf("levels %v, text encoder %+v", got.Levels, got.Text)
		}
	}
}

func TestReportIsRateLimited(t *testing.T) {
	t.Parallel()
	var sent []protocol.Progress
	r := &reporter{send: func(p protocol.Progress) error { sent = append(sent, p); return nil }}
	for i := range 100_000 {
		r.report(float64(i), 100_000, "")
	}
	r.finish()
	r.report(7, 7, "too late")
	if len(sent) < 2 || len(sent) > 50 || sent[0].Done != 0 || sent[len(sent)-1].Done != 99_999 {
		t.Errorf("%d messages, the last is %+v", len(sent), sent[len(sent)-1])
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	type options struct {
		Neighbours int      `json:"num_nn" doc:"neighbours" min:"1" max:"50"`
		Ratio      float64  `json:"ratio" doc:"share of patches" above:"0" max:"1"`
		Pool       string   `json:"pool" doc:"pooling" enum:"mean,max"`
		Layers     []string `json:"layers" doc:"levels" enum:"a,b"`
		Fast       bool     `json:"fast" doc:"less exact"`
		Size       uint     `json:"size" doc:"size"`
		shared
	}
	got := Schema(options{Neighbours: 9, Ratio: 0.1, Pool: "mean", shared: shared{Epochs: 500, Prompt: "learned"}})
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalProperties":false,"properties":{` +
		`"epochs":{"default":500,"description":"passes","type":"integer","x-dataset-defaults":{"dagm":300,"visa":400}},` +
		`"fast":{"default":false,"description":"less exact","type":"boolean"},` +
		`"layers":{"default":[],"description":"levels","items":{"enum":["a","b"],"type":"string"},"type":"array"},` +
		`"num_nn":{"default":9,"description":"neighbours","maximum":50,"minimum":1,"type":"integer"},` +
		`"pool":{"default":"mean","description":"pooling","enum":["mean","max"],"type":"string"},` +
		`"prompt":{"default":"learned","description":"prompt","enum":["learned","class","template"],"type":"string","x-class-names":["class","template"]},` +
		`"ratio":{"default":0.1,"description":"share of patches","exclusiveMinimum":0,"maximum":1,"type":"number"},` +
		`"size":{"default":0,"description":"size","minimum":0,"type":"integer"}},"type":"object"}`
	if string(got) != want {
		t.Errorf("Schema gives\n%s\nwant\n%s", got, want)
	}
	for name, bad := range map[string]any{
		"no struct": 5,
		"no doc":    struct{ A int }{},
		"map": struct {
			A map[string]int `json:"a" doc:"a"`
		}{},
		"bound": struct {
			A int `json:"a" doc:"a" min:"x"`
		}{},
		"enum": struct {
			A int `json:"a" doc:"a" enum:"1,2"`
		}{},
		"names without enum": struct {
			A string `json:"a" doc:"a" names:"b"`
		}{},
		"names of a slice": struct {
			A []string `json:"a" doc:"a" enum:"b" names:"b"`
		}{},
		"names not in enum": struct {
			A string `json:"a" doc:"a" enum:"b" names:"c"`
		}{},
		"kinds of a string": struct {
			A string `json:"a" doc:"a" kinds:"visa=1"`
		}{},
		"kinds of a slice": struct {
			A []int `json:"a" doc:"a" kinds:"visa=1"`
		}{},
		"kinds without a number": struct {
			A int `json:"a" doc:"a" kinds:"visa"`
		}{},
		"twice": struct {
			shared
			A int `json:"epochs" doc:"a"`
		}{},
		"embedded under a name": struct {
			shared `json:"shared" doc:"a"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			Schema(bad)
		}()
	}
}

// shared are options that methods have in common.
type shared struct {
	Epochs int    `json:"epochs" doc:"passes" kinds:"visa=400,dagm=300"`
	Prompt string `json:"prompt" doc:"prompt" enum:"learned,class,template" names:"class,template"`
}

func TestDecodeOptions(t *testing.T) {
	t.Parallel()
	type options struct {
		K int `json:"k"`
		shared
	}
	for text, ok := range map[string]bool{
		`{"k": 3, "epochs": 2}`: true, `{}`: true, ``: false, `{"k": 3} {}`: false, `{"j": 1}`: false, `{"k": "x"}`: false, `{"k": 1.5}`: false,
	} {
		var o options
		if err := DecodeOptions(json.RawMessage(text), &o); (err == nil) != ok || err != nil && fault.KindOf(err) != fault.Config {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestByHand starts a plugin as a curious person would.
func TestByHand(t *testing.T) {
	t.Parallel()
	cmd := func(args ...string) *exec.Cmd {
		c := exec.Command(os.Args[0], args...)
		c.Env = append(os.Environ(), "SERVE_METHOD=1")
		return c
	}
	out, err := cmd("describe").Output()
	var info Info
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil || info.Name != "funcs" || !slices.Equal(info.Needs, []Input{Features}) {
		t.Errorf("describe: %+v, %v, %s", info, err, out)
	}
	c := cmd()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err = c.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || len(out) > 0 || !strings.Contains(stderr.String(), "ltadbench plugin check") {
		t.Errorf("by hand: %v, %q, %q", err, out, stderr.String())
	}
}

func ExampleSchema() {
	type options struct {
		Neighbours int `json:"num_nn" doc:"neighbours" min:"1"`
	}
	var schema struct {
		Properties map[string]struct{ Default int }
	}
	_ = json.Unmarshal(Schema(options{Neighbours: 9}), &schema)
	fmt.Println(schema.Properties["num_nn"].Default)
	// Output: 9
}
