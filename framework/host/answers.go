package host

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/protocol"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Data is images for a method, in the order in which it gets them. That order, the
// rows and the names of files must say nothing about the images.
type Data struct {
	// Features, Images and Embeddings are paths of .npy files as plugin.Info.Needs
	// describes them, for methods that need them.
	Features   string
	Images     string
	Embeddings string
	Samples    []Sample
	// Name says which image sample i is, for messages; nil says "sample i".
	Name func(i int) string
}

// Sample is one image: the index of its class, and its row in the files.
type Sample struct {
	Class int
	Row   int
}

// Answers is what a method says of the samples of one Predict, checked: entry and
// row i belong to sample i, and all numbers are finite.
type Answers struct {
	Scores []float32 // image scores, nil unless Info.Scores
	// Maps is the path of a .npy file of anomaly maps, float32 of shape [samples, H,
	// W]; "" unless Info.Maps.
	Maps string
	H, W int
}

// maxMapSide bounds the size of anomaly maps where the image's is unknown, so that
// a method's mistake does not fill the disk.
const maxMapSide = 4096

// maxName bounds a name in a message: the end of a long path says more than its
// beginning, and must not crowd out what is wrong.
const maxName = 300

func (d Data) name(i int) string {
	if d.Name == nil {
		return fmt.Sprintf("sample %d", i)
	}
	name := clean(d.Name(i), math.MaxInt)
	if len(name) > maxName {
		name = "..." + strings.ToValidUTF8(name[len(name)-maxName:], "")
	}
	return name
}

// sampleID is the name of sample i on the wire. It carries nothing but i.
func sampleID(i int) string { return fmt.Sprintf("s%06d", i) }

// request turns data into what the method may see of it.
func (d Data) request(info plugin.Info) (protocol.Data, error) {
	var out protocol.Data
	for _, in := range []struct {
		need plugin.Input
		path string
		axes int
		to   **protocol.Tensor
	}{
		{plugin.Features, d.Features, 4, &out.Features}, {plugin.Images, d.Images, 4, &out.Images},
		{plugin.Embeddings, d.Embeddings, 2, &out.Embeddings},
	} {
		if !slices.Contains(info.Needs, in.need) {
			continue
		}
		if in.path == "" {
			return out, fault.New(fault.Internal, "the method needs %s and there are none", in.need)
		}
		path, err := filepath.Abs(in.path) // the plugin works in another directory
		if err != nil {
			return out, fault.New(fault.System, "%s: %w", in.need, err)
		}
		r, err := tensors.OpenReader(path)
		if err != nil {
			return out, fault.New(fault.System, "%s: %w", in.need, err)
		}
		r.Close()
		if len(r.Shape) != in.axes {
			return out, fault.New(fault.Internal, "%s: %s are %s, not of %d axes", path, in.need, r.Header, in.axes)
		}
		*in.to = &protocol.Tensor{Path: path, DType: r.DType, Shape: r.Shape}
		for i, s := range d.Samples {
			if s.Row < 0 || s.Row >= r.Rows() {
				return out, fault.New(fault.Internal, "%s: %s is row %d of %d", path, d.name(i), s.Row, r.Rows())
			}
		}
	}
	out.Samples = make([]protocol.Sample, len(d.Samples))
	for i, s := range d.Samples {
		out.Samples[i] = protocol.Sample{ID: sampleID(i), Class: s.Class, Row: s.Row}
	}
	return out, nil
}

