package ort

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
)

// The "library" in the packages that the tests make.
var content = []byte("not really a library")

const member = "onnxruntime/capi/lib.so"

// nowhere is a system without libraries but in LD_LIBRARY_PATH.
var nowhere struct{ lists, dirs []string }

// world is a machine without a library and without network, with the package
// clients that a test puts there.
type world struct {
	t     *testing.T
	bin   string // on PATH, before the directory with cp, sleep, ...
	cache string
}

func newWorld(t *testing.T) world {
	w := world{t, t.TempDir(), t.TempDir()}
	t.Setenv("PATH", w.bin)
	t.Setenv("LD_LIBRARY_PATH", "")
	t.Setenv("DYLD_LIBRARY_PATH", "")
	t.Setenv(LibraryEnv, "")
	t.Setenv(home.CacheEnv, w.cache)
	for _, tool := range []string{"cp", "sleep", "head", "cat"} {
		for _, dir := range []string{"/bin", "/usr/bin"} {
			if _, err := os.Stat(filepath.Join(dir, tool)); err == nil {
				check(t, os.Symlink(filepath.Join(dir, tool), filepath.Join(w.bin, tool)))
				break
			}
		}
	}
	set(t, &system, nowhere)
	refuse := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refuse.Close)
	set(t, &releases, refuse.URL)
	set(t, &pins, testPins())
	return w
}

// testPins are pins of packages that hold content.
func testPins() map[string][]pin {
	sum := sha256.Sum256(content)
	hex := hex.EncodeToString(sum[:])
	return map[string][]pin{platform: {
		{wheel, "tag", 1000, member, hex}, {archive, "tag", 1000, member, hex}, {npm, "", 1000, member, hex},
	}}
}

