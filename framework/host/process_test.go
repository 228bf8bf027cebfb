package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, err := r.start("good")
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	if info := p.Describe(); info.Name != "faulty" || !slices.Equal(info.Needs, []plugin.Input{plugin.Features}) || !info.SaveLoad {
		t.Errorf("Describe gives %+v", info)
	}
	s := r.session()
	var mu sync.Mutex
	var reports []string
	s.Report = func(done, total float64, message string) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, fmt.Sprintf("%g/%g %s", done, total, message))
	}
	if err := p.Fit(t.Context(), s, r.data); err != nil {
		t.Fatal(fault.Format(err))
	}
	if want := []string{"0/1 begins[31m", "1/1 done"}; !slices.Equal(reports, want) {
		t.Errorf("progress %q, want %q", reports, want)
	}
	seen := 0
	got, err := p.Predict(t.Context(), r.data, filepath.Join(r.dir, "answers"), func(done, total int) { seen = done })
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	// Row r of the features holds 32r, ..., 32r+31, and the scores are sums.
	if want := []float32{3568, 2544, 1520, 496}; !slices.Equal(got.Scores, want) || got.H != 4 || got.W != 4 || seen != 4 {
		t.Errorf("answers %+v, %d seen; want scores %v", got, seen, want)
	}
	if _, err := p.Predict(t.Context(), r.data, filepath.Join(r.dir, "answers"), nil); fault.KindOf(err) != fault.Internal {
		t.Errorf("a used directory of answers: %v", err)
	}
	if p.PeakMemory() < 1<<20 {
		t.Errorf("peak memory %d", p.PeakMemory())
	}
	state := filepath.Join(r.dir, "state")
	if err := p.Save(t.Context(), state); err != nil {
		t.Fatal(fault.Format(err))
	}
	begin := time.Now()
	if err := p.Close(t.Context()); err != nil {
		t.Error(fault.Format(err))
	}
	if took := time.Since(begin); took > closeGrace {
		t.Errorf("Close of an idle plugin took %s", took)
	}

	p, err = r.start("good")
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	if _, err := p.Predict(t.Context(), r.data, filepath.Join(r.dir, "early"), nil); err == nil {
		t.Error("predict before fit succeeds")
	}
	if err := p.Load(t.Context(), s, state); err != nil {
		t.Fatal(fault.Format(err))
	}
	again, err := p.Predict(t.Context(), r.data, filepath.Join(r.dir, "again"), nil)
	if err != nil || !slices.Equal(again.Scores, got.Scores) {
		t.Errorf("after load: %v, %v", again, err)
	}
}

