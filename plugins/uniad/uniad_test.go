package uniad

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// little is UniAD with defaults that are quick.
type little struct {
	*Method
	engine string
}

var quick = map[string]any{
	"hidden": 8, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "ffn": 12, "neighbor_mask": []int{3, 3}, "grid": 6, "epochs": 3, "batch": 5,
}

func (l little) Describe() plugin.Info {
	o := defaults()
	o.Hidden, o.Heads, o.EncoderLayers, o.DecoderLayers, o.FFN, o.NeighborMask, o.Grid, o.Epochs, o.Batch = 8, 2, 1, 1, 12, []int{3, 3}, 6, 3, 5
	i := l.Method.Describe()
	i.Options = plugin.Schema(o)
	return i
}

func (l little) Fit(ctx context.Context, s plugin.Session, train plugin.Samples) error {
	s.Engine = l.engine
	return l.Method.Fit(ctx, s, train)
}

func (l little) Load(ctx context.Context, s plugin.Session, dir string) error {
	s.Engine = l.engine
	return l.Method.Load(ctx, s, dir)
}

var engines = []string{plugin.EngineGo, plugin.EngineORT}

func TestConformance(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			methodtest.Conformance(t, func() plugin.Method { return little{New().(*Method), engine} })
		})
	}
}

// session is one with quick options, changed as given.
func session(t testing.TB, m plugin.Method, threads int, change map[string]any) plugin.Session {
	t.Helper()
	options := map[string]any{}
	for k, v := range quick {
		options[k] = v
	}
	for k, v := range change {
		options[k] = v
	}
	s := methodtest.Session(t, m, threads, options)
	s.Engine = plugin.EngineGo
	return s
}

const h, w, c = 9, 7, 6

func images(t testing.TB, n int) plugin.Samples {
	return methodtest.Samples(t, tensors.Float32, methodtest.Numbers(7, n*h*w*c), n, h, w, c, nil)
}

// saved gives what Save writes, by file.
func saved(t *testing.T, m plugin.Method) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	if err := m.(plugin.Saver).Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range []string{"state.json", weightsFile} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = raw
	}
	return files
}

// A Fit that is interrupted, whether it can write a last checkpoint or not, and
// begun again ends with the bytes that it would have had.
func TestResume(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { testResume(t, engine) })
	}
}

func testResume(t *testing.T, engine string) {
	const epochs, toEnd = 8, 100
	data := images(t, 7) // two steps an epoch, the second smaller
	change := map[string]any{"epochs": epochs, "jitter_prob": 0.5}
	session := func(m plugin.Method, threads int, change map[string]any) plugin.Session {
		s := session(t, m, threads, change)
		s.Engine = engine
		return s
	}
	whole := New()
	methodtest.Fit(t, whole, session(whole, 2, change), data)
	want := saved(t, whole)

	dir := t.TempDir()
	file := filepath.Join(dir, "training.safetensors")
	fit := func(m *Method, until int) []string {
		t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := session(m, 1, change)
		s.Checkpoint = dir
		m.every = time.Nanosecond
		var messages []string
		s.Report = func(done, total float64, message string) {
			messages = append(messages, message)
			if total != 2*epochs {
				t.Errorf("%g steps in all", total)
			}
			if int(done) == until {
				cancel()
			}
		}
		err := m.Fit(ctx, s, data)
		if until <= 2*epochs && fault.KindOf(err) != fault.Canceled || until > 2*epochs && err != nil {
			t.Fatalf("cancelled after %d steps: %v", until, err)
		}
		return messages
	}
	fit(New().(*Method), 5)
	early, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := fit(New().(*Method), 9)[0]; got != "resumed at epoch 3" {
		t.Errorf("the first message is %q", got)
	}
	// As if killed without having written for a while, and in the middle of it.
	if err := os.WriteFile(file, early, 0o600); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, ".training.safetensors.123.tmp")
	if err := os.WriteFile(half, early[:1000], 0o600); err != nil {
		t.Fatal(err)
	}
	m := New().(*Method)
	if got := fit(m, toEnd)[0]; got != "resumed at epoch 3" {
		t.Errorf("the first message is %q", got)
	}
	for name, raw := range saved(t, m) {
		if !bytes.Equal(raw, want[name]) {
			t.Errorf("%s differs from that of a training without interruption", name)
		}
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", half, err)
	}
	// At the end there is nothing left to do.
	if got := fit(New().(*Method), toEnd); len(got) != 1 {
		t.Errorf("after the end: %q", got)
	}

	t.Run("refused", func(t *testing.T) {
		last, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(last)
		flipped[len(flipped)-5] ^= 1
		for name, raw := range map[string][]byte{"damaged": flipped, "cut": last[:len(last)-4], "empty": nil, "other options": early} {
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			m := New()
			s := session(m, 2, change)
			if name == "other options" {
				s = session(m, 2, map[string]any{"epochs": epochs, "jitter_prob": 0.5, "lr": 2e-4})
			}
			var log bytes.Buffer
			s.Checkpoint, s.Log = dir, hclog.New(&hclog.LoggerOptions{Output: &log})
			first := ""
			s.Report = func(_, _ float64, message string) {
				if first == "" {
					first = message
				}
			}
			methodtest.Fit(t, m, s, data)
			if !strings.HasPrefix(first, "epoch 1/") || !strings.Contains(log.String(), "training begins anew") {
				t.Errorf("%s: begins with %q; log:\n%s", name, first, &log)
			}
		}
	})
}

