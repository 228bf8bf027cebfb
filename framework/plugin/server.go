package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/protocol"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// server presents a Method as the protocol's Service. It lets one call at a time
// reach the method.
type server struct {
	method Method
	log    hclog.Logger
	turn   chan struct{} // holds one token while a call runs
	fitted bool
}

func newServer(m Method, log hclog.Logger) protocol.Service {
	return &server{method: m, log: log, turn: make(chan struct{}, 1)}
}

// call runs f as the only call, and makes a panic of f an error.
func (s *server) call(ctx context.Context, f func() error) (err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		<-s.turn
		if r := recover(); r != nil {
			stack := panicStack()
			s.log.Error("panic", "value", fmt.Sprint(r), "stack", stack)
			e := fault.New(fault.Method, "panic: %v", r)
			e.Log = stack
			err = e
		}
	}()
	return f()
}

// panicStack is the stack from the function that panicked up to this package, cut
// to what an error can carry across the protocol.
func panicStack() string {
	stack := debug.Stack()
	if i := bytes.Index(stack, []byte("\npanic(")); i >= 0 {
		// Two lines of the panic call itself, then the caller's.
		if rest := bytes.SplitN(stack[i+1:], []byte("\n"), 3); len(rest) == 3 {
			stack = rest[2]
		}
	}
	if i := bytes.Index(stack, []byte("framework/plugin.(*server).")); i >= 0 {
		stack = stack[:bytes.LastIndexByte(stack[:i], '\n')+1]
	}
	const most = 3500
	return string(stack[:min(len(stack), most)])
}

func (s *server) Describe(context.Context) (info Info, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.Method, "panic in Describe: %v", r)
		}
	}()
	info = s.method.Describe()
	if _, saves := s.method.(Saver); info.SaveLoad && !saves {
		return Info{}, fault.New(fault.Plugin, "method %q says that it can save and load, and does not implement plugin.Saver", info.Name)
	}
	return info, nil
}

func (s *server) session(w protocol.Session, report func(done, total float64, message string)) Session {
	if engines := s.method.Describe().Engines; w.Engine == "" && len(engines) > 0 {
		w.Engine = engines[0]
	}
	return Session{
		Options: w.Options, Seed: w.Seed, Device: w.Device, Threads: max(w.Threads, 1), WorkDir: w.WorkDir,
		Classes: w.Classes, Engine: w.Engine, Checkpoint: w.Checkpoint, Levels: w.Levels, Text: w.Text, Log: s.log, Report: report,
	}
}

func (s *server) Fit(ctx context.Context, req protocol.FitRequest, progress func(protocol.Progress) error) error {
	return s.call(ctx, func() error {
		train, closeFiles, err := openSamples(req.Train)
		if err != nil {
			return err
		}
		defer closeFiles()
		s.fitted = false
		r := &reporter{send: progress}
		defer r.finish()
		if err := s.method.Fit(ctx, s.session(req.Session, r.report), train); err != nil {
			return err
		}
		s.fitted = true
		return nil
	})
}

func (s *server) Predict(ctx context.Context, req protocol.PredictRequest, answer func(protocol.Answer) error) (shape []int, err error) {
	err = s.call(ctx, func() error {
		if !s.fitted {
			return fault.New(fault.Protocol, "predict before a successful fit or load")
		}
		test, closeFiles, err := openSamples(req.Test)
		if err != nil {
			return err
		}
		defer closeFiles()
		out := &answers{ctx: ctx, info: s.method.Describe(), req: req, send: answer}
		err = s.method.Predict(ctx, test, out.emit)
		if cerr := out.finish(); err == nil {
			err = cerr
		}
		shape = out.shape()
		return err
	})
	return shape, err
}

func (s *server) Save(ctx context.Context, dir string) error {
	return s.call(ctx, func() error {
		saver, ok := s.method.(Saver)
		if !ok {
			return fault.New(fault.Protocol, "the method cannot save")
		}
		if !s.fitted {
			return fault.New(fault.Protocol, "save before a successful fit or load")
		}
		return saver.Save(ctx, dir)
	})
}

func (s *server) Load(ctx context.Context, w protocol.Session, dir string) error {
	return s.call(ctx, func() error {
		saver, ok := s.method.(Saver)
		if !ok {
			return fault.New(fault.Protocol, "the method cannot load")
		}
		s.fitted = false
		if err := saver.Load(ctx, s.session(w, func(float64, float64, string) {}), dir); err != nil {
			return err
		}
		s.fitted = true
		return nil
	})
}

