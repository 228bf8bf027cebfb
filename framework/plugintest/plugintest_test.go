package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// TestMain lets this test binary be the plugins: it is started again with "serve"
// and a fault.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		plugin.Serve(&means{fault: os.Args[2]})
	}
	os.Exit(m.Run())
}

func spec(mode string) host.Spec {
	return host.Spec{Name: "means", Command: []string{os.Args[0], "serve", mode}}
}

// means scores a patch by its distance to the nearest of the classes' mean
// patches. Each fault breaks what one check is for.
type means struct {
	plugin.Base
	fault string
	mean  map[int][]float32
}

type meansOptions struct {
	Scale float64 `json:"scale" doc:"factor of all scores" above:"0"`
}

func (m *means) Describe() plugin.Info {
	info := plugin.Info{
		Name: "means", Version: "1", Summary: "distance to the nearest mean", Needs: []plugin.Input{plugin.Features},
		Maps: true, Scores: true, Deterministic: true, SaveLoad: true, Options: plugin.Schema(meansOptions{Scale: 1}),
	}
	switch m.fault {
	case "undescribed":
		info.Options = []byte(`{"type": "object", "properties": {"scale": {"default": 1}}}`)
	case "inputs":
		info.Needs = append(info.Needs, plugin.Images, plugin.Embeddings)
	case "text":
		info.Needs = append(info.Needs, plugin.Text)
	case "engines":
		info.Engines = []string{plugin.EngineGo, plugin.EngineORT}
	case "resumes", "resumes-anew", "resumes-wrong", "resumes-quick", "resumes-never":
		info.Resumes = true
	case "modest":
		info.Deterministic, info.SaveLoad, info.Scores = false, false, false
	}
	return info
}

func (m *means) Fit(ctx context.Context, s plugin.Session, train plugin.Samples) error {
	var o meansOptions
	if err := plugin.DecodeOptions(s.Options, &o); err != nil && m.fault != "lenient" && m.fault != "undescribed" {
		return err
	}
	if !m.Describe().Resumes { // those say something else first
		s.Report(0, float64(train.Len()), "")
	}
	switch m.fault {
	case "slow":
		for range 100 {
			if err := ctx.Err(); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
	case "deaf":
		select {
		case <-ctx.Done():
			select {}
		case <-time.After(200 * time.Millisecond):
		}
	}
	sum, count := map[int][]float32{}, map[int]float32{}
	var x []float32
	for i, c := range train.Classes {
		x = train.Feature(i, x)
		if sum[c] == nil {
			sum[c] = make([]float32, len(x))
		}
		for k, v := range x {
			sum[c][k] += v
		}
		count[c]++
	}
	for c := range sum {
		for k := range sum[c] {
			sum[c][k] /= count[c]
		}
	}
	switch m.fault {
	case "engines":
		return errors.New("engine " + s.Engine)
	case "inputs":
		return fmt.Errorf("levels %d, image %d, embedding %d", s.Levels, len(train.Image(0)), train.EmbeddingLen())
	case "text":
		_, err := os.Stat(s.Text.Weights)
		_, err2 := os.Stat(s.Text.Vocabulary)
		return fmt.Errorf("text %v %v, heads %v", err, err2, s.Text.Heads > 0)
	}
	if m.Describe().Resumes {
		if err := m.epochs(ctx, s, sum); err != nil {
			return err
		}
	}
	if m.fault == "needs-all" && len(sum) < 3 {
		return errors.New("class 2 has no training image")
	}
	if m.fault == "needs-two" && count[2] < 2 && count[2] > 0 {
		return errors.New("class 2 has no variance")
	}
	m.mean = sum
	return nil
}

// epochs trains for a while, on nothing: each epoch moves all means by a number that
// depends on all epochs before.
func (m *means) epochs(ctx context.Context, s plugin.Session, mean map[int][]float32) error {
	const epochs = 50
	var state struct {
		Epoch int
		Moved float64
	}
	file := filepath.Join(s.Checkpoint, "state.json")
	if text, err := os.ReadFile(file); err == nil && s.Checkpoint != "" && m.fault != "resumes-anew" {
		if err := json.Unmarshal(text, &state); err != nil {
			return err
		}
		if m.fault == "resumes-wrong" {
			state.Moved = 0
		}
		s.Report(float64(state.Epoch), epochs, fmt.Sprintf("resumed at epoch %d", state.Epoch))
	}
	for ; state.Epoch < epochs; state.Epoch++ {
		if state.Epoch%3 == 0 && s.Checkpoint != "" && m.fault != "resumes-never" {
			text, err := json.Marshal(state)
			if err == nil {
				err = os.WriteFile(file+".tmp", text, 0o666)
			}
			if err == nil {
				err = os.Rename(file+".tmp", file)
			}
			if err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.fault != "resumes-quick" {
			time.Sleep(20 * time.Millisecond)
		}
		state.Moved = 0.9*state.Moved + 1/float64(state.Epoch+1)
		s.Report(float64(state.Epoch+1), epochs, "")
	}
	for c := range mean {
		for k := range mean[c] {
			mean[c][k] += float32(state.Moved)
		}
	}
	return nil
}

func (m *means) Predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	h, w, c := test.FeatureShape()
	if m.fault == "batches" && test.Len() < 2 {
		return errors.New("a batch has two images")
	}
	var x []float32
	for i := range test.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		x = test.Feature(i, x)
		p := plugin.Prediction{Map: make([]float32, h*w), H: h, W: w}
		for at := range p.Map {
			best := math.Inf(1)
			for _, mean := range m.mean {
				d := 0.0
				for k := range c {
					diff := float64(x[at*c+k] - mean[at*c+k])
					d += float64(diff * diff)
				}
				best = min(best, d)
			}
			p.Map[at] = float32(best)
			if m.fault == "random" || m.fault == "modest" {
				p.Map[at] += rand.Float32() / 100
			}
		}
		p.Score = slices.Max(p.Map)
		switch m.fault {
		case "inverted":
			p.Score *= -1
		case "ordered":
			p.Score += float32(i)
		}
		if err := emit(i, p); err != nil {
			return err
		}
	}
	return nil
}