// TestFaults starts each faulty plugin and checks what the user is told.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode  string
		kind  fault.Kind
		texts []string
	}{
		// Starting.
		{"exit-at-once", fault.Plugin, []string{`method "faulty": start: it ended before it was ready: exit status 7`, "No module named 'torch'", "faulty exit-at-once"}},
		{"print-first", fault.Protocol, []string{`it wrote "loading torch...[2J" to standard output before the handshake`, "standard error"}},
		{"long-line-first", fault.Protocol, []string{"before the handshake", "vvv"}},
		{"bad-handshake", fault.Protocol, []string{`"hello|world"`}},
		{"close-stdout", fault.Protocol, []string{"closed standard output without a handshake"}},
		{"core-version", fault.Plugin, []string{"core protocol version 2", "speaks version 1"}},
		{"version-2", fault.Plugin, []string{"speaks version 2 of the method protocol, this ltadbench speaks version 1", "update ltadbench"}},
		{"version-0", fault.Plugin, []string{"speaks version 0", "update the plugin"}},
		{"net-rpc", fault.Protocol, []string{"does not speak gRPC"}},
		{"no-certificate", fault.Protocol, []string{"did not return a certificate", "AutoMTLS"}},
		{"padded", fault.Protocol, []string{"the certificate in its handshake is wrong", "padded", "without padding"}},
		{"wrong-certificate", fault.Protocol, []string{"the certificate in its handshake is wrong", "DER form"}},
		{"nobody-listens", fault.Protocol, []string{"does not answer over its connection"}},
		{"bad-schema", fault.Plugin, []string{`property "k" has no default`}},
		{"no-output", fault.Plugin, []string{"neither maps nor scores"}},
		{"odd-engines", fault.Plugin, []string{`its engines ["go" "go"] are not different words`}},
		{"odd-preset", fault.Plugin, []string{`its preset "a": option "scale": 11 is above the maximum 10`}},
		{"huge-message", fault.Protocol, []string{"64 MiB"}},
		// Fit.
		{"exit", fault.Crash, []string{"fit: the process died: exit status 3", "out of ideas"}},
		{"killed", fault.Crash, []string{"signal: killed", "memory"}},
		{"sleep", fault.Timeout, []string{"fit: not done within 1s", "[INFO] sleeping why=tired"}},
		{"unavailable", fault.Protocol, []string{"fit: connection to the method's process lost: no GPU[1m, though the process still runs", "UNAVAILABLE"}},
		{"error", fault.Method, []string{"fit: the images are too dark\nreally"}},
		{"panic", fault.Method, []string{"fit: panic: boom", "host.panicking"}},
		{"panic-goroutine", fault.Crash, []string{"exit status 2", "panic: boom", "host.panicking"}},
		{"class-names", fault.Method, []string{`classes ["bottle" "cable" "screw"]`}},
		// Answers.
		{"nan-score", fault.Answer, []string{"score of test/broken/002.png is NaN"}},
		{"inf-map", fault.Answer, []string{"map of test/broken/002.png has +Inf at row 1, column 1"}},
		{"map-size", fault.Answer, []string{"map of sample 2 is 1 x 1, others are 4 x 4"}},
		{"map-length", fault.Answer, []string{"map of sample 2 has 15 numbers, not 4 x 4"}},
		{"missing", fault.Answer, []string{"no answer for 1 of 4 samples, the first of them test/broken/002.png"}},
		{"twice", fault.Answer, []string{"two answers for test/broken/002.png"}},
		{"index", fault.Answer, []string{"answer for sample 99, but there are 4 samples"}},
		{"unknown-id", fault.Answer, []string{`answer for "test/broken/000.png[1m", which is no sample`}},
		{"shape-lie", fault.Answer, []string{"is float32[4 4 4], not the promised float32[4 4 5]"}},
		{"dtype", fault.Answer, []string{"is float64[4 4 4]"}},
		{"rows", fault.Answer, []string{"maps have shape [5 4 4], not [4, H, W]"}},
		{"huge-maps", fault.Answer, []string{"with H from 1 to 4096"}},
		{"no-file", fault.Answer, []string{"maps.npy"}},
		{"link", fault.Answer, []string{"no regular file"}},
		{"no-maps", fault.Answer, []string{"no maps, though"}},
		{"exit-in-predict", fault.Crash, []string{"predict: the process died: exit status 4"}},
		{"sleep-in-predict", fault.Timeout, []string{"predict: not done within 1s"}},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if strings.HasPrefix(c.mode, "sleep") {
				r.cfg.Timeouts = Timeouts{Fit: time.Second, Predict: time.Second}
			}
			_, err := r.run(c.mode)
			wantFault(t, err, c.kind, c.texts...)
		})
	}
	// These are odd, and none of the host's business.
	for _, mode := range []string{"flood", "progress-flood", "odd-log", "print"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if _, err := r.run(mode); err != nil {
				t.Error(fault.Format(err))
			}
		})
	}
}

// TestSession checks what of a session reaches which method: only what it declares,
// and paths that hold in its own working directory.
func TestSession(t *testing.T) {
	t.Parallel()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode, engine, pool string
		kind               fault.Kind
		want               string
	}{
		{"declares", "ort", "mean", fault.Method, `work "DIR/w", engine "ort", checkpoint "DIR/c", classes ["" "" ""]`},
		{"declares", "", "max", fault.Method, `work "DIR/w", engine "go", checkpoint "DIR/c", classes ["bottle" "cable" "screw"]`},
		{"declares", "xla", "mean", fault.Config, `method "faulty" has no engine "xla"; it has go, ort`},
		{"declares-not", "xla", "mean", fault.Method, `work "DIR/w", engine "", checkpoint "", classes ["" "" ""]`},
		{"needs", "", "mean", fault.Method,
			`levels [2], text {Weights:DIR/t Vocabulary:DIR/v Prefix:p. Projection: Heads:2 Eps:0 Activation: Lowercase:false}, embedding [9 10 11]`},
		{"needs-not", "", "mean", fault.Method, "levels [2], no text"},
		{"needs-nothing", "", "mean", fault.Method, "levels [], no text"},
	} {
		r := newRig(t)
		p, err := r.start(c.mode)
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		relative, err := filepath.Rel(here, r.dir)
		if err != nil {
			t.Fatal(err)
		}
		s := r.session()
		s.Engine, s.WorkDir, s.Checkpoint = c.engine, filepath.Join(relative, "w"), filepath.Join(relative, "c")
		s.Options = []byte(`{"scale":1,"pool":"` + c.pool + `","sizes":[1]}`)
		s.Text = &plugin.TextEncoder{Weights: filepath.Join(relative, "t"), Vocabulary: filepath.Join(relative, "v"), Prefix: "p.", Heads: 2}
		wantFault(t, p.Fit(t.Context(), s, r.data), c.kind, strings.ReplaceAll(c.want, "DIR", r.dir))
	}
}

