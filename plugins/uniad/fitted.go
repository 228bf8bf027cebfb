package uniad

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlctx "github.com/gomlx/gomlx/pkg/ml/context"
	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/state"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// model is a fitted transformer.
type model struct {
	shape
	arch    arch
	sampler *sampler
	weights map[string][]float32

	engine, device string
	threads        int
	running        *running // nil until the first prediction
}

// shape is what state.json keeps of a model.
type shape struct {
	Options  Options `json:"options"`
	Height   int     `json:"height"` // of the features that it was fitted to
	Width    int     `json:"width"`
	Channels int     `json:"channels"`
	Digest   string  `json:"weights"` // SHA-256 of weights.safetensors
}

// check finds numbers that training should not end with.
func (m *model) check() error {
	for _, w := range m.arch.weights() {
		for _, v := range m.weights[w.name] {
			if v-v != 0 {
				return fmt.Errorf("weight %q has %g", w.name, v)
			}
		}
	}
	return nil
}

// running is a model on its backend.
type running struct {
	backend backends.Backend
	weights *train.Weights
	exec    *mlctx.Exec
	input   *tensors.Tensor // [batch, T, C]
}

// predictBatch is how many images are predicted at once. Fewer are filled up, so
// that there is one graph, and results do not depend on how many there are.
const predictBatch = 8

func (m *model) run(ctx context.Context) (*running, error) {
	if m.running != nil {
		return m.running, nil
	}
	r := &running{weights: train.NewWeights()}
	var err error
	if r.backend, err = engine.Open(ctx, m.engine, m.device, m.threads); err != nil {
		return nil, err
	}
	for _, w := range m.arch.weights() {
		r.weights.Add(w.name, m.weights[w.name], w.shape...)
	}
	if r.exec, err = r.weights.Graph(r.backend, m.arch.anomalyMap); err != nil {
		return nil, err
	}
	r.input = tensors.FromShape(m.arch.inputs(predictBatch)[0])
	if err := r.input.MaterializeOnDevice(r.backend, true, 0); err != nil {
		return nil, err
	}
	m.running = r
	return r, nil
}

func (m *model) close() {
	if r := m.running; r != nil {
		r.exec.Finalize()
		r.weights.Close()
		r.backend.Finalize()
		m.running = nil
	}
}

func (m *model) predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	if h, w, c := test.FeatureShape(); h != m.Height || w != m.Width || c != m.Channels {
		return fault.New(fault.Method, "uniad: test features are [%d %d %d], the model was fitted to [%d %d %d]",
			h, w, c, m.Height, m.Width, m.Channels)
	}
	r, err := m.run(ctx)
	if err != nil {
		return err
	}
	size, tokens := m.arch.tokens()*m.Channels, m.arch.tokens()
	for lo := 0; lo < test.Len(); lo += predictBatch {
		n := min(predictBatch, test.Len()-lo)
		var reading error
		err := tensors.MutableFlatData(r.input, func(flat []float32) {
			reading = work.Each(ctx, m.threads, n, func(_ context.Context, i int) error {
				m.sampler.read(flat[i*size:][:size], test, lo+i)
				return nil
			})
			clear(flat[n*size:])
		})
		if err == nil {
			err = reading
		}
		if err != nil {
			return err
		}
		out, err := r.exec.Exec(r.input)
		if err != nil {
			return fmt.Errorf("uniad: prediction: %w", err)
		}
		maps, err := tensors.CopyFlatData[float32](out[0])
		if err == nil {
			err = out[0].FinalizeAll()
		}
		if err != nil {
			return fmt.Errorf("uniad: prediction: %w", err)
		}
		for i := range n {
			p := plugin.Prediction{Map: maps[i*tokens:][:tokens:tokens], H: m.arch.Height, W: m.arch.Width}
			if err := emit(lo+i, p); err != nil {
				return err
			}
		}
	}
	return nil
}

const weightsFile = "weights.safetensors"

func (m *model) save(dir string) error {
	var list []safetensors.Tensor
	for _, w := range m.arch.weights() {
		list = append(list, safetensors.Of(w.name, m.weights[w.name], w.shape...))
	}
	path := filepath.Join(dir, weightsFile)
	if err := safetensors.WriteFile(path, list, nil); err != nil {
		return err
	}
	sh := m.shape
	var err error
	if sh.Digest, err = fileDigest(path); err != nil {
		return fault.New(fault.System, "cannot save state: %w", err)
	}
	w, err := state.NewWriter(dir, name, version, sh)
	if err != nil {
		return err
	}
	return w.Close()
}

func fileDigest(path string) (string, error) {
	raw, err := os.ReadFile(path)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

func loadModel(dir string, opts Options, log hclog.Logger) (*model, error) {
	m := &model{weights: map[string][]float32{}}
	if _, err := state.Open(dir, name, version, &m.shape); err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Data, "%s: cannot load state: "+format, append([]any{dir}, args...)...)
	}
	if !reflect.DeepEqual(m.Options, opts) {
		return nil, fault.New(fault.Config, "%s: uniad was fitted with the options %+v, not %+v", dir, m.Options, opts).
			WithHint("fit again, or give the options of the saved state")
	}
	if m.Height < 1 || m.Width < 1 || m.Channels < 1 {
		return nil, bad("features of [%d %d %d] are impossible", m.Height, m.Width, m.Channels)
	}
	m.arch = opts.arch(m.Height, m.Width, m.Channels, log)
	m.sampler = newSampler(m.Height, m.Width, m.Channels, m.arch)
	path := filepath.Join(dir, weightsFile)
	switch sum, err := fileDigest(path); {
	case err != nil:
		return nil, bad("%w", err)
	case sum != m.Digest:
		return nil, bad("%s has changed since it was saved", weightsFile)
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, w := range m.arch.weights() {
		if m.weights[w.name], err = safetensors.Get[float32](f, w.name, w.shape...); err != nil {
			return nil, err
		}
	}
	if err := m.check(); err != nil {
		return nil, bad("%w", err)
	}
	return m, nil
}
