package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
)

// needy is a method that only plans know.
type needy struct {
	plugin.Method
	needs []plugin.Input
}

type needyOptions struct {
	Epochs int    `json:"epochs" doc:"passes" kinds:"synthetic=7,visa=4"`
	Prompt string `json:"prompt" doc:"text of a class" enum:"learned,class_name" names:"class_name"`
}

func (n needy) Describe() plugin.Info {
	return plugin.Info{Name: "needy", Version: "1", Maps: true, Needs: n.needs, Options: plugin.Schema(needyOptions{Epochs: 9, Prompt: "learned"})}
}

// planNeedy plans one cell of a method with those needs and options; the encoder is a
// name, or a directory.
func planNeedy(t *testing.T, encoderOf, options string, needs ...plugin.Input) (*Plan, error) {
	t.Helper()
	text := fmt.Sprintf(`version: 1
datasets:
  tiny: {kind: synthetic, options: {classes: 2, size: 64, train: 4, test_normal: 2, test_defect: 2}}
splits: [{type: full}]
encoders:
  mine: {pack: %s}
methods:
  needy: {options: {%s}}
`, encoderOf, options)
	b, err := config.Load("bench.yaml", []byte(text), config.Host{})
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	return NewPlan(t.Context(), Setup{
		Bench: b, Cells: b.Expand(), Store: result.Open(t.TempDir()), CacheDir: t.TempDir(), Show: progress.None, Log: hclog.NewNullLogger(),
		Builtin: map[string]func() plugin.Method{"needy": func() plugin.Method { return needy{needs: needs} }},
	})
}

// An encoder without what a method needs is an error at its line, before anything runs.
func TestInputsOfEncoder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pack")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"image.onnx": "not looked at",
		encoder.File: "version: 1\nname: plain\ninput: {width: 8, height: 8}\nlevels: [{output: a, channels: 3, stride: 4}, {output: b, channels: 5, stride: 8}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for need, want := range map[plugin.Input]string{
		plugin.Embeddings: `method "needy" needs embeddings of whole images, and encoder "mine" has none`,
		plugin.Text:       `method "needy" needs a text encoder, and encoder "mine" has none`,
	} {
		_, err := planNeedy(t, dir, "", plugin.Features, need)
		shown := fault.Format(err)
		for _, part := range []string{"bench.yaml:6:", want, "methods.needy.encoders"} {
			if fault.KindOf(err) != fault.Config || !strings.Contains(shown, part) {
				t.Errorf("%s without %q", shown, part)
			}
		}
	}
	p, err := planNeedy(t, dir, "", plugin.Features)
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	if got := levels(p.Cells[0].encoder); !slices.Equal(got, []int{3, 5}) || p.Cells[0].inputs.Text != "" {
		t.Errorf("levels %v, text %q", got, p.Cells[0].inputs.Text)
	}
}

// The text side is an input of the methods that need it, and of no others.
func TestTextOfCell(t *testing.T) {
	var keys []string
	for _, needs := range [][]plugin.Input{{plugin.Features, plugin.Embeddings}, {plugin.Features, plugin.Text}} {
		p, err := planNeedy(t, "texturebank", "", needs...)
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		c := p.Cells[0]
		keys = append(keys, string(c.Key))
		got, err := (&attempt{Plan: p, Planned: c}).text()
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		if !slices.Contains(needs, plugin.Text) {
			if got != nil || c.inputs.Text != "" {
				t.Errorf("without need: %+v, digest %q", got, c.inputs.Text)
			}
			continue
		}
		digest, err := c.encoder.TextDigest()
		if err != nil {
			t.Fatal(err)
		}
		if got == nil || !filepath.IsAbs(got.Weights) || got.Heads != c.encoder.Text.Heads || c.inputs.Text != digest || digest == "" {
			t.Errorf("text encoder %+v, digest %q, want %q", got, c.inputs.Text, digest)
		}
	}
	if keys[0] == keys[1] {
		t.Error("the text side has no part in the key")
	}
}

// The kind of the dataset decides defaults, which are part of the key, and an option
// whether the record says that the method was told class names.
func TestOptionsOfCell(t *testing.T) {
	for _, c := range []struct {
		options, want string
		prior         bool
	}{
		{"", `{"epochs":7,"prompt":"learned"}`, false},
		{"epochs: 9, prompt: class_name", `{"epochs":9,"prompt":"class_name"}`, true},
	} {
		p, err := planNeedy(t, "texturebank", c.options)
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		r := p.newRecord(p.Cells[0])
		if string(r.Inputs.Options) != c.want || r.Prior != c.prior || r.Key != r.Inputs.Key() {
			t.Errorf("options %s become %s, prior %v", c.options, r.Inputs.Options, r.Prior)
		}
	}
}
