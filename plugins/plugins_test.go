package plugins_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins"
)

func TestBuiltin(t *testing.T) {
	if names := plugins.Names(); !slices.Equal(names, []string{"padim", "patchcore", "random"}) {
		t.Errorf("names %v", names)
	}
	for name, create := range plugins.Builtin() {
		m := create()
		d := m.Describe()
		if d.Name != name || d.Version == "" || d.Summary == "" || !(d.Maps || d.Scores) {
			t.Errorf("%s describes itself as %+v", name, d)
		}
		if _, ok := m.(plugin.Saver); ok != d.SaveLoad {
			t.Errorf("%s: SaveLoad is %v", name, d.SaveLoad)
		}
		var schema struct {
			Properties map[string]struct{ Description string }
		}
		if err := json.Unmarshal(d.Options, &schema); err != nil {
			t.Errorf("%s: options: %v", name, err)
		}
		for option, p := range schema.Properties {
			if p.Description == "" {
				t.Errorf("%s: option %s has no description", name, option)
			}
		}
	}
	delete(plugins.Builtin(), "random")
	if len(plugins.Builtin()) != 3 {
		t.Error("Builtin hands out its own map")
	}
}
