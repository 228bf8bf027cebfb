package bert

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
)

// standIn opens the text side of the texture bank.
func standIn(t *testing.T) *Encoder {
	t.Helper()
	p, ok := encoder.Builtin("texturebank")
	if !ok {
		t.Fatal("no texturebank")
	}
	files, err := p.TextFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return open(t, plugin.TextEncoder(files))
}

// The stand-in has to tell texts apart, or methods that train through it would only
// seem to work.
func TestStandIn(t *testing.T) {
	e := standIn(t)
	if e.Hidden != 64 || e.Dim != 128 || e.MaxTokens != 48 {
		t.Errorf("%+v", e)
	}
	texts := []string{
		"bottle", "cable", "wood", "tile", "candle", "woven", // one token
		"metal nut", "pipe fryum", "object object", "pcb1", "pcb2", "class1", // two
		"a bottle", "a cable", "broken bottle", "normal bottle",
		"a broken metal nut", "a normal metal nut", "a metal broken nut", "a broken object object",
	}
	var features [][]float32
	for _, text := range texts {
		ids := e.Tokens(text)
		if slices.Contains(ids, e.vocabulary.unk) {
			t.Errorf("%q has unknown tokens", text)
		}
		words := slices.Concat(e.Start(), e.Embed(ids...), e.End())
		f, gradient := run(t, "ort", e, tensors.FromFlatDataAndDimensions(words, 1, len(ids)+2, e.Hidden),
			tensors.FromFlatDataAndDimensions(slices.Repeat([]float32{1}, e.Dim), 1, e.Dim))
		if size := math.Sqrt(dot(f, f) / float64(e.Dim)); !(size > 0.5 && size < 2) {
			t.Errorf("%q: features are of order %g", text, size)
		}
		for i := range len(ids) + 2 { // each token matters
			if g := gradient[i*e.Hidden:][:e.Hidden]; !(dot(g, g) > 1e-6) {
				t.Errorf("%q: gradient of token %d is of order %g", text, i, dot(g, g))
			}
		}
		features = append(features, f)
	}
	largest := 0.0
	for i, a := range features {
		for j, b := range features[:i] {
			c := dot(a, b) / math.Sqrt(dot(a, a)*dot(b, b))
			if largest = max(largest, c); !(c < 0.95) {
				t.Errorf("%q and %q: cosine %.3f", texts[i], texts[j], c)
			}
		}
	}
	t.Logf("cosines up to %.3f", largest)
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// Class names come apart into the words that the stand-in has.
func TestStandInKnowsClassNames(t *testing.T) {
	e := standIn(t)
	for text, n := range map[string]int{
		"bottle": 1, "metal_nut": 3, "capsules": 1, "chewinggum": 1, "macaroni2": 2, "pcb4": 2, "pipe_fryum": 3, "Class1": 2, "Class10": 3,
		"honeycomb": 1, "a broken": 2, "flawless": 1, "a photo of the object.": 6, "xyz": 3,
	} {
		if ids := e.Tokens(text); len(ids) != n || slices.Contains(ids, e.vocabulary.unk) {
			t.Errorf("%q: tokens %v, want %d", text, ids, n)
		}
	}
}

// Weights has what Encode reads, and no more; texts that are too long are refused.
func TestWeightsAreWhatEncodeReads(t *testing.T) {
	for _, e := range []*Encoder{standIn(t), open(t, readOracle(t).files("one."))} {
		read := map[string]bool{}
		g := graph.NewGraph(methodtest.Backend(t, "go"), "")
		known := map[string]*graph.Node{}
		for _, w := range e.Weights() {
			if size := len(w.Values); size == 0 || size != product(w.Shape) || strings.Contains(w.Name, "word_embeddings") || strings.Contains(w.Name, "pooler") {
				t.Errorf("weight %q: %d numbers for %v", w.Name, size, w.Shape)
			}
			known[w.Name] = graph.ConstTensor(g, tensors.FromFlatDataAndDimensions(w.Values, w.Shape...))
		}
		values := func(name string) *graph.Node {
			read[name] = true
			return known[name]
		}
		y := e.Encode(values, graph.ConstTensor(g, tensors.FromFlatDataAndDimensions(make([]float32, 2*3*e.Hidden), 2, 3, e.Hidden)))
		if dims := y.Shape().Dimensions; !slices.Equal(dims, []int{2, e.Dim}) || len(read) != len(e.Weights()) {
			t.Errorf("shape %v, %d of %d weights are read", dims, len(read), len(e.Weights()))
		}
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "with n at most") {
					t.Errorf("too many tokens: %v", err)
				}
			}()
			n := e.MaxTokens + 1
			e.Encode(values, graph.ConstTensor(g, tensors.FromFlatDataAndDimensions(make([]float32, n*e.Hidden), 1, n, e.Hidden)))
		}()
	}
}

