package ltad

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
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
	"github.com/ltadbench/ltadbench/plugins/internal/bert"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

var engines = []string{plugin.EngineGo, plugin.EngineORT}

// little is LTAD with defaults that are quick, and the oracle's text encoder.
type little struct {
	*Method
	engine string
	text   plugin.TextEncoder
}

var quick = map[string]any{
	"hidden": 8, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "ffn": 12, "neighbor_mask": []int{3, 3}, "grid": 6, "epochs": 3, "batch": 5,
	"vae_epochs": 2, "decoder_start": 4, "lambda": 0.0, "name_text": "w4", "normal_prompts": []string{"w5"}, "abnormal_prompts": []string{"w5 w6"},
}

func (l little) Describe() plugin.Info {
	o := defaults()
	raw, err := json.Marshal(quick)
	if err == nil {
		err = json.Unmarshal(raw, &o)
	}
	if err != nil {
		panic(err)
	}
	i := l.Method.Describe()
	i.Options = plugin.Schema(o)
	return i
}

func (l little) Fit(ctx context.Context, s plugin.Session, train plugin.Samples) error {
	_, _, c := train.FeatureShape()
	s.Engine, s.Text, s.Levels = l.engine, &l.text, []int{1, c - 1}
	return l.Method.Fit(ctx, s, train)
}

func (l little) Load(ctx context.Context, s plugin.Session, dir string) error {
	s.Engine, s.Text = l.engine, &l.text
	return l.Method.Load(ctx, s, dir)
}

func TestConformance(t *testing.T) {
	text := smallText(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			methodtest.Conformance(t, func() plugin.Method { return little{New().(*Method), engine, text} })
		})
	}
}

const h, w, c = 9, 7, 6

// session is one with quick options, changed as given, for features of [h, w, c].
func session(t testing.TB, m plugin.Method, threads int, change map[string]any) plugin.Session {
	t.Helper()
	options := maps.Clone(quick)
	maps.Copy(options, change)
	s := methodtest.Session(t, m, threads, options)
	text := smallText(t)
	s.Engine, s.Text, s.Levels, s.Classes = plugin.EngineGo, &text, []int{2, 4}, []string{"w7 w8", "w9", "w10 w11 w4"}
	return s
}

func images(t testing.TB, n int) plugin.Samples {
	classes := make([]int, n)
	for i := range classes {
		classes[i] = i % 2
	}
	return methodtest.Samples(t, tensors.Float32, methodtest.Numbers(7, n*h*w*c), n, h, w, c, classes)
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

// A Fit that is interrupted in either phase, and begun again, ends with the bytes that
// it would have had.
func TestResume(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { testResume(t, engine) })
	}
}

func testResume(t *testing.T, engine string) {
	data := images(t, 7) // two steps an epoch, the second smaller
	change := map[string]any{"epochs": 4, "vae_epochs": 3}
	fit := func(m *Method, dir string, until int) (messages []string) {
		t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := session(t, m, 2, change)
		s.Engine, s.Checkpoint = engine, dir
		m.every = time.Nanosecond
		steps := 0
		s.Report = func(done, total float64, message string) {
			messages = append(messages, message)
			if done < 0 || done > total*1.0001 {
				t.Errorf("%g of %g done", done, total)
			}
			if strings.Contains(message, "loss") {
				if steps++; steps == until {
					cancel()
				}
			}
		}
		err := m.Fit(ctx, s, data)
		if until > 0 && fault.KindOf(err) != fault.Canceled || until == 0 && err != nil {
			t.Fatalf("cancelled after %d steps: %v", until, err)
		}
		return messages
	}
	whole := New().(*Method)
	fit(whole, "", 0)
	want := saved(t, whole)

	dir := t.TempDir()
	fit(New().(*Method), dir, 3)
	if got := fit(New().(*Method), dir, 3+4); !slices.Contains(got, "phase 1, resumed at epoch 2") {
		t.Errorf("the second Fit says %q", got)
	}
	m := New().(*Method)
	got := fit(m, dir, 0)
	if !slices.Contains(got, "phase 1, resumed at epoch 3") || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "phase 2, resumed") }) {
		t.Errorf("the third Fit says %q", got)
	}
	for name, raw := range saved(t, m) {
		if !bytes.Equal(raw, want[name]) {
			t.Errorf("%s differs from that of a training without interruption", name)
		}
	}
}

