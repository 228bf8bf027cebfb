package encoder

import (
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Text is a pack's text encoder, a BERT. Weights and Vocabulary are empty for the
// stand-in.
type Text struct {
	Weights, Vocabulary, Prefix, Projection string
	Heads                                   int
	Eps                                     float64
	Activation                              string
	Lowercase                               bool
}

// TextDigest identifies all that determines the features of texts; it is "" for a
// pack without a text side.
func (p *Pack) TextDigest() (ad.Digest, error) { return "", nil }

// TextFiles gives the absolute paths of the text side's files; those of the stand-in
// are written below cacheDir. A pack without a text side is an error of kind Config.
func (p *Pack) TextFiles(cacheDir string) (weights, vocabulary string, err error) {
	return "", "", fault.New(fault.Config, "encoder %q has no text side", p.Name)
}
