// Package bert runs BERT (Devlin et al. 2019) as a frozen encoder of texts in
// GoMLX, with gradients to its input: the word embeddings, which a method may
// learn. A text's feature is the last hidden state of its first token, [CLS],
// after a linear layer.
//
// It follows transformers' BertModel in eval mode: absolute positions, token type
// 0, normalisation after each residual sum, no pooler. Texts of a batch have the
// same number of tokens, so that there is neither padding nor a mask.
package bert

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

// Encoder is an open text encoder. It is safe for concurrent use.
type Encoder struct {
	Hidden    int // size of word embeddings
	Dim       int // of a text's feature
	MaxTokens int // of a text, with [CLS] and [SEP]

	files      plugin.TextEncoder
	layers     int
	vocabulary *vocabulary
	weights    []Weight
	words      []float32 // embeddings, [tokens, Hidden]
	file       *safetensors.File
}

// Weight is a tensor that the graph of Encode reads.
type Weight struct {
	Name   string // without the files' prefix; the projection's is "projection."
	Shape  []int
	Values []float32 // not to be changed
}

// Open reads the files. Sizes come from the weights' shapes. Files that do not fit
// are errors of kind Data, which name the file and the tensor or line, and settings
// that cannot be of kind Config.
func Open(t plugin.TextEncoder) (*Encoder, error) {
	if t.Activation != "gelu" && t.Activation != "relu" {
		return nil, fault.New(fault.Config, "text encoder: unknown activation %q", t.Activation).WithHint("one of gelu, relu")
	}
	if t.Heads < 1 || !(t.Eps > 0) {
		return nil, fault.New(fault.Config, "text encoder: %d heads, eps %g: both must be above 0", t.Heads, t.Eps)
	}
	v, err := openVocabulary(t.Vocabulary, t.Lowercase)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Open(t.Weights)
	if err != nil {
		return nil, err
	}
	e := &Encoder{files: t, vocabulary: v, file: f}
	if err := e.read(); err != nil {
		f.Close()
		return nil, err
	}
	return e, nil
}

// Close unmaps the weights' file. What Weights gave, Weights, Embed, Start and End
// are of no use afterwards; Tokens and Encode still are.
func (e *Encoder) Close() error { return e.file.Close() }

// Weights are all tensors that Encode's graph reads, for train.Weights.AddFrozen.
// The table of word embeddings is not among them: see Embed.
func (e *Encoder) Weights() []Weight { return e.weights }

// Tokens splits a text into tokens, without [CLS] and [SEP]. Their names, and those
// of other special tokens, are words like others in it.
func (e *Encoder) Tokens(text string) []int { return e.vocabulary.tokens(text) }

// Embed gives the word embeddings of tokens, [len(ids), Hidden].
func (e *Encoder) Embed(ids ...int) []float32 {
	out := make([]float32, 0, len(ids)*e.Hidden)
	for _, id := range ids {
		out = append(out, e.words[id*e.Hidden:][:e.Hidden]...)
	}
	return out
}

// Spread is the standard deviation of the elements of all word embeddings.
func (e *Encoder) Spread() float64 {
	sum, squares := 0.0, 0.0
	for _, v := range e.words {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(e.words))
	return math.Sqrt(max(0, squares/n-sum/n*(sum/n)))
}

// Start gives the embedding of [CLS], which begins each text: [Hidden].
func (e *Encoder) Start() []float32 { return e.Embed(e.vocabulary.cls) }

// End gives the embedding of [SEP], which ends each text: [Hidden].
func (e *Encoder) End() []float32 { return e.Embed(e.vocabulary.sep) }

