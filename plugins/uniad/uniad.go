package uniad

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

const (
	name = "uniad"
	// version changes whenever the numbers would.
	version = "1"
)

// Method is UniAD.
type Method struct {
	plugin.Base
	opts  Options
	model *model
	every time.Duration // between checkpoints; 0 for the default
}

// New makes an unfitted method.
func New() plugin.Method { return &Method{} }

// Describe says what UniAD is.
func (*Method) Describe() plugin.Info {
	return plugin.Info{
		Name:    name,
		Version: version,
		Summary: "reconstruction of features by a transformer that cannot copy them",
		Paper:   "You et al., A Unified Model for Multi-class Anomaly Detection, NeurIPS 2022, arXiv:2206.03687",
		Needs:   []plugin.Input{plugin.Features},
		Maps:    true, Deterministic: true, SaveLoad: true, Resumes: true,
		Engines: engine.Names(),
		Options: plugin.Schema(defaults()),
		Presets: []plugin.Preset{{
			Name: "6.2", Summary: "UniAD on the encoder that LTAD has", Options: json.RawMessage(`{}`),
			Table: "Table 6: ablation of anomaly detection by reconstruction",
			Columns: []plugin.Column{
				{Name: "method", Value: "UniAD"}, {Name: "AE or VAE", Value: "N/A"}, {Name: "DAS", Value: "N/A"},
				{Name: "learned s_c", Value: "N/A"}, {Name: "s_c init.", Value: "N/A"},
			},
		}},
	}
}

func (m *Method) configure(s plugin.Session) error {
	m.opts = defaults()
	if err := plugin.DecodeOptions(s.Options, &m.opts); err != nil {
		return err
	}
	return m.opts.check()
}

// Fit trains the transformer.
func (m *Method) Fit(ctx context.Context, s plugin.Session, images plugin.Samples) error {
	if err := m.configure(s); err != nil {
		return err
	}
	if images.Len() == 0 {
		return fault.New(fault.Method, "uniad: no training images").WithHint("a split needs at least one normal image of one class")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	h, w, c := images.FeatureShape()
	a := arch{m.opts.Arch(h, w, c, s.Log)}
	sampler := reconstruct.NewSampler(h, w, c, a.Arch)
	backend, err := engine.Open(ctx, s.Engine, s.Device, s.Threads)
	if err != nil {
		return err
	}
	defer backend.Finalize()
	weights, parameters := train.NewWeights(), 0
	defer weights.Close()
	for _, one := range a.Weights() {
		weights.Add(one.Name, one.Draw(s.Seed, name), one.Shape...)
		parameters += one.Size()
	}
	s.Log.Info("training begins", "images", images.Len(), "tokens", a.Tokens(), "parameters", parameters, "engine", s.Engine)
	began := time.Now()
	run := &train.Run{
		Backend: backend, Weights: weights, Loss: a.loss,
		Feed: &feed{
			arch: a, draws: reconstruct.Draws{Arch: a.Arch, Seed: s.Seed, Method: name, Prob: m.opts.JitterProb},
			images: images, sampler: sampler, threads: max(1, s.Threads),
		},
		Images: images.Len(), Batch: m.opts.Batch, Epochs: m.opts.Epochs,
		Optimizer: m.opts.Optimizer(), Schedule: m.opts.Schedule(), Stop: m.opts.Stop(),
		Seed: s.Seed, Name: name,
		Checkpoint: train.Checkpoint{
			Dir: s.Checkpoint, Every: m.every,
			Fingerprint: train.Fingerprint(name, version, m.opts, a, s.Seed, s.Engine, train.DataDigest(images)),
		},
		Report: s.Report, Log: s.Log,
	}
	defer run.Close()
	if err := run.Do(ctx); err != nil {
		return err
	}
	s.Log.Info("training is over", "seconds", math.Round(time.Since(began).Seconds()))
	md := &model{shape: shape{Options: m.opts, Height: h, Width: w, Channels: c}, arch: a, sampler: sampler}
	if md.weights, err = weights.Trained(); err != nil {
		return err
	}
	if err := md.weights.Check(a.Weights()); err != nil {
		return fault.New(fault.Method, "uniad: after training %w", err).WithHint("a smaller learning rate (now %g) may help", m.opts.LR)
	}
	m.adopt(md, s)
	return nil
}

// adopt makes md the model, in place of the one before.
func (m *Method) adopt(md *model, s plugin.Session) {
	if m.model != nil {
		m.model.served.Close()
	}
	md.engine, md.device, md.threads = s.Engine, s.Device, max(1, s.Threads)
	m.model = md
}

// Predict gives the maps of distances between features and their reconstruction.
func (m *Method) Predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	if m.model == nil {
		return fault.New(fault.Method, "uniad: Predict before Fit or Load")
	}
	if test.Len() == 0 {
		return nil
	}
	return m.model.predict(ctx, test, emit)
}

// Save stores the model: state.json, and its weights in weights.safetensors.
func (m *Method) Save(_ context.Context, dir string) error {
	if m.model == nil {
		return fault.New(fault.Method, "uniad: Save before Fit or Load")
	}
	return m.model.save(dir)
}

// Load restores a model; its options must be those of the session.
func (m *Method) Load(_ context.Context, s plugin.Session, dir string) error {
	if err := m.configure(s); err != nil {
		return err
	}
	md, err := loadModel(dir, m.opts, s.Log)
	if err != nil {
		return err
	}
	m.adopt(md, s)
	return nil
}
