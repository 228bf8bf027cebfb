// Package plugintest is the conformance suite of methods. It starts a method as a
// benchmark would, in a process of its own, on a tiny generated data set, and
// checks what the protocol asks for: sane descriptions, complete and finite
// answers, determinism, save/load and going on from a checkpoint if claimed,
// cancelling, classes with no or one training image. `ltadbench plugin check NAME` calls Run; the tests of a
// method written in Go call Test:
//
//	func TestMain(m *testing.M) {
//		if len(os.Args) > 1 && os.Args[1] == "serve" {
//			plugin.Serve(mymethod.New())
//		}
//		os.Exit(m.Run())
//	}
//
//	func TestConformance(t *testing.T) {
//		plugintest.Test(t, host.Spec{Name: "mymethod", Command: []string{os.Args[0], "serve"}}, plugintest.Config{})
//	}
//
// It says nothing about how good a method is: the data are smooth random fields.
// For orientation it reports how well the method ranks a few planted anomalies,
// which is where a score with the wrong sign shows.
package plugintest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// T is what checks use of *testing.T.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Config says how to run the suite. The zero value will do.
type Config struct {
	Options json.RawMessage // over the method's defaults, say fewer epochs; nil for none
	Device  string          // "" for "cpu"
	Engine  string          // "" for the method's own choice, which is the first of its engines
	Threads int             // 0 for 1
	// Dir keeps the generated data and the log of every process; "" for a temporary
	// directory that is deleted at the end.
	Dir string
	// Host is passed on, but for its directories and log files. Its zero timeouts
	// become one minute here, 5 minutes for Fit.
	Host host.Config
}

// Status is the outcome of a check.
type Status string

// The outcomes.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Result is the outcome of one check.
type Result struct {
	Name   string        `json:"name"`
	What   string        `json:"what"` // what was checked, a sentence
	Status Status        `json:"status"`
	Detail string        `json:"detail,omitempty"` // what went wrong, why it was skipped, or what was seen
	Mend   string        `json:"mend,omitempty"`   // for a failed check: what to do
	Took   time.Duration `json:"took_ns"`
}

// Run runs all checks in order and calls each, if not nil, after each of them. Its
// error is of the suite or ctx itself, not of the method.
func Run(ctx context.Context, spec host.Spec, cfg Config, each func(Result)) ([]Result, error) {
	s, err := newSuite(ctx, spec, cfg)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var all []Result
	for _, c := range checks {
		r := record(ctx, s, c)
		if err := ctx.Err(); err != nil {
			return all, fault.New(fault.Canceled, "conformance suite: %w", err)
		}
		all = append(all, r)
		if each != nil {
			each(r)
		}
	}
	return all, nil
}

// Test runs each check as a subtest of t.
func Test(t *testing.T, spec host.Spec, cfg Config) {
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := newSuite(t.Context(), spec, cfg)
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	defer s.close()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			c.run(t.Context(), t, s)
			if t.Failed() {
				t.Logf("%s\nto mend it: %s", c.what, c.mend)
			}
		})
	}
}

// check is one requirement.
type check struct {
	name string
	what string // a sentence: what holds for a good method
	mend string
	run  func(ctx context.Context, t T, s *suite)
}

// suite is what the checks of one run share.
type suite struct {
	ctx     context.Context // of the whole run; the shared process lives by it
	spec    host.Spec
	cfg     Config
	dir     string
	ownDir  bool // dir is to be deleted
	started int  // processes and answers, for the names of their directories
	// stopSoon is how long a cancelled method may go on.
	stopSoon time.Duration

	normal *dataset // all classes have training images

	// The process that most checks use: fitted on normal, with its answers for all
	// test images.
	base    *host.Process
	answers host.Answers
	baseErr error
	told    bool // baseErr has failed a check
}

func newSuite(ctx context.Context, spec host.Spec, cfg Config) (*suite, error) {
	s := &suite{ctx: ctx, spec: spec, cfg: cfg, dir: cfg.Dir, ownDir: cfg.Dir == "", stopSoon: 10 * time.Second}
	s.cfg.Threads = max(cfg.Threads, 1)
	for _, limit := range []*time.Duration{
		&s.cfg.Host.Timeouts.Start, &s.cfg.Host.Timeouts.Describe, &s.cfg.Host.Timeouts.Predict,
		&s.cfg.Host.Timeouts.Save, &s.cfg.Host.Timeouts.Load,
	} {
		if *limit == 0 {
			*limit = time.Minute
		}
	}
	if s.cfg.Host.Timeouts.Fit == 0 {
		s.cfg.Host.Timeouts.Fit = 5 * time.Minute
	}
	var err error
	if s.ownDir {
		s.dir, err = os.MkdirTemp("", "ltadbench-check-")
	} else {
		err = os.MkdirAll(s.dir, 0o777)
	}
	if err == nil {
		s.normal, err = newDataset(filepath.Join(s.dir, "data"), []int{10, 6, 5}, false)
	}
	if err != nil {
		s.close()
		return nil, fault.New(fault.System, "conformance suite: %w", err)
	}
	return s, nil
}

