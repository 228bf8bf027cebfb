package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// attempt is one cell being computed.
type attempt struct {
	*Plan
	*Planned
	task   progress.Task
	record *result.Record
	work   string // scratch directory
	fresh  bool   // not from a checkpoint
}

// compute runs a cell and gives its record, also that of a failed cell. The error is
// for what is not the cell's: the user's interrupt, or a store that cannot be written.
func (p *Plan) compute(ctx context.Context, c *Planned, fresh bool) (*result.Record, error) {
	begun := time.Now()
	a := &attempt{
		Plan: p, Planned: c, fresh: fresh,
		work: p.Store.WorkDir(c.Key), record: p.newRecord(c), task: p.Show.Start(c.Cell.String()),
	}
	defer os.RemoveAll(a.work)
	err := a.run(ctx)
	if ctx.Err() != nil {
		a.task.End("")
		return nil, ctx.Err()
	}
	r := a.record
	r.Run.Seconds["total"] = time.Since(begun).Seconds()
	if err != nil {
		r = p.failed(c, r.Run, err)
		if c.Record != nil && c.Record.Status == result.Done {
			// A failure, of the disk perhaps, takes no numbers away that are good.
			a.task.End(summary(r) + "\n  its earlier result is kept")
			return r, nil
		}
		os.Remove(p.Store.MapsPath(c.Key))
	}
	if r.Maps != nil && r.Maps.Kept {
		// Only now: an earlier result of this cell keeps its maps until this one is whole.
		if err := os.Rename(a.mapsPath(), p.Store.MapsPath(c.Key)); err != nil {
			a.task.End("")
			return nil, fault.New(fault.System, "%w", err)
		}
	}
	if err := p.Store.Put(r); err != nil {
		a.task.End("")
		return nil, err
	}
	line := summary(r)
	if err == nil {
		a.dropCheckpoint()
	} else if a.method.info.Resumes && p.Store.HasCheckpoint(c.Key) {
		line += "\n  its checkpoint is kept: --retry goes on from it, --fresh begins anew"
	}
	a.task.End(line)
	return r, nil
}

// mapsPath is where the maps are until the cell is done.
func (a *attempt) mapsPath() string { return filepath.Join(a.work, "ordered.npy") }

