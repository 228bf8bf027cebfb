// Package random is the control of the benchmark: scores and maps that know
// nothing of the images, so that every AUROC is near 0.5. A protocol under which
// it does clearly better leaks the labels.
package random

import (
	"context"
	"strconv"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/state"
)

const (
	name    = "random"
	version = "1"
	// side of the square maps: fine enough for many independent draws in a defect,
	// and no larger than any image.
	side = 64
)

type options struct{}

// Method is the control.
type Method struct {
	plugin.Base
	seed   uint64
	fitted bool
}

// New makes an unfitted method.
func New() plugin.Method { return &Method{} }

// Describe says what the control is. It needs no inputs.
func (*Method) Describe() plugin.Info {
	return plugin.Info{
		Name:    name,
		Version: version,
		Summary: "control: uniform random scores and maps",
		Maps:    true, Scores: true, Deterministic: true, SaveLoad: true,
		Options: plugin.Schema(options{}),
	}
}

// Fit only takes the seed.
func (m *Method) Fit(ctx context.Context, s plugin.Session, _ plugin.Samples) error {
	var o options
	if err := plugin.DecodeOptions(s.Options, &o); err != nil {
		return err
	}
	m.seed, m.fitted = s.Seed, true
	return ctx.Err()
}

// Predict draws the score and then the map of sample i, uniform in [0, 1), from a
// stream named by i. The host orders samples by the seed, so a run is the same
// each time; the index says nothing of the image.
func (m *Method) Predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	if !m.fitted {
		return fault.New(fault.Method, "random: Predict before Fit or Load")
	}
	for i := range test.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := stream.New(m.seed, name, strconv.Itoa(i))
		p := plugin.Prediction{Score: s.Float32(), Map: make([]float32, side*side), H: side, W: side}
		for j := range p.Map {
			p.Map[j] = s.Float32()
		}
		if err := emit(i, p); err != nil {
			return err
		}
	}
	return nil
}

type values struct {
	Seed uint64 `json:"seed"`
}

// Save stores the seed.
func (m *Method) Save(_ context.Context, dir string) error {
	if !m.fitted {
		return fault.New(fault.Method, "random: Save before Fit or Load")
	}
	w, err := state.NewWriter(dir, name, version, values{m.seed})
	if err != nil {
		return err
	}
	return w.Close()
}

// Load restores the seed of the fit, whatever the session's is.
func (m *Method) Load(_ context.Context, s plugin.Session, dir string) error {
	var o options
	if err := plugin.DecodeOptions(s.Options, &o); err != nil {
		return err
	}
	var v values
	if _, err := state.Open(dir, name, version, &v); err != nil {
		return err
	}
	m.seed, m.fitted = v.Seed, true
	return nil
}
