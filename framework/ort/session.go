package ort

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"

	lib "github.com/yalue/onnxruntime_go"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
)

// SessionOptions say where and how a network runs. The zero value runs on the
// CPU, with all cores.
type SessionOptions struct {
	// Device is "cpu" (also ""), "cuda:N", or "auto": the first GPU if this
	// machine and library can use one, else the CPU.
	Device string
	// Threads is how many threads one operation may use on the CPU; 0 means one
	// for each core that this process may use. Results depend on it (see the
	// package comment), so what must be reproduced sets it.
	Threads int
	// Prepared says that the model needs none of ONNX Runtime's costlier rewritings,
	// whose time grows with the square of its size: it comes as it should run.
	Prepared bool
	// Dir is where weights lie that the model keeps in files of their own;
	// OpenSession sets it.
	Dir string
}

// Session is a network ready to run. All its methods may be called concurrently;
// concurrent Runs share the session's threads, so more than one or two at a time
// gain little for large networks.
type Session struct {
	in, out []onnx.Value
	device  string
	reason  string

	mu      sync.RWMutex // held for reading by Runs, for writing by Close
	session *lib.DynamicAdvancedSession
}

// OpenSession is NewSession for a file. Errors name it.
func OpenSession(path string, o SessionOptions) (*Session, error) {
	model, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Data, "cannot read model: %w", err)
	}
	if o.Dir == "" {
		o.Dir = filepath.Dir(path)
	}
	s, err := NewSession(model, o)
	if err != nil {
		var e *fault.Error
		if errors.As(err, &e) && e.Pos.File == "" {
			return nil, e.At(fault.Pos{File: path})
		}
		return nil, err
	}
	return s, nil
}

// NewSession makes a session of a model in the ONNX format; model is not used
// after it returns. Init must have been called. Errors: kind Data for a model
// that is damaged or that ONNX Runtime does not accept, Config for a device that
// this machine or library does not have, Usage for a bad device name.
func NewSession(model []byte, o SessionOptions) (*Session, error) {
	if _, ok := Loaded(); !ok {
		return nil, fault.New(fault.Internal, "onnx runtime is not initialised")
	}
	in, out, err := onnx.ReadInterface(model)
	if err != nil {
		return nil, err
	}
	if len(in) == 0 {
		return nil, fault.New(fault.Data, "the network has no input; ONNX Runtime's Go binding needs one, if only an unused one")
	}
	device, reason, err := chooseDevice(o.Device)
	if err != nil {
		return nil, err
	}
	s := &Session{in: in, out: out, device: device, reason: reason}
	s.session, err = s.create(model, o)
	if err != nil && device != "cpu" && o.Device == "auto" {
		s.device, s.reason = "cpu", brief(err)
		s.session, err = s.create(model, o)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Session) create(model []byte, o SessionOptions) (*lib.DynamicAdvancedSession, error) {
	opts, err := lib.NewSessionOptions()
	if err != nil {
		return nil, fault.New(fault.Internal, "onnx runtime: %s", brief(err))
	}
	defer opts.Destroy()
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	set := []error{
		// Set, so that ONNX Runtime does not bind its threads to cores, which
		// would bind those of all processes to the same ones.
		opts.SetIntraOpNumThreads(threads),
		opts.SetInterOpNumThreads(1),
		opts.SetExecutionMode(lib.ExecutionModeSequential),
		opts.SetLogSeverityLevel(lib.LoggingLevelFatal), // errors are returned
		// Threads without work sleep at once. Spinning gains nothing measurable
		// on an idle machine, and where processes share cores it takes them from
		// each other: BenchmarkChain took 1.5 to 6 times as long.
		opts.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
	}
	if o.Prepared {
		set = append(set, opts.SetGraphOptimizationLevel(lib.GraphOptimizationLevelEnableBasic))
	}
	if o.Dir != "" {
		set = append(set, opts.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", o.Dir))
	}
	for _, err := range set {
		if err != nil {
			return nil, fault.New(fault.Internal, "onnx runtime: %s", brief(err))
		}
	}
	if id, ok := strings.CutPrefix(s.device, "cuda:"); ok {
		if err := appendCUDA(opts, id); err != nil {
			return nil, err
		}
	}
	session, err := lib.NewDynamicAdvancedSessionWithONNXData(model, names(s.in), names(s.out), opts)
	if err != nil {
		return nil, fault.New(fault.Data, "onnx runtime does not accept the model: %s", brief(err))
	}
	return session, nil
}

func names(vs []onnx.Value) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.Name
	}
	return out
}

// Inputs are the network's inputs, in the order that Run takes them.
func (s *Session) Inputs() []onnx.Value { return s.in }

// Outputs are the network's outputs, in the order of Run. Type and shape of an
// output added by onnx.Model.AddOutput may be undeclared.
func (s *Session) Outputs() []onnx.Value { return s.out }

// Device is where the session runs, "cpu" or "cuda:N".
func (s *Session) Device() string { return s.device }