func (s *suite) close() {
	if s.base != nil {
		_ = s.base.Close(s.ctx)
	}
	if s.ownDir {
		os.RemoveAll(s.dir)
	}
}

// start starts one more process; the caller closes it.
func (s *suite) start(ctx context.Context) (*host.Process, error) {
	s.started++
	dir := filepath.Join(s.dir, fmt.Sprintf("process-%02d", s.started))
	cfg := s.cfg.Host
	cfg.WorkDir, cfg.LogFile = filepath.Join(dir, "work"), filepath.Join(dir, "log.txt")
	if cfg.Threads == 0 {
		cfg.Threads = s.cfg.Threads
	}
	if err := os.MkdirAll(cfg.WorkDir, 0o777); err != nil {
		return nil, fault.New(fault.System, "conformance suite: %w", err)
	}
	return host.Start(ctx, s.spec, cfg)
}

// answersDir is a new name for a directory of answers.
func (s *suite) answersDir() string {
	s.started++
	return filepath.Join(s.dir, fmt.Sprintf("answers-%02d", s.started))
}

// session is what a method is told.
func (s *suite) session(p *host.Process) (plugin.Session, error) {
	info := p.Describe()
	options, err := host.CompleteOptions(info, s.cfg.Options, "")
	if err != nil {
		return plugin.Session{}, err
	}
	session := plugin.Session{
		Options: options, Seed: 7, Device: s.cfg.Device, Engine: s.cfg.Engine, Threads: s.cfg.Threads, Classes: classes, Levels: levels,
	}
	if slices.Contains(info.Needs, plugin.Text) {
		session.Text, err = s.text()
	}
	return session, err
}

// text is the small text encoder that is part of the program.
func (s *suite) text() (*plugin.TextEncoder, error) {
	const name = "texturebank"
	pack, ok := encoder.Builtin(name)
	if !ok || pack.Text == nil {
		return nil, fault.New(fault.Internal, "conformance suite: encoder %q has no text side for methods that need text", name)
	}
	files, err := pack.TextFiles(s.dir)
	text := plugin.TextEncoder(files)
	return &text, err
}

// fit starts a process and fits it on d.
func (s *suite) fit(ctx context.Context, d *dataset) (*host.Process, error) {
	p, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	session, err := s.session(p)
	if err == nil {
		err = p.Fit(ctx, session, d.train)
	}
	if err != nil {
		_ = p.Close(ctx)
		return nil, err
	}
	return p, nil
}

// fitted gives the shared process and its answers for s.normal. If there is none,
// the first check that needs it fails and the others are skipped.
func (s *suite) fitted(t T) (*host.Process, host.Answers) {
	t.Helper()
	if s.base == nil && s.baseErr == nil {
		if s.base, s.baseErr = s.fit(s.ctx, s.normal); s.baseErr == nil {
			s.answers, s.baseErr = s.base.Predict(s.ctx, s.normal.test, s.answersDir(), nil)
		}
	}
	if s.told {
		t.Skipf("it needs a method that can fit and predict")
	}
	if s.baseErr != nil {
		s.told = true
		t.Fatalf("%s", fault.Format(s.baseErr))
	}
	return s.base, s.answers
}

// record runs one check outside of go test.
func record(ctx context.Context, s *suite, c check) Result {
	r := &recorder{status: Pass}
	begin := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { c.run(ctx, r, s) }) // Fatalf and Skipf end the goroutine
	wg.Wait()
	out := Result{Name: c.name, What: c.what, Status: r.status, Detail: strings.Join(r.lines, "\n"), Took: time.Since(begin)}
	if out.Status == Fail {
		out.Mend = c.mend
	}
	return out
}

type recorder struct {
	mu     sync.Mutex
	lines  []string
	status Status
}

func (r *recorder) Helper() {}

func (r *recorder) add(status Status, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
	if status != "" && r.status != Fail {
		r.status = status
	}
}

func (r *recorder) Logf(format string, args ...any)   { r.add("", format, args...) }
func (r *recorder) Errorf(format string, args ...any) { r.add(Fail, format, args...) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.add(Fail, format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.add(Skip, format, args...)
	runtime.Goexit()
}
