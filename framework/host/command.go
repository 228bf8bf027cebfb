package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// command is the operating system's side of a plugin: its process, process group,
// pipes and lifeline. go-plugin starts and waits through it (as a runner.Runner),
// and sees nothing of the plugin's output but a handshake that has been checked.
type command struct {
	cmd     *exec.Cmd
	name    string
	log     *journal
	sockets string // the directory that the guard removes

	lifeline *os.File       // our end; the plugin lives while it is open
	shake    *io.PipeReader // the handshake line, for go-plugin
	startErr error          // why the process could not be started
	greeting error          // what is wrong with the handshake; read after done

	exited chan struct{} // the process and its group are dead, state is set
	done   chan struct{} // all its output is in the log as well
	state  *os.ProcessState

	mu     sync.Mutex // guards what follows, and signals against a reaped pid
	pid    int        // 0 before the start
	reaped bool
	killed bool // by us, while it still ran
}

var _ runner.Runner = (*command)(nil)

func newCommand(cmd *exec.Cmd, name string, log *journal, sockets string) *command {
	return &command{cmd: cmd, name: name, log: log, sockets: sockets, exited: make(chan struct{}), done: make(chan struct{})}
}

// Start starts the process, its readers and its waiter.
func (c *command) Start(context.Context) error {
	err := c.start()
	if err != nil {
		c.startErr = err
		close(c.exited)
		close(c.done)
	}
	return err
}

func (c *command) start() (err error) {
	var pipes []*os.File
	defer func() {
		if err != nil {
			for _, f := range pipes {
				f.Close()
			}
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				pipes = append(pipes, r, w)
			}
		}
		return r, w
	}
	stdout, stdoutW := pipe()
	stderr, stderrW := pipe()
	lifelineR, lifeline := pipe()
	if err != nil {
		return err
	}
	c.cmd.Stdin = nil // the null device: a plugin must not read the user's terminal
	c.cmd.Stdout, c.cmd.Stderr = stdoutW, stderrW
	c.cmd.ExtraFiles = []*os.File{lifelineR} // descriptor 3
	if err := startProcess(c.cmd); err != nil {
		return err
	}
	c.mu.Lock()
	c.pid = c.cmd.Process.Pid
	if c.killed {
		killGroup(c.pid)
	}
	c.mu.Unlock()
	guard, err := startGuard(c.pid, c.sockets)
	if err != nil { // a system without a shell; the lifeline and Pdeathsig remain
		c.log.add("ltadbench: no guard against the host's death: " + err.Error())
	}
	for _, f := range []*os.File{stdoutW, stderrW, lifelineR} {
		f.Close() // the plugin has its own
	}
	c.lifeline = lifeline
	shake, shakeW := io.Pipe()
	c.shake = shake

	var readers sync.WaitGroup
	readers.Go(func() { c.log.read(newLineReader(stderr), "") })
	readers.Go(func() {
		defer shakeW.Close()
		r := newLineReader(stdout)
		if c.greeting = c.passHandshake(r, shakeW); c.greeting == nil {
			c.log.read(r, "stdout: ")
		}
	})
	go func() {
		c.wait()
		close(c.exited)
		// A child that left the group may hold the pipes for ever.
		deadline := time.Now().Add(time.Second)
		_ = stdout.SetReadDeadline(deadline)
		_ = stderr.SetReadDeadline(deadline)
		readers.Wait()
		for _, f := range []*os.File{stdout, stderr, lifeline} {
			f.Close()
		}
		if guard != nil {
			guard.dismiss()
		}
		close(c.done)
	}()
	return nil
}

// passHandshake reads the plugin's first line, checks it and hands it on.
func (c *command) passHandshake(r *bufio.Reader, to io.Writer) error {
	line, err := r.ReadSlice('\n')
	if len(line) == 0 {
		// It ends, or has closed its output. Only the end says why.
		select {
		case <-c.exited:
		case <-time.After(time.Second):
		}
		return errNoHandshake
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = checkHandshake(string(line))
	} else {
		err = notHandshake(string(line))
	}
	if err != nil {
		return err
	}
	_, err = to.Write(line)
	return err
}

// wait returns when the process has ended, and all of its group with it. Where the
// system allows, the group is killed before the process is reaped, while its
// number cannot be another's.
func (c *command) wait() {
	if !waitUnreaped(c.pid) {
		_ = c.cmd.Wait()
	}
	c.mu.Lock()
	killGroup(c.pid)
	c.reaped = true
	c.mu.Unlock()
	_ = c.cmd.Wait() // the exit status is in ProcessState; a second Wait does nothing
	c.state = c.cmd.ProcessState
}

// kill ends the process and its group at once; before the start, at the start.
func (c *command) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return
	}
	c.killed = true
	if c.pid != 0 {
		killGroup(c.pid)
	}
}

// processID is 0 before the start.
func (c *command) processID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

// Kill ends the process and its group and waits for the end.
func (c *command) Kill(ctx context.Context) error {
	c.kill()
	return c.Wait(ctx)
}

// Wait waits for the end of the process and its output.
func (c *command) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hasExited tells whether the process has ended, waiting up to d for it.
func (c *command) hasExited(d time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(d):
		return false
	}
}

// end says how the process ended.
func (c *command) end() string {
	if c.state == nil {
		return "it was never started"
	}
	return c.state.String() // "exit status 3", "signal: killed"
}

func (c *command) wasKilled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.killed
}

// peakMemory is the largest resident size of the process so far, in bytes; 0 if
// unknown. (getrusage's figure would not do: on Linux a child inherits the peak of
// the process that started it.)
func (c *command) peakMemory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.processID()))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

// The rest of runner.Runner.

func (c *command) Stdout() io.ReadCloser { return c.shake }

// Stderr is empty: the journal reads the real one.
func (c *command) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

func (c *command) Name() string { return c.name }

func (c *command) ID() string {
	if pid := c.processID(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

func (c *command) Diagnose(context.Context) string { return "" }

func (c *command) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (c *command) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

var errNoHandshake = fault.New(fault.Plugin, "ended without a handshake")
