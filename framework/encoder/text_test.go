package encoder

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

const textYAML = `text:
  weights: text.safetensors
  vocabulary: vocab.txt
  prefix: m.
  projection: p
  heads: 4
  eps: 1e-5
  activation: relu
  lowercase: false
`

// textTensors are what textYAML describes: the stand-in's tensors, behind a prefix.
func textTensors(t *testing.T) []safetensors.Tensor {
	t.Helper()
	files, err := builtStandIn()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, files[0], 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var all []safetensors.Tensor
	for _, one := range f.Tensors() {
		if name, ok := strings.CutPrefix(one.Name, "text_projection"); ok {
			one.Name = "p" + name
		} else {
			one.Name = "m." + one.Name
		}
		all = append(all, one)
	}
	return all
}

// writeTextPack makes a pack with a text side, and gives its directory.
func writeTextPack(t *testing.T, all []safetensors.Tensor, vocabulary []byte) string {
	t.Helper()
	dir := writePack(t, tinyYAML+textYAML, tinyNetwork(t, false))
	if err := safetensors.WriteFile(filepath.Join(dir, "text.safetensors"), all, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vocab.txt"), vocabulary, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestParseText(t *testing.T) {
	for yaml, want := range map[string]*Text{
		"":       nil,
		textYAML: {"text.safetensors", "vocab.txt", "m.", "p", 4, 1e-5, "relu", false},
		"text: {weights: a/b, vocabulary: c, heads: 12}\n": {filepath.Join("a", "b"), "c", "", "", 12, 1e-12, "gelu", true},
		"text: {builtin: stand-in}\n":                      newStandIn(),
	} {
		p, err := parse("e.yaml", []byte(tinyYAML+yaml))
		if err != nil || !reflect.DeepEqual(p.Text, want) {
			t.Errorf("%q: %+v, %v", yaml, p.Text, err)
		}
	}
}

func TestParseTextRefuses(t *testing.T) {
	const good = "text: {weights: w, vocabulary: v, heads: 2}\n"
	for _, c := range []struct{ old, new, want string }{
		{good, "text:\n", `e.yaml:14:6: text: expected a mapping with keys such as "weights", found nothing`},
		{"weights: w, ", "", `e.yaml:14:7: key "text.weights" is missing`},
		{"vocabulary: v, ", "", `e.yaml:14:7: key "text.vocabulary" is missing`},
		{", heads: 2", "", `e.yaml:14:7: key "text.heads" is missing`},
		{"heads: 2", "heads: 0", `e.yaml:14:42: text.heads: expected a whole number from 1 to 65536, found "0"`},
		{"heads: 2", "head: 2", `e.yaml:14:35: unknown key "text.head"`},
		{"weights: w", "weights: /w", `e.yaml:14:17: text.weights: expected the path of a file inside the pack, found "/w"`},
		{"heads: 2", "heads: 2, eps: 0", `e.yaml:14:50: text.eps: expected a number above 0, found "0"`},
		{"heads: 2", "heads: 2, activation: gelu_new", `e.yaml:14:57: text.activation: "gelu_new" is not known`},
		{"heads: 2", "heads: 2, lowercase: 1", `e.yaml:14:56: text.lowercase: expected true or false, found "1"`},
		{"heads: 2", "heads: 2, builtin: stand-in", `e.yaml:14:8: text.weights: the stand-in has no other keys than builtin`},
		{good, "text: {builtin: other}\n", `e.yaml:14:17: text.builtin: "other" is not known`},
	} {
		_, err := parse("e.yaml", []byte(tinyYAML+strings.Replace(good, c.old, c.new, 1)))
		if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Config {
			t.Errorf("%q for %q:\n got %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
}

func TestTextDigestFollowsWhatMatters(t *testing.T) {
	all := textTensors(t)
	dir := writeTextPack(t, all, standInVocabulary())
	digests := func() (image, text string) {
		t.Helper()
		p, err := LoadPack(dir)
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Digest()
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.TextDigest()
		if err != nil {
			t.Fatal(err)
		}
		return string(a), string(b)
	}
	image, text := digests()
	rewrite := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	yaml := tinyYAML + textYAML
	for _, c := range []struct {
		file, content string
		changes       bool
	}{
		{File, strings.Replace(yaml, "align_corners: false", "align_corners: true", 1), false},
		{File, strings.Replace(yaml, "heads: 4", "heads: 8", 1), true},
		{File, strings.Replace(yaml, "eps: 1e-5", "eps: 1e-6", 1), true},
		{File, strings.Replace(yaml, "relu", "gelu", 1), true},
		{File, strings.Replace(yaml, "lowercase: false", "lowercase: true", 1), true},
		{File, strings.Replace(yaml, "  projection: p\n", "", 1), true},
		{"vocab.txt", "[UNK]\n", true},
		{"text.safetensors", "other", true},
	} {
		before, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		rewrite(c.file, c.content)
		a, b := digests()
		if (b != text) != c.changes {
			t.Errorf("%s: changed text digest: %v", c.content, !c.changes)
		}
		if c.changes && a != image {
			t.Errorf("%s: the digest of image features changed", c.content)
		}
		rewrite(c.file, string(before))
	}
	rewrite(File, tinyYAML)
	if a, b := digests(); a != image || b != "" {
		t.Errorf("without a text side: %s, %q", a, b)
	}
	if p, err := LoadPack(dir); err != nil {
		t.Fatal(err)
	} else if _, err := p.TextFiles(""); fault.KindOf(err) != fault.Config {
		t.Errorf("files of no text side: %v", err)
	}
	rewrite(File, yaml)
	if err := os.Remove(filepath.Join(dir, "vocab.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPack(dir); fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), "vocab.txt") {
		t.Errorf("pack without vocabulary: %v", err)
	}
}

func TestTextFilesAreAbsolute(t *testing.T) {
	dir := writeTextPack(t, textTensors(t), standInVocabulary())
	t.Chdir(filepath.Dir(dir))
	p, err := LoadPack(filepath.Base(dir))
	if err != nil {
		t.Fatal(err)
	}
	files, err := p.TextFiles("unused")
	if err != nil || files.Weights != filepath.Join(dir, "text.safetensors") || files.Vocabulary != filepath.Join(dir, "vocab.txt") {
		t.Errorf("%s, %s, %v", files.Weights, files.Vocabulary, err)
	}
}

func TestCheckText(t *testing.T) {
	all, vocabulary := textTensors(t), standInVocabulary()
	check := func(all []safetensors.Tensor, vocabulary []byte) (*TextReport, error) {
		t.Helper()
		p, err := LoadPack(writeTextPack(t, all, vocabulary))
		if err != nil {
			t.Fatal(err)
		}
		return p.CheckText("unused")
	}
	r, err := check(all, bytes.ReplaceAll(vocabulary, []byte("\n"), []byte("\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if r.Digest = ""; *r != (TextReport{Hidden: 64, Layers: 2, Tokens: 158, Longest: 48, Dim: 128}) {
		t.Errorf("%+v", r)
	}

	change := func(name string, f func(*safetensors.Tensor)) []safetensors.Tensor {
		changed := slices.Clone(all)
		f(&changed[slices.IndexFunc(all, func(x safetensors.Tensor) bool { return x.Name == name })])
		return changed
	}
	rename := func(x *safetensors.Tensor) { x.Name = "other" }
	for _, c := range []struct {
		all        []safetensors.Tensor
		vocabulary string
		want       string
	}{
		{change("m.embeddings.word_embeddings.weight", rename), "", `text.safetensors: no tensor "m.embeddings.word_embeddings.weight"`},
		{change("m.encoder.layer.0.attention.self.key.bias", rename), "", `no tensor "m.encoder.layer.0.attention.self.key.bias"`},
		{change("p.bias", rename), "", `no tensor "p.bias"`},
		{change("m.encoder.layer.1.output.dense.weight", func(x *safetensors.Tensor) { x.Shape = []int{256, 64} }), "",
			`tensor "m.encoder.layer.1.output.dense.weight": is F32[256 64], not floats of shape [64 256]`},
		{change("m.embeddings.LayerNorm.bias", func(x *safetensors.Tensor) { x.DType = safetensors.I32 }), "",
			`tensor "m.embeddings.LayerNorm.bias": is I32[64], not floats of shape [64]`},
		{change("p.weight", func(x *safetensors.Tensor) { x.Shape = []int{64 * 128} }), "",
			`tensor "p.weight": is F32[8192], not floats of shape [? 64]`},
		{all, "[UNK]\n[CLS]\n", `vocab.txt: no token "[SEP]"`},
		{all, "[UNK]\na\nb\na\n", `vocab.txt:4: token "a" is in line 2 already`},
		{all, string(vocabulary) + "more\n", `vocab.txt: 159 tokens, but the weights in `},
	} {
		text := vocabulary
		if c.vocabulary != "" {
			text = []byte(c.vocabulary)
		}
		if _, err := check(c.all, text); fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}

	p, err := LoadPack(writeTextPack(t, all, vocabulary))
	if err != nil {
		t.Fatal(err)
	}
	p.Text.Heads = 5
	if _, err := p.CheckText(""); err == nil || !strings.Contains(err.Error(), "the hidden size 64 cannot be divided among 5 heads") {
		t.Errorf("five heads: %v", err)
	}
	if r, err := tinyPack(t).CheckText(""); r != nil || err != nil {
		t.Errorf("no text side: %v, %v", r, err)
	}
}

// The stand-in's bytes are the same on every machine. A change here changes the
// results of all methods that use it.
func TestStandIn(t *testing.T) {
	p := newTextureBank()
	cache := t.TempDir()
	r, err := p.CheckText(cache)
	if err != nil {
		t.Fatal(err)
	}
	const digest = "sha256:200157e91405d4361bc8581c5e642a93de599c2eb130a70a4b4a5592ed1cd21a"
	if *r != (TextReport{true, digest, 64, 2, 158, 48, 128}) {
		t.Errorf("%+v", r)
	}
	files, err := p.TextFiles(cache)
	if err != nil || !strings.HasPrefix(files.Weights, filepath.Join(cache, "text", digest[len("sha256:"):][:32])) {
		t.Fatal(files.Weights, err)
	}
	for _, path := range []string{files.Weights, files.Vocabulary} {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := slices.Clone(want)
		damaged[len(damaged)/2] ^= 1
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := p.TextFiles(cache); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: damage is not mended, %v", filepath.Base(path), err)
		}
	}
	before, err := os.Stat(files.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.TextFiles(cache); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(files.Weights); err != nil || !os.SameFile(before, after) {
		t.Errorf("what is right is written again, %v", err)
	}
	file := filepath.Join(cache, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := p.TextFiles(file); fault.KindOf(err) != fault.System {
		t.Errorf("no directory: %v", err)
	}
	if s := fmt.Sprintf("%q", standInVocabulary()); strings.Count(s, `\n`) != 158 || strings.ToLower(s[50:]) != s[50:] {
		t.Errorf("files.Vocabulary %s", s)
	}
}