// What is drawn depends on seed and step only, and real features come with their
// probability.
func TestFeed(t *testing.T) {
	data := images(t, 40)
	var images30 []int
	for i := range 30 {
		images30 = append(images30, (7*i+3)%40)
	}
	fill := func(threads, step int, seed uint64) []any {
		m := New().(*Method)
		s := session(t, m, threads, map[string]any{"real_prob": 0.25})
		s.Seed = seed
		if err := m.configure(s); err != nil {
			t.Fatal(err)
		}
		tr, err := newTraining(t.Context(), m, s, data)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.close()
		var all []any
		for _, f := range []train.Feed{tr.feed1, tr.feed2} {
			var out []any
			for _, s := range f.Shapes(30) {
				if s.DType.Size() == 1 {
					out = append(out, make([]uint8, s.Size()))
				} else {
					out = append(out, make([]float32, s.Size()))
				}
			}
			if err := f.Fill(t.Context(), train.Step{Number: step, Images: images30}, out); err != nil {
				t.Fatal(err)
			}
			all = append(all, out...)
		}
		return all
	}
	one, again, other := fill(1, 5, 1), fill(7, 5, 1), fill(1, 6, 1)
	const eps1, classes, real = 2, 3, 9
	for i := range one {
		switch x := one[i].(type) {
		case []float32:
			if !slices.Equal(x, again[i].([]float32)) {
				t.Errorf("input %d depends on the number of threads", i)
			}
		case []uint8:
			if !slices.Equal(x, again[i].([]uint8)) {
				t.Errorf("input %d depends on the number of threads", i)
			}
		}
	}
	if slices.Equal(one[eps1].([]float32), other[eps1].([]float32)) || slices.Equal(one[real].([]float32), other[real].([]float32)) {
		t.Error("another step draws the same")
	}
	ones := 0
	for i := range 30 {
		if row := one[classes].([]float32)[3*i:][:3]; row[0]+row[1] != 1 || row[2] != 0 {
			t.Errorf("image %d has the class %v", i, row)
		}
		ones += int(one[real].([]float32)[i])
	}
	if ones < 2 || ones > 15 {
		t.Errorf("%d of 30 images have real features, with a probability of 1/4", ones)
	}
}

func TestRealProbability(t *testing.T) {
	data := methodtest.Samples(t, tensors.Float32, make([]float32, 7*2), 7, 1, 1, 2, []int{0, 0, 0, 0, 2, 2, 0})
	o := defaults()
	if got := realProbability(o, data, 3); !slices.Equal(got, []float64{0.5, 0.5, 0.5}) {
		t.Errorf("%v", got)
	}
	o.DAS = true // 5, 0 and 2 images
	if got := realProbability(o, data, 3); math.Abs(got[0]-0.6) > 1e-9 || got[2] != 0 {
		t.Errorf("with distribution aware sampling %v", got)
	}
}

