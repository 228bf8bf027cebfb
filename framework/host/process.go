package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/protocol"
)

// Process is a method in a process of its own. Its calls are made one at a time;
// PeakMemory and Close may be called at any time. It is never started again.
type Process struct {
	spec    Spec
	limits  Timeouts
	workDir string
	log     *journal
	sockets string
	cmd     *command
	client  *goplugin.Client
	service protocol.Service
	info    plugin.Info
	release func() bool // takes the process from the context's hands
	peak    atomic.Int64
	close   func() error
}

// Start starts the method and asks what it is. The process belongs to ctx: soon
// after ctx is done it is killed. The caller has to Close it.
func Start(ctx context.Context, spec Spec, cfg Config) (*Process, error) {
	p := &Process{spec: spec, limits: cfg.Timeouts.orDefault(), workDir: cfg.WorkDir}
	if err := p.start(ctx, cfg); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Process) start(ctx context.Context, cfg Config) (err error) {
	if len(p.spec.Command) == 0 {
		return fault.New(fault.Config, "method %q: the command is empty", p.spec.Name)
	}
	program, err := p.spec.program()
	if err != nil {
		return err
	}
	if p.log, err = openJournal(cfg.LogFile); err != nil {
		return fault.New(fault.System, "method %q: log: %w", p.spec.Name, err)
	}
	p.release = func() bool { return false }
	p.close = sync.OnceValue(p.shutdown)
	defer func() {
		if err != nil {
			if p.cmd != nil {
				p.cmd.kill()
			}
			_ = p.close()
		}
	}()
	if p.sockets, err = socketDir(); err != nil {
		return err
	}
	cmd := exec.Command(program, p.spec.Command[1:]...)
	cmd.Dir = p.spec.Dir
	if cmd.Dir == "" {
		cmd.Dir = cfg.WorkDir
	}
	p.cmd = newCommand(cmd, string(p.spec.Name), p.log, p.sockets)
	tlsConfig, certificate, err := mutualTLS()
	if err != nil {
		return p.fail("start", fault.New(fault.System, "certificate: %w", err))
	}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: protocol.Plugins(nil),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig:        tlsConfig, // in place of AutoMTLS: see mutualTLS
		SkipHostEnv:      true,
		StartTimeout:     p.limits.Start + 10*time.Second, // ours comes first
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: p.sockets},
		Logger:           hclog.NewNullLogger(),
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(protocol.MaxMessage), grpc.MaxCallSendMsgSize(protocol.MaxMessage))},
		RunnerFunc: func(_ hclog.Logger, made *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Env = slices.Concat(cfg.environment(p.spec), made.Env, []string{clientCertEnv + "=" + string(certificate)})
			return p.cmd, nil
		},
	})
	if err := ctx.Err(); err != nil {
		return p.fail("start", err)
	}
	startCtx, cancel := context.WithTimeout(ctx, p.limits.Start)
	defer cancel()
	stop := context.AfterFunc(startCtx, p.cmd.kill)
	err = p.connect(startCtx)
	stop()
	if err != nil {
		return p.startFault(ctx, startCtx, err)
	}
	p.release = context.AfterFunc(ctx, func() {
		if !p.cmd.hasExited(2 * cancelGrace) {
			p.cmd.kill()
		}
	})
	return p.call(ctx, "describe", p.limits.Describe, func(ctx context.Context) error {
		if p.info, err = p.service.Describe(ctx); err != nil {
			return err
		}
		return checkInfo(p.info)
	})
}