func product(dims []int) int {
	p := 1
	for _, d := range dims {
		p *= d
	}
	return p
}

// numbers are so many lines.
func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func TestOpenRefuses(t *testing.T) {
	good := readOracle(t).files("text_model.")
	f, err := safetensors.Open(good.Weights)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rewritten := func(name string, change func(*safetensors.Tensor)) func(*plugin.TextEncoder) {
		return func(files *plugin.TextEncoder) {
			all := slices.Clone(f.Tensors())
			change(&all[slices.IndexFunc(all, func(x safetensors.Tensor) bool { return x.Name == name })])
			files.Weights = filepath.Join(t.TempDir(), "weights.safetensors")
			if err := safetensors.WriteFile(files.Weights, all, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	vocabulary := func(text string) func(*plugin.TextEncoder) {
		return func(files *plugin.TextEncoder) {
			files.Vocabulary = filepath.Join(t.TempDir(), "vocab.txt")
			if err := os.WriteFile(files.Vocabulary, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	rename := func(x *safetensors.Tensor) { x.Name = "other" }
	for _, c := range []struct {
		change func(*plugin.TextEncoder)
		kind   fault.Kind
		want   string
	}{
		{func(f *plugin.TextEncoder) { f.Activation = "gelu_new" }, fault.Config, `unknown activation "gelu_new"`},
		{func(f *plugin.TextEncoder) { f.Heads = 0 }, fault.Config, "0 heads"},
		{func(f *plugin.TextEncoder) { f.Eps = 0 }, fault.Config, "eps 0"},
		{func(f *plugin.TextEncoder) { f.Heads = 5 }, fault.Data, "models.safetensors: the hidden size 24 cannot be divided among 5 heads"},
		{func(f *plugin.TextEncoder) { f.Weights += "x" }, fault.Data, "models.safetensorsx"},
		{func(f *plugin.TextEncoder) { f.Vocabulary += "x" }, fault.Data, "vocab.txtx"},
		{func(f *plugin.TextEncoder) { f.Weights = f.Vocabulary }, fault.Data, "vocab.txt: not a safetensors file"},
		{func(f *plugin.TextEncoder) { f.Prefix = "bert." }, fault.Data, `no tensor "bert.embeddings.word_embeddings.weight"`},
		{func(f *plugin.TextEncoder) { f.Projection = "p" }, fault.Data, `no tensor "p.weight"`},
		{rewritten("text_model.encoder.layer.0.attention.self.value.bias", rename), fault.Data, `no tensor "text_model.encoder.layer.0.attention.self.value.bias"`},
		{rewritten("text_model.encoder.layer.1.output.dense.weight", func(x *safetensors.Tensor) { x.Shape = []int{40, 24} }), fault.Data,
			`tensor "text_model.encoder.layer.1.output.dense.weight": is F32[40 24], not of shape [24 40]`},
		{rewritten("text_projection.bias", func(x *safetensors.Tensor) { x.DType = safetensors.I32 }), fault.Data,
			`tensor "text_projection.bias": is I32[10], not of type F32, F16 or BF16`},
		{vocabulary("[UNK]\n[CLS]\n"), fault.Data, `vocab.txt: no token "[SEP]"`},
		{vocabulary("[UNK]\na\nb\na\n"), fault.Data, `vocab.txt:4: token "a" is in line 2 already`},
		{vocabulary("[UNK]\na\n\xff\n"), fault.Data, `vocab.txt:3: token "\xff" is not UTF-8`},
		{vocabulary("[UNK]\n[CLS]\n[SEP]\n" + numbers(200)), fault.Data, "vocab.txt: 203 tokens, but the weights in "},
	} {
		files := good
		c.change(&files)
		if _, err := Open(files); fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s: %s", err, c.kind, c.want)
		}
	}
	lines := good
	vocabulary("[UNK]\r\n[CLS]\r\n[SEP]\r\nab\r\n##c")(&lines)
	if got := open(t, lines).Tokens("ABC d"); !slices.Equal(got, []int{3, 4, 0}) {
		t.Errorf("a vocabulary with Windows' ends of lines: %v", got)
	}
}
