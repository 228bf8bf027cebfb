package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ltadbench":                main,
		"ltadbench-method-faulty":  func() { plugin.Serve(faulty{}) },
		"ltadbench-method-looker":  func() { plugin.Serve(looker{}) },
		"ltadbench-method-teller":  func() { plugin.Serve(teller{}) },
		"ltadbench-method-trainer": func() { plugin.Serve(trainer{}) },
	})
}

// TestScripts runs the command as users do; each script under testdata/script is
// one story.
func TestScripts(t *testing.T) {
	library, err := ort.Ensure(t.Context(), ort.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir() // shared: data and features are computed once
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv(ort.LibraryEnv, library.Path)
			e.Setenv(home.CacheEnv, cache)
			path := filepath.Join(e.WorkDir, "bench.yaml")
			if _, err := os.Stat(path); err == nil {
				return nil // the script's own
			}
			return os.WriteFile(path, []byte(tiny), 0o666)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"waitfiles":  waitFiles,
			"sameresult": sameResult,
			"noprocess":  noProcess,
		},
	})
}

// tiny is the configuration of scripts that bring none.
const tiny = `version: 1
datasets:
  tiny:
    kind: synthetic
    options: {classes: 3, size: 64, train: 12, test_normal: 4, test_defect: 4}
splits:
  - {type: exp, factor: 4}
encoders: {texturebank: }
methods: {random: , padim: , patchcore: }
`

// waitFiles waits until at least N files match a pattern: waitfiles N PATTERN.
func waitFiles(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if found, _ := filepath.Glob(ts.MkAbs(args[1])); len(found) >= want {
			return
		}
	}
	ts.Fatalf("no %d files %s within a minute", want, args[1])
}

// sameResult compares all records and maps of two stores; in records everything but
// "run" (times, machine) must be equal: sameresult DIR DIR.
func sameResult(ts *testscript.TestScript, _ bool, args []string) {
	list := func(dir string) map[string]any {
		out := map[string]any{}
		for _, pattern := range []string{"cells/*.json", "maps/*.npy"} {
			files, _ := filepath.Glob(filepath.Join(ts.MkAbs(dir), pattern))
			for _, f := range files {
				text, err := os.ReadFile(f)
				ts.Check(err)
				name := filepath.Base(f)
				if filepath.Ext(f) != ".json" {
					out[name] = string(text)
					continue
				}
				var record map[string]any
				ts.Check(json.Unmarshal(text, &record))
				delete(record, "run")
				out[name] = record
			}
		}
		return out
	}
	a, b := list(args[0]), list(args[1])
	if len(a) == 0 {
		ts.Fatalf("no results in %s", args[0])
	}
	for name := range b {
		if a[name] == nil {
			ts.Fatalf("%s is in %s alone", name, args[1])
		}
	}
	for name := range a {
		if !reflect.DeepEqual(a[name], b[name]) {
			ts.Fatalf("%s differs between %s and %s", name, args[0], args[1])
		}
	}
}

// noProcess checks that no process works in a directory of this script any more,
// except the ones of the script itself: noprocess.
func noProcess(ts *testscript.TestScript, _ bool, _ []string) {
	root := ts.MkAbs("runs")
	var left []string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		left = nil
		cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
		for _, cwd := range cwds {
			if dir, err := os.Readlink(cwd); err == nil && strings.HasPrefix(dir, root) {
				left = append(left, cwd+" -> "+dir)
			}
		}
		if len(left) == 0 {
			return
		}
	}
	ts.Fatalf("processes are left: %v", left)
}

// faulty is a third-party method that goes wrong in the way its option says.
type faulty struct{ plugin.Base }

type faultyOptions struct {
	Mode string `json:"mode" enum:"none,exit,hang,nan,slow" doc:"how it goes wrong"`
}

func (faulty) Describe() plugin.Info {
	return plugin.Info{
		Name: "faulty", Version: "1", Summary: "goes wrong on purpose", Needs: []plugin.Input{plugin.Features},
		Maps: true, Options: plugin.Schema(faultyOptions{Mode: "none"}),
	}
}

func (f faulty) Fit(ctx context.Context, s plugin.Session, _ plugin.Samples) error {
	var o faultyOptions
	if err := plugin.DecodeOptions(s.Options, &o); err != nil {
		return err
	}
	mode = o.Mode
	s.Log.Info("fitting", "mode", mode)
	switch mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(7)
	case "hang":
		select {} // not even cancelling helps
	case "slow":
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	return nil
}

// mode is what Fit was told; the method has no other state.
var mode string

func (faulty) Predict(_ context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	for i := range test.Len() {
		value := float32(i)
		if mode == "nan" && i == 5 {
			value = float32(math.NaN())
		}
		if err := emit(i, plugin.Prediction{Map: []float32{value, 1, 2, 3}, H: 2, W: 2}); err != nil {
			return err
		}
	}
	return nil
}

// looker is a third-party method on images that gives an image score and no map: how
// far the image's mean brightness is from 128.
type looker struct{ plugin.Base }

func (looker) Describe() plugin.Info {
	return plugin.Info{
		Name: "looker", Version: "1", Summary: "looks at brightness", Needs: []plugin.Input{plugin.Images}, Scores: true,
		Deterministic: true, Options: plugin.Schema(struct{}{}),
	}
}

func (looker) Fit(context.Context, plugin.Session, plugin.Samples) error { return nil }

func (looker) Predict(_ context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	for i := range test.Len() {
		sum := 0.0
		for _, v := range test.Image(i) {
			sum += float64(v)
		}
		if err := emit(i, plugin.Prediction{Score: float32(math.Abs(sum/float64(len(test.Image(i))) - 128))}); err != nil {
			return err
		}
	}
	return nil
}