// TestMissingInputs checks that what a method needs is there before it is called.
func TestMissingInputs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, err := r.start("needs")
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	for want, change := range map[string]func(*plugin.Session, *Data){
		"the method needs text and there is no text encoder": func(s *plugin.Session, _ *Data) { s.Text = nil },
		"the method needs embeddings and there are none":     func(_ *plugin.Session, d *Data) { d.Embeddings = "" },
		"not of 2 axes": func(_ *plugin.Session, d *Data) { d.Embeddings = d.Features },
		"levels of [1] channels for features of 2": func(s *plugin.Session, _ *Data) { s.Levels = []int{1} },
	} {
		s, d := r.session(), r.data
		s.Text = &plugin.TextEncoder{}
		change(&s, &d)
		wantFault(t, p.Fit(t.Context(), s, d), fault.Internal, want)
	}
}

// TestKill ends a method that would never end.
func TestKill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, err := r.start("sleep")
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	s := r.session()
	s.Report = func(float64, float64, string) { p.Kill() }
	wantFault(t, p.Fit(t.Context(), s, r.data), fault.Crash, "fit: the process died")
	gone(t, p.cmd.processID(), time.Second)
	if err := p.Close(t.Context()); err != nil {
		t.Error(fault.Format(err))
	}
}

func TestStartFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := Start(t.Context(), Spec{Name: "absent", Command: []string{"/nonexistent/program"}}, r.cfg)
	wantFault(t, err, fault.Plugin, `method "absent": cannot start "/nonexistent/program"`, "bench.yaml")
	_, err = Start(t.Context(), Spec{Name: "empty"}, r.cfg)
	wantFault(t, err, fault.Config, "the command is empty")
	notExecutable := filepath.Join(r.dir, "text")
	if err := os.WriteFile(notExecutable, []byte("no program"), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Spec{Name: "text", Command: []string{notExecutable}}, r.cfg)
	wantFault(t, err, fault.Plugin, "exec format error")

	r.cfg.Timeouts.Start = 300 * time.Millisecond
	_, err = Start(t.Context(), faultySpec("never-ready"), r.cfg)
	wantFault(t, err, fault.Timeout, "it was not ready within 300ms")

	_, err = Start(t.Context(), faultySpec("never-reads"), r.cfg)
	wantFault(t, err, fault.Timeout, "it was not ready within 300ms")

	r.cfg.Timeouts.Start = 0
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	begin := time.Now()
	_, err = Start(ctx, faultySpec("never-ready"), r.cfg)
	wantFault(t, err, fault.Canceled)
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("a cancelled start took %s", took)
	}
}

// TestCancel cancels a method that does not listen: all must be over within two
// seconds, children included.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"sleep", "ignores-shutdown"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ctx, cancel := context.WithCancel(t.Context())
			p, err := Start(ctx, faultySpec(mode), r.cfg)
			if err != nil {
				t.Fatal(fault.Format(err))
			}
			pid := p.cmd.processID()
			time.AfterFunc(100*time.Millisecond, cancel)
			if mode == "sleep" {
				wantFault(t, p.Fit(ctx, r.session(), r.data), fault.Canceled, "fit: cancelled")
			}
			<-ctx.Done()
			begin := time.Now()
			if err := p.Close(ctx); err != nil {
				t.Error(fault.Format(err))
			}
			gone(t, pid, time.Millisecond)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("ending took %s", took)
			}
		})
	}
	t.Run("without Close", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		p, err := Start(ctx, faultySpec("good"), r.cfg)
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		cancel()
		gone(t, p.cmd.processID(), 2*time.Second)
		_ = p.Close(context.Background())
	})
}