func (p *Process) session(s plugin.Session) (protocol.Session, error) {
	out := protocol.Session{
		Options: s.Options, Seed: s.Seed, Device: cmp.Or(s.Device, "cpu"), Threads: max(s.Threads, 1),
		WorkDir: cmp.Or(s.WorkDir, p.workDir), Classes: make([]string, len(s.Classes)),
	}
	if ClassNames(p.info, s.Options) {
		copy(out.Classes, s.Classes)
	}
	if p.info.Resumes {
		out.Checkpoint = s.Checkpoint
	}
	if slices.Contains(p.info.Needs, plugin.Features) {
		out.Levels = s.Levels
	}
	paths := []*string{&out.WorkDir, &out.Checkpoint}
	if slices.Contains(p.info.Needs, plugin.Text) {
		if s.Text == nil {
			return out, fault.New(fault.Internal, "the method needs %s and there is no text encoder", plugin.Text)
		}
		text := *s.Text
		out.Text = &text
		paths = append(paths, &text.Weights, &text.Vocabulary)
	}
	var err error
	if s.Engine != "" {
		if out.Engine, err = Engine(p.info, s.Engine); err != nil {
			return out, err
		}
	}
	for _, path := range paths { // the plugin works in another directory
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return out, fault.New(fault.System, "%w", err)
		}
	}
	return out, nil
}

// Fit trains the method. Of the session, Report gets the method's progress, made
// safe to print, and may be nil; Log is not used, since the method logs to
// Config.LogFile; WorkDir and Device default to Config.WorkDir and "cpu"; Options
// are those of CompleteOptions; Engine "" leaves the choice to the method. Class
// names, Checkpoint, a directory that exists, Levels and Text reach only methods that
// declare them, or options that ask for them.
func (p *Process) Fit(ctx context.Context, s plugin.Session, train Data) error {
	data, err := train.request(p.info)
	if err != nil {
		return p.fail("fit", err)
	}
	session, err := p.session(s)
	if err != nil {
		return p.fail("fit", err)
	}
	if data.Features != nil {
		sum := 0
		for _, n := range session.Levels {
			sum += n
		}
		if c := data.Features.Shape[3]; sum != c {
			return p.fail("fit", fault.New(fault.Internal, "levels of %d channels for features of %d", session.Levels, c))
		}
	}
	var noted time.Time
	return p.call(ctx, "fit", p.limits.Fit, func(ctx context.Context) error {
		return p.service.Fit(ctx, protocol.FitRequest{Session: session, Train: data}, func(pr protocol.Progress) error {
			if time.Since(noted) >= peakEvery {
				noted = time.Now()
				p.notePeak()
			}
			if s.Report != nil {
				s.Report(amount(pr.Done), amount(pr.Total), clean(pr.Message, 200))
			}
			return nil
		})
	})
}

func amount(v float64) float64 {
	if v > 0 && !math.IsInf(v, 0) {
		return v
	}
	return 0 // NaN too
}

// Load restores what Save wrote, in place of Fit.
func (p *Process) Load(ctx context.Context, s plugin.Session, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return p.fail("load", fault.New(fault.System, "%w", err))
	}
	session, err := p.session(s)
	if err != nil {
		return p.fail("load", err)
	}
	return p.call(ctx, "load", p.limits.Load, func(ctx context.Context) error {
		return p.service.Load(ctx, session, dir)
	})
}

// Save stores the fitted method in dir, which it makes if need be and which must
// be empty.
func (p *Process) Save(ctx context.Context, dir string) error {
	dir, err := emptyDir(dir)
	if err != nil {
		return p.fail("save", err)
	}
	return p.call(ctx, "save", p.limits.Save, func(ctx context.Context) error { return p.service.Save(ctx, dir) })
}

func emptyDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o777)
	}
	if err != nil {
		return "", fault.New(fault.System, "%w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fault.New(fault.System, "%w", err)
	}
	if len(entries) > 0 {
		return "", fault.New(fault.Internal, "%s is not empty", dir)
	}
	return dir, nil
}