// read finds all tensors of the file and compares their shapes.
func (e *Encoder) read() error {
	r := &reader{Encoder: e}
	// The last layer's number counts them, so that a layer in between that is
	// missing is missed.
	for _, t := range e.file.Tensors() {
		if rest, ok := strings.CutPrefix(t.Name, e.files.Prefix+"encoder.layer."); ok {
			number, _, _ := strings.Cut(rest, ".")
			if i, err := strconv.Atoi(number); err == nil {
				e.layers = max(e.layers, i+1)
			}
		}
	}
	e.layers = max(e.layers, 1)
	var rows, types, ffn int
	e.words = r.floats(e.files.Prefix+"embeddings.word_embeddings.weight", &rows, &e.Hidden)
	r.add("embeddings.position_embeddings.weight", &e.MaxTokens, &e.Hidden)
	r.add("embeddings.token_type_embeddings.weight", &types, &e.Hidden)
	r.norm("embeddings.LayerNorm")
	for i := 0; i < e.layers && r.err == nil; i++ {
		l := layer(i)
		for _, name := range []string{query, key, value, output} {
			r.linear(l+name, &e.Hidden, &e.Hidden)
		}
		r.norm(l + outputNorm)
		r.linear(l+ffnIn, &ffn, &e.Hidden)
		r.linear(l+ffnOut, &e.Hidden, &ffn)
		r.norm(l + ffnNorm)
	}
	e.Dim = e.Hidden
	if p := e.files.Projection; p != "" {
		e.Dim = 0
		for _, part := range []struct {
			name  string
			shape []*int
		}{{".weight", []*int{&e.Dim, &e.Hidden}}, {".bias", []*int{&e.Dim}}} {
			r.keep(projection+part.name, r.floats(p+part.name, part.shape...), part.shape...)
		}
	}
	switch {
	case r.err != nil:
		return r.err
	case e.Hidden%e.files.Heads != 0:
		return fault.New(fault.Data, "the hidden size %d cannot be divided among %d heads", e.Hidden, e.files.Heads).
			At(fault.Pos{File: e.files.Weights})
	case len(e.vocabulary.ids) > rows:
		return fault.New(fault.Data, "%d tokens, but the weights in %s have embeddings of %d", len(e.vocabulary.ids), e.files.Weights, rows).
			At(fault.Pos{File: e.files.Vocabulary}).WithHint("vocabulary and weights must be of the same model")
	}
	return nil
}

// reader takes tensors out of the file and keeps the first mistake.
type reader struct {
	*Encoder
	err error
}

func (r *reader) linear(name string, out, in *int) {
	r.add(name+".weight", out, in)
	r.add(name+".bias", out)
}

func (r *reader) norm(name string) {
	r.add(name+".weight", &r.Hidden)
	r.add(name+".bias", &r.Hidden)
}

// add adds a tensor to the weights.
func (r *reader) add(name string, shape ...*int) {
	r.keep(name, r.floats(r.files.Prefix+name, shape...), shape...)
}

func (r *reader) keep(name string, values []float32, shape ...*int) {
	w := Weight{Name: name, Values: values}
	for _, size := range shape {
		w.Shape = append(w.Shape, *size)
	}
	r.weights = append(r.weights, w)
}

// floats gives the values of a tensor, which must have the shape. A size of 0 is
// not known yet, and becomes the tensor's.
func (r *reader) floats(name string, shape ...*int) []float32 {
	if r.err != nil {
		return nil
	}
	t, err := r.file.Tensor(name)
	if err != nil {
		r.err = fault.New(fault.Data, "%w", err).
			WithHint("the names must be those of transformers' BertModel, behind the prefix %q", r.files.Prefix)
		return nil
	}
	ok := len(t.Shape) == len(shape)
	want := make([]string, len(shape))
	for i, size := range shape {
		if *size == 0 && ok {
			*size = t.Shape[i]
		}
		ok = ok && *size > 0 && t.Shape[i] == *size
		if want[i] = "?"; *size > 0 {
			want[i] = strconv.Itoa(*size)
		}
	}
	if !ok {
		r.err = fault.New(fault.Data, "tensor %q: is %s, not of shape [%s]", name, t, strings.Join(want, " ")).
			At(fault.Pos{File: r.file.Path()})
		return nil
	}
	values, err := r.file.Float32s(name)
	r.err = err
	return values
}

// layer is the prefix of the names of layer i's tensors.
func layer(i int) string { return fmt.Sprintf("encoder.layer.%d.", i) }