func TestFirstNames(t *testing.T) {
	text, err := bert.Open(smallText(t))
	if err != nil {
		t.Fatal(err)
	}
	classes := []string{"w7_w8-w9", "w9"}
	for name, one := range map[string]struct {
		change func(*Options)
		want   [][]int
	}{
		"text":                    {func(*Options) {}, [][]int{{4, 4}, {4, 4}}},
		"text, longer":            {func(o *Options) { o.NameText, o.NameLength = "w4 w5", 3 }, [][]int{{4, 5, 4}, {4, 5, 4}}},
		"class names":             {func(o *Options) { o.NameInit = "class_name" }, [][]int{{7, 8}, {9, 9}}},
		"class names as they are": {func(o *Options) { o.NameInit, o.LearnNames = "class_name", false }, [][]int{{7, 8, 9}, {9}}},
	} {
		o := defaults()
		o.NameText = "w4"
		one.change(&o)
		got, err := firstNames(o, text, classes, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i, ids := range one.want {
			if !slices.Equal(got[i], text.Embed(ids...)) {
				t.Errorf("%s: class %d does not begin as the tokens %v", name, i, ids)
			}
		}
	}
	o := defaults()
	o.NameInit = "random"
	a, err := firstNames(o, text, classes, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := firstNames(o, text, classes, 1)
	if !slices.Equal(a[0], b[0]) || slices.Equal(a[0], a[1]) || len(a[0]) != 2*text.Hidden {
		t.Error("random names are not of the seed and the class")
	}
}

// Every preset trains, says what the options allow, and changes something; those that
// are the same say so by their options.
func TestPresets(t *testing.T) {
	data := images(t, 6)
	maps := map[string][]float32{}
	for _, p := range append([]plugin.Preset{{Name: "ltad", Options: json.RawMessage(`{}`)}}, presets()...) {
		var change map[string]any
		if err := json.Unmarshal(p.Options, &change); err != nil {
			t.Fatal(err)
		}
		if change["name_text"] == "object" {
			change["name_text"] = "w4"
		}
		for _, key := range []string{"normal_prompts", "abnormal_prompts"} {
			if list, ok := change[key].([]any); ok { // in the small vocabulary
				for i, prompt := range list {
					list[i] = small(prompt.(string))
				}
			}
		}
		m := New()
		s := session(t, m, 2, change)
		methodtest.Fit(t, m, s, data)
		for _, one := range methodtest.Predict(t, m, data) {
			maps[p.Name] = append(maps[p.Name], one.Map...)
		}
		m.(*Method).model.served.Close()
	}
	same := [][2]string{{"7.4", "8.3"}, {"7.4", "9.a-broken"}, {"6.8", "fig6.2"}}
	for a := range maps {
		for b := range maps {
			if a < b && slices.Equal(maps[a], maps[b]) != slices.ContainsFunc(same, func(p [2]string) bool { return p == [2]string{a, b} }) && !(a == "8.3" && b == "9.a-broken") {
				t.Errorf("presets %s and %s: same maps: %v", a, b, slices.Equal(maps[a], maps[b]))
			}
		}
	}
}

// small says a prompt of the paper in words of the small vocabulary.
func small(prompt string) string {
	var out []string
	for _, word := range strings.Fields(prompt) {
		out = append(out, map[string]string{
			"a": "w5", "an": "w5", "normal": "w7", "good": "w8", "flawless": "w9", "broken": "w6", "damaged": "w10", "abnormal": "w11", "defective": "w4",
		}[word])
	}
	return strings.Join(out, " ")
}

func TestOptions(t *testing.T) {
	data := images(t, 2)
	for _, one := range []struct {
		change map[string]any
		want   []string
	}{
		{map[string]any{"heads": 3, "betas": []float64{0.9}}, []string{"heads 3", "betas"}},
		{map[string]any{"normal_prompts": []string{}}, []string{"normal_prompts is empty"}},
		{map[string]any{"abnormal_prompts": []string{"w5"}}, []string{"the same"}},
		{map[string]any{"name_text": " "}, []string{"name_text is empty", "object"}},
		{map[string]any{"name_length": 40}, []string{"tokens", "shorter"}},
	} {
		m := New()
		err := m.Fit(context.Background(), session(t, m, 1, one.change), data)
		for _, word := range one.want {
			if text := fault.Format(err); fault.KindOf(err) != fault.Config || !strings.Contains(text, word) {
				t.Errorf("%v: no %q in %q, of kind %s", one.change, word, text, fault.KindOf(err))
			}
		}
	}
	for name, change := range map[string]map[string]any{
		"real features alone":        {"real_prob": 1.0},
		"real features alone, rec":   {"real_prob": 1.0, "scores": "rec"},
		"synthetic features alone":   {"real_prob": 0.0},
		"latent of another length":   {"latent": 3, "decoder_width": 5, "decoder_blocks": 2, "vae_loss": "mean"},
		"names not learned":          {"learn_names": false, "condition": false},
		"text of length one":         {"text_norm": true, "tau": 0.1},
		"another's names, always":    {"name_assign": "always"},
		"a root, and lambda":         {"rec_score": "root", "lambda": 3.0, "rec_loss": "sum", "bce": "printed"},
		"mean, no noise at all":      {"rec_score": "mean", "jitter_scale": 0.0, "dropout": 0.0},
		"learned classifier, no VAE": {"classifier": "learned", "real_prob": 1.0},
		"one token":                  {"grid": 1, "neighbor_mask_in": []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			m := New()
			methodtest.Fit(t, m, session(t, m, 1, change), data)
			methodtest.Predict(t, m, data)
		})
	}
}

// A lambda that lets one score drown the other is told of, with the ranges.
func TestRangesAreLogged(t *testing.T) {
	data := images(t, 4)
	for lambda, warns := range map[float64]bool{0: false, 1e6: true} {
		m := New()
		s := session(t, m, 1, map[string]any{"lambda": lambda})
		var log bytes.Buffer
		s.Log = hclog.New(&hclog.LoggerOptions{Output: &log})
		methodtest.Fit(t, m, s, data)
		methodtest.Predict(t, m, data)
		for _, want := range []string{"scores of normal training patches", "scores of test patches", "S_rec", "S_sem", "lambda", "training begins: about"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("lambda %g: the log has no %q:\n%s", lambda, want, &log)
			}
		}
		if strings.Contains(log.String(), "very different ranges") != warns {
			t.Errorf("lambda %g: the log is\n%s", lambda, &log)
		}
	}
}

// The tokens of a place that training never saw score highest, in a class of many
// images and in one of two, for each of the scores and for both.
func TestPlantedAnomaly(t *testing.T) {
	for _, scores := range []string{"both", "rec", "sem"} {
		t.Run(scores, func(t *testing.T) {
			m := New()
			s := session(t, m, 2, map[string]any{
				"hidden": 16, "epochs": 120, "vae_epochs": 60, "batch": 8, "lr": 3e-3, "vae_lr": 3e-3, "ffn": 32, "scores": scores,
			})
			s.Engine, s.Levels = plugin.EngineORT, []int{3, 5}
			methodtest.Planted(t, m, s)
		})
	}
}
