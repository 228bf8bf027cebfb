package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
)

// variants is a method that has presets, or none.
type variants struct {
	plugin.Base
	presets []plugin.Preset
}

type variantsOptions struct {
	A int `json:"a" doc:"a number"`
	B int `json:"b" doc:"another one"`
}

func (v variants) Describe() plugin.Info {
	return plugin.Info{
		Name: "variants", Version: "1", Needs: []plugin.Input{plugin.Features}, Maps: true,
		Options: plugin.Schema(variantsOptions{}), Presets: v.presets,
	}
}

func (variants) Fit(context.Context, plugin.Session, plugin.Samples) error { return nil }

func (variants) Predict(context.Context, plugin.Samples, func(int, plugin.Prediction) error) error {
	return nil
}

func setup(t *testing.T, methods string) Setup {
	t.Helper()
	text := `version: 1
datasets: {tiny: {kind: synthetic, options: {classes: 2, size: 64, train: 4, test_normal: 2, test_defect: 2}}}
splits: [{type: full}]
encoders: {texturebank: }
methods:
` + methods
	b, err := config.Load("bench.yaml", []byte(text), config.Host{})
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	preset := func(name, options string) plugin.Preset {
		return plugin.Preset{Name: name, Options: json.RawMessage(options)}
	}
	presets := []plugin.Preset{
		preset("6.3", `{"a": 3}`), preset("6.4.1", `{"a": 4, "b": 4}`), preset("61", `{"a": 5}`), preset("7.4", `{"b": 4, "a": 4}`), preset("bare", `{}`),
	}
	return Setup{
		Bench: b, Config: "bench.yaml", Cells: b.Expand(), Store: result.Open(t.TempDir()), CacheDir: t.TempDir(),
		Builtin: map[string]func() plugin.Method{
			"variants": func() plugin.Method { return variants{presets: presets} },
			"plain":    func() plugin.Method { return variants{} },
		},
		Engine: plugin.EngineORT, Threads: 1, Show: progress.None, Log: hclog.NewNullLogger(),
	}
}

// options are those of the plan's cells, and which cells share a computation.
func options(p *Plan) (out []string) {
	for _, c := range p.Cells {
		text := fmt.Sprintf("%s %s", c.Cell.Method, c.inputs.Options)
		if c.Same != nil {
			text += " as " + string(c.Same.Cell.Method)
		}
		out = append(out, text)
	}
	return out
}

