package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// resume kills a Fit in its middle, has another process go on from what is left, and
// compares the outcome with that of a Fit that nobody disturbed.
func resume(ctx context.Context, t T, s *suite) {
	p, whole := s.fitted(t)
	info := p.Describe()
	if !info.Resumes {
		t.Skipf("the method does not claim to resume")
	}
	dir := filepath.Join(s.dir, "checkpoint")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatalf("%v", err)
	}
	where := s.killed(ctx, t, dir)
	q, session := s.ready(ctx, t)
	defer q.Close(ctx)
	said := ""
	session.Checkpoint = dir
	session.Report = func(_, _ float64, message string) {
		if said == "" && strings.Contains(strings.ToLower(message), "resumed") {
			said = message
		}
	}
	begin := time.Now()
	if err := q.Fit(ctx, session, s.normal.train); err != nil {
		t.Fatalf("killed at %s, it does not go on: %s", where, fault.Format(err))
	}
	t.Logf("killed at %s; the next Fit took %s and said %q", where, time.Since(begin).Round(time.Millisecond), said)
	if said == "" {
		t.Errorf("no message of Fit says that it resumed: did it begin anew? Report one such as \"resumed at epoch 12\" first")
	}
	got, err := q.Predict(ctx, s.normal.test, s.answersDir(), nil)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	if !info.Deterministic {
		t.Logf("outcomes not compared: the method does not claim to be deterministic")
		return
	}
	same(t, whole, got)
	if info.SaveLoad {
		s.sameState(ctx, t, p, q)
	}
}

// ready starts a process and gives it a session; the caller closes it.
func (s *suite) ready(ctx context.Context, t T) (*host.Process, plugin.Session) {
	t.Helper()
	p, err := s.start(ctx)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	session, err := s.session(p)
	if err != nil {
		_ = p.Close(ctx)
		t.Fatalf("%s", fault.Format(err))
	}
	return p, session
}

// killed starts a Fit and kills its process, without a warning, at the first progress
// after a checkpoint has been written; it says at what progress that was. If Fit is
// over too soon the check is skipped.
func (s *suite) killed(ctx context.Context, t T, dir string) (where string) {
	t.Helper()
	p, session := s.ready(ctx, t)
	defer p.Close(ctx)
	before := map[string]bool{}
	session.Checkpoint = dir
	session.Report = func(done, total float64, _ string) {
		if where != "" {
			return
		}
		now := checkpoints(dir)
		for name := range now {
			// A file that is there for the second time is no longer being written.
			if before[name] && (total == 0 || done < total) {
				where = fmt.Sprintf("%g of %g", done, total)
				p.Kill()
				return
			}
		}
		before = now
	}
	err := p.Fit(ctx, session, s.normal.train)
	switch {
	case err == nil && len(checkpoints(dir)) == 0:
		t.Skipf("Fit ended without writing a checkpoint: give it more to do, or a shorter interval, with other options")
	case err == nil:
		t.Skipf("Fit ended too soon to be killed between a checkpoint and its end: give it more to do with other options")
	case where == "" || fault.KindOf(err) != fault.Crash:
		t.Fatalf("%s", fault.Format(err))
	}
	return where
}

// checkpoints are the files in a directory of checkpoints, but for those that by their
// names are not whole yet.
func checkpoints(dir string) map[string]bool {
	out := map[string]bool{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") && !strings.Contains(d.Name(), "tmp") {
			out[path] = true
		}
		return nil // a file that vanishes has been renamed
	})
	return out
}

// sameState fails unless two fitted processes save the same files, byte for byte.
func (s *suite) sameState(ctx context.Context, t T, p, q *host.Process) {
	t.Helper()
	var saved [2]map[string][]byte
	for i, one := range []*host.Process{p, q} {
		dir := filepath.Join(s.dir, fmt.Sprintf("resumed-%d", i))
		if err := one.Save(ctx, dir); err != nil {
			t.Fatalf("%s", fault.Format(err))
		}
		var err error
		if saved[i], err = files(dir); err != nil {
			t.Fatalf("saved state: %v", err)
		}
	}
	whole, resumed := saved[0], saved[1]
	for _, name := range slices.Sorted(maps.Keys(whole)) {
		if got, ok := resumed[name]; !ok {
			t.Errorf("the saved state lacks %s", name)
		} else if !bytes.Equal(got, whole[name]) {
			t.Errorf("%s of the saved state differs", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(resumed)) {
		if _, ok := whole[name]; !ok {
			t.Errorf("the saved state has %s besides", name)
		}
	}
}

// files are the contents of all files below a directory.
func files(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			out[name], err = os.ReadFile(path)
		}
		return err
	})
	return out, err
}
