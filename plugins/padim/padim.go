// Package padim is PaDiM (Defard et al. 2020, arXiv 2011.08785): a multivariate
// Gaussian of the features at each position of the patch grid, and the
// Mahalanobis distance to it as the anomaly map.
//
// # One model for all classes
//
// The paper fits PaDiM to one class. Here, as in the tables of UniAD and of the
// long-tailed benchmark, one model serves all classes: the Gaussian of a position
// is that of the training images of all classes together, each image counting
// once, so a long-tailed split weighs the classes as it samples them. There is no
// option to fit a class by itself: that is another task, and with the one to ten
// images of a tail class the covariance would be nearly all epsilon.
//
// # Where the paper is silent
//
// The image score is the maximum of the map (section III-C) before smoothing.
// Maps are smoothed as the public implementations do, with sigma 4 at 224 x 224.
// epsilon is absolute, 0.01 (section III-B), so it weighs more for an encoder
// with small features. With a single training image the covariance is epsilon
// times the identity.
//
// # Arithmetic, memory and time
//
// Moments, Cholesky factors (gonum's LAPACK) and triangular solves are float64,
// and the covariance is summed from centred numbers. A fit reads the training
// features once for each group of positions whose selected channels fit 256 MiB,
// and holds no more than that beside the model, which takes 4 d^2 bytes a
// position. Fitting costs N d^2 multiplications a position, predicting d^2/2 for
// each image. On two cores that other work shared, 28 x 28 positions and d = 100:
// 300 images are fitted in 0.55 to 1.1 s and a prediction takes 2 to 5 ms
// (BenchmarkFit, BenchmarkPredict). Results do not depend on the number of threads.
package padim

import (
	"context"
	"slices"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/grid"
	"github.com/ltadbench/ltadbench/plugins/internal/state"
)

const (
	name = "padim"
	// version changes whenever the numbers would.
	version = "1"
)

// Options are PaDiM's options.
type Options struct {
	D       int     `json:"d" min:"1" doc:"Channels selected at random from the concatenated embedding; all if there are fewer (section IV-B: 100 for ResNet18, 550 for WideResNet50-2)."`
	Epsilon float64 `json:"epsilon" above:"0" doc:"Added to the diagonal of each covariance matrix, which makes it invertible (section III-B)."`
	Sigma   float64 `json:"sigma" min:"0" doc:"Standard deviation of the Gaussian that smooths the anomaly map, in pixels of a map enlarged to 224 x 224; 0 for none (not in section III; 4 in public implementations)."`
}

func defaults() Options { return Options{D: 100, Epsilon: 0.01, Sigma: 4} }

// Method is PaDiM.
type Method struct {
	plugin.Base
	opts    Options
	threads int
	model   *model
}

// New makes an unfitted method.
func New() plugin.Method { return &Method{} }

// Describe says what PaDiM is.
func (*Method) Describe() plugin.Info {
	return plugin.Info{
		Name:    name,
		Version: version,
		Summary: "Mahalanobis distance to a Gaussian of the features at each position",
		Paper:   "Defard et al., PaDiM: a Patch Distribution Modeling Framework for Anomaly Detection and Localization, ICPR Workshops 2021, arXiv:2011.08785",
		Needs:   []plugin.Input{plugin.Features},
		Maps:    true, Scores: true, Deterministic: true, SaveLoad: true,
		Options: plugin.Schema(defaults()),
	}
}

func (m *Method) configure(s plugin.Session) error {
	m.opts, m.threads = defaults(), max(1, s.Threads)
	return plugin.DecodeOptions(s.Options, &m.opts)
}

// Fit estimates the Gaussians.
func (m *Method) Fit(ctx context.Context, s plugin.Session, train plugin.Samples) error {
	if err := m.configure(s); err != nil {
		return err
	}
	if train.Len() == 0 {
		return fault.New(fault.Method, "padim: no training images")
	}
	h, w, c := train.FeatureShape()
	if m.opts.D > c {
		s.Log.Info("fewer channels than option d asks for: all are used", "channels", c, "d", m.opts.D)
	}
	channels := stream.New(s.Seed, name, "channels").Perm(c)[:min(m.opts.D, c)]
	slices.Sort(channels)
	md, err := fit(ctx, train, channels, m.opts.Epsilon, m.threads, fitBytes, s.Report)
	if err != nil {
		return err
	}
	md.Height, md.Width, md.Channels = h, w, c
	m.model = md
	return nil
}

