package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/protocol"
	"github.com/ltadbench/ltadbench/internal/golden"
	"github.com/ltadbench/ltadbench/splits"
)

func host(vars ...string) Host {
	env := map[string]string{}
	for i := 0; i < len(vars); i += 2 {
		env[vars[i]] = vars[i+1]
	}
	return Host{
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Kinds:     []string{"mvtec", "visa", "dagm", "folder", "synthetic"},
		Methods:   []string{"random", "padim", "patchcore", "uniad", "ltad"},
		Encoders:  []string{"texturebank"},
	}
}

func mustLoad(t testing.TB, text string, h Host) *Bench {
	t.Helper()
	b, err := Load("bench.yaml", []byte(text), h)
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	return b
}

func cellNames(cells []Cell) string {
	var b strings.Builder
	for _, c := range cells {
		options, err := c.Options(nil)
		fmt.Fprintf(&b, "%s %s", c.Name(), options)
		if c.Method.Preset != "" {
			fmt.Fprintf(&b, " over %s", c.Method.Preset)
		}
		if err != nil {
			fmt.Fprintf(&b, " %v", err)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// The embedded benchmark, and the file with every key.
func TestGolden(t *testing.T) {
	b := mustLoad(t, string(ltadbench.DefaultConfig), host())
	golden.Check(t, "testdata/default.resolved.yaml", b.Resolved())
	golden.Check(t, "testdata/default.cells.txt", []byte(cellNames(b.Expand())))

	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b = mustLoad(t, string(full), host("DATA", "/data", "HOME", "/home/me", "USER", "$me"))
	golden.Check(t, "testdata/full.resolved.yaml", b.Resolved())
	golden.Check(t, "testdata/full.cells.txt", []byte(cellNames(b.Expand())))
}

// The examples that bench.yaml has in comments are right, too.
func TestExamplesInComments(t *testing.T) {
	text := regexp.MustCompile(`(?m)^( +)# `).ReplaceAllString(string(ltadbench.DefaultConfig), "$1")
	bench := mustLoad(t, text, host("HOME", "/home/me", "LTAD_PACKS", "/packs"))
	if n, m := len(bench.Datasets), len(bench.Methods); n != 5 || m != 10 || len(bench.Encoders) != 3 || len(bench.Splits) != 15 {
		t.Errorf("%d datasets, %d splits, %d encoders, %d methods", n, len(bench.Splits), len(bench.Encoders), m)
	}
}

// An entry's options replace those of its preset; in a row of an ablation it is the
// other way round.
func TestOptionsAndPresets(t *testing.T) {
	c := Cell{Dataset: Dataset{Name: "d"}, Method: Method{
		Options:        []byte(`{"a":1,"b":1}`),
		DatasetOptions: map[ad.DatasetName]json.RawMessage{"d": []byte(`{"b":2,"c":2}`)},
	}}
	for _, one := range []struct {
		preset, entry, row string
	}{
		{``, `{"a":1,"b":2,"c":2}`, `{"a":1,"b":2,"c":2}`},
		{`{"a":3,"b":3,"c":3,"d":3}`, `{"a":1,"b":2,"c":2,"d":3}`, `{"a":3,"b":3,"c":3,"d":3}`},
		{`{"b":3}`, `{"a":1,"b":2,"c":2}`, `{"a":1,"b":3,"c":2}`},
	} {
		for ablated, want := range map[bool]string{false: one.entry, true: one.row} {
			c.Method.Ablated = ablated
			if got, err := c.Options(json.RawMessage(one.preset)); err != nil || string(got) != want {
				t.Errorf("preset %s, ablated %v: %s, %v; want %s", one.preset, ablated, got, err, want)
			}
		}
	}
	if _, err := c.Options(json.RawMessage(`[1]`)); err == nil {
		t.Error("a list passed as options")
	}
}

// Packages that config may not import agree with it about names and defaults.
func TestAgreesWithOthers(t *testing.T) {
	b := mustLoad(t, string(ltadbench.DefaultConfig), host())
	p := metric.DefaultProtocol()
	want := Evaluation{p.Size, string(p.MapResize), p.MaskThreshold, string(p.ImageScore), p.AUPROLimit, p.Connectivity}
	if b.Evaluation != want {
		t.Errorf("evaluation %+v, package metric has %+v", b.Evaluation, want)
	}
	minimal := mustLoad(t, minimal, host())
	if minimal.Evaluation != want || !reflect.DeepEqual(minimal.Output, b.Output) || minimal.Run != b.Run {
		t.Error("bench.yaml shows other defaults than the program has")
	}
	if engines := []string{protocol.EngineORT, protocol.EngineXLA, protocol.EngineGo}; !slices.Equal(Engines, engines) {
		t.Errorf("engines %q, package protocol has %q", Engines, engines)
	}
	for _, by := range []splits.By{splits.BySize, splits.ByName, splits.ByRelease, splits.ByList} {
		for _, reverse := range []bool{false, true} {
			for _, typ := range []splits.Type{splits.Exp, splits.Step, splits.Full} {
				theirs := splits.Spec{Type: typ, Order: splits.Order{By: by, Reverse: reverse}}
				ours := Split{Type: string(typ), Order: string(by), Reverse: reverse}
				if typ != splits.Full {
					theirs.Factor, ours.Factor = 2.5, 2.5
				}
				if theirs.Name() != ours.Name() {
					t.Errorf("split %s is %s in package splits", ours.Name(), theirs.Name())
				}
			}
		}
	}
}

const minimal = `version: 1
datasets: {synthetic: {kind: synthetic}}
splits: [{type: exp, factor: 20}]
encoders: {texturebank: }
methods: {random: }
`

// Each case replaces a part of the minimal file, or all of it; the errors are as a
// person sees them.
func TestErrors(t *testing.T) {
	data, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	h := host("HOME", "/home/me", "EMPTY", "")
	var out strings.Builder
	for _, c := range strings.Split(strings.TrimPrefix(string(data), "=== "), "\n=== ") {
		title, rest, _ := strings.Cut(c, "\n")
		text, _, ok := strings.Cut(rest, "--- ")
		if !ok {
			t.Fatalf("case %q has no line ---", title)
		}
		input := text
		if !strings.Contains(title, "(whole)") {
			input = minimal
			for line := range strings.Lines(text) { // replaces the line of its key
				key, _, _ := strings.Cut(line, ":")
				replaced := false
				var b strings.Builder
				for old := range strings.Lines(input) {
					if !replaced && !strings.HasPrefix(line, " ") && strings.HasPrefix(old, key+":") {
						b.WriteString(line)
						replaced = true
					} else {
						b.WriteString(old)
					}
				}
				if input = b.String(); !replaced {
					input += line
				}
			}
		}
		input = strings.NewReplacer("\\t", "\t", "\\0", "\x00").Replace(input)
		b, err := Load("bench.yaml", []byte(input), h)
		got := "no error"
		if err != nil {
			got = fault.Format(err)
			if fault.KindOf(err) != fault.Config || b != nil {
				t.Errorf("%s: kind %s, benchmark %v", title, fault.KindOf(err), b)
			}
		}
		fmt.Fprintf(&out, "=== %s\n%s--- errors\n%s\n", title, text, got)
	}
	golden.Check(t, "testdata/errors.txt", []byte(out.String()))
}

func TestLimits(t *testing.T) {
	var seeds, factors strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&seeds, "%d, ", i)
		fmt.Fprintf(&factors, "%d.5, ", i+1)
	}
	long := strings.Repeat("x", 1<<20+1)
	list := func(s string, n int) string { return strings.Join(strings.SplitN(s, ", ", n+1)[:n], ", ") }
	for _, c := range []struct{ name, text, want string }{
		{"size", long, "bench.yaml: 1048577 bytes are too many for a configuration; at most 1048576"},
		{"seeds", minimal + "seeds: [" + seeds.String() + "]", "bench.yaml:6:1: seeds: 1001 entries, more than 1000"},
		{"splits", strings.Replace(minimal, "factor: 20", "factors: ["+list(factors.String(), 1000)+"], seeds: ["+list(seeds.String(), 11)+"]", 1),
			"bench.yaml:3:10: splits[0]: more than 10000 splits"},
		{"cells", strings.Replace(minimal, "factor: 20", "factors: ["+list(factors.String(), 1000)+"]", 1) + "seeds: [" + list(seeds.String(), 101) + "]",
			"bench.yaml:1:1: the benchmark has more than 100000 cells"},
		{"problems", minimal + "run: {" + strings.Repeat("? [] : , ", 60) + "}", "bench.yaml: 10 more problems"},
	} {
		start := time.Now()
		_, err := Load("bench.yaml", []byte(c.text), host())
		if text := fmt.Sprint(err); text[strings.LastIndex(text, "\n")+1:] != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, text, c.want)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %s", c.name, d)
		}
	}
}

