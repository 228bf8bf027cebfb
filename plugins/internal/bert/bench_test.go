package bert

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// BenchmarkBase encodes a batch of prompts with a BERT of the usual size (12 layers
// of 768), and takes the gradient to the words: what learning class names adds to
// a step. It needs 0.5 GB of memory.
func BenchmarkBase(b *testing.B) {
	const hidden, ffn, layers, tokens = 768, 3072, 12, 4
	e := &Encoder{Hidden: hidden, Dim: 640, MaxTokens: 512, layers: layers,
		files: plugin.TextEncoder{Projection: "p", Heads: 12, Eps: 1e-12, Activation: "gelu"}}
	w := train.NewWeights()
	defer w.Close()
	s := stream.New(1, "bench")
	add := func(name string, shape ...int) {
		values := make([]float32, product(shape))
		s.Norms(values)
		for i := range values {
			values[i] /= 32
		}
		w.AddFrozen(name, values, shape...)
	}
	linear := func(name string, out, in int) {
		add(name+".weight", out, in)
		add(name+".bias", out)
	}
	norm := func(name string) {
		add(name+".weight", hidden)
		add(name+".bias", hidden)
	}
	add("embeddings.position_embeddings.weight", 512, hidden)
	add("embeddings.token_type_embeddings.weight", 2, hidden)
	norm("embeddings.LayerNorm")
	for i := range layers {
		for _, name := range []string{query, key, value, output} {
			linear(layer(i)+name, hidden, hidden)
		}
		norm(layer(i) + outputNorm)
		linear(layer(i)+ffnIn, ffn, hidden)
		linear(layer(i)+ffnOut, hidden, ffn)
		norm(layer(i) + ffnNorm)
	}
	linear(projection, e.Dim, hidden)
	ort := methodtest.Backend(b, "ort")
	for _, n := range []int{1, 8, 15} {
		words := tensors.FromFlatDataAndDimensions(make([]float32, n*tokens*hidden), n, tokens, hidden)
		words.MustMutableFlatData(func(flat any) { s.Norms(flat.([]float32)) })
		for what, graphs := range map[string]func(v train.Values, in []*graph.Node) []*graph.Node{
			"features": func(v train.Values, in []*graph.Node) []*graph.Node { return []*graph.Node{e.Encode(v, in[0])} },
			"gradient": func(v train.Values, in []*graph.Node) []*graph.Node {
				return graph.Gradient(graph.ReduceAllSum(e.Encode(v, in[0])), in[0])
			},
		} {
			b.Run(fmt.Sprintf("%s/texts=%d", what, n), func(b *testing.B) {
				exec, err := w.Graph(ort, graphs)
				if err != nil {
					b.Fatal(err)
				}
				defer exec.Finalize()
				if _, err := exec.Exec(words); err != nil { // compiles it
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := exec.Exec(words); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
