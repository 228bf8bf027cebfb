package plugins_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/plugintest"
	"github.com/ltadbench/ltadbench/plugins"
)

// The test binary serves the methods, as ltadbench does.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		plugin.Serve(plugins.Builtin()[os.Args[2]]())
		return
	}
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	orttest.Init(t)             // the processes find what this may have to fetch
	quick := map[string]string{ // options of methods that would take minutes to train
		"ltad":  `{"hidden": 32, "heads": 4, "encoder_layers": 1, "decoder_layers": 1, "ffn": 32, "vae_epochs": 10, "vae_lr": 0.001, "epochs": 20, "lr": 0.001}`,
		"uniad": `{"hidden": 32, "heads": 4, "encoder_layers": 1, "decoder_layers": 1, "ffn": 32, "epochs": 20, "lr": 0.001}`,
	}
	for _, name := range plugins.Names() {
		t.Run(name, func(t *testing.T) {
			plugintest.Test(t, host.Spec{Name: ad.MethodName(name), Command: []string{os.Args[0], "serve", name}}, plugintest.Config{
				Options: json.RawMessage(quick[name]),
			})
		})
	}
}

func TestBuiltin(t *testing.T) {
	if names := plugins.Names(); !slices.Equal(names, []string{"ltad", "padim", "patchcore", "random", "uniad"}) {
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
	if len(plugins.Builtin()) != 5 {
		t.Error("Builtin hands out its own map")
	}
}
