package bert

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// oracle is what testdata/oracle.py writes.
type oracle struct {
	Models map[string]struct {
		Heads, Layers, Hidden, Positions, Dim int
		Eps                                   float64
		Activation, Projection                string
	}
	Cases []struct {
		Prefix                               string
		Texts                                []string
		Shape                                []int // of Words
		Words, Features, Direction, Gradient []float32
	}
	Tokens []struct {
		Text      string
		Lowercase bool
		IDs       []int
	}
}

func readOracle(t *testing.T) (o oracle) {
	t.Helper()
	methodtest.Oracle(t, &o)
	return o
}

// files are those of one of the oracle's models.
func (o oracle) files(prefix string) plugin.TextEncoder {
	m := o.Models[prefix]
	return plugin.TextEncoder{
		Weights: filepath.Join("testdata", "models.safetensors"), Vocabulary: filepath.Join("testdata", "vocab.txt"),
		Prefix: prefix, Projection: m.Projection, Heads: m.Heads, Eps: m.Eps, Activation: m.Activation, Lowercase: true,
	}
}

func open(t testing.TB, f plugin.TextEncoder) *Encoder {
	t.Helper()
	e, err := Open(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// run gives features of words, and the gradient of their product with a direction.
func run(t testing.TB, name string, e *Encoder, words, direction *tensors.Tensor) (features, gradient []float32) {
	t.Helper()
	w := train.NewWeights()
	defer w.Close()
	for _, one := range e.Weights() {
		w.AddFrozen(one.Name, one.Values, one.Shape...)
	}
	exec, err := w.Graph(methodtest.Backend(t, name), func(v train.Values, in []*graph.Node) []*graph.Node {
		y := e.Encode(v, in[0])
		sum := graph.ReduceAllSum(graph.Mul(y, in[1]))
		return []*graph.Node{y, graph.Gradient(sum, in[0])[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Exec(words, direction)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
}

// near compares with the largest of the expected numbers, as single ones may be
// next to zero.
func near(t *testing.T, what string, got, want []float32, rel float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	largest, off := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		off = max(off, math.Abs(float64(got[i])-float64(want[i])))
	}
	if !(off <= rel*largest) || largest == 0 {
		t.Errorf("%s: off by %.2g, of at most %.2g", what, off, largest)
	}
}

func TestEncodesAsTransformers(t *testing.T) {
	o := readOracle(t)
	if len(o.Cases) != 10 {
		t.Fatalf("%d cases", len(o.Cases))
	}
	for _, name := range []string{"ort", "go"} {
		t.Run(name, func(t *testing.T) {
			for _, c := range o.Cases {
				m := o.Models[c.Prefix]
				e := open(t, o.files(c.Prefix))
				if e.Hidden != m.Hidden || e.Dim != m.Dim || e.MaxTokens != m.Positions || e.layers != m.Layers {
					t.Errorf("%s: %+v", c.Prefix, e)
				}
				words := c.Words
				if len(c.Texts) > 0 {
					words = nil
					for _, text := range c.Texts {
						words = slices.Concat(words, e.Start(), e.Embed(e.Tokens(text)...), e.End())
					}
					if !slices.Equal(words, c.Words) {
						t.Errorf("%q: other word embeddings", c.Texts)
					}
				}
				features, gradient := run(t, name, e, tensors.FromFlatDataAndDimensions(words, c.Shape...),
					tensors.FromFlatDataAndDimensions(c.Direction, c.Shape[0], m.Dim))
				near(t, "features", features, c.Features, 1e-5)
				near(t, "gradient", gradient, c.Gradient, 1e-4)
			}
		})
	}
}

func TestTokensAsTransformers(t *testing.T) {
	o := readOracle(t)
	if len(o.Tokens) < 100 {
		t.Fatalf("%d texts", len(o.Tokens))
	}
	cased := o.files("one.")
	cased.Lowercase = false
	encoders := map[bool]*Encoder{true: open(t, o.files("one.")), false: open(t, cased)}
	names := map[int]string{}
	for token, id := range encoders[true].vocabulary.ids {
		names[id] = token
	}
	words := func(ids []int) string {
		var out []string
		for _, id := range ids {
			out = append(out, names[id])
		}
		return strings.Join(out, " ")
	}
	for _, c := range o.Tokens {
		if got := encoders[c.Lowercase].Tokens(c.Text); !slices.Equal(got, c.IDs) {
			t.Errorf("%q, lowercase %v: %s, want %s", c.Text, c.Lowercase, words(got), words(c.IDs))
		}
	}
}