// Predict asks for an answer for each sample and checks all of them. Maps are
// written into dir, which it makes if need be and which must be empty. Progress,
// which may be nil, tells how many answers have come.
//
// A wrong answer is a fault of kind Answer that names the image.
func (p *Process) Predict(ctx context.Context, test Data, dir string, progress func(done, total int)) (Answers, error) {
	const op = "predict"
	data, err := test.request(p.info)
	if err != nil {
		return Answers{}, p.fail(op, err)
	}
	if dir, err = emptyDir(dir); err != nil {
		return Answers{}, p.fail(op, err)
	}
	n := len(test.Samples)
	index := make(map[string]int, n)
	for i, s := range data.Samples {
		index[s.ID] = i
	}
	var out Answers
	if p.info.Scores {
		out.Scores = make([]float32, n)
	}
	answered, count := make([]bool, n), 0
	take := func(a protocol.Answer) error {
		i, ok := index[a.ID]
		switch {
		case !ok:
			return fault.New(fault.Answer, "answer for %q, which is no sample of this request", clean(a.ID, 40))
		case answered[i]:
			return fault.New(fault.Answer, "two answers for %s", test.name(i))
		}
		if p.info.Scores {
			if !finite(a.Score) {
				return fault.New(fault.Answer, "score of %s is %g", test.name(i), a.Score)
			}
			out.Scores[i] = a.Score
		}
		answered[i] = true
		count++
		if progress != nil {
			progress(count, n)
		}
		return nil
	}
	err = p.call(ctx, op, p.limits.Predict, func(ctx context.Context) error {
		shape, err := p.service.Predict(ctx, protocol.PredictRequest{Test: data, OutputDir: dir}, take)
		if err != nil {
			return err
		}
		if i := slices.Index(answered, false); i >= 0 {
			return fault.New(fault.Answer, "no answer for %d of %d samples, the first of them %s", n-count, n, test.name(i))
		}
		if p.info.Maps {
			out.Maps = filepath.Join(dir, protocol.MapsFile)
			out.H, out.W, err = checkMaps(ctx, out.Maps, shape, test, data)
		} else if shape != nil {
			err = fault.New(fault.Answer, "maps of shape %v, though the method says that it gives none", shape)
		}
		return err
	})
	if err != nil {
		return Answers{}, err
	}
	return out, nil
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

// checkMaps checks the file of maps: that it is there, of the promised type and
// shape, and holds finite numbers only. It reads and never maps the file, since
// the method could still shorten it.
func checkMaps(ctx context.Context, path string, shape []int, test Data, sent protocol.Data) (h, w int, err error) {
	n := len(test.Samples)
	if shape == nil {
		return 0, 0, fault.New(fault.Answer, "no maps, though the method says that it gives them")
	}
	maxH, maxW := maxMapSide, maxMapSide
	if sent.Images != nil {
		maxH, maxW = sent.Images.Shape[1], sent.Images.Shape[2]
	}
	if len(shape) != 3 || shape[0] != n || shape[1] < 1 || shape[2] < 1 || shape[1] > maxH || shape[2] > maxW {
		return 0, 0, fault.New(fault.Answer, "maps have shape %v, not [%d, H, W] with H from 1 to %d and W from 1 to %d", shape, n, maxH, maxW)
	}
	if info, err := os.Lstat(path); err != nil {
		return 0, 0, fault.New(fault.Answer, "maps: %w", err)
	} else if !info.Mode().IsRegular() {
		return 0, 0, fault.New(fault.Answer, "%s is no regular file", path)
	}
	r, err := tensors.OpenReader(path)
	if err != nil {
		return 0, 0, fault.New(fault.Answer, "maps: %w", err)
	}
	defer r.Close()
	if r.DType != tensors.Float32 || !slices.Equal(r.Shape, shape) {
		return 0, 0, fault.New(fault.Answer, "%s is %s, not the promised float32%v", path, r.Header, shape)
	}
	size := r.RowLen()
	rows := min(max(1<<20/size, 1), n)
	buf := make([]float32, rows*size)
	for i := 0; i < n; i += rows {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		part := buf[:min(rows, n-i)*size]
		if err := r.ReadRows(part, i); err != nil {
			return 0, 0, fault.New(fault.Answer, "maps: %w", err)
		}
		for j, v := range part {
			if !finite(v) {
				return 0, 0, fault.New(fault.Answer, "map of %s has %g at row %d, column %d",
					test.name(i+j/size), v, j%size/shape[2], j%size%shape[2])
			}
		}
	}
	return shape[1], shape[2], nil
}
