package ortbackend

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// peerStandIn takes the place of GoMLX's package backends/xla, which its tests
// import and whose plugins they would download: it loads ONNX Runtime instead.
const peerStandIn = `package xla

import (
	"context"

	"github.com/ltadbench/ltadbench/framework/ort"
	_ "github.com/ltadbench/ltadbench/framework/ortbackend"
)

func init() {
	l, err := ort.Ensure(context.Background(), ort.Options{})
	if err == nil {
		err = ort.Init(l)
	}
	if err != nil {
		panic(err)
	}
}

func AutoInstall() error { return nil }
`

// peerPackages are GoMLX's packages with tests that compute.
var peerPackages = []string{
	"pkg/core/distributed", "pkg/core/graph", "pkg/core/graph/nanlogger", "pkg/core/tensors",
	"pkg/ml/context", "pkg/ml/context/checkpoints", "pkg/ml/datasets",
	"pkg/ml/layers", "pkg/ml/layers/bsplines", "pkg/ml/layers/fnn", "pkg/ml/layers/kan", "pkg/ml/layers/lstm", "pkg/ml/layers/vnn",
	"pkg/ml/train", "pkg/ml/train/losses", "pkg/ml/train/metrics", "pkg/ml/train/optimizers", "pkg/ml/train/optimizers/cosineschedule",
}

// TestGoMLXSuite runs GoMLX's own tests on this backend and compares those that do
// not pass with testdata/gomlx_suite.txt, which says why. It compiles GoMLX's tests
// in a copy of its module and needs modules that this one does not, so it runs only
// if asked:
//
//	LTADBENCH_GOMLX_SUITE=1 go test -run TestGoMLXSuite -timeout 1h -v ./framework/ortbackend
//
// LTADBENCH_GOMLX_SUITE=update writes the file anew, keeping the reasons it has.
func TestGoMLXSuite(t *testing.T) {
	mode := os.Getenv("LTADBENCH_GOMLX_SUITE")
	if mode == "" {
		t.Skip("compiles GoMLX's tests, with modules of their own; LTADBENCH_GOMLX_SUITE=1 runs it")
	}
	dir := peerModule(t)
	known := peerKnown(t)
	total := map[string]int{}
	var found []string // "package test"
	outputs := map[string]string{}
	for _, pkg := range peerPackages {
		results, output := peerRun(t, dir, pkg)
		count := map[string]int{}
		for _, name := range slices.Sorted(maps.Keys(results)) {
			if !peerLeaf(results, name) {
				continue
			}
			count[results[name]]++
			total[results[name]]++
			if results[name] != "pass" {
				id := pkg + " " + name
				found = append(found, id)
				outputs[id] = output[name]
			}
		}
		t.Logf("%-42s %3d pass, %d fail, %d skip", pkg, count["pass"], count["fail"], count["skip"])
	}
	t.Logf("%-42s %3d pass, %d fail, %d skip", "all", total["pass"], total["fail"], total["skip"])
	for _, id := range found {
		if _, ok := known[id]; !ok {
			t.Errorf("not known to fail: %s\n%s", id, outputs[id])
		}
	}
	for id := range known {
		if !slices.Contains(found, id) {
			t.Errorf("passes now: %s", id)
		}
	}
	if mode == "update" {
		var b strings.Builder
		for _, id := range found {
			fmt.Fprintf(&b, "%s: %s\n", id, known[id])
		}
		if err := os.WriteFile("testdata/gomlx_suite.txt", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// peerKnown reads the tests that are known not to pass, with reasons.
func peerKnown(t *testing.T) map[string]string {
	text, err := os.ReadFile("testdata/gomlx_suite.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if id, why, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			known[id] = why
		}
	}
	return known
}

// peerModule copies GoMLX's module, with the stand-in, and requires this one.
func peerModule(t *testing.T) string {
	source := strings.TrimSpace(peerGo(t, ".", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/gomlx"))
	here := strings.TrimSpace(peerGo(t, ".", "list", "-m", "-f", "{{.Dir}}"))
	dir := t.TempDir()
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch rel {
			case "examples", "docs", "docker", "backends/xla", "backends/stablehlo":
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(dir, rel), 0o777)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), data, 0o666)
	})
	if err != nil {
		t.Fatal(err)
	}
	stand := filepath.Join(dir, "backends/xla")
	if err := os.MkdirAll(stand, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stand, "xla.go"), []byte(peerStandIn), 0o666); err != nil {
		t.Fatal(err)
	}
	var sums []byte
	for _, d := range []string{dir, here} {
		data, err := os.ReadFile(filepath.Join(d, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, data...)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o666); err != nil {
		t.Fatal(err)
	}
	const self = "github.com/ltadbench/ltadbench"
	peerGo(t, dir, "mod", "edit", "-require="+self+"@v0.0.0", "-replace="+self+"="+here)
	return dir
}

func peerGo(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// peerRun runs a package's tests, and again without the one that ended the process
// early, until all had their turn.
func peerRun(t *testing.T, dir, pkg string) (results, output map[string]string) {
	binary := filepath.Join(t.TempDir(), "test")
	peerGo(t, dir, "test", "-mod=mod", "-c", "-o", binary, "./"+pkg)
	results, output = map[string]string{}, map[string]string{}
	var skip []string
	for range 100 {
		args := []string{"tool", "test2json", "-t", binary, "-test.v=test2json", "-test.timeout=20m"}
		if len(skip) > 0 {
			args = append(args, "-test.skip="+strings.Join(skip, "|"))
		}
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join(dir, pkg)
		cmd.Env = append(os.Environ(), "GOMLX_BACKEND="+Name)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		complete, last := false, ""
		fresh := map[string]string{}
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				break
			}
			var e struct{ Action, Test, Output string }
			if json.Unmarshal(line, &e) != nil {
				continue
			}
			switch e.Action {
			case "run":
				last = e.Test
			case "output":
				fresh[e.Test] += e.Output
				complete = complete || e.Test == "" && (e.Output == "PASS\n" || e.Output == "FAIL\n")
			case "pass", "fail", "skip":
				if e.Test != "" {
					results[e.Test] = e.Action
				}
			}
		}
		_ = cmd.Wait() // the results tell
		for name, text := range fresh {
			output[name] = text
		}
		if complete {
			return results, output
		}
		if last == "" {
			t.Fatalf("%s: no test ran:\n%s", pkg, fresh[""])
		}
		results[last] = "fail"
		output[last] += fresh[""]
		var elements []string
		for e := range strings.SplitSeq(last, "/") {
			elements = append(elements, "^"+regexp.QuoteMeta(e)+"$")
		}
		skip = append(skip, strings.Join(elements, "/"))
	}
	t.Fatalf("%s: the process ends early, whatever is skipped", pkg)
	return nil, nil
}

// peerLeaf says whether a test has no others in it that tell its result.
func peerLeaf(results map[string]string, name string) bool {
	for other, result := range results {
		if strings.HasPrefix(other, name+"/") && (results[name] != "fail" || result == "fail") {
			return false
		}
	}
	return true
}