func (m *means) Save(_ context.Context, dir string) error {
	state, err := json.Marshal(m.mean) // float32 survives JSON
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "means.json"), state, 0o666)
}

func (m *means) Load(_ context.Context, _ plugin.Session, dir string) error {
	state, err := os.ReadFile(filepath.Join(dir, "means.json"))
	if err == nil {
		err = json.Unmarshal(state, &m.mean)
	}
	if m.fault == "forgets" {
		delete(m.mean, 1)
	}
	return err
}

func TestGoodMethod(t *testing.T) {
	t.Parallel()
	Test(t, spec("good"), Config{})
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var told []string
	results, err := Run(t.Context(), spec("modest"), Config{Dir: dir}, func(r Result) { told = append(told, r.Name) })
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	var names []string
	for _, r := range results {
		names = append(names, r.Name)
		want := Pass
		if r.Name == "determinism" || r.Name == "save and load" || r.Name == "resume" {
			want = Skip
		}
		if r.Status != want || r.What == "" || r.Mend != "" {
			t.Errorf("%+v, want %s", r, want)
		}
	}
	if !slices.Equal(names, told) || len(names) != len(checks) {
		t.Errorf("results %q, told %q", names, told)
	}
	if logs, _ := filepath.Glob(filepath.Join(dir, "process-*", "log.txt")); len(logs) < 5 {
		t.Errorf("logs %q", logs)
	}

	results, err = Run(t.Context(), host.Spec{Name: "none", Command: []string{"/nonexistent/method"}}, Config{}, nil)
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	for _, r := range results {
		if r.Status == Pass {
			t.Errorf("a method that does not exist passes %q", r.Name)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, spec("good"), Config{}, nil); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled suite: %v", err)
	}
}

