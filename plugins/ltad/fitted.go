package ltad

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/state"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// model is a fitted LTAD.
type model struct {
	shape
	det     detector
	sampler *reconstruct.Sampler
	weights train.Trained

	engine, device string
	threads        int
	log            hclog.Logger
	served         *train.Served // nil until the first prediction
}

// shape is what state.json keeps of a model.
type shape struct {
	Options  Options `json:"options"`
	Height   int     `json:"height"` // of the features that it was fitted to
	Width    int     `json:"width"`
	Channels int     `json:"channels"`
	Levels   []int   `json:"levels"`
	Classes  int     `json:"classes"`
	Text     int     `json:"text"`    // length of text features
	Lambda   float64 `json:"lambda"`  // as it is used
	Digest   string  `json:"weights"` // SHA-256 of weights.safetensors
}

// classifierWeight is t_a,c - t_n,c of every class, [K, d], in the file of weights.
const classifierWeight = "classifier"

// list is what the file of weights holds.
func (m *model) list() []train.Initial {
	out := m.det.weights()
	if m.det.Sem {
		out = append(out, train.Initial{Name: classifierWeight, Shape: []int{m.Classes, m.Text}})
	}
	return out
}

// predictBatch is how many images are predicted at once.
const predictBatch = 8

// serve makes the model ready to predict.
func (m *model) serve(ctx context.Context) (err error) {
	if m.served != nil {
		return nil
	}
	in := []shapes.Shape{m.det.Transformer.Input(predictBatch)}
	if m.det.Sem {
		d := m.det
		d.Learned = false // what is learned is in classifierWeight
		in = append(in, d.classifierShape(predictBatch))
	}
	backend, err := engine.Open(ctx, m.engine, m.device, m.threads)
	if err == nil {
		m.served, err = train.Serve(backend, m.weights, m.det.weights(), m.det.scores, in...)
	}
	return err
}

// scores calls got with S_rec and S_sem of the patches of every image, in order, nil
// where there is no such module, and gives their ranges.
func (m *model) scores(ctx context.Context, images plugin.Samples, got func(i int, rec, sem []float32) error) (ranges, error) {
	if err := m.serve(ctx); err != nil {
		return ranges{}, err
	}
	var allRec, allSem []float32
	err := m.served.Run(ctx, m.threads, images.Len(), func(i int, rows [][]float32) error {
		m.sampler.Read(rows[0], images, i)
		if m.det.Sem {
			copy(rows[1], m.weights[classifierWeight][images.Classes[i]*m.Text:])
		}
		return nil
	}, func(i int, rows [][]float32) error {
		var rec, sem []float32
		if m.det.Rec {
			rec, rows = rows[0], rows[1:]
		}
		if m.det.Sem {
			sem = rows[0]
		}
		allRec, allSem = append(allRec, rec...), append(allSem, sem...)
		return got(i, rec, sem)
	})
	return ranges{rec: spread(allRec), sem: spread(allSem)}, err
}

// settle fixes lambda, and logs the ranges of both scores on training images, which
// are normal.
func (m *model) settle(ctx context.Context, images plugin.Samples) error {
	r, err := m.scores(ctx, images, func(int, []float32, []float32) error { return nil })
	if err != nil {
		return fmt.Errorf("ltad: scores of the training images: %w", err)
	}
	size := float64(r.rec.high - r.rec.low)
	m.Lambda = m.Options.Lambda
	if m.Lambda == 0 && m.det.Rec && m.det.Sem {
		m.Lambda = size
	}
	r.log("scores of normal training patches", m)
	if m.det.Rec && m.det.Sem && (m.Lambda > 20*size || m.Lambda < size/20) {
		m.log.Warn("the two scores have very different ranges: one of them hardly counts; see option lambda (0 fits it)", "lambda", m.Lambda, "range of S_rec", size)
	}
	return nil
}

// predict gives the maps of Eq. 5, and logs the ranges of both scores.
func (m *model) predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	if h, w, c := test.FeatureShape(); h != m.Height || w != m.Width || c != m.Channels {
		return fault.New(fault.Method, "ltad: test features are [%d %d %d], the model was fitted to [%d %d %d]",
			h, w, c, m.Height, m.Width, m.Channels)
	}
	if c := slices.Max(test.Classes); c >= m.Classes {
		return fault.New(fault.Method, "ltad: a test image has the class %d, the model was fitted to %d classes", c, m.Classes)
	}
	r, err := m.scores(ctx, test, func(i int, rec, sem []float32) error {
		p := plugin.Prediction{Map: rec, H: m.det.Transformer.Height, W: m.det.Transformer.Width}
		switch {
		case rec == nil:
			p.Map = sem
		case sem != nil:
			p.Map = combine(rec, sem, m.Lambda)
		}
		return emit(i, p)
	})
	if err != nil {
		return fmt.Errorf("ltad: prediction: %w", err)
	}
	r.log("scores of test patches", m)
	return nil
}

// combine is Eq. 5.
func combine(rec, sem []float32, lambda float64) []float32 {
	out := make([]float32, len(rec))
	for i := range rec {
		out[i] = rec[i] + float32(float32(lambda)*sem[i])
	}
	return out
}

// ranges are those of both scores.
type ranges struct{ rec, sem interval }

// interval is a distribution in five numbers: the least, the 1st percentile, the
// median, the 99th percentile, and the largest.
type interval struct{ min, low, mid, high, max float32 }

// spread gives the interval of values, which it sorts.
func spread(values []float32) interval {
	if len(values) == 0 {
		return interval{}
	}
	slices.Sort(values)
	at := func(q float64) float32 { return values[int(q*float64(len(values)-1)+0.5)] }
	return interval{at(0), at(0.01), at(0.5), at(0.99), at(1)}
}

func (i interval) String() string {
	return fmt.Sprintf("%.4g .. %.4g .. %.4g .. %.4g .. %.4g", i.min, i.low, i.mid, i.high, i.max)
}

func (r ranges) log(what string, m *model) {
	args := []any{"form", "least .. 1 % .. median .. 99 % .. largest"}
	if m.det.Rec {
		args = append(args, "S_rec", r.rec.String())
	}
	if m.det.Sem {
		args = append(args, "S_sem", r.sem.String())
	}
	if m.det.Rec && m.det.Sem {
		args = append(args, "lambda", m.Lambda)
	}
	m.log.Info(what, args...)
}

const weightsFile = "weights.safetensors"

func (m *model) save(dir string) error {
	sh := m.shape
	var err error
	if sh.Digest, err = m.weights.Write(filepath.Join(dir, weightsFile), m.list()); err != nil {
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
		return nil, fault.New(fault.Config, "%s: ltad was fitted with the options %+v, not %+v", dir, m.Options, opts).
			WithHint("fit again, or give the options of the saved state")
	}
	sum := 0
	for _, c := range m.Levels {
		sum += max(c, 0)
	}
	if m.Height < 1 || m.Width < 1 || m.Channels < 1 || sum != m.Channels || m.Classes < 1 || m.Text < 1 {
		return nil, fault.New(fault.Data, "%s: cannot load state: features of [%d %d %d], levels of %v, %d classes and text features of %d are impossible",
			dir, m.Height, m.Width, m.Channels, m.Levels, m.Classes, m.Text)
	}
	a := opts.Arch(m.Height, m.Width, m.Channels, log)
	m.det = opts.detector(a, m.Levels, m.Classes, m.Text)
	m.sampler = reconstruct.NewSampler(m.Height, m.Width, m.Channels, a)
	var err error
	m.weights, err = train.Read(filepath.Join(dir, weightsFile), m.Digest, m.list())
	return m, err
}
