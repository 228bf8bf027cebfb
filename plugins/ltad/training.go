package ltad

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/gomlx/gomlx/backends"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/plugins/internal/bert"
	"github.com/ltadbench/ltadbench/plugins/internal/engine"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// training is a Fit.
type training struct {
	opts    Options
	session plugin.Session
	images  plugin.Samples
	shape   shape
	every   time.Duration

	backend backends.Backend
	text    *bert.Encoder // nil if the options need none
	names   [][]float32   // of each class [S, hidden size]
	vae     vae
	det     detector
	source  source

	// Of each phase, nil if there is none.
	weights1, weights2 *train.Weights
	run1, run2         *train.Run
	feed1              *feed1
	feed2              *feed2

	// seconds of a step, as they were measured.
	step1, step2 float64
}

func newTraining(ctx context.Context, m *Method, s plugin.Session, images plugin.Samples) (_ *training, err error) {
	o := m.opts
	h, w, c := images.FeatureShape()
	a := o.Arch(h, w, c, s.Log)
	sampler := reconstruct.NewSampler(h, w, c, a)
	t := &training{
		opts: o, session: s, images: images, every: m.every,
		shape:  shape{Options: o, Height: h, Width: w, Channels: c, Levels: s.Levels, Classes: len(s.Classes)},
		source: source{images: images, sampler: sampler, seed: s.Seed, threads: max(1, s.Threads)},
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.backend, err = engine.Open(ctx, s.Engine, s.Device, s.Threads); err != nil {
		return nil, err
	}
	if o.text() {
		if s.Text == nil {
			return nil, fault.New(fault.Method, "ltad: no text encoder was given").WithHint("the encoder pack needs a text side")
		}
		if t.text, err = bert.Open(*s.Text); err != nil {
			return nil, err
		}
		if n := o.NameLength + 2; n > t.text.MaxTokens {
			return nil, fault.New(fault.Config, "options: names of name_length %d are %d tokens, with the first and the last; the text encoder reads %d", o.NameLength, n, t.text.MaxTokens).
				WithHint("use shorter names")
		}
		if t.names, err = firstNames(o, t.text, s.Classes, s.Seed); err != nil {
			return nil, err
		}
	}
	t.vae = vae{
		Height: a.Height, Width: a.Width, Levels: s.Levels, Embedding: images.EmbeddingLen(), Latent: cmp.Or(o.Latent, images.EmbeddingLen()),
		Classes: len(s.Classes), Variational: o.Augment == "vae", KL: o.KL, MeanLoss: o.VAELoss == "mean",
		Start: o.DecoderStart, Wide: o.DecoderWidth, Blocks: o.DecoderBlocks, Norm: o.TextNorm, text: t.text,
	}
	if o.Condition {
		t.vae.Text = t.dim()
	}
	if o.learnsNames() && o.phase1() {
		t.vae.Names = o.NameLength
	}
	t.det = o.detector(a, s.Levels, len(s.Classes), t.dim())
	if t.det.Synthetic {
		t.det.VAE = t.vae
		t.det.VAE.Names = 0
	}
	return t, t.plan(ctx)
}

// dim is the length of text features. Without a text encoder there are none, but the
// learned classifier has vectors of some length, too.
func (t *training) dim() int {
	if t.text != nil {
		return t.text.Dim
	}
	return learnedDim
}

// learnedDim is that of ALIGN's text features.
const learnedDim = 640

// detector is the architecture of phase 2, without a VAE.
func (o Options) detector(a reconstruct.Arch, levels []int, classes, dim int) detector {
	return detector{
		Transformer: a, Levels: levels, Classes: classes, Text: dim,
		Rec: o.rec(), Sem: o.sem(), RecSum: o.RecLoss == "sum", Score: o.RecScore,
		Joined: o.Projection == "joined", Mean: o.Pool == "mean", Learned: o.Classifier == "learned", Printed: o.BCE == "printed", Tau: o.Tau,
		Synthetic: o.synthesizes(),
	}
}

// plan makes the runs of both phases.
func (t *training) plan(ctx context.Context) error {
	o, s := t.opts, t.session
	run := func(w *train.Weights, loss train.Loss, feed train.Feed, arch any) *train.Run {
		return &train.Run{
			Backend: t.backend, Weights: w, Loss: loss, Feed: feed,
			Images: t.images.Len(), Batch: o.Batch, Epochs: o.Epochs,
			Optimizer: o.Optimizer(), Schedule: o.Schedule(), Seed: s.Seed, Name: name, Log: s.Log,
			Checkpoint: train.Checkpoint{
				Dir: s.Checkpoint, Every: t.every,
				Fingerprint: train.Fingerprint(name, version, o, arch, t.names, s.Seed, s.Engine, train.DataDigest(t.images)),
			},
		}
	}
	if o.phase1() {
		condition, err := t.fixed()
		if err != nil {
			return err
		}
		t.weights1 = train.NewWeights()
		if t.vae.Names > 0 {
			t.weights1.Add(namesWeight, join(t.names), t.vae.Classes, t.vae.Names, t.text.Hidden)
			addText(t.weights1, t.text)
		}
		for _, w := range t.vae.weights() {
			t.weights1.Add(w.Name, w.Draw(s.Seed, name), w.Shape...)
		}
		t.feed1 = &feed1{vae: t.vae, source: t.source, condition: condition}
		t.run1 = run(t.weights1, t.vae.loss, t.feed1, t.vae)
		t.run1.Name, t.run1.Epochs, t.run1.Schedule.LR = name+"/phase1", o.VAEEpochs, o.VAELR
		t.run1.Checkpoint.File, t.run1.Checkpoint.Last = "phase1.safetensors", true
	}
	t.weights2 = train.NewWeights()
	for _, w := range t.det.weights() {
		t.weights2.Add(w.Name, w.Draw(s.Seed, name), w.Shape...)
	}
	if t.det.Synthetic {
		for _, w := range t.vae.weights() { // for now
			t.weights2.AddFrozen(w.Name, w.Draw(s.Seed, name), w.Shape...)
		}
	}
	zeros := make([][]float32, len(s.Classes)) // until phase 1 is over
	for c := range zeros {
		zeros[c] = make([]float32, t.dim())
	}
	noisy := t.det.noisy()
	t.feed2 = &feed2{
		detector: t.det, source: t.source, draws: reconstruct.Draws{Arch: noisy, Seed: s.Seed, Method: name, Prob: o.JitterProb},
		classifier: zeros, condition: zeros, real: realProbability(o, t.images, len(s.Classes)),
	}
	if t.det.Learned {
		t.feed2.classifier = nil
	}
	t.run2 = run(t.weights2, t.det.loss, t.feed2, t.det)
	t.run2.Stop, t.run2.Checkpoint.File = o.Stop(), "phase2.safetensors"
	return t.measure(ctx)
}

// fixed are the text features of names that phase 1 does not learn; nil if it does, or
// needs none.
func (t *training) fixed() (features [][]float32, err error) {
	if t.vae.Names > 0 || t.vae.Text == 0 {
		return nil, nil
	}
	speak, err := newSpeaker(t.backend, t.text, t.opts.TextNorm)
	if err != nil {
		return nil, err
	}
	defer speak.close()
	return speak.features(t.names)
}

// measure times a few steps of each phase, and tells the user how long it will be.
func (t *training) measure(ctx context.Context) error {
	steps, total := "", 0.0
	for i, r := range []*train.Run{t.run1, t.run2} {
		if r == nil {
			continue
		}
		d, err := r.Measure(ctx)
		if err != nil {
			return err
		}
		*[]*float64{&t.step1, &t.step2}[i] = d.Seconds()
		steps += fmt.Sprintf("; phase %d: %d steps of %.3g s", i+1, r.Steps(), d.Seconds())
		total += d.Seconds() * float64(r.Steps())
	}
	text := fmt.Sprintf("about %s%s", about(total), steps)
	t.session.Log.Info("training begins: "+text, "images", t.images.Len(), "tokens", t.det.Transformer.Tokens(), "engine", t.session.Engine)
	if !t.resumes() { // else the first message is that it does
		t.session.Report(0, total, text)
	}
	report := func(r *train.Run, before, step float64, phase string) {
		r.Report = func(done, _ float64, message string) {
			done = before + done*step
			if done < total/50 {
				message += ", about " + about(total) + " in all" // long enough to be read
			}
			t.session.Report(done, total, phase+message)
		}
	}
	before := 0.0
	if t.run1 != nil {
		report(t.run1, 0, t.step1, "phase 1, ")
		before = float64(t.run1.Steps()) * t.step1
	}
	report(t.run2, before, t.step2, "phase 2, ")
	return nil
}

// resumes says whether there is a checkpoint.
func (t *training) resumes() bool {
	if t.session.Checkpoint == "" {
		return false
	}
	files, err := os.ReadDir(t.session.Checkpoint)
	return err == nil && len(files) > 0
}

// run trains, and gives the model.
func (t *training) run(ctx context.Context) (*model, error) {
	began := time.Now()
	if t.run1 != nil {
		if err := t.phase1(ctx); err != nil {
			return nil, err
		}
	}
	md := &model{shape: t.shape, det: t.det, sampler: t.source.sampler}
	md.Text = t.det.Text
	var classifiers [][]float32
	if t.opts.text() {
		speak, err := newSpeaker(t.backend, t.text, t.opts.TextNorm)
		if err != nil {
			return nil, err
		}
		defer speak.close()
		if t.vae.Names > 0 {
			if t.feed2.condition, err = speak.features(t.names); err != nil {
				return nil, err
			}
		} else if t.feed1 != nil && t.feed1.condition != nil {
			t.feed2.condition = t.feed1.condition
		}
		if t.opts.prompts() {
			if classifiers, err = speak.classifiers(t.opts, t.names); err != nil {
				return nil, err
			}
			if t.opts.Assign == "always" {
				classifiers = next(classifiers)
			}
			t.feed2.classifier = classifiers
		}
	}
	if err := t.run2.Do(ctx); err != nil {
		return nil, err
	}
	var err error
	if md.weights, err = t.weights2.Trained(); err != nil {
		return nil, err
	}
	if err := t.finite(md.weights, t.det.weights(), t.opts.LR); err != nil {
		return nil, err
	}
	if t.det.Learned {
		classifiers = differences(split(md.weights[abnormalOf], t.det.Classes), split(md.weights[normalOf], t.det.Classes))
	}
	if t.det.Sem {
		if t.opts.Assign == "test" {
			classifiers = next(classifiers)
		}
		md.weights[classifierWeight] = join(classifiers)
	}
	t.session.Log.Info("training is over", "seconds", math.Round(time.Since(began).Seconds()))
	return md, nil
}

// phase1 trains the VAE and the names, and hands them to phase 2.
func (t *training) phase1(ctx context.Context) error {
	if err := t.run1.Do(ctx); err != nil {
		return err
	}
	trained, err := t.weights1.Trained()
	if err != nil {
		return err
	}
	if err := t.finite(trained, t.vae.weights(), t.opts.VAELR); err != nil {
		return err
	}
	if t.vae.Names > 0 {
		t.names = split(trained[namesWeight], t.vae.Classes)
	}
	if t.det.Synthetic {
		for _, w := range t.vae.weights() {
			if err := t.weights2.Set(w.Name, trained[w.Name]); err != nil {
				return err
			}
		}
	}
	// What phase 1 has compiled, and the text encoder, phase 2 does not need.
	t.run1.Close()
	t.weights1.Close()
	t.run1, t.weights1 = nil, nil
	return nil
}

func (t *training) finite(w train.Trained, list []train.Initial, lr float64) error {
	if err := w.Check(list); err != nil {
		return fault.New(fault.Method, "ltad: after training %w", err).WithHint("a smaller learning rate (now %g) may help", lr)
	}
	return nil
}

func (t *training) close() {
	for _, r := range []*train.Run{t.run1, t.run2} {
		if r != nil {
			r.Close()
		}
	}
	for _, w := range []*train.Weights{t.weights1, t.weights2} {
		if w != nil {
			w.Close()
		}
	}
	if t.backend != nil {
		t.backend.Finalize()
	}
	if t.text != nil {
		t.text.Close()
	}
}