func set[T any](t *testing.T, v *T, to T) {
	old := *v
	*v = to
	t.Cleanup(func() { *v = old })
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client puts a program of that name on PATH, a script that runs in the
// directory where the package is to appear.
func (w world) client(name, script string) {
	check(w.t, os.WriteFile(filepath.Join(w.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}

// wheel and tgz write a package that holds lib, and return its path.
func (w world) wheel(lib []byte) string {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	f, err := z.Create(member)
	check(w.t, err)
	_, err = f.Write(lib)
	check(w.t, err)
	check(w.t, z.Close())
	return w.file("p.whl", buf.Bytes())
}

func (w world) tgz(lib []byte) string {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	a := tar.NewWriter(z)
	check(w.t, a.WriteHeader(&tar.Header{Name: "./" + member, Mode: 0o644, Size: int64(len(lib)), Typeflag: tar.TypeReg}))
	_, err := a.Write(lib)
	check(w.t, err)
	check(w.t, a.Close())
	check(w.t, z.Close())
	return w.file("p.tgz", buf.Bytes())
}

func (w world) file(name string, data []byte) string {
	path := filepath.Join(w.t.TempDir(), name)
	check(w.t, os.WriteFile(path, data, 0o644))
	return path
}

// left are the files in the cache.
func (w world) left() string {
	found, err := filepath.Glob(filepath.Join(w.cache, "ort", "*"))
	check(w.t, err)
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return strings.Join(found, " ")
}

func (w world) installed(l Library, err error) {
	w.t.Helper()
	check(w.t, err)
	got, err := os.ReadFile(l.Path)
	check(w.t, err)
	if !bytes.Equal(got, content) || l.Source != "cache" || filepath.Dir(l.Path) != filepath.Join(w.cache, "ort") {
		w.t.Errorf("%+v holds %q", l, got)
	}
	if want := filepath.Base(l.Path) + " lock"; w.left() != want {
		w.t.Errorf("cache holds %s, want %s", w.left(), want)
	}
}

func TestInstall(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(w world)
	}{
		{"wheel", func(w world) { w.client("python3", `cp `+w.wheel(content)+` .`) }},
		{"python without pip, then python", func(w world) {
			w.client("python3", `echo "No module named pip" >&2; exit 1`)
			w.client("python", `cp `+w.wheel(content)+` .`)
		}},
		{"wrong checksum, then archive", func(w world) {
			w.client("python3", `cp `+w.wheel([]byte("malware"))+` .`)
			w.serve(w.tgz(content), 0)
		}},
		{"wheel cut short, archive cut short, then npm", func(w world) {
			w.client("python3", `head -c 99 `+w.wheel(content)+` > p.whl`)
			w.serve(w.tgz(content), 60)
			w.client("npm", `cp `+w.tgz(content)+` .`)
		}},
		{"damaged in the cache", func(w world) {
			w.client("npm", `cp `+w.tgz(content)+` .`)
			check(w.t, os.MkdirAll(filepath.Join(w.cache, "ort"), 0o755))
			check(w.t, os.WriteFile(filepath.Join(w.cache, "ort", pins[platform][0].cacheName()), []byte("half"), 0o644))
		}},
		{"left by a killed process", func(w world) {
			w.client("npm", `cp `+w.tgz(content)+` .`)
			check(w.t, os.MkdirAll(filepath.Join(w.cache, "ort", "fetch-123", "cache"), 0o755))
		}},
		{"stalled", func(w world) {
			set(w.t, &stallLimit, 300*time.Millisecond)
			w.client("python3", `sleep 30`)
			w.client("npm", `cp `+w.tgz(content)+` .`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.setup(w)
			start := time.Now()
			var last int64
			l, err := Ensure(t.Context(), Options{Report: func(done, total int64, what string) {
				if done > total || what == "" {
					t.Errorf("reported %d of %d of %q", done, total, what)
				}
				last = done
			}})
			w.installed(l, err)
			if last != 1000 || time.Since(start) > 5*time.Second {
				t.Errorf("last report %d, took %s", last, time.Since(start))
			}
			// Nothing is fetched a second time.
			check(t, os.RemoveAll(w.bin))
			again, err := Ensure(t.Context(), Options{Report: func(int64, int64, string) { t.Error("reported") }})
			check(t, err)
			if again != l {
				t.Errorf("%+v, then %+v", l, again)
			}
		})
	}
}

// serve answers for the release archive, with the whole file, or so many bytes
// of it before the connection breaks.
func (w world) serve(path string, cut int) {
	data, err := os.ReadFile(path)
	check(w.t, err)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if want := "/v" + Version + "/onnxruntime-tag-" + Version + ".tgz"; r.URL.Path != want {
			w.t.Errorf("asked for %s, want %s", r.URL.Path, want)
		}
		if cut > 0 {
			rw.Header().Set("Content-Length", "1000000")
			_, _ = rw.Write(data[:cut])
			return
		}
		_, _ = rw.Write(data)
	}))
	w.t.Cleanup(s.Close)
	set(w.t, &releases, s.URL)
}

func TestNothingWorks(t *testing.T) {
	w := newWorld(t)
	w.client("python3", `echo "WARNING: slow"; echo "ERROR: No matching distribution found for onnxruntime" >&2; exit 1`)
	w.client("npm", `echo "npm error code E404" >&2; echo "npm error 404 Not Found" >&2; echo "npm error A complete log" >&2; exit 1`)
	_, err := Ensure(t.Context(), Options{})
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.System || !errors.Is(err, ErrNotFound) || e.Hint == "" {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		LibraryEnv + ": not set", "cache " + w.cache + "/ort: empty", "system: no libonnxruntime",
		"Python wheel onnxruntime " + Version + ": python3: No matching distribution found for onnxruntime; no python on this machine",
		"release archive of ONNX Runtime " + Version + ": " + releases, "404 Not Found",
		"npm package onnxruntime-node " + Version + ": npm: code E404; 404 Not Found",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%s", want, fault.Format(err))
		}
	}
	if w.left() != "lock" {
		t.Errorf("cache holds %s", w.left())
	}

	t.Setenv(home.CacheEnv, w.file("a file", nil))
	if _, err := Ensure(t.Context(), Options{}); fault.KindOf(err) != fault.System || !strings.Contains(err.Error(), "cache") {
		t.Errorf("cache directory is a file: %v", err)
	}
}

func TestCancelInstall(t *testing.T) {
	w := newWorld(t)
	pid := filepath.Join(t.TempDir(), "pid")
	w.client("python3", `echo half > p.whl; echo $$ > `+pid+`; sleep 30`)
	w.client("npm", `cp `+w.tgz(content)+` .`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for range 500 {
			if data, err := os.ReadFile(pid); err == nil && len(data) > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	start := time.Now()
	_, err := Ensure(ctx, Options{})
	if fault.KindOf(err) != fault.Canceled || time.Since(start) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	if w.left() != "lock" {
		t.Errorf("cache holds %s", w.left())
	}
	data, err := os.ReadFile(pid)
	check(t, err)
	if id, err := strconv.Atoi(strings.TrimSpace(string(data))); err != nil || syscall.Kill(id, 0) == nil {
		t.Errorf("the client %q still runs: %v", data, err)
	}
}

// TestManyProcesses starts processes at once on an empty cache: one fetches, all
// get the library.
func TestManyProcesses(t *testing.T) {
	w := newWorld(t)
	count := filepath.Join(t.TempDir(), "count")
	w.client("python3", `echo fetched >> `+count+`; sleep 0.3; cp `+w.wheel(content)+` .`)
	t.Setenv("ORT_TEST_HELPER", "ensure")
	var procs []*exec.Cmd
	for range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Stderr = os.Stderr
		check(t, cmd.Start())
		procs = append(procs, cmd)
	}
	for _, cmd := range procs {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got, err := os.ReadFile(count); err != nil || string(got) != "fetched\n" {
		t.Errorf("fetched %q times: %v", got, err)
	}
	l, err := Ensure(t.Context(), Options{})
	w.installed(l, err)
}
