package host

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

type sampleOptions struct {
	Neighbours int      `json:"num_nn" doc:"neighbours" min:"1" max:"50" kinds:"visa=4,dagm=3e0"`
	Ratio      float64  `json:"coreset_ratio" doc:"share of patches" above:"0" max:"1"`
	Pool       string   `json:"pool" doc:"pooling" enum:"mean,max" names:"max"`
	Layers     []string `json:"layers" doc:"levels"`
	Sizes      []int    `json:"sizes" doc:"sizes" min:"2"`
}

var sampleInfo = plugin.Info{Options: plugin.Schema(sampleOptions{Neighbours: 9, Ratio: 0.1, Pool: "mean", Layers: []string{"a"}})}

func TestCompleteOptions(t *testing.T) {
	t.Parallel()
	defaults := `{"coreset_ratio":0.1,"layers":["a"],"num_nn":9,"pool":"mean","sizes":[]}`
	for given, want := range map[string]string{
		``:                                       defaults,
		`null`:                                   defaults,
		`{}`:                                     defaults,
		`{"num_nn": 9.0, "coreset_ratio": 1e-1}`: defaults,
		`{"num_nn": 5e0, "coreset_ratio": 1.0, "sizes": [2.0, 3]}`: `{"coreset_ratio":1,"layers":["a"],"num_nn":5,"pool":"mean","sizes":[2,3]}`,
		`{"layers": [], "pool": "max"}`:                            `{"coreset_ratio":0.1,"layers":[],"num_nn":9,"pool":"max","sizes":[]}`,
	} {
		got, err := CompleteOptions(sampleInfo, json.RawMessage(given), "mvtec")
		if err != nil || string(got) != want {
			t.Errorf("%s gives %s, %v; want %s", given, got, err, want)
			continue
		}
		var o sampleOptions
		if err := plugin.DecodeOptions(got, &o); err != nil {
			t.Errorf("%s: %v", given, err)
		}
	}
}

func TestDefaultsByKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, given, want string }{
		{"", `{}`, "9"}, {"mvtec", `{}`, "9"}, {"visa", `{}`, "4"}, {"dagm", ``, "3"}, {"dagm", `{"num_nn": 5}`, "5"}, {"dagm", `{"num_nn": 9}`, "9"},
	} {
		got, err := CompleteOptions(sampleInfo, json.RawMessage(c.given), c.kind)
		if want := `"num_nn":` + c.want + `,`; err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s on %q gives %s, %v; want %s", c.given, c.kind, got, err, want)
		}
	}
}

func TestClassNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		always  bool
		options string
		want    bool
	}{
		{false, `{"pool": "mean"}`, false}, {false, `{"pool": "max"}`, true}, {true, `{"pool": "mean"}`, true},
		{false, `{"pool": ["max"]}`, false}, {false, ``, false},
	} {
		info := sampleInfo
		info.ClassNames = c.always
		if got := ClassNames(info, json.RawMessage(c.options)); got != c.want {
			t.Errorf("with %s, always %v: %v", c.options, c.always, got)
		}
	}
	if ClassNames(plugin.Info{}, json.RawMessage(`{}`)) {
		t.Error("a method without options is told the class names")
	}
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"num_nm": 3}`:                    `/num_nm: unknown; did you mean "num_nn"?`,
		`{"coreset": 3}`:                   `/coreset: unknown; the method's options are coreset_ratio, layers, num_nn, pool, sizes`,
		`{"a/b~c": 3}`:                     `/a~1b~0c: unknown; the method's options are coreset_ratio, layers, num_nn, pool, sizes`,
		`{"num_nn": "3"}`:                  `/num_nn: must be of type integer, not string`,
		`{"num_nn": 3.5}`:                  `/num_nn: must be of type integer, not number`,
		`{"num_nn": 0}`:                    `/num_nn: 0 is below the minimum 1`,
		`{"num_nn": 51}`:                   `/num_nn: 51 is above the maximum 50`,
		`{"num_nn": 1e400}`:                `/num_nn: 1e400 is out of the range of numbers`,
		`{"coreset_ratio": 0}`:             `/coreset_ratio: 0 is not above 0`,
		`{"pool": "median"}`:               `/pool: "median" is not one of "mean", "max"`,
		`{"sizes": [3, 1]}`:                `/sizes/1: 1 is below the minimum 2`,
		`{"sizes": 3}`:                     `/sizes: must be of type array, not number`,
		`{"pool": 1, "num_nn": 0, "x": 1}`: `/num_nn: 0 is below the minimum 1; /pool: must be of type string, not number; /x: unknown; the method's options are coreset_ratio, layers, num_nn, pool, sizes`,
		`[]`:                               `options must be an object`,
		`{`:                                `options are not JSON`,
	} {
		_, err := CompleteOptions(sampleInfo, json.RawMessage(given), "")
		if fault.KindOf(err) != fault.Config {
			t.Errorf("%s: kind of %v", given, err)
			continue
		}
		errs := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			errs = joined.Unwrap()
		}
		var got []string
		for _, err := range errs {
			var o *OptionError
			if errors.As(err, &o) {
				got = append(got, o.Pointer+": "+o.Problem)
			} else {
				got = append(got, err.Error())
			}
		}
		if text := strings.Join(got, "; "); !strings.HasPrefix(text, want) || strings.HasPrefix(want, "/") && text != want {
			t.Errorf("%s gives\n%s\nwant\n%s", given, text, want)
		}
	}
	_, err := CompleteOptions(plugin.Info{}, json.RawMessage(`{"k": 1}`), "")
	wantFault(t, err, fault.Config, `option "k": unknown; the method has no options`)
}

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		``:                   "",
		`{"type": "object"}`: "",
		`{"type": "object", "properties": {"k": {"default": 1}}}`: "",
		`{`:                 "not JSON",
		`{"type": "array"}`: `its type is not "object"`,
		`{}`:                `its type is not "object"`,
		`{"type": "object", "properties": {"k": {}}}`:                                                                                `property "k" has no default`,
		`{"type": "object", "properties": {"k": {"default": 1, "type": "string"}}}`:                                                  "its own defaults do not satisfy it",
		`{"type": "object", "properties": {"k": {"$ref": "file:///etc/passwd"}}}`:                                                    "outside of itself",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "nonsense"}}}`:                                                "options",
		`{"type": "object", "properties": {"k": {"default": 1}}, "required": ["zzz"]}`:                                               "zzz",
		`{"type": "object", "properties": {"k": {"default": "a", "type": "string", "x-class-names": ["b"]}}}`:                        "",
		`{"type": "object", "properties": {"k": {"default": "a", "type": "string", "enum": ["a"], "x-class-names": ["b"]}}}`:         `"b" of its x-class-names is not one of its values`,
		`{"type": "object", "properties": {"k": {"default": "a", "type": "string", "x-class-names": "a"}}}`:                          "x-class-names",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "integer", "x-class-names": ["a"]}}}`:                         "not of type string",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "integer", "x-dataset-defaults": {"visa": 2}}}}`:              "",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "integer", "x-dataset-defaults": {"visa": 2.5}}}}`:            "defaults for datasets of kind visa do not satisfy it",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "number", "maximum": 2, "x-dataset-defaults": {"visa": 3}}}}`: "3 is above the maximum 2",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "number", "x-dataset-defaults": {"visa": "3"}}}}`:             "x-dataset-defaults",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "number", "x-dataset-defaults": {"": 3}}}}`:                   `"" of its x-dataset-defaults is no kind of dataset`,
		`{"type": "object", "properties": {"k": {"default": "a", "type": "string", "x-dataset-defaults": {"visa": 3}}}}`:             "is no number",
	} {
		err := checkSchema(json.RawMessage(schema))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", schema, err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Plugin || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", schema, err, want)
		}
	}
}

func TestCheckPresets(t *testing.T) {
	t.Parallel()
	good := plugin.Preset{Name: "6.3", Summary: "a few", Options: []byte(` {"num_nn": 3}`), Table: "Table 6", Columns: []plugin.Column{{Name: "a", Value: "b"}}}
	other := plugin.Preset{Name: "None_at-all", Options: []byte(`{}`)}
	for want, change := range map[string]func(p *plugin.Preset){
		"": func(*plugin.Preset) {},
		`the name of its preset ".6" does not match`:      func(p *plugin.Preset) { p.Name = ".6" },
		`it has two presets "None_at-all"`:                func(p *plugin.Preset) { p.Name = other.Name },
		`its preset "6.3": "ab" is not one line`:          func(p *plugin.Preset) { p.Summary = "a\nb" },
		`its preset "6.3": "[1m" is not one line`:         func(p *plugin.Preset) { p.Columns[0].Value = "\x1b[1m" },
		`its preset "6.3": its options are "", no object`: func(p *plugin.Preset) { p.Options = nil },
		`its options are "null", no object`:               func(p *plugin.Preset) { p.Options = []byte("null") },
		`option "num_nn": 0 is below the minimum 1`:       func(p *plugin.Preset) { p.Options = []byte(`{"num_nn": 0}`) },
		`option "nn": unknown`:                            func(p *plugin.Preset) { p.Options = []byte(`{"nn": 1}`) },
	} {
		p := good
		p.Columns = slices.Clone(good.Columns)
		change(&p)
		err := checkPresets(plugin.Info{Options: sampleInfo.Options, Presets: []plugin.Preset{other, p}})
		if want == "" && err != nil {
			t.Errorf("%v", err)
		}
		if want != "" && (fault.KindOf(err) != fault.Plugin || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzCompleteOptions(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"num_nn": 3}`, `{"sizes": [1e3]}`, `{"pool": null}`, `[`, `{"num_nn": 1e99999}`, `{"layers": ["\ud800"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, given []byte) {
		once, err := CompleteOptions(sampleInfo, given, "dagm")
		if err != nil {
			return
		}
		twice, err := CompleteOptions(sampleInfo, once, "dagm")
		if err != nil || string(twice) != string(once) {
			t.Errorf("%q completes to %s, and that to %s, %v", given, once, twice, err)
		}
	})
}
