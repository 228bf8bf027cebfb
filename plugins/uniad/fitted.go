package uniad

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/state"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// model is a fitted transformer.
type model struct {
	shape
	arch    arch
	sampler *reconstruct.Sampler
	weights train.Trained

	engine, device string
	threads        int
	served         *train.Served // nil until the first prediction
}

// shape is what state.json keeps of a model.
type shape struct {
	Options  Options `json:"options"`
	Height   int     `json:"height"` // of the features that it was fitted to
	Width    int     `json:"width"`
	Channels int     `json:"channels"`
	Digest   string  `json:"weights"` // SHA-256 of weights.safetensors
}

// predictBatch is how many images are predicted at once.
const predictBatch = 8

// serve makes the model ready to predict.
func (m *model) serve(ctx context.Context) (err error) {
	if m.served != nil {
		return nil
	}
	backend, err := engine.Open(ctx, m.engine, m.device, m.threads)
	if err == nil {
		m.served, err = train.Serve(backend, m.weights, m.arch.Weights(), m.arch.anomalyMap, m.arch.Input(predictBatch))
	}
	return err
}

func (m *model) predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	if h, w, c := test.FeatureShape(); h != m.Height || w != m.Width || c != m.Channels {
		return fault.New(fault.Method, "uniad: test features are [%d %d %d], the model was fitted to [%d %d %d]",
			h, w, c, m.Height, m.Width, m.Channels)
	}
	if err := m.serve(ctx); err != nil {
		return err
	}
	err := m.served.Run(ctx, m.threads, test.Len(), func(i int, rows [][]float32) error {
		m.sampler.Read(rows[0], test, i)
		return nil
	}, func(i int, rows [][]float32) error {
		return emit(i, plugin.Prediction{Map: rows[0], H: m.arch.Height, W: m.arch.Width})
	})
	if err != nil {
		return fmt.Errorf("uniad: prediction: %w", err)
	}
	return nil
}

const weightsFile = "weights.safetensors"

func (m *model) save(dir string) error {
	sh := m.shape
	var err error
	if sh.Digest, err = m.weights.Write(filepath.Join(dir, weightsFile), m.arch.Weights()); err != nil {
		return err
	}
	w, err := state.NewWriter(dir, name, version, sh)
	if err != nil {
		return err
	}
	return w.Close()
}

func loadModel(dir string, opts Options, log hclog.Logger) (*model, error) {
	m := &model{}
	if _, err := state.Open(dir, name, version, &m.shape); err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(m.Options, opts) {
		return nil, fault.New(fault.Config, "%s: uniad was fitted with the options %+v, not %+v", dir, m.Options, opts).
			WithHint("fit again, or give the options of the saved state")
	}
	if m.Height < 1 || m.Width < 1 || m.Channels < 1 {
		return nil, fault.New(fault.Data, "%s: cannot load state: features of [%d %d %d] are impossible", dir, m.Height, m.Width, m.Channels)
	}
	m.arch = arch{opts.Arch(m.Height, m.Width, m.Channels, log)}
	m.sampler = reconstruct.NewSampler(m.Height, m.Width, m.Channels, m.arch.Arch)
	var err error
	m.weights, err = train.Read(filepath.Join(dir, weightsFile), m.Digest, m.arch.Weights())
	return m, err
}
