package train

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

// Trained are the values of trained weights, by name.
type Trained map[string][]float32

// Trained copies the values of all weights.
func (w *Weights) Trained() (Trained, error) {
	out := Trained{}
	for _, name := range w.names {
		values, err := w.Get(name)
		if err != nil {
			return nil, err
		}
		out[name] = values
	}
	return out, nil
}

// Check finds numbers that training should not end with.
func (t Trained) Check(list []Initial) error {
	for _, w := range list {
		for _, v := range t[w.Name] {
			if v-v != 0 {
				return fmt.Errorf("weight %q has %g", w.Name, v)
			}
		}
	}
	return nil
}

// Write writes the listed weights to a safetensors file and gives its SHA-256, for
// Read. Errors are of kind System.
func (t Trained) Write(path string, list []Initial) (digest string, err error) {
	var out []safetensors.Tensor
	for _, w := range list {
		out = append(out, safetensors.Of(w.Name, t[w.Name], w.Shape...))
	}
	if err := safetensors.WriteFile(path, out, nil); err != nil {
		return "", err
	}
	if digest, err = fileDigest(path); err != nil {
		return "", fault.New(fault.System, "cannot save weights: %w", err)
	}
	return digest, nil
}

// Read reads the listed weights from a file of that SHA-256. Errors are of kind
// Data: a file that has changed, one that lacks a weight, numbers that are not
// finite.
func Read(path, digest string, list []Initial) (Trained, error) {
	switch sum, err := fileDigest(path); {
	case err != nil:
		return nil, fault.New(fault.Data, "cannot load weights: %w", err)
	case sum != digest:
		return nil, fault.New(fault.Data, "cannot load weights: %s has changed since it was saved", path)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := Trained{}
	for _, w := range list {
		if t[w.Name], err = safetensors.Get[float32](f, w.Name, w.Shape...); err != nil {
			return nil, err
		}
	}
	if err := t.Check(list); err != nil {
		return nil, fault.New(fault.Data, "cannot load weights: %s: %w", path, err)
	}
	return t, nil
}

func fileDigest(path string) (string, error) {
	raw, err := os.ReadFile(path)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}