// connect starts the process and makes sure that it answers.
func (p *Process) connect(ctx context.Context) error {
	client, err := p.client.Client()
	if err != nil {
		return err
	}
	g, ok := client.(*goplugin.GRPCClient)
	if !ok {
		return fault.New(fault.Internal, "go-plugin gave a %T", client)
	}
	service, err := g.Dispense(protocol.PluginName)
	if err != nil {
		return err
	}
	if p.service, ok = service.(protocol.Service); !ok {
		return fault.New(fault.Internal, "go-plugin dispensed a %T", service)
	}
	// go-plugin's own Ping has no deadline.
	_, err = grpc_health_v1.NewHealthClient(g.Conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	return err
}

// startFault says why the process could not be started: by what is known of it,
// never by the text of err.
func (p *Process) startFault(ctx, startCtx context.Context, err error) error {
	if p.cmd.startErr != nil {
		return p.fail("start", fault.New(fault.Plugin, "cannot start %q: %w", p.spec.Command[0], p.cmd.startErr).
			WithHint("check the command in bench.yaml: the program must exist and be executable"))
	}
	switch {
	case ctx.Err() != nil:
		return p.fail("start", ctx.Err())
	case startCtx.Err() != nil:
		f := fault.New(fault.Timeout, "it was not ready within %s", p.limits.Start)
		f.Source = fault.Vendor
		return p.fail("start", f.WithHint("if it needs longer to load, raise the start timeout; its log may tell more"))
	}
	if p.cmd.processID() == 0 {
		return p.fail("start", fault.New(fault.System, "%w", err))
	}
	exited := p.cmd.hasExited(100*time.Millisecond) && !p.cmd.wasKilled()
	p.cmd.kill()
	if !p.cmd.hasExited(5 * time.Second) {
		return p.fail("start", fault.New(fault.System, "the process cannot be killed"))
	}
	var greeting *fault.Error
	switch {
	case errors.As(p.cmd.greeting, &greeting) && greeting != errNoHandshake:
		return p.fail("start", greeting)
	case exited:
		return p.fail("start", fault.New(fault.Plugin, "it ended before it was ready: %s", p.cmd.end()).
			WithHint("start it by hand to see why: %s", p.spec.commandLine()))
	case greeting != nil:
		return p.fail("start", fault.New(fault.Protocol, "it closed standard output without a handshake").
			WithHint("it is not an ltadbench plugin, or its SDK was not started"))
	}
	return p.fail("start", fault.New(fault.Protocol, "it does not answer over its connection: %s", clean(status.Convert(err).Message(), 500)).
		WithHint("update the plugin's SDK: it has to serve gRPC with the certificates of the handshake, and go-plugin's health service"))
}

// Describe is what the method says of itself; Start has asked.
func (p *Process) Describe() plugin.Info { return p.info }

// PeakMemory is the largest resident size of the method's process, in bytes, up to
// its last call's end or progress message; 0 if the system does not tell. Mapped
// files count as far as they were in memory; child processes do not count.
func (p *Process) PeakMemory() int64 { return p.peak.Load() }

// peakEvery bounds how often progress messages have the peak noted: a method may
// send thousands of them in a second.
const peakEvery = 200 * time.Millisecond

func (p *Process) notePeak() {
	if now := p.cmd.peakMemory(); now > p.peak.Load() {
		p.peak.Store(now)
	}
}

// call makes one call of the protocol with its deadline, and says of an error
// whose doing it is.
func (p *Process) call(ctx context.Context, op string, limit time.Duration, f func(context.Context) error) error {
	callCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(callCtx)
	p.notePeak()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return p.fail(op, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return p.fail(op, fault.New(fault.Timeout, "not done within %s", limit).
			WithHint("raise the method's timeout, or look at the log for what it waits for"))
	case errors.Is(err, protocol.ErrLost) && p.cmd.hasExited(3*time.Second):
		// A broken connection is noticed before the end that broke it.
		return p.fail(op, p.crash())
	case errors.Is(err, protocol.ErrLost):
		return p.fail(op, fault.New(fault.Protocol, "%w, though the process still runs", printable(err)).
			WithHint("if this is an error of the method itself, it has to report it by another gRPC status code than UNAVAILABLE or CANCELLED"))
	}
	return p.fail(op, printable(err))
}

// printable makes the text of a plugin's error fit for a terminal.
func printable(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	out := *f
	out.Err = errors.New(cleanLines(err.Error(), 40))
	out.Hint, out.Log = clean(f.Hint, 1000), cleanLines(f.Log, 100)
	return &out
}

func cleanLines(text string, most int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = clean(line, 1000)
	}
	return strings.Join(lines[:min(len(lines), most)], "\n")
}

func (p *Process) crash() *fault.Error {
	f := fault.New(fault.Crash, "the process died: %s", p.cmd.end())
	if !p.cmd.wasKilled() && p.cmd.state != nil && !p.cmd.state.Exited() {
		return f.WithHint("a signal that nobody sent by hand often means that memory ran out (at most %d MiB were seen in use) or a bug in native code", p.peak.Load()>>20)
	}
	return f.WithHint("the end of its log says what happened")
}

// fail puts the method, the call and the log's tail to an error.
func (p *Process) fail(op string, err error) error {
	var f *fault.Error
	switch {
	case errors.Is(err, context.Canceled):
		f = fault.New(fault.Canceled, "method %q: %s: cancelled", p.spec.Name, op)
		f.Err = fmt.Errorf("%w (%w)", f.Err, context.Canceled)
		return f
	case errors.Is(err, context.DeadlineExceeded):
		f = fault.New(fault.Timeout, "method %q: %s: the deadline of the whole has passed", p.spec.Name, op)
	case errors.As(err, &f):
		f = &fault.Error{
			Kind: f.Kind, Source: f.Source, Pos: f.Pos, Hint: f.Hint, Log: f.Log,
			Err: fmt.Errorf("method %q: %s: %w", p.spec.Name, op, err),
		}
	default:
		f = fault.New(fault.Internal, "method %q: %s: %w", p.spec.Name, op, err)
	}
	if f.Log == "" {
		f.Log = p.log.tail()
	}
	return f
}

// Kill ends the process and its group at once, as kill -9 does; the call that runs,
// and later ones, fail. Close is due all the same.
func (p *Process) Kill() { p.cmd.kill() }

// Close ends the process: it asks, waits at most two seconds (half a second once
// ctx is done), and kills the process group. It always ends and may be called
// again. An error says that the process had to be killed or would not die; what
// the method has answered before stays valid.
func (p *Process) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		if !p.cmd.hasExited(cancelGrace) {
			p.cmd.kill()
		}
	})
	defer stop()
	err := p.close()
	if ctx.Err() != nil && fault.KindOf(err) == fault.Protocol {
		return nil // there was no time to end by itself
	}
	return err
}

// shutdown runs once.
func (p *Process) shutdown() error {
	var err error
	if p.cmd != nil && p.cmd.processID() != 0 {
		ran := !p.cmd.hasExited(0) && !p.cmd.wasKilled()
		p.notePeak()
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			p.client.Kill() // asks, waits for the end, and cleans up
		}()
		if !p.cmd.hasExited(closeGrace) {
			p.cmd.kill()
		}
		select {
		case <-asked:
			if ran && p.cmd.wasKilled() {
				err = p.fail("close", fault.New(fault.Protocol, "it did not end within %s of being asked to and was killed", closeGrace))
			}
		case <-time.After(5 * time.Second): // a process stuck in the kernel
			err = p.fail("close", fault.New(fault.System, "process %s cannot be killed", p.cmd.ID()))
		}
	}
	p.release()
	if p.sockets != "" {
		os.RemoveAll(p.sockets)
	}
	p.log.close()
	return err
}
