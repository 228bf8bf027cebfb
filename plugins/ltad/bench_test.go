package ltad

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// BenchmarkStep times steps of training of both phases in the paper's size: batch 8, 14 x
// 14 tokens of ALIGN's 32 + 48 + 80 + 224 channels, z of 640, a text encoder of BERT's
// size with features of 640; with all that a step has. With a Python that has PyTorch
// and transformers in LTADBENCH_BENCH_PYTHON the same is done by testdata/torch_step.py,
// in turns; its variants differ in the transformer alone, as UniAD's do, so that
// there is one of phase 1.
//
//	LTADBENCH_BENCH_PYTHON=python go test -run - -bench Step -benchtime 10x ./plugins/ltad
func BenchmarkStep(b *testing.B) {
	script := filepath.Join("testdata", "torch_step.py")
	text := benchText(b)
	for phase, variants := range [][]string{{"lean"}, {"uniad", "sdpa", "lean"}} {
		b.Run(fmt.Sprintf("phase%d", phase+1), func(b *testing.B) {
			m := New()
			change := map[string]any{"lambda": 500.0, "epochs": 1 << 30, "vae_epochs": 1}
			if phase == 0 {
				change = map[string]any{"lambda": 500.0, "vae_epochs": 1 << 30}
			}
			s := methodtest.BenchSession(b, m, change)
			s.Text, s.Levels, s.Classes = &text, []int{32, 48, 80, 224}, make([]string, 15)
			ours := methodtest.Training(b, m, s, benchImages(b), func(message string) bool {
				return strings.HasPrefix(message, fmt.Sprintf("phase %d, epoch", phase+1))
			})
			methodtest.Beside(b, ours, script, variants, "--phase", fmt.Sprint(phase+1))
		})
	}
}

// benchImages are the 8 images of a step, of different classes.
func benchImages(b *testing.B) plugin.Samples {
	const n, side, channels, embedding = 8, 14, 384, 640
	features := methodtest.Mapped(b, tensors.Float32, methodtest.Numbers(1, n*side*side*channels), n, side, side, channels)
	z := methodtest.Mapped(b, tensors.Float32, methodtest.Numbers(2, n*embedding), n, embedding)
	order := []int{0, 1, 2, 3, 4, 5, 6, 7}
	s, err := plugin.NewSamples(order, order, features, nil, z)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// benchText writes a text encoder of BERT's size with random weights, and a small
// vocabulary.
func benchText(b *testing.B) plugin.TextEncoder {
	const hidden, ffn, layers, dim = 768, 3072, 12, 640
	var list []safetensors.Tensor
	add := func(name string, scale float64, shape ...int) {
		values := methodtest.Numbers(uint32(len(list)), train.Size(shape))
		for i := range values {
			values[i] *= float32(scale)
		}
		list = append(list, safetensors.Of(name, values, shape...))
	}
	linear := func(name string, out, in int) {
		add(name+".weight", 2/math.Sqrt(float64(in)), out, in)
		add(name+".bias", 0, out)
	}
	norm := func(name string) {
		add(name+".weight", 1, hidden)
		add(name+".bias", 1, hidden)
	}
	words := strings.Fields("[PAD] [UNK] [CLS] [SEP] a broken object")
	add("embeddings.word_embeddings.weight", 1, len(words), hidden)
	add("embeddings.position_embeddings.weight", 1, 512, hidden)
	add("embeddings.token_type_embeddings.weight", 1, 2, hidden)
	norm("embeddings.LayerNorm")
	for i := range layers {
		l := fmt.Sprintf("encoder.layer.%d.", i)
		for _, name := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			linear(l+name, hidden, hidden)
		}
		norm(l + "attention.output.LayerNorm")
		linear(l+"intermediate.dense", ffn, hidden)
		linear(l+"output.dense", hidden, ffn)
		norm(l + "output.LayerNorm")
	}
	linear("text_projection", dim, hidden)
	dir := b.TempDir()
	t := plugin.TextEncoder{
		Weights: filepath.Join(dir, "text.safetensors"), Vocabulary: filepath.Join(dir, "vocab.txt"), Projection: "text_projection",
		Heads: 12, Eps: 1e-12, Activation: "gelu", Lowercase: true,
	}
	if err := safetensors.WriteFile(t.Weights, list, nil); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(t.Vocabulary, []byte(strings.Join(words, "\n")+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return t
}
