package ltad

import (
	"math"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlctx "github.com/gomlx/gomlx/pkg/ml/context"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/bert"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// tokens of a text are what the text encoder makes of it; none is an error.
func tokens(text *bert.Encoder, what, words string) ([]int, error) {
	ids := text.Tokens(words)
	if len(ids) == 0 {
		return nil, fault.New(fault.Config, "%s %q has no token in the text encoder's vocabulary", what, words).
			WithHint("give words, such as \"object\"")
	}
	return ids, nil
}

// firstNames are what the pseudo names of the classes begin as: of each class its
// word embeddings, [S, hidden size]. S is option name_length, but for class names
// that are not learned: those are whole.
func firstNames(o Options, text *bert.Encoder, classes []string, seed uint64) ([][]float32, error) {
	out := make([][]float32, len(classes))
	for c, class := range classes {
		var ids []int
		var err error
		switch o.NameInit {
		case "random":
			out[c] = random(text, o.NameLength, stream.New(seed, name, "init", namesWeight, strconv.Itoa(c)))
			continue
		case "class_name":
			ids, err = tokens(text, "class name", strings.NewReplacer("_", " ", "-", " ").Replace(class))
		default:
			ids, err = tokens(text, "name_text", o.NameText)
		}
		if err != nil {
			return nil, err
		}
		if o.NameInit != "class_name" || o.learnsNames() {
			ids = cycle(ids, o.NameLength)
		}
		out[c] = text.Embed(ids...)
	}
	return out, nil
}

// cycle repeats, or cuts, ids to length n.
func cycle(ids []int, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = ids[i%len(ids)]
	}
	return out
}

// random draws n word embeddings with the standard deviation of the vocabulary's.
func random(text *bert.Encoder, n int, s *stream.Stream) []float32 {
	dst := make([]float32, n*text.Hidden)
	s.Norms(dst)
	scale := float32(text.Spread())
	for i := range dst {
		dst[i] *= scale
	}
	return dst
}

// speaker computes text features on a backend.
type speaker struct {
	text *bert.Encoder
	norm bool // features are scaled to length 1

	weights *train.Weights
	exec    *mlctx.Exec
}

func newSpeaker(b backends.Backend, text *bert.Encoder, norm bool) (*speaker, error) {
	s := &speaker{text: text, norm: norm, weights: train.NewWeights()}
	addText(s.weights, text)
	var err error
	s.exec, err = s.weights.Graph(b, func(w train.Values, in []*graph.Node) []*graph.Node {
		return []*graph.Node{text.Encode(textValues(w), in[0])}
	})
	return s, err
}

func (s *speaker) close() {
	s.exec.Finalize()
	s.weights.Close()
}

// addText adds the text encoder's weights to w, as tensors that are not trained.
func addText(w *train.Weights, text *bert.Encoder) {
	for _, one := range text.Weights() {
		w.AddFrozen(textPrefix+one.Name, one.Values, one.Shape...)
	}
}

// features are those of prompts, each the word embeddings of its tokens without the
// first and last that the encoder adds: [d] each.
func (s *speaker) features(prompts [][]float32) ([][]float32, error) {
	out := make([][]float32, len(prompts))
	for i, p := range prompts {
		words := append(append(append([]float32{}, s.text.Start()...), p...), s.text.End()...)
		n := len(words) / s.text.Hidden
		if n > s.text.MaxTokens {
			return nil, fault.New(fault.Config, "a prompt of %d tokens is longer than the %d that the text encoder reads", n, s.text.MaxTokens).
				WithHint("use shorter prompts or names")
		}
		t, err := s.exec.Exec(tensors.FromFlatDataAndDimensions(words, 1, n, s.text.Hidden))
		if err != nil {
			return nil, err
		}
		if out[i], err = tensors.CopyFlatData[float32](t[0]); err != nil {
			return nil, err
		}
		if err := t[0].FinalizeAll(); err != nil {
			return nil, err
		}
		if s.norm {
			normalize(out[i])
		}
	}
	return out, nil
}

func normalize(x []float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v * v)
	}
	if sum == 0 {
		return
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / math.Sqrt(sum))
	}
}

// prompted are the features of the classes' names behind the words of prompts; of
// several prompts the mean (Table 7, 7.3): [K][d].
func (s *speaker) prompted(what string, prompts []string, names [][]float32) ([][]float32, error) {
	out := make([][]float32, len(names))
	for _, prompt := range prompts {
		ids, err := tokens(s.text, what, prompt)
		if err != nil {
			return nil, err
		}
		words := s.text.Embed(ids...)
		all := make([][]float32, len(names))
		for c, name := range names {
			all[c] = append(append([]float32{}, words...), name...)
		}
		features, err := s.features(all)
		if err != nil {
			return nil, err
		}
		for c, f := range features {
			if out[c] == nil {
				out[c] = make([]float32, len(f))
			}
			for i, v := range f {
				out[c][i] += v / float32(len(prompts))
			}
		}
	}
	return out, nil
}

// classifiers are t_a,c - t_n,c (Eq. 4) of every class, which Eq. 3 needs: [K][d].
func (s *speaker) classifiers(o Options, names [][]float32) ([][]float32, error) {
	normal, err := s.prompted("normal_prompts", o.Normal, names)
	if err != nil {
		return nil, err
	}
	anomalous, err := s.prompted("abnormal_prompts", o.Abnormal, names)
	if err != nil {
		return nil, err
	}
	return differences(anomalous, normal), nil
}

func differences(a, b [][]float32) [][]float32 {
	out := make([][]float32, len(a))
	for i := range a {
		out[i] = make([]float32, len(a[i]))
		for j := range a[i] {
			out[i][j] = a[i][j] - b[i][j]
		}
	}
	return out
}

// next gives each class what the class after it has.
func next(list [][]float32) [][]float32 { return append(append([][]float32{}, list[1:]...), list[0]) }

// split cuts a [K, ...] tensor into its K parts.
func split(flat []float32, k int) [][]float32 {
	out := make([][]float32, k)
	for i := range out {
		n := len(flat) / k
		out[i] = flat[i*n:][:n:n]
	}
	return out
}

func join(list [][]float32) []float32 {
	var out []float32
	for _, one := range list {
		out = append(out, one...)
	}
	return out
}