func TestCloseKills(t *testing.T) {
	t.Parallel()
	t.Run("ignores shutdown", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		p, err := r.start("ignores-shutdown")
		if err != nil {
			t.Fatal(fault.Format(err))
		}
		begin := time.Now()
		wantFault(t, p.Close(t.Context()), fault.Protocol, "did not end within 2s")
		if took := time.Since(begin); took > 2*closeGrace {
			t.Errorf("Close took %s", took)
		}
		gone(t, p.cmd.processID(), time.Millisecond)
	})
	for _, mode := range []string{"child", "child-setsid"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p, err := r.start(mode)
			if err != nil {
				t.Fatal(fault.Format(err))
			}
			if err := p.Fit(t.Context(), r.session(), r.data); err != nil {
				t.Fatal(fault.Format(err))
			}
			self, child := pids(t, r.dir)
			begin := time.Now()
			if err := p.Close(t.Context()); err != nil {
				t.Error(fault.Format(err))
			}
			// The child holds the plugin's pipes, and must not hold up Close.
			if took := time.Since(begin); took > 2*closeGrace {
				t.Errorf("Close took %s", took)
			}
			gone(t, self, time.Millisecond)
			if mode == "child" {
				gone(t, child, time.Second)
			} else if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
				t.Errorf("a child that left the group: %v", err) // as the package's doc says
			}
		})
	}
}

// hostMain is a host that this test kills: it starts a plugin with a child and
// waits.
func hostMain(mode, dir string) {
	ctx := context.Background()
	p, err := Start(ctx, faultySpec(mode), Config{WorkDir: dir, LogFile: filepath.Join(dir, "log.txt")})
	if err == nil {
		err = p.Fit(ctx, plugin.Session{Options: []byte(`{}`), WorkDir: dir, Levels: []int{2}}, Data{Features: filepath.Join(dir, "features.npy"), Samples: []Sample{{}}})
	}
	fmt.Fprintln(os.Stderr, "host:", err)
	time.Sleep(time.Minute)
}

// startHost starts hostMain, with a directory for sockets that is deleted in the
// end: a host that is killed cannot.
func startHost(t *testing.T, mode, dir string) *exec.Cmd {
	t.Helper()
	tmp, err := os.MkdirTemp("", "ltadtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	host := exec.Command(os.Args[0], "host", mode, dir)
	host.Env = append(os.Environ(), "TMPDIR="+tmp)
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	return host
}

func sockets(host *exec.Cmd) string {
	return strings.TrimPrefix(host.Env[len(host.Env)-1], "TMPDIR=")
}

// TestNoOrphans kills a host with SIGKILL: its plugin and the plugin's child must
// end.
func TestNoOrphans(t *testing.T) {
	t.Parallel()
	// The second hears the lifeline only; the third hears nothing and dies of SIGTERM,
	// so that nobody but the guard ends its child and removes its socket.
	for _, mode := range []string{"child", "child-deaf", "raw-child"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			host := startHost(t, mode, r.dir)
			self, child := pids(t, r.dir)
			_ = host.Process.Kill()
			_ = host.Wait()
			gone(t, self, 2*time.Second)
			gone(t, child, 2*time.Second)
			var left []string
			for range 200 {
				if left, _ = filepath.Glob(filepath.Join(sockets(host), "ltad*")); len(left) == 0 {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("the plugin leaves its socket in %q", left)
		})
	}
	t.Run("no sdk", func(t *testing.T) {
		t.Parallel()
		if _, err := os.Stat("/proc/self/task"); err != nil {
			t.Skip("a plugin without an SDK ends with its host on Linux only")
		}
		r := newRig(t)
		host := startHost(t, "never-ready", r.dir)
		var self int
		for range 300 {
			// The plugin is a child of one of the host's threads.
			lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", host.Process.Pid))
			for _, list := range lists {
				text, _ := os.ReadFile(list)
				_, _ = fmt.Sscan(string(text), &self)
			}
			if cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", self)); strings.Contains(string(cmdline), "faulty") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if self == 0 {
			t.Fatal("the host started no plugin")
		}
		time.Sleep(100 * time.Millisecond) // it is past its own start, and does not listen
		_ = host.Process.Kill()
		_ = host.Wait()
		gone(t, self, 2*time.Second)
	})
}
