package ltad

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
)

const (
	name = "ltad"
	// version changes whenever the numbers would.
	version = "1"
)

// Method is LTAD.
type Method struct {
	plugin.Base
	opts  Options
	model *model
	every time.Duration // between checkpoints; 0 for the default
}

// New makes an unfitted method.
func New() plugin.Method { return &Method{} }

// Describe says what LTAD is.
func (*Method) Describe() plugin.Info {
	return plugin.Info{
		Name:    name,
		Version: version,
		Summary: "reconstruction and a semantic score from learned pseudo class names, for long tails",
		Paper:   "Ho et al., Long-Tailed Anomaly Detection with Learnable Class Names, CVPR 2024, arXiv:2403.20236",
		Needs:   []plugin.Input{plugin.Features, plugin.Embeddings, plugin.Text},
		Maps:    true, Deterministic: true, SaveLoad: true, Resumes: true,
		Engines: engine.Names(),
		Options: plugin.Schema(defaults()),
		Presets: presets(),
	}
}

func (m *Method) configure(s plugin.Session) error {
	m.opts = defaults()
	if err := plugin.DecodeOptions(s.Options, &m.opts); err != nil {
		return err
	}
	return m.opts.check()
}

// Fit trains the VAE and the names (phase 1), and the two modules (phase 2).
func (m *Method) Fit(ctx context.Context, s plugin.Session, images plugin.Samples) error {
	if err := m.configure(s); err != nil {
		return err
	}
	if images.Len() == 0 {
		return fault.New(fault.Method, "ltad: no training images").WithHint("a split needs at least one normal image of one class")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := newTraining(ctx, m, s, images)
	if err != nil {
		return err
	}
	defer t.close()
	md, err := t.run(ctx)
	if err != nil {
		return err
	}
	m.adopt(md, s)
	return m.model.settle(ctx, images)
}

// adopt makes md the model, in place of the one before.
func (m *Method) adopt(md *model, s plugin.Session) {
	if m.model != nil {
		m.model.served.Close()
	}
	md.engine, md.device, md.threads, md.log = s.Engine, s.Device, max(1, s.Threads), s.Log
	m.model = md
}

// Predict gives the maps of Eq. 5.
func (m *Method) Predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	if m.model == nil {
		return fault.New(fault.Method, "ltad: Predict before Fit or Load")
	}
	if test.Len() == 0 {
		return nil
	}
	return m.model.predict(ctx, test, emit)
}

// Save stores the model: state.json, and its weights in weights.safetensors.
func (m *Method) Save(_ context.Context, dir string) error {
	if m.model == nil {
		return fault.New(fault.Method, "ltad: Save before Fit or Load")
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

// about is a duration as a person would say it.
func about(seconds float64) string {
	switch {
	case seconds < 90:
		return fmt.Sprintf("%.0f s", math.Ceil(seconds))
	case seconds < 90*60:
		return fmt.Sprintf("%.0f min", math.Ceil(seconds/60))
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}
