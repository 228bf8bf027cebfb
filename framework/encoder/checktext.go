package encoder

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

// TextReport is what CheckText found out about a text side whose files fit.
type TextReport struct {
	StandIn bool
	Digest  ad.Digest
	Hidden  int // size
	Layers  int
	Tokens  int // of the vocabulary
	Longest int // number of tokens of a text, with [CLS] and [SEP]
	Dim     int // of a text's feature
}

// CheckText compares the files of the pack's text side with each other and with
// its description: names, types and shapes of the tensors, and the vocabulary. It
// does not run it; that is for methods. cacheDir is for TextFiles. The report is
// nil for a pack without a text side. Errors are of kind Data, and name the file
// and the tensor or line.
func (p *Pack) CheckText(cacheDir string) (*TextReport, error) {
	if p.Text == nil {
		return nil, nil
	}
	digest, err := p.TextDigest()
	if err != nil {
		return nil, err
	}
	files, err := p.TextFiles(cacheDir)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Open(files.Weights)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &TextReport{StandIn: p.Text.StandIn(), Digest: digest}
	rows, err := r.shapes(f, p.Text)
	if err != nil {
		return nil, err
	}
	if r.Tokens, err = countTokens(files.Vocabulary); err != nil {
		return nil, err
	}
	if r.Tokens > rows {
		return nil, fault.New(fault.Data, "%d tokens, but the weights in %s have embeddings of %d", r.Tokens, files.Weights, rows).
			At(fault.Pos{File: files.Vocabulary}).WithHint("vocabulary and weights must be of the same model")
	}
	return r, nil
}

// shapes checks all tensors that BERT needs, and gives the number of word
// embeddings.
func (r *TextReport) shapes(f *safetensors.File, t *Text) (rows int, err error) {
	c := &shapeChecker{f: f, prefix: t.Prefix}
	for _, tensor := range f.Tensors() { // the last layer decides, so that one in between that is missing is missed
		if rest, ok := strings.CutPrefix(tensor.Name, t.Prefix+"encoder.layer."); ok {
			number, _, _ := strings.Cut(rest, ".")
			if i, err := strconv.Atoi(number); err == nil {
				r.Layers = max(r.Layers, i+1)
			}
		}
	}
	r.Layers = max(r.Layers, 1)
	linear := func(name string, out, in *int) {
		c.match(name+".weight", out, in)
		c.match(name+".bias", out)
	}
	norm := func(name string) {
		c.match(name+".weight", &r.Hidden)
		c.match(name+".bias", &r.Hidden)
	}
	var types, ffn int
	c.match("embeddings.word_embeddings.weight", &rows, &r.Hidden)
	c.match("embeddings.position_embeddings.weight", &r.Longest, &r.Hidden)
	c.match("embeddings.token_type_embeddings.weight", &types, &r.Hidden)
	norm("embeddings.LayerNorm")
	for i := 0; i < r.Layers && c.err == nil; i++ {
		l := fmt.Sprintf("encoder.layer.%d.", i)
		for _, name := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			linear(l+name, &r.Hidden, &r.Hidden)
		}
		norm(l + "attention.output.LayerNorm")
		linear(l+"intermediate.dense", &ffn, &r.Hidden)
		linear(l+"output.dense", &r.Hidden, &ffn)
		norm(l + "output.LayerNorm")
	}
	r.Dim = r.Hidden
	if t.Projection != "" {
		c.prefix, r.Dim = "", 0
		linear(t.Projection, &r.Dim, &r.Hidden)
	}
	if c.err == nil && r.Hidden%t.Heads != 0 {
		return 0, fault.New(fault.Data, "the hidden size %d cannot be divided among %d heads", r.Hidden, t.Heads).
			At(fault.Pos{File: f.Path()}).WithHint("set text.heads to num_attention_heads of the model's configuration")
	}
	return rows, c.err
}

// shapeChecker compares tensors of a file, and keeps the first mistake.
type shapeChecker struct {
	f      *safetensors.File
	prefix string
	err    error
}

// match checks that the tensor has floats and the shape. A size of 0 is not known
// yet, and becomes the tensor's.
func (c *shapeChecker) match(name string, shape ...*int) {
	if c.err != nil {
		return
	}
	name = c.prefix + name
	t, err := c.f.Tensor(name)
	if err != nil {
		c.err = fault.New(fault.Data, "%w", err).WithHint("the file must have the names of transformers' BertModel, behind text.prefix, and the layer of text.projection")
		return
	}
	ok := len(t.Shape) == len(shape) && slices.Contains([]safetensors.DType{safetensors.F32, safetensors.F16, safetensors.BF16}, t.DType)
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
		c.err = fault.New(fault.Data, "tensor %q: is %s, not floats of shape [%s]", name, t, strings.Join(want, " ")).
			At(fault.Pos{File: c.f.Path()})
	}
}

// countTokens reads a vocabulary.
func countTokens(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fault.New(fault.Data, "%w", err)
	}
	lines := map[string]int{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		token := strings.TrimRight(string(line), "\r\n")
		if first, twice := lines[token]; twice {
			return 0, fault.New(fault.Data, "token %q is in line %d already", token, first).At(fault.Pos{File: path, Line: n})
		}
		lines[token] = n
	}
	for _, token := range []string{"[UNK]", "[CLS]", "[SEP]"} {
		if lines[token] == 0 {
			return 0, fault.New(fault.Data, "no token %q", token).At(fault.Pos{File: path}).
				WithHint("a vocabulary of BERT's WordPiece, one token a line, is expected")
		}
	}
	return n, nil
}