// openSamples maps the files of a request and checks that they are what it says.
// The files belong to the host: what is wrong with them is its doing.
func openSamples(d protocol.Data) (s Samples, closeFiles func(), err error) {
	var files []*tensors.File
	closeFiles = func() {
		for _, f := range files {
			f.Close()
		}
	}
	open := func(t *protocol.Tensor) (*tensors.File, error) {
		if t == nil {
			return nil, nil
		}
		f, err := tensors.Open(t.Path)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		if f.DType != t.DType || !slices.Equal(f.Shape, t.Shape) {
			return nil, fmt.Errorf("%s: is %s, the host promised %s%v", t.Path, f.Header, t.DType, t.Shape)
		}
		return f, nil
	}
	features, err := open(d.Features)
	var images, embeddings *tensors.File
	if err == nil {
		images, err = open(d.Images)
	}
	if err == nil {
		embeddings, err = open(d.Embeddings)
	}
	if err == nil {
		classes, rows := make([]int, len(d.Samples)), make([]int, len(d.Samples))
		for i, one := range d.Samples {
			classes[i], rows[i] = one.Class, one.Row
		}
		s, err = NewSamples(classes, rows, features, images, embeddings)
	}
	if err != nil {
		closeFiles()
		return Samples{}, nil, fault.New(fault.System, "samples: %w", err)
	}
	return s, closeFiles, nil
}

// reportEvery bounds the rate of progress messages: a person sees no more, and a
// method may report every step.
const reportEvery = 100 * time.Millisecond

// reporter forwards progress, at most one message in reportEvery, and the last one.
type reporter struct {
	send    func(protocol.Progress) error
	mu      sync.Mutex
	sent    time.Time
	pending *protocol.Progress
	done    bool
}

func (r *reporter) report(done, total float64, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return
	}
	r.pending = &protocol.Progress{Done: done, Total: total, Message: message}
	if time.Since(r.sent) >= reportEvery {
		r.flush()
	}
}

func (r *reporter) flush() {
	if r.pending != nil {
		_ = r.send(*r.pending) // an error means that the host is gone or has cancelled
		r.pending, r.sent = nil, time.Now()
	}
}

func (r *reporter) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	r.done = true
}

// answers takes the predictions of one Predict: maps into the file, scores to the
// host. It checks what the file's layout depends on; the host checks the rest,
// since it can name the images.
type answers struct {
	ctx  context.Context
	info Info
	req  protocol.PredictRequest
	send func(protocol.Answer) error

	mu     sync.Mutex
	maps   *tensors.Writer
	done   bool
	active sync.WaitGroup
}

func (a *answers) emit(i int, p Prediction) error {
	if i < 0 || i >= len(a.req.Test.Samples) {
		return fault.New(fault.Answer, "answer for sample %d, but there are %d samples", i, len(a.req.Test.Samples))
	}
	w, err := a.begin(i, p)
	if err != nil {
		return err
	}
	defer a.active.Done()
	if w != nil {
		if err := w.WriteRows(p.Map, i); err != nil {
			return fault.New(fault.System, "maps: %w", err)
		}
	}
	return a.send(protocol.Answer{ID: a.req.Test.Samples[i].ID, Score: p.Score})
}

// begin checks the map of an answer and gives the file to write it to, which the
// first answer creates; nil if the method gives no maps.
func (a *answers) begin(i int, p Prediction) (*tensors.Writer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done {
		return nil, errors.New("emit after Predict has returned")
	}
	if err := a.ctx.Err(); err != nil {
		return nil, err
	}
	switch {
	case a.info.Maps && len(p.Map) == 0:
		return nil, fault.New(fault.Answer, "sample %d has no map, though the method gives maps", i)
	case !a.info.Maps && len(p.Map) > 0:
		return nil, fault.New(fault.Answer, "sample %d has a map, though the method says that it gives none", i)
	case a.info.Maps && (p.H < 1 || p.W < 1 || len(p.Map) != p.H*p.W):
		return nil, fault.New(fault.Answer, "map of sample %d has %d numbers, not %d x %d", i, len(p.Map), p.H, p.W)
	}
	if a.info.Maps && a.maps == nil {
		w, err := tensors.Create(filepath.Join(a.req.OutputDir, protocol.MapsFile), tensors.Float32, len(a.req.Test.Samples), p.H, p.W)
		if err != nil {
			return nil, fault.New(fault.System, "maps: %w", err)
		}
		a.maps = w
	}
	if a.maps != nil && (p.H != a.maps.Shape[1] || p.W != a.maps.Shape[2]) {
		return nil, fault.New(fault.Answer, "map of sample %d is %d x %d, others are %d x %d; all maps have one size",
			i, p.H, p.W, a.maps.Shape[1], a.maps.Shape[2])
	}
	a.active.Add(1)
	return a.maps, nil
}

// finish ends the answers: emits that still run complete, later ones fail.
func (a *answers) finish() error {
	a.mu.Lock()
	a.done = true
	a.mu.Unlock()
	a.active.Wait()
	if a.maps == nil {
		return nil
	}
	if err := a.maps.Close(); err != nil {
		return fault.New(fault.System, "maps: %w", err)
	}
	return nil
}

func (a *answers) shape() []int {
	if a.maps == nil {
		return nil
	}
	return a.maps.Shape
}
