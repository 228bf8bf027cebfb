package encoder

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

// standIn is the name of the text side that is part of the program.
const standIn = "stand-in"

// The sizes of the stand-in: small enough that a step of training through it costs
// nothing beside the rest, and all different, so that mixing two up is an error.
const (
	standInHidden    = 64
	standInLayers    = 2
	standInHeads     = 4
	standInFFN       = 256
	standInPositions = 48
	standInTypes     = 2
	standInDim       = 128
)

// newStandIn is a small BERT with random weights that knows no language: to it
// "good" is no nearer to "flawless" than to "broken". Its only use is that methods
// with a text encoder run where no pretrained one is. Different texts have
// features that differ clearly, of order 1 in each dimension.
func newStandIn() *Text {
	return &Text{Projection: "text_projection", Heads: standInHeads, Eps: 1e-12, Activation: gelu, Lowercase: true}
}

// standInWords are the whole words of its vocabulary: those of prompts, and of the
// classes' names in MVTec AD, VisA, DAGM and the synthetic set. All others come
// apart into letters.
const standInWords = `a an the of photo object class
normal good flawless perfect broken damaged abnormal defective anomalous
bottle cable capsule carpet grid hazelnut leather metal nut pill screw tile toothbrush transistor wood zipper
candle capsules cashew chewinggum fryum macaroni pcb pipe
woven knurled cast brushed terrazzo lacquer printed honeycomb ribbed tread`

// standInVocabulary is the vocabulary's file.
func standInVocabulary() []byte {
	tokens := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	const characters = "abcdefghijklmnopqrstuvwxyz0123456789"
	tokens = append(tokens, strings.Split("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "")...)
	tokens = append(tokens, strings.Split(characters, "")...)
	for _, c := range strings.Split(characters, "") {
		tokens = append(tokens, "##"+c)
	}
	for _, word := range strings.Fields(standInWords) {
		if len(word) > 1 { // "a" is among the letters
			tokens = append(tokens, word)
		}
	}
	return []byte(strings.Join(tokens, "\n") + "\n")
}

// standInWeights is the weights' file. BERT begins its training with a standard
// deviation of 0.02, with which all texts would have nearly the same feature. Here
// embeddings and what a layer gives are of order 1. Queries are scaled up, so that
// attention chooses among the tokens, and its answers, since [CLS], whose state
// becomes the feature, sees the other tokens by them alone.
func standInWeights(vocabulary int) ([]byte, error) {
	var all []safetensors.Tensor
	add := func(name string, std float64, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		values := make([]float32, n)
		stream.New(1, "encoder", standIn, name).Norms(values)
		for i := range values {
			values[i] *= float32(std)
		}
		all = append(all, safetensors.Of(name, values, shape...))
	}
	linear := func(name string, gain float64, out, in int) {
		add(name+".weight", gain/math.Sqrt(float64(in)), out, in)
		add(name+".bias", 1./8, out)
	}
	norm := func(name string) {
		ones := make([]float32, standInHidden)
		for i := range ones {
			ones[i] = 1
		}
		all = append(all, safetensors.Of(name+".weight", ones, standInHidden),
			safetensors.Of(name+".bias", make([]float32, standInHidden), standInHidden))
	}
	const h = standInHidden
	add("embeddings.word_embeddings.weight", 1, vocabulary, h)
	add("embeddings.position_embeddings.weight", 1, standInPositions, h)
	add("embeddings.token_type_embeddings.weight", 1./2, standInTypes, h)
	norm("embeddings.LayerNorm")
	for i := range standInLayers {
		l := fmt.Sprintf("encoder.layer.%d.", i)
		linear(l+"attention.self.query", 3, h, h)
		linear(l+"attention.self.key", 1, h, h)
		linear(l+"attention.self.value", 1, h, h)
		linear(l+"attention.output.dense", 3, h, h)
		norm(l + "attention.output.LayerNorm")
		linear(l+"intermediate.dense", 1, standInFFN, h)
		linear(l+"output.dense", 1, h, standInFFN)
		norm(l + "output.LayerNorm")
	}
	linear("text_projection", 1, standInDim, h)
	var file bytes.Buffer
	err := safetensors.Write(&file, all, map[string]string{"format": "pt"})
	return file.Bytes(), err
}

// builtStandIn gives the files of the stand-in: weights and vocabulary.
var builtStandIn = sync.OnceValues(func() (files [2][]byte, err error) {
	files[1] = standInVocabulary()
	files[0], err = standInWeights(bytes.Count(files[1], []byte("\n")))
	return files, err
})

// writeStandIn makes sure that its files are in the directory, as they should be
// to the last bit: whatever stands there otherwise is replaced.
func writeStandIn(dir string) (weights, vocabulary string, err error) {
	files, err := builtStandIn()
	if err != nil {
		return "", "", err
	}
	weights, vocabulary = filepath.Join(dir, "text.safetensors"), filepath.Join(dir, "vocab.txt")
	for i, path := range []string{weights, vocabulary} {
		if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, files[i]) {
			continue
		}
		err := os.MkdirAll(dir, 0o777)
		if err == nil {
			err = replaceFile(path, files[i])
		}
		if err != nil {
			return "", "", fault.New(fault.System, "%s text encoder: %w", standIn, err).
				WithHint("check the space and permissions of the cache directory, or set %s to another one", home.CacheEnv)
		}
	}
	return weights, vocabulary, nil
}
