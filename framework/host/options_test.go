package host

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

type sampleOptions struct {
	Neighbours int      `json:"num_nn" doc:"neighbours" min:"1" max:"50"`
	Ratio      float64  `json:"coreset_ratio" doc:"share of patches" above:"0" max:"1"`
	Pool       string   `json:"pool" doc:"pooling" enum:"mean,max"`
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
		got, err := CompleteOptions(sampleInfo, json.RawMessage(given))
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
		_, err := CompleteOptions(sampleInfo, json.RawMessage(given))
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
	_, err := CompleteOptions(plugin.Info{}, json.RawMessage(`{"k": 1}`))
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
		`{"type": "object", "properties": {"k": {}}}`:                                  `property "k" has no default`,
		`{"type": "object", "properties": {"k": {"default": 1, "type": "string"}}}`:    "its own defaults do not satisfy it",
		`{"type": "object", "properties": {"k": {"$ref": "file:///etc/passwd"}}}`:      "outside of itself",
		`{"type": "object", "properties": {"k": {"default": 1, "type": "nonsense"}}}`:  "options",
		`{"type": "object", "properties": {"k": {"default": 1}}, "required": ["zzz"]}`: "zzz",
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

func FuzzCompleteOptions(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"num_nn": 3}`, `{"sizes": [1e3]}`, `{"pool": null}`, `[`, `{"num_nn": 1e99999}`, `{"layers": ["\ud800"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, given []byte) {
		once, err := CompleteOptions(sampleInfo, given)
		if err != nil {
			return
		}
		twice, err := CompleteOptions(sampleInfo, once)
		if err != nil || string(twice) != string(once) {
			t.Errorf("%q completes to %s, and that to %s, %v", given, once, twice, err)
		}
	})
}