// summary is a line about a finished cell; of a failed one also what to do, and the
// end of its log.
func summary(r *result.Record) string {
	if f := r.Failure; f != nil {
		return "failed: " + fault.Format(&fault.Error{Err: errors.New(f.Message), Hint: f.Hint, Log: lastLines(f.Log, 10)})
	}
	text := ""
	for _, m := range []ad.Metric{ad.ImageAUROC, ad.PixelAUROC} {
		if v := r.Means[ad.All][m].Value; v != nil {
			text += fmt.Sprintf("%s %.2f, ", m, 100**v)
		}
	}
	if r.Run.Resumed {
		text += "resumed, "
	}
	return fmt.Sprintf("%sin %.1f s", text, r.Run.Seconds["total"])
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (p *Plan) newRecord(c *Planned) *result.Record {
	return &result.Record{
		Schema: result.Schema, Key: c.Key, Cell: c.Cell, Inputs: c.inputs, Status: result.Done, Prior: host.ClassNames(c.method.info, c.inputs.Options),
		Run: result.Run{
			Started: time.Now().UTC().Truncate(time.Second), Seconds: map[string]float64{}, Memory: map[string]int64{},
			Device: p.Device, Threads: p.Threads, Command: c.method.spec.Command, Machine: p.machine,
		},
	}
}

// failed is the record of a cell that has no numbers, and why.
func (p *Plan) failed(c *Planned, run result.Run, err error) *result.Record {
	r := p.newRecord(c)
	r.Run, r.Status = run, result.Failed
	r.Failure = &result.Failure{Kind: fault.KindOf(err), Source: fault.Host, Message: err.Error()}
	var f *fault.Error
	if errors.As(err, &f) {
		r.Failure.Source, r.Failure.Hint, r.Failure.Log = f.Source, f.Hint, f.Log
	}
	return r
}

// phase runs one part of the cell and notes how long it took.
func (a *attempt) phase(name string, f func() error) error {
	a.task.Update(0, 0, name)
	begun := time.Now()
	err := f()
	a.record.Run.Seconds[name] += time.Since(begun).Seconds()
	return err
}

func (a *attempt) run(ctx context.Context) error {
	if a.method.broken != nil {
		return a.method.broken
	}
	var stored *encoder.Stored
	if err := a.phase("features", func() (err error) {
		if stored, err = a.features.get(ctx, a.Plan, a.Planned); err == nil {
			a.record.Run.Features = stored.Made
		}
		return err
	}); err != nil {
		return err
	}
	if err := os.MkdirAll(a.work, 0o777); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	answers, test, err := a.ask(ctx, stored)
	if err != nil {
		return err
	}
	begun := time.Now()
	defer func() { a.record.Run.Seconds["score"] = time.Since(begun).Seconds() }()
	a.task.Update(0, 0, "score")
	return a.score(ctx, answers, test)
}

// ask has the method fit and predict, each within the method's timeout.
func (a *attempt) ask(ctx context.Context, stored *encoder.Stored) (answers host.Answers, test []ad.Sample, err error) {
	library, err := a.library(ctx)
	if err != nil {
		return answers, nil, err
	}
	text, err := a.text()
	if err != nil {
		return answers, nil, err
	}
	var process *host.Process
	if err := a.phase("start", func() (err error) {
		spec := a.method.spec
		spec.Name = a.Cell.Method // one of those that share it
		process, err = host.Start(ctx, spec, host.Config{
			WorkDir: a.work, LogFile: a.Store.LogPath(a.Key), Threads: a.Threads, ORTLibrary: library.Path,
			Timeouts: host.Timeouts{Fit: a.config.Method.Timeout, Predict: a.config.Method.Timeout},
		})
		return err
	}); err != nil {
		return answers, nil, err
	}
	defer process.Close(ctx)
	checkpoint, err := a.checkpoint()
	if err != nil {
		return answers, nil, err
	}
	defer func() {
		if err != nil && !resumable(err) {
			a.dropCheckpoint()
		}
	}()
	train := a.train()
	session := plugin.Session{
		Options: a.inputs.Options, Seed: a.Cell.Seed, Device: a.Device, Threads: a.Threads, WorkDir: a.work,
		Classes: texts(a.dataset.Classes), Engine: a.inputs.Engine, Checkpoint: checkpoint, Report: a.task.Update,
		Levels: levels(a.encoder), Text: text,
	}
	if err := a.phase("fit", func() error {
		return process.Fit(ctx, session, a.data(stored, train))
	}); err != nil {
		return answers, nil, err
	}
	test = a.shuffled("test", a.dataset.Part(ad.Test))
	if err := a.phase("predict", func() (err error) {
		answers, err = process.Predict(ctx, a.data(stored, test), filepath.Join(a.work, "maps"), func(done, total int) {
			a.task.Update(float64(done), float64(total), "predict")
		})
		return err
	}); err != nil {
		return answers, nil, err
	}
	a.record.Run.Memory["method"] = process.PeakMemory()
	return answers, test, a.phase("stop", func() error {
		if err := process.Close(ctx); err != nil {
			a.Log.Warn("a method did not end in good order; its answers stand", "cell", a.Cell, "cause", err)
		}
		return nil
	})
}

func texts(classes []ad.ClassName) []string {
	out := make([]string, len(classes))
	for i, c := range classes {
		out[i] = string(c)
	}
	return out
}

// train is the split's images.
func (a *attempt) train() []ad.Sample {
	chosen := map[ad.SampleID]bool{}
	for _, id := range a.split.Files() {
		chosen[id] = true
	}
	var out []ad.Sample
	for _, s := range a.dataset.Part(ad.Train) {
		if chosen[s.ID] {
			out = append(out, s)
		}
	}
	return a.shuffled("train", out)
}

// shuffled orders samples by a stream that only the cell's seed and the split
// determine, so that their order says nothing about them and every method gets the
// same one.
func (a *attempt) shuffled(part string, samples []ad.Sample) []ad.Sample {
	stream.New(a.Cell.Seed, "order", part, string(a.inputs.Split)).Shuffle(len(samples), func(i, j int) {
		samples[i], samples[j] = samples[j], samples[i]
	})
	return samples
}

func (a *attempt) data(stored *encoder.Stored, samples []ad.Sample) host.Data {
	d := host.Data{
		Features: stored.Train.Patches, Images: stored.Train.Images, Embeddings: stored.Train.Embedding,
		Name: func(i int) string { return string(samples[i].ID) },
	}
	if len(samples) > 0 && samples[0].Part == ad.Test {
		d.Features, d.Images, d.Embeddings = stored.Test.Patches, stored.Test.Images, stored.Test.Embedding
	}
	class := map[ad.ClassName]int{}
	for i, c := range a.dataset.Classes {
		class[c] = i
	}
	for _, s := range samples {
		_, row, ok := stored.Row(s.ID)
		if !ok {
			panic("runner: features lack " + string(s.ID)) // extract asked for all samples
		}
		d.Samples = append(d.Samples, host.Sample{Class: class[s.Class], Row: row})
	}
	return d
}

// score turns the answers into the record's numbers and keeps the maps.
func (a *attempt) score(ctx context.Context, answers host.Answers, test []ad.Sample) error {
	place := map[ad.SampleID]int{} // in the answers
	for i, s := range test {
		place[s.ID] = i
	}
	ordered := a.dataset.Part(ad.Test)
	for _, s := range ordered {
		out := result.Sample{ID: s.ID, Class: s.Class, Label: s.Label, Truth: s.Truth, Mask: s.Mask}
		if answers.Scores != nil {
			own := answers.Scores[place[s.ID]]
			out.Own = &own
		}
		a.record.Samples = append(a.record.Samples, out)
	}
	a.record.Classes = a.classes()
	s := &scoring{protocol: a.protocol, workers: a.Threads}
	if answers.Maps != "" {
		kept := int64(len(ordered)*answers.H*answers.W*4) <= a.Bench.Output.KeepMaps
		digest, err := reorder(ctx, answers, a.mapsPath(), func(i int) int { return place[ordered[i].ID] })
		if err != nil {
			return err
		}
		a.record.Maps = &result.Maps{Shape: []int{len(ordered), answers.H, answers.W}, Digest: digest, Kept: kept}
		if s.maps, err = tensors.OpenReader(a.mapsPath()); err != nil {
			return fault.New(fault.System, "%w", err)
		}
		defer s.maps.Close()
	} else if a.protocol.ImageScore != metric.FromMethod {
		a.record.Warnings = append(a.record.Warnings,
			fmt.Sprintf("%s gives no maps: its own image scores count, not %s", a.Cell.Method, a.protocol.ImageScore))
	}
	truth, err := a.truth(ctx, a.dataset)
	if err != nil {
		return err
	}
	s.truth = truth
	if err := s.run(ctx, a.record); err != nil {
		return err
	}
	a.record.Run.Memory["host"] = peakMemory()
	return nil
}

// classes are the classes of the split, most populated first, without numbers.
func (a *attempt) classes() []result.Class {
	counts := a.dataset.Counts()
	var out []result.Class
	for _, c := range a.split.Classes {
		n := counts[c.Name]
		out = append(out, result.Class{
			Name: c.Name, Group: a.split.Group(c.Name), Train: len(c.Files), Normal: n.TestNormal, Anomalous: n.TestAnomalous,
		})
	}
	return out
}

// reorder copies the answered maps into a file of ours, row i from row from(i), and
// gives the digest of its data. What a method wrote is read, never mapped: it could
// be cut short under our hands.
func reorder(ctx context.Context, answers host.Answers, path string, from func(i int) int) (ad.Digest, error) {
	in, err := tensors.OpenReader(answers.Maps)
	if err != nil {
		return "", fault.New(fault.Answer, "maps: %w", err)
	}
	defer in.Close()
	out, err := tensors.Create(path, tensors.Float32, in.Shape...)
	if err != nil {
		return "", fault.New(fault.System, "maps: %w", err)
	}
	defer out.Close()
	row := make([]float32, in.RowLen())
	for i := range in.Rows() {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := in.ReadRows(row, from(i)); err != nil {
			return "", fault.New(fault.Answer, "maps: %w", err)
		}
		if err := out.WriteRows(row, i); err != nil {
			return "", fault.New(fault.System, "maps: %w", err).
				WithHint("if the disk is full, free some space, or lower output.keep_maps; then run with --retry")
		}
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return "", fault.New(fault.System, "maps: %w", err)
	}
	return digestOf(path)
}

func digestOf(path string) (ad.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fault.New(fault.System, "%w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fault.New(fault.System, "%s: %w", path, err)
	}
	return ad.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
}
