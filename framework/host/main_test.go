package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "faulty" {
		pluginMain(os.Args[2])
	}
	if len(os.Args) == 4 && os.Args[1] == "host" {
		hostMain(os.Args[2], os.Args[3])
	}
	tmp, err := os.MkdirTemp("", "ltadtest")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", tmp)
	before := openFiles()
	status := m.Run()
	if status == 0 {
		status = checkLeaks(before, filepath.Join(tmp, "ltad*"))
	}
	os.RemoveAll(tmp)
	os.Exit(status)
}

// checkLeaks makes sure that all processes, goroutines, files and directories of
// the tests' plugins are gone.
func checkLeaks(filesBefore int, sockets string) int {
	var problem string
	for range 100 {
		problem = ""
		if list, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid())); len(list) > 0 {
			problem = "child processes " + string(list)
		}
		buf := make([]byte, 1<<20)
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			ours := strings.Contains(stack, "go-plugin") || strings.Contains(stack, "google.golang.org/grpc") || strings.Contains(stack, "framework/host.(")
			if ours && !strings.Contains(stack, "checkLeaks") {
				problem = "a goroutine:\n" + stack
			}
		}
		if n := openFiles(); n > filesBefore+8 { // the runtime keeps a few
			problem = fmt.Sprintf("%d open files, %d before", n, filesBefore)
		}
		if left, _ := filepath.Glob(sockets); len(left) > 0 {
			problem = fmt.Sprintf("directories %q", left)
		}
		if problem == "" {
			return 0
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "the tests leave behind", problem)
	return 1
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

func faultySpec(mode string) Spec {
	return Spec{Name: "faulty", Command: []string{os.Args[0], "faulty", mode}}
}

// rig is a small data set and the files of one process.
type rig struct {
	t    *testing.T
	dir  string
	cfg  Config
	data Data
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, dir: dir, cfg: Config{WorkDir: dir, LogFile: filepath.Join(dir, "log.txt"), Threads: 1}}
	r.data = Data{
		Features: filepath.Join(dir, "features.npy"), Embeddings: filepath.Join(dir, "embeddings.npy"),
		Samples: []Sample{{0, 3}, {1, 2}, {0, 1}, {2, 0}},
		Name:    func(i int) string { return fmt.Sprintf("test/broken/%03d.png", i) },
	}
	w, err := tensors.Create(r.data.Features, tensors.Float32, 4, 4, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, 4*4*4*2)
	for i := range values {
		values[i] = float32(i)
	}
	if err := errors.Join(w.WriteRows(values, 0), w.Close()); err != nil {
		t.Fatal(err)
	}
	if w, err = tensors.Create(r.data.Embeddings, tensors.Float32, 4, 3); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.WriteRows(values[:12], 0), w.Close()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) start(mode string) (*Process, error) {
	r.t.Helper()
	p, err := Start(r.t.Context(), faultySpec(mode), r.cfg)
	if err == nil {
		r.t.Cleanup(func() { _ = p.Close(context.Background()) })
	}
	return p, err
}

func (r *rig) session() plugin.Session {
	return plugin.Session{Options: []byte(`{"scale":1,"pool":"mean","sizes":[1]}`), Seed: 1, Threads: 1, Classes: []string{"bottle", "cable", "screw"}, Levels: []int{2}}
}

// run starts the method, fits it and asks for predictions.
func (r *rig) run(mode string) (Answers, error) {
	r.t.Helper()
	p, err := r.start(mode)
	if err != nil {
		return Answers{}, err
	}
	if err := p.Fit(r.t.Context(), r.session(), r.data); err != nil {
		return Answers{}, err
	}
	return p.Predict(r.t.Context(), r.data, filepath.Join(r.dir, "answers"), nil)
}

// wantFault checks an error's kind, and that the whole of what a user would see
// has each of the texts.
func wantFault(t *testing.T, err error, kind fault.Kind, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := fault.KindOf(err); got != kind {
		t.Errorf("kind %s, want %s", got, kind)
	}
	shown := fault.Format(err)
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("the error lacks %q:\n%s", text, shown)
		}
	}
	if bytes.ContainsAny([]byte(shown), "\x1b\x07\x00\r") {
		t.Errorf("the error has control characters: %q", shown)
	}
}

// gone waits until process pid has ended (or is a zombie).
func gone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
	}
	t.Errorf("process %d still runs after %s", pid, within)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// pids waits for the numbers of the plugin and its child.
func pids(t *testing.T, dir string) (self, child int) {
	t.Helper()
	for range 500 {
		if text, err := os.ReadFile(filepath.Join(dir, "pids")); err == nil {
			a, b, _ := strings.Cut(string(text), " ")
			self, _ = strconv.Atoi(a)
			child, _ = strconv.Atoi(b)
			return self, child
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the plugin did not tell its process number")
	return 0, 0
}