// What is drawn depends on seed and step only.
func TestNoise(t *testing.T) {
	data := images(t, 4)
	o := defaults()
	o.Grid, o.NeighborMask = 6, []int{3, 3}
	a := arch{o.Arch(h, w, c, hclog.NewNullLogger())}
	a.Dropout = 0.3
	inputs := func(threads, step int, seed uint64) []any {
		f := &feed{
			arch: a, draws: reconstruct.Draws{Arch: a.Arch, Seed: seed, Method: name, Prob: 1},
			images: data, sampler: reconstruct.NewSampler(h, w, c, a.Arch), threads: threads,
		}
		var out []any
		for _, s := range f.Shapes(3) {
			if s.DType.Size() == 1 {
				out = append(out, make([]uint8, s.Size()))
			} else {
				out = append(out, make([]float32, s.Size()))
			}
		}
		if err := f.Fill(context.Background(), train.Step{Number: step, Images: []int{2, 0, 3}}, out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	one := inputs(1, 5, 1)
	kept, of := 0, 0
	for i, in := range inputs(7, 5, 1) {
		switch in := in.(type) {
		case []float32:
			if !slices.Equal(in, one[i].([]float32)) {
				t.Errorf("input %d depends on the number of threads", i)
			}
		case []uint8:
			if !slices.Equal(in, one[i].([]uint8)) {
				t.Errorf("input %d depends on the number of threads", i)
			}
			for _, b := range in {
				for ; b != 0; b &= b - 1 {
					kept++
				}
			}
			of += 8 * len(in)
		}
	}
	if share := float64(kept) / float64(of); share < 0.69 || share > 0.71 {
		t.Errorf("dropout of 0.3 keeps %g of %d", share, of)
	}
	for _, other := range [][]any{inputs(1, 6, 1), inputs(1, 5, 2)} {
		if slices.Equal(other[1].([]float32), one[1].([]float32)) || slices.Equal(other[2].([]uint8), one[2].([]uint8)) {
			t.Error("another step or seed draws the same")
		}
	}
	if slices.Equal(one[2].([]uint8), one[6].([]uint8)) {
		t.Error("two sites draw the same")
	}
}

func TestOptions(t *testing.T) {
	data := images(t, 2)
	for _, one := range []struct {
		change map[string]any
		want   []string
	}{
		{map[string]any{"heads": 3}, []string{"heads 3", "hidden 8", "[1 2 4 8]"}},
		{map[string]any{"hidden": 9, "heads": 3}, []string{"hidden 9 is odd", "10"}},
		{map[string]any{"neighbor_mask": []int{3, 4}}, []string{"neighbor_mask [3 4]", "odd"}},
		{map[string]any{"neighbor_mask": []int{3}}, []string{"neighbor_mask [3]", "[7, 7]"}},
		{map[string]any{"neighbor_mask": []int{13, 15}}, []string{"neighbor_mask [13 15]", "6 x 6", "smaller"}},
		{map[string]any{"betas": []float64{0.9}}, []string{"betas [0.9]", "two"}},
	} {
		m := New()
		err := m.Fit(context.Background(), session(t, m, 1, one.change), data)
		text := fault.Format(err)
		for _, word := range one.want {
			if fault.KindOf(err) != fault.Config || !strings.Contains(text, word) {
				t.Errorf("%v: no %q in %q, of kind %s", one.change, word, text, fault.KindOf(err))
			}
		}
	}
	m := New()
	if err := m.Fit(context.Background(), session(t, m, 1, nil), methodtest.Samples(t, tensors.Float32, nil, 0, h, w, c, nil)); err == nil || !strings.Contains(err.Error(), "no training images") {
		t.Errorf("without images: %v", err)
	}
	for name, change := range map[string]map[string]any{
		"no mask":          {"neighbor_mask_in": []string{}},
		"no noise":         {"dropout": 0, "jitter_scale": 0, "clip": 0},
		"gelu, one token":  {"activation": "gelu", "grid": 1, "neighbor_mask_in": []string{}},
		"coarse features":  {"grid": 40, "neighbor_mask": []int{11, 11}},
		"huge batch":       {"batch": 100},
		"early stop":       {"early_stop": 1, "early_stop_delta": 1.0, "epochs": 500},
		"every epoch less": {"lr_step": 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := New()
			methodtest.Fit(t, m, session(t, m, 1, change), data)
			methodtest.Predict(t, m, data)
		})
	}
}

// A learning rate with which training explodes is said to be one.
func TestLossThatIsNotFinite(t *testing.T) {
	m := New()
	err := m.Fit(context.Background(), session(t, m, 1, map[string]any{"lr": 1e30, "epochs": 20}), images(t, 3))
	if fault.KindOf(err) != fault.Method || !strings.Contains(fault.Format(err), "learning rate") {
		t.Error(err)
	}
}

// The tokens of a place that training never saw are reconstructed worst, in a class
// of many images and in one of two.
func TestPlantedAnomaly(t *testing.T) {
	m := New()
	s := session(t, m, 2, map[string]any{"hidden": 16, "epochs": 60, "batch": 8, "lr": 3e-3, "ffn": 32})
	s.Engine = plugin.EngineORT
	methodtest.Planted(t, m, s)
}
