package encoder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// textVersion names what the settings of a text side mean. It is part of its
// digest.
const textVersion = "text/1"

// The activations of a text encoder.
const (
	gelu = "gelu" // x times the normal distribution function of x, not its approximation
	relu = "relu"
)

// Text is the text side of a pack: a BERT that methods run, and train through, in
// their own processes. A text's feature is the last hidden state of its first
// token, [CLS], after a linear layer.
type Text struct {
	// Weights is a safetensors file with the names of transformers' BertModel behind
	// Prefix, and Vocabulary WordPiece's, one token a line. Both are empty for the
	// stand-in.
	Weights    string `json:"-"`
	Vocabulary string `json:"-"`
	Prefix     string `json:"prefix"`
	// Projection is the name of the linear layer, of the file; "" if there is none.
	Projection string  `json:"projection"`
	Heads      int     `json:"heads"`      // of attention
	Eps        float64 `json:"eps"`        // of layer normalisation
	Activation string  `json:"activation"` // "gelu" or "relu"
	Lowercase  bool    `json:"lowercase"`  // the vocabulary is uncased
}

// StandIn reports whether t is the stand-in.
func (t *Text) StandIn() bool { return t.Weights == "" }

// TextDigest identifies everything that determines the features of texts: the
// files' bytes and the settings, not their names. It is "" for a pack without a
// text side, and no part of Digest, which is that of images. Errors are of kind
// Data: a file that cannot be read.
func (p *Pack) TextDigest() (ad.Digest, error) {
	t := p.Text
	if t == nil {
		return "", nil
	}
	settings, err := json.Marshal(t)
	if err != nil {
		return "", fault.New(fault.Config, "encoder %q: %w", p.Name, err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", textVersion, settings)
	if t.StandIn() {
		files, err := builtStandIn()
		if err != nil {
			return "", err
		}
		for _, f := range files {
			fmt.Fprintf(h, "%x\n", sha256.Sum256(f))
		}
	} else {
		for _, path := range []string{t.Weights, t.Vocabulary} {
			sum, err := hashFile(path)
			if err != nil {
				return "", p.unreadable(err)
			}
			fmt.Fprintf(h, "%x\n", sum)
		}
	}
	return ad.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
}

// TextFiles gives the text side with the absolute paths of its files. Those of the
// stand-in are below cacheDir, in text/; they are written if they are not there as
// they should be. A pack without a text side is an error of kind Config.
func (p *Pack) TextFiles(cacheDir string) (Text, error) {
	if p.Text == nil {
		return Text{}, fault.New(fault.Config, "encoder %q has no text side", p.Name).
			WithHint("use one that has: ltadbench encoder list shows them")
	}
	t := *p.Text
	if t.StandIn() {
		digest, err := p.TextDigest()
		if err != nil {
			return t, err
		}
		dir := filepath.Join(cacheDir, "text", string(digest[len("sha256:"):][:32]))
		if t.Weights, t.Vocabulary, err = writeStandIn(dir); err != nil {
			return t, err
		}
	}
	for _, path := range []*string{&t.Weights, &t.Vocabulary} {
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return t, fault.New(fault.System, "encoder %q: %w", p.Name, err)
		}
	}
	return t, nil
}

// text reads the key text of an encoder.yaml. The files are relative.
func (p *Pack) text(r *reader, m mapping) {
	n := m.keys["text"]
	if n == nil {
		return
	}
	t := r.mapping(n, "text.", "weights", "vocabulary", "prefix", "projection", "heads", "eps", "activation", "lowercase", "builtin")
	if t.keys["builtin"] != nil {
		t.choice("builtin", standIn)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Value != "builtin" {
				r.fail(key, "text.%s: the %s has no other keys than builtin", key.Value, standIn)
			}
		}
		p.Text = newStandIn()
		return
	}
	file := func(key string) string {
		if n := t.need(key); n != nil {
			return t.local(n, t.path+key)
		}
		return ""
	}
	p.Text = &Text{
		Weights: file("weights"), Vocabulary: file("vocabulary"),
		Prefix: t.text("prefix", ""), Projection: t.text("projection", ""),
		Heads: t.count("heads", maxChannels), Eps: t.scalar("eps", 1e-12),
		Activation: t.choice("activation", gelu, relu), Lowercase: t.flag("lowercase", true),
	}
	if p.Text.Eps <= 0 {
		r.fail(t.keys["eps"], "text.eps: expected a number above 0, found %s", kindOf(t.keys["eps"]))
	}
}