// An entry's preset lies over the defaults and below what the entry says.
func TestPresetOfEntry(t *testing.T) {
	p, err := NewPlan(t.Context(), setup(t, `
  one: {method: variants/6.4.1}
  two: {method: variants/6.4.1, options: {a: 9}, dataset_options: {tiny: {b: 8}}}
  three: {method: variants/bare}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := options(p), []string{`one {"a":4,"b":4}`, `two {"a":9,"b":8}`, `three {"a":0,"b":0}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for methods, want := range map[string]string{
		"  one: {method: variants/6.33}": "bench.yaml:6:17: method \"variants\" has no preset \"6.33\"\n  hint: did you mean \"6.3\"?",
		"  one: {method: variants/nope}": "bench.yaml:6:17: method \"variants\" has no preset \"nope\"\n  hint: there are: 6.3, 6.4.1, 61, 7.4, bare",
		"  one: {method: plain/6.3}":     "bench.yaml:6:17: method \"variants\" has no preset \"6.3\"\n  hint: there are none",
		"  one: {method: variants/6.4.1}\n  two: {method: variants/7.4}": "bench.yaml:7:3: cells tiny/full/texturebank/one/seed0 and " +
			"tiny/full/texturebank/two/seed0 are the same: same data, split, encoder, method, options and seed\n" +
			"  hint: remove one of the two, or change its options",
	} {
		if _, err := NewPlan(t.Context(), setup(t, methods)); err == nil || fault.Format(err) != want {
			t.Errorf("%s: got\n%v\nwant\n%s", methods, fault.Format(err), want)
		}
	}
}

// Presets of a command that cannot be started are different cells, though nothing is
// known of their options.
func TestPresetOfBrokenMethod(t *testing.T) {
	p, err := NewPlan(t.Context(), setup(t, `
  one: {command: ["false"], preset: "6.3"}
  two: {command: ["false"], preset: "6.4"}
`))
	if err != nil || len(p.Cells) != 2 || p.Cells[0].Key == p.Cells[1].Key {
		t.Errorf("%v, %v", p, err)
	}
}

func TestAblate(t *testing.T) {
	const methods = `
  mine: {method: variants, options: {a: 1, b: 1}, dataset_options: {tiny: {b: 2}}}
  other: {method: variants}
  plain:
  done: {method: variants/6.3, options: {b: 7}}
`
	s := setup(t, methods)
	for _, c := range []struct {
		asked, want string // separated by spaces and commas
	}{
		{"mine", `mine/6.3 {"a":3,"b":2}, mine/6.4.1 {"a":4,"b":4}, mine/61 {"a":5,"b":2}, mine/7.4 {"a":4,"b":4} as mine/6.4.1, mine/bare {"a":1,"b":2}`},
		{"mine=6", `mine/6.3 {"a":3,"b":2}, mine/6.4.1 {"a":4,"b":4}`},
		{"mine=7.4,6.4", `mine/6.4.1 {"a":4,"b":4}, mine/7.4 {"a":4,"b":4} as mine/6.4.1`},
		{"mine=7 mine=61,7", `mine/7.4 {"a":4,"b":4}, mine/61 {"a":5,"b":2}`},
		{"other=6.4 mine=7.4", `other/6.4.1 {"a":4,"b":4}, mine/7.4 {"a":4,"b":4} as other/6.4.1`},
	} {
		b, rows, err := Ablate(t.Context(), s, strings.Fields(c.asked))
		if err != nil {
			t.Fatalf("%s: %v", c.asked, err)
		}
		ablation := s
		ablation.Bench, ablation.Cells = b, b.Expand()
		p, err := NewPlan(t.Context(), ablation)
		if err != nil {
			t.Fatalf("%s: %v", c.asked, err)
		}
		if got := strings.Join(options(p), ", "); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.asked, got, c.want)
		}
		for i, row := range rows {
			if row.Method != p.Cells[i].Cell.Method || !strings.HasSuffix(string(row.Method), "/"+row.Name) {
				t.Errorf("%s: row %d is %s, of %s", c.asked, i, row.Name, row.Method)
			}
		}
	}
	for asked, want := range map[string]string{
		"othr":      "--ablate \"othr\": no method \"othr\" in bench.yaml\n  hint: did you mean \"other\"?",
		"mine=6.":   "--ablate \"mine=6.\": method \"mine\" has no preset that begins with \"6.\"\n  hint: there are: 6.3, 6.4.1, 61, 7.4, bare",
		"mine=6,":   "--ablate \"mine=6,\": method \"mine\" has no preset that begins with \"\"\n  hint: there are: 6.3, 6.4.1, 61, 7.4, bare",
		"plain=6.3": "--ablate \"plain=6.3\": method \"plain\" has no presets\n  hint: `ltadbench plugin list --presets` shows who has",
		"done": "--ablate \"done\": method \"done\" is the preset \"6.3\" already\n" +
			"  hint: name an entry without one: other presets may not set all that this one does",
	} {
		_, _, err := Ablate(t.Context(), s, []string{asked})
		if fault.KindOf(err) != fault.Usage || fault.Format(err) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", asked, fault.Format(err), want)
		}
	}
	if _, err := s.Bench.Filter([]string{"method=mine/6.3"}); fault.KindOf(err) != fault.Usage {
		t.Errorf("the ordinary benchmark has a cell of an ablation: %v", err)
	}
}

// The index of ablations keeps those that this run is not about; that of the table
// keeps no cell that is gone.
func TestIndexOfAblations(t *testing.T) {
	s := setup(t, "  mine: {method: variants}\n  other: {method: variants, options: {a: 9}}\n")
	unlock, err := s.Store.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	run := func(b *config.Bench) (names []string) {
		t.Helper()
		s := s
		s.Bench, s.Cells = b, b.Expand()
		p, err := NewPlan(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.keep(); err != nil {
			t.Fatal(err)
		}
		ix, err := s.Store.Index(s.Config)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range ix.Cells {
			names = append(names, string(e.Cell.Method))
		}
		return names
	}
	for _, c := range []struct {
		asked string
		want  []ad.MethodName
	}{
		{"mine=6", []ad.MethodName{"mine/6.3", "mine/6.4.1"}},
		{"mine=7,6.3", []ad.MethodName{"mine/6.3", "mine/7.4", "mine/6.4.1"}},
		{"other=bare", []ad.MethodName{"other/bare", "mine/6.3", "mine/7.4", "mine/6.4.1"}},
	} {
		b, _, err := Ablate(t.Context(), s, []string{c.asked})
		if err != nil {
			t.Fatal(err)
		}
		if got := run(b); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: index %q, want %q", c.asked, got, c.want)
		}
	}
	if got := run(s.Bench); len(got) != 2 {
		t.Errorf("index %q", got)
	}
}