// predictBytes bounds the selected features that Predict holds.
const predictBytes = 64 << 20

// Predict gives the maps of Mahalanobis distances, and their maxima.
func (m *Method) Predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	md := m.model
	if md == nil {
		return fault.New(fault.Method, "padim: Predict before Fit or Load")
	}
	if test.Len() == 0 {
		return nil
	}
	if h, w, c := test.FeatureShape(); h != md.Height || w != md.Width || c != md.Channels {
		return fault.New(fault.Method, "padim: test features are [%d %d %d], the model was fitted to [%d %d %d]",
			h, w, c, md.Height, md.Width, md.Channels)
	}
	positions := md.Height * md.Width
	batch := min(32, max(1, predictBytes/(4*positions*md.d())))
	maps := make([][]float32, batch)
	x := newBlock(md.d(), batch)
	for lo := 0; lo < test.Len(); lo += batch {
		n := min(batch, test.Len()-lo)
		if err := x.read(ctx, test, lo, n, 0, positions, md.selected, m.threads); err != nil {
			return err
		}
		for i := range n {
			maps[i] = make([]float32, positions)
		}
		if err := md.distances(ctx, x, n, maps, m.threads); err != nil {
			return err
		}
		for i := range n {
			p := plugin.Prediction{Score: grid.Max(maps[i]), Map: maps[i], H: md.Height, W: md.Width}
			grid.Smooth(p.Map, p.H, p.W, m.opts.Sigma)
			if err := emit(lo+i, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// shape is what state.json keeps of a model.
type shape struct {
	Options  Options `json:"options"`
	Height   int     `json:"height"`
	Width    int     `json:"width"`
	Channels int     `json:"channels"`
	D        int     `json:"d"` // channels selected
}

// Save stores the model: the selected channels, the means [H*W, d] and the rows of
// the lower Cholesky factors one after another [H*W, d(d+1)/2], float64.
func (m *Method) Save(_ context.Context, dir string) error {
	md := m.model
	if md == nil {
		return fault.New(fault.Method, "padim: Save before Fit or Load")
	}
	d, positions := md.d(), md.Height*md.Width
	w, err := state.NewWriter(dir, name, version, shape{m.opts, md.Height, md.Width, md.Channels, d})
	if err != nil {
		return err
	}
	channels := make([]int32, d)
	for i, c := range md.selected {
		channels[i] = int32(c)
	}
	if err := state.Put(w, "channels", channels, d); err != nil {
		return err
	}
	if err := state.Put(w, "mean", md.mean, positions, d); err != nil {
		return err
	}
	if err := state.Put(w, "factor", md.factor, positions, packed(d)); err != nil {
		return err
	}
	return w.Close()
}

// Load restores a model; its options must be those of the session.
func (m *Method) Load(_ context.Context, s plugin.Session, dir string) error {
	if err := m.configure(s); err != nil {
		return err
	}
	var sh shape
	r, err := state.Open(dir, name, version, &sh)
	if err != nil {
		return err
	}
	if sh.Options != m.opts {
		return fault.New(fault.Config, "%s: padim was fitted with the options %+v, not %+v", dir, sh.Options, m.opts).
			WithHint("fit again, or give the options of the saved state")
	}
	if sh.D < 1 || sh.D > sh.Channels || sh.Height < 1 || sh.Width < 1 {
		return fault.New(fault.Data, "%s: cannot load state: sizes %+v are impossible", dir, sh)
	}
	positions := sh.Height * sh.Width
	channels, err := state.Get[int32](r, "channels", sh.D)
	if err != nil {
		return err
	}
	md := &model{Height: sh.Height, Width: sh.Width, Channels: sh.Channels, selected: make([]int, sh.D)}
	for i, c := range channels {
		if md.selected[i] = int(c); c < 0 || int(c) >= sh.Channels {
			return fault.New(fault.Data, "%s: cannot load state: channel %d of %d", dir, c, sh.Channels)
		}
	}
	if md.mean, err = state.Get[float64](r, "mean", positions, sh.D); err != nil {
		return err
	}
	if md.factor, err = state.Get[float64](r, "factor", positions, packed(sh.D)); err != nil {
		return err
	}
	if err := md.check(); err != nil {
		return fault.New(fault.Data, "%s: cannot load state: %w", dir, err)
	}
	m.model = md
	return nil
}