func TestEngine(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{"": "fit: engine go", "ort": "fit: engine ort", "xla": `has no engine "xla"; it has go, ort`} {
		s, err := newSuite(t.Context(), spec("engines"), Config{Engine: engine})
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		defer s.close()
		if _, err := s.fit(t.Context(), s.normal); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("engine %q: %v, want %q", engine, err, want)
		}
	}
}

// TestInputs checks that methods are given what they need, and that embeddings say
// something about the image.
func TestInputs(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"inputs": fmt.Sprintf("levels [9 15], image %d, embedding 10", 64*56*3), "text": "text <nil> <nil>, heads true",
	} {
		s, err := newSuite(t.Context(), spec(mode), Config{})
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		defer s.close()
		if _, err := s.fit(t.Context(), s.normal); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mode, err, want)
		}
	}

	d, err := newDataset(t.TempDir(), []int{4, 4, 4}, false)
	if err != nil {
		t.Fatal(err)
	}
	f, err := tensors.Open(d.train.Embeddings)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	distance := func(a, b host.Sample) float64 {
		sum := 0.0
		for k := range embedded {
			diff := f.Float32s()[a.Row*embedded+k] - f.Float32s()[b.Row*embedded+k]
			sum += float64(diff * diff)
		}
		return sum
	}
	for _, a := range d.train.Samples { // the nearest image is of the same class
		near, best := a, math.Inf(1)
		for _, b := range d.train.Samples {
			if d := distance(a, b); b != a && d < best {
				near, best = b, d
			}
		}
		if near.Class != a.Class || best == 0 {
			t.Errorf("nearest to an image of class %d is one of class %d, at %g", a.Class, near.Class, best)
		}
	}
}

// TestFindings runs checks on methods that are made to fail them.
func TestFindings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault, check string
		status       Status
		detail       string
	}{
		{"undescribed", "describe", Fail, `option "scale" has no description`},
		{"undescribed", "wrong options", Fail, "accepts any value"},
		{"lenient", "wrong options", Fail, "want an error of the method, got none"},
		{"inverted", "fit and predict", Pass, "planted anomalies 0.0"},
		{"good", "fit and predict", Pass, "planted anomalies 1.00"},
		{"random", "predict again", Fail, "the score of sample"},
		{"random", "determinism", Fail, "the maps differ"},
		{"batches", "one image", Fail, "a batch has two images"},
		{"ordered", "order", Pass, "note: answers depend on the order"},
		{"good", "order", Pass, "the same numbers in another order"},
		{"forgets", "save and load", Fail, "the maps differ"},
		{"needs-all", "class without images", Fail, "class 2 has no training image"},
		{"needs-two", "class with one image", Fail, "class 2 has no variance"},
		{"resumes", "resume", Pass, `said "resumed at epoch`},
		{"resumes-anew", "resume", Fail, "no message of Fit says that it resumed"},
		{"resumes-wrong", "resume", Fail, "means.json of the saved state differs"},
		{"resumes-quick", "resume", Skip, "Fit ended too soon to be killed"},
		{"resumes-never", "resume", Skip, "Fit ended without writing a checkpoint"},
		{"good", "resume", Skip, "does not claim to resume"},
		{"deaf", "cancel fit", Fail, "it still runs"},
		{"slow", "cancel fit", Pass, "it stopped within"},
	} {
		t.Run(c.fault+"/"+c.check, func(t *testing.T) {
			t.Parallel()
			s, err := newSuite(t.Context(), spec(c.fault), Config{})
			if err != nil {
				t.Fatal(fault.Format(err))
			}
			defer s.close()
			s.stopSoon = time.Second
			i := slices.IndexFunc(checks, func(k check) bool { return k.name == c.check })
			r := record(t.Context(), s, checks[i])
			if r.Status != c.status || !strings.Contains(r.Detail, c.detail) {
				t.Errorf("%s: %s\nwant %s with %q", r.Status, r.Detail, c.status, c.detail)
			}
			if (r.Mend != "") != (c.status == Fail) {
				t.Errorf("mend %q", r.Mend)
			}
		})
	}
}