func TestRemovedKeysNameTheirReplacement(t *testing.T) {
	old := maps.Clone(removed)
	defer func() { removed = old }()
	removed = map[string]string{"methods.*.limit": "it is called timeout now"}
	_, err := Load("bench.yaml", []byte(strings.Replace(minimal, "random:", "random: {limit: 3}", 1)), host())
	if got, want := fault.Format(err), "bench.yaml:5:20: methods.random.limit is no longer a key\n  hint: it is called timeout now"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestPaths(t *testing.T) {
	h := host("A", "/a", "B", "b", "HOME", "/home/me", "HASH", "x#y $A")
	h.Dir = "conf"
	for text, want := range map[string]string{
		"$A/x":                  "/a/x",
		"${A}x":                 "/ax",
		"$B":                    "conf/b",
		"${C:-$A/${D:-d}}/e":    "/a/d/e",
		"../x":                  "x",
		"~/x":                   "/home/me/x",
		"a~/x":                  "conf/a~/x",
		"$$A":                   "conf/$A",
		"/x/../y/":              "/y",
		"${HASH}":               "conf/x#y $A", // what a variable holds is not expanded again
		"'quoted # no comment'": "conf/quoted # no comment",
	} {
		b, err := Load("elsewhere/bench.yaml", []byte(strings.Replace(minimal, "{kind: synthetic}", "{kind: folder, root: \""+strings.Trim(text, "'")+"\"}", 1)), h)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := filepath.ToSlash(b.Datasets[0].Root); got != want {
			t.Errorf("%s gives %s, want %s", text, got, want)
		}
	}
	h.Dir = ""
	b, err := Load("some/where/bench.yaml", []byte(minimal), h)
	if err != nil || filepath.ToSlash(b.Output.Results) != "some/where/runs" {
		t.Errorf("results go to %v, %v", b.Output.Results, err)
	}
}

func TestPositions(t *testing.T) {
	b := mustLoad(t, `version: 1
datasets:
  one: {kind: synthetic}
  two: {kind: synthetic}
splits:
  - type: exp
    factor: 20
encoders: {texturebank: }
methods:
  padim:
    options:
      d: 5
      deep:
        - {x/y: 1}
    dataset_options:
      two:
        d: 6
`, host())
	cells := b.Expand()
	for _, c := range []struct {
		got  fault.Pos
		want string
	}{
		{b.Pos("/datasets/two/kind"), "bench.yaml:4:15"},
		{b.Pos("/datasets/two/root"), "bench.yaml:4:3"},
		{b.Pos("/nowhere/at/all"), "bench.yaml:1:1"},
		{b.Pos(b.Splits[0].Pointer + "/factor"), "bench.yaml:7:13"},
		{b.OptionPos(cells[0], "/d"), "bench.yaml:12:10"},
		{b.OptionPos(cells[1], "/d"), "bench.yaml:17:12"},
		{b.OptionPos(cells[1], "/deep/0/x~1y"), "bench.yaml:14:17"},
		{b.OptionPos(cells[1], "/deep/0/z"), "bench.yaml:14:11"},
		{b.OptionPos(cells[1], "/missing"), "bench.yaml:11:5"},
		{b.OptionPos(cells[1], ""), "bench.yaml:11:5"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestFilter(t *testing.T) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := mustLoad(t, string(full), host("DATA", "/data", "HOME", "/home/me", "USER", "me"))
	all := len(b.Expand())
	for _, c := range []struct {
		only string
		want int
	}{
		{"", all},
		{"split=exp100", 8},
		{"split=exp100-seed1", 4},
		{"split=exp100-seed1,exp100", 8},
		{"method=padim seed=7 dataset=mvtec", 6},
		{"method=padim method=mine dataset=visa seed=0", 6},
	} {
		cells, err := b.Filter(strings.Fields(c.only))
		if err != nil || len(cells) != c.want {
			t.Errorf("%q: %d cells of %d, %v; want %d", c.only, len(cells), all, err, c.want)
		}
	}
	for only, want := range map[string]string{
		"padim":                       "--only \"padim\": want KEY=VALUE\n  hint: keys: dataset, encoder, method, seed, split",
		"metod=padim":                 "--only \"metod=padim\": unknown key \"metod\"\n  hint: did you mean \"method\"?",
		"method=padim,pathcore":       "--only \"method=padim,pathcore\": no method \"pathcore\" in bench.yaml\n  hint: there are: patchcore-1pct, padim, mine",
		"seed=1":                      "--only \"seed=1\": no seed \"1\" in bench.yaml\n  hint: there are: 0, 7",
		"dataset=":                    "--only \"dataset=\": no dataset \"\" in bench.yaml\n  hint: there are: mvtec, visa",
		"split=released dataset=visa": "--only split=released --only dataset=visa: no cell of bench.yaml is all of that",
	} {
		_, err := b.Filter(strings.Fields(only))
		if fault.KindOf(err) != fault.Usage || fault.Format(err) != want {
			t.Errorf("%q: %s\nwant %s", only, fault.Format(err), want)
		}
	}
}

func TestSeedsOfSplitsAreRepetitions(t *testing.T) {
	b := mustLoad(t, strings.Replace(minimal, "factor: 20", "factors: [20, 2.5], seeds: [0, 3]", 1), host())
	var got []string
	for _, c := range b.Expand() {
		got = append(got, c.Split.Name()+" "+c.Name())
	}
	want := []string{
		"exp20 synthetic/exp20/texturebank/random/seed0",
		"exp20 synthetic/exp20-seed3/texturebank/random/seed0",
		"exp2.5 synthetic/exp2.5/texturebank/random/seed0",
		"exp2.5 synthetic/exp2.5-seed3/texturebank/random/seed0",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if b.Splits[1].Seed != 3 || b.Output.Metrics[0] != ad.ImageAUROC {
		t.Errorf("%+v", b.Splits[1])
	}
}

// Whatever Load accepts, it accepts again in its resolved form, as the same benchmark.
func FuzzLoad(f *testing.F) {
	f.Add(string(ltadbench.DefaultConfig))
	f.Add(minimal)
	for _, name := range []string{"full.yaml", "errors.txt"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
		for c := range strings.SplitSeq(string(data), "\n=== ") {
			if _, text, ok := strings.Cut(c, "\n"); ok && name == "errors.txt" {
				text, _, _ = strings.Cut(text, "--- ")
				f.Add(minimal + text)
			}
		}
	}
	h := host("DATA", "/data", "HOME", "/home/me")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Load("bench.yaml", []byte(text), h)
		if err != nil {
			if fault.KindOf(err) != fault.Config {
				t.Fatalf("kind %s: %v", fault.KindOf(err), err)
			}
			return
		}
		resolved := b.Resolved()
		again, err := Load("bench.yaml", resolved, h)
		if err != nil {
			t.Fatalf("%s\nresolved to\n%s\n%v", text, resolved, err)
		}
		if string(again.Resolved()) != string(resolved) {
			t.Fatalf("%s\nresolved to\n%s\nand that to\n%s", text, resolved, again.Resolved())
		}
		if got, want := cellNames(again.Expand()), cellNames(b.Expand()); got != want {
			t.Fatalf("cells\n%s\nand of the resolved form\n%s", want, got)
		}
	})
}