// Reason says, in a few words, why a session asked to run on "auto" runs on the
// CPU; "" otherwise. Callers log it.
func (s *Session) Reason() string { return s.reason }

// Run runs the network. in has a tensor for each input. out has an entry for
// each output: a tensor of the right type and shape is written in place; for a
// nil entry Run puts a tensor there, which costs a copy unless the model declares
// the output's size. (A float16 output of undeclared size must be given.)
//
// When ctx ends, Run returns at the end of the operation being computed, with an
// error of kind Canceled or Timeout that wraps the context's; outputs may then
// be half written. Other errors are of kind Internal for tensors that do not fit
// the network, and System for a failure within it (out of memory, mostly).
func (s *Session) Run(ctx context.Context, in, out []*Tensor) (err error) {
	if err := ended(ctx); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.session == nil {
		return fault.New(fault.Internal, "onnx session: used after Close")
	}
	if len(in) != len(s.in) || len(out) != len(s.out) {
		return fault.New(fault.Internal, "onnx session: %d inputs and %d outputs given, the network has %d and %d",
			len(in), len(out), len(s.in), len(s.out))
	}

	var pin runtime.Pinner
	defer pin.Unpin()
	values := make([]lib.Value, len(in)+len(out))
	after := make([]func(), 0, len(out))
	defer func() {
		for _, v := range values {
			// After a failure the binding leaves nil pointers among the outputs.
			if v != nil && !reflect.ValueOf(v).IsNil() {
				v.Destroy()
			}
		}
	}()
	for i, t := range in {
		if t == nil {
			return fault.New(fault.Internal, "onnx session: input %q is missing", s.in[i].Name)
		}
		if err := fits(s.in[i], t); err != nil {
			return fault.New(fault.Internal, "onnx session: input %w", err)
		}
		b, err := t.bind(&pin)
		if err != nil {
			return fault.New(fault.Internal, "onnx session: input %q: %s", s.in[i].Name, brief(err))
		}
		values[i] = b.Value
	}
	given := make([]*Tensor, len(out))
	for i, t := range out {
		want := s.out[i]
		if t == nil {
			dims, static := want.Dims()
			if !static && want.DType == onnx.Float16 {
				return fault.New(fault.Internal, "onnx session: output %q is float16 of unknown size: give Run a tensor for it", want.Name)
			}
			if !static || want.DType == onnx.Undefined {
				continue
			}
			if t, err = Zeros(want.DType, dims...); err != nil {
				return err
			}
		} else if err := fits(want, t); err != nil {
			return fault.New(fault.Internal, "onnx session: output %w", err)
		}
		b, err := t.bind(&pin)
		if err != nil {
			return fault.New(fault.Internal, "onnx session: output %q: %s", want.Name, brief(err))
		}
		given[i], values[len(in)+i] = t, b.Value
		if b.after != nil {
			after = append(after, b.after)
		}
	}

	if err := s.run(ctx, values[:len(in)], values[len(in):]); err != nil {
		if e := ended(ctx); e != nil {
			return e
		}
		return fault.New(fault.System, "onnx runtime: %s", brief(err))
	}
	for _, f := range after {
		f()
	}
	for i, t := range given {
		if t == nil {
			if t, err = adopt(values[len(in)+i]); err != nil {
				return fault.New(fault.Internal, "onnx session: output %q: %w", s.out[i].Name, err)
			}
		}
		out[i] = t
	}
	return nil
}

// run calls the network, and stops it when ctx ends.
func (s *Session) run(ctx context.Context, in, out []lib.Value) error {
	if ctx.Done() == nil {
		return s.session.Run(in, out)
	}
	opts, err := lib.NewRunOptions()
	if err != nil {
		return err
	}
	defer opts.Destroy()
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(terminated)
		_ = opts.Terminate() // cannot fail: opts is destroyed later
	})
	err = s.session.RunWithOptions(in, out, opts)
	if !stop() {
		<-terminated
	}
	return err
}

// Close frees the session after the Runs under way have ended; more calls do
// nothing.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return nil
	}
	err := s.session.Destroy()
	s.session = nil
	return err
}

// fits checks a tensor against what the model declares.
func fits(want onnx.Value, t *Tensor) error {
	ok := want.DType == onnx.Undefined || want.DType == t.dtype
	if want.Ranked {
		ok = ok && len(want.Shape) == len(t.shape)
		for i := 0; ok && i < len(t.shape); i++ {
			ok = want.Shape[i].Size < 0 || want.Shape[i].Size == int64(t.shape[i])
		}
	}
	if !ok {
		return fmt.Errorf("%q: a tensor %s does not fit %s", want.Name, t, want)
	}
	return nil
}

// ended is the error for a context that has ended, nil before.
func ended(ctx context.Context) error {
	switch err := ctx.Err(); err {
	case nil:
		return nil
	case context.DeadlineExceeded:
		return fault.New(fault.Timeout, "onnx session: %w", err)
	default:
		return fault.New(fault.Canceled, "onnx session: %w", err)
	}
}
