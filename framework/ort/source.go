package ort

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const platform = runtime.GOOS + "/" + runtime.GOARCH

// via is a way to get the library.
type via string

const (
	wheel   via = "Python wheel onnxruntime " + Version
	archive via = "release archive of ONNX Runtime " + Version
	npm     via = "npm package onnxruntime-node " + Version
)

// pin is one packaged build of the library. The builds of one version and
// platform differ in their bytes, so each has its own sum.
type pin struct {
	via    via
	tag    string // wheel: platform tags; archive: its platform's name
	size   int64  // of the package, for progress
	member string // the library in the package
	sha256 string // of the library
}

// pins are, by platform, the ways to get the library in the order they are
// tried: smallest download first among those that use the machine's own package
// settings or need none, and the npm package, which has all platforms in one,
// last. The wheel is that of CPython 3.12, whatever Python runs pip; the library
// in it is the same for all.
var pins = map[string][]pin{
	"linux/amd64": {
		{wheel, "manylinux_2_27_x86_64 manylinux_2_28_x86_64", 18658316, wheelMember + ".so." + Version,
			"b5c9d4f124d24707f514dad926dc181820807178855df1c528e3addb2dd0e6f7"},
		{archive, "linux-x64", 8831605, "onnxruntime-linux-x64-" + Version + "/lib/libonnxruntime.so." + Version,
			"4061866361d9a8d2872f5f419c5515ce35a830a0c5c77ce1723320ac0dbabfc7"},
		{npm, "", npmSize, npmMember + "linux/x64/libonnxruntime.so.1",
			"d8aff4aa8abee8fb2abb2f2f2459ffc94461e781e41b9f7c072829dd0d470221"},
	},
	"linux/arm64": {
		{wheel, "manylinux_2_27_aarch64 manylinux_2_28_aarch64", 16438140, wheelMember + ".so." + Version,
			"9275ef52956228686ae47b0219f67476a1148505084bdc5571e7bf1bf69b11f2"},
		{archive, "linux-aarch64", 7797972, "onnxruntime-linux-aarch64-" + Version + "/lib/libonnxruntime.so." + Version,
			"c36bc200e7e6c093b8abb0b34590fbdd8c52fd3fb5e33795b9523ffdde2fce0f"},
		{npm, "", npmSize, npmMember + "linux/arm64/libonnxruntime.so.1",
			"c36bc200e7e6c093b8abb0b34590fbdd8c52fd3fb5e33795b9523ffdde2fce0f"},
	},
	"darwin/arm64": {
		{wheel, "macosx_14_0_arm64", 18433506, wheelMember + "." + Version + ".dylib",
			"49422a138fff12d7fcbd544373aefbffd510e473e08e18af28a8ecc3581029bf"},
		{archive, "osx-arm64", 32485368, "onnxruntime-osx-arm64-" + Version + "/lib/libonnxruntime." + Version + ".dylib",
			"299e5a2c6ea00531ecd6bf3217e23798c1fcba1698bb386d313c8e16d7317d60"},
		{npm, "", npmSize, npmMember + "darwin/arm64/libonnxruntime." + Version + ".dylib",
			"89f692a3a1a224e4ad0b796b0e7c0bd81113b0741bfe84211eceef14d05a9e59"},
	},
}

const (
	wheelMember = "onnxruntime/capi/libonnxruntime"
	npmMember   = "package/bin/napi-v6/"
	npmSize     = 100893124
)

// releases is where Microsoft keeps its archives; a test moves it.
var releases = "https://github.com/microsoft/onnxruntime/releases/download"

func (p pin) url() string {
	return fmt.Sprintf("%s/v%s/onnxruntime-%s-%s.tgz", releases, Version, p.tag, Version)
}

// fetch gets the package into dir, in which nothing else lies, and returns its
// path.
func (p pin) fetch(ctx context.Context, dir string) (string, error) {
	switch p.via {
	case wheel:
		return fetchWheel(ctx, dir, strings.Fields(p.tag))
	case npm:
		return fetchNPM(ctx, dir)
	}
	return fetchArchive(ctx, dir, p.url())
}

func fetchWheel(ctx context.Context, dir string, tags []string) (string, error) {
	args := []string{"-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off",
		"--disable-pip-version-check", "--retries=1", "--implementation=cp", "--python-version=312", "--abi=cp312", "--dest", dir}
	for _, tag := range tags {
		args = append(args, "--platform", tag)
	}
	args = append(args, "onnxruntime=="+Version)
	var causes []error
	for _, python := range []string{"python3", "python"} {
		err := run(ctx, dir, python, args...)
		if err == nil {
			return only(dir, "*.whl")
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		causes = append(causes, err)
	}
	return "", joinCauses(causes)
}

func fetchNPM(ctx context.Context, dir string) (string, error) {
	// A cache of its own, so that the 100 MB do not stay in the user's.
	err := run(ctx, dir, "npm", "pack", "onnxruntime-node@"+Version, "--silent", "--ignore-scripts",
		"--fetch-retries=1", "--cache", filepath.Join(dir, "cache"), "--pack-destination", dir)
	if err != nil {
		return "", err
	}
	return only(dir, "*.tgz")
}

// only is the one file that matches.
func only(dir, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("the client left %d files %s, not one", len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// joinCauses joins errors on one line, without repetitions.
func joinCauses(errs []error) error {
	var lines []string
	for _, err := range errs {
		if line := err.Error(); len(lines) == 0 || lines[len(lines)-1] != line {
			lines = append(lines, line)
		}
	}
	return errors.New(strings.Join(lines, "; "))
}

// run runs a client with its temporary files in dir. Its output goes nowhere,
// but the last line of it that says something is in the error. It and its
// children end with ctx.
func run(ctx context.Context, dir, name string, args ...string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("no %s on this machine", name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	said := complaint(string(out))
	if said == "" {
		said = err.Error()
	}
	return fmt.Errorf("%s: %s", name, said)
}

var complaints = regexp.MustCompile(`(?m)^(?:ERROR:|npm (?:error|ERR!)) *(.*\S)`)

// complaint is what pip or npm said was wrong, on one line: its first two lines
// of errors, or else the last line of anything.
func complaint(out string) string {
	var said []string
	for _, m := range complaints.FindAllStringSubmatch(out, 2) {
		said = append(said, m[1])
	}
	if said == nil {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		said = lines[len(lines)-1:]
	}
	return strings.Join(said, "; ")
}

func fetchArchive(ctx context.Context, dir, url string) (string, error) {
	client := &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		DisableKeepAlives:     true,
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	f, err := os.Create(filepath.Join(dir, "archive.tgz"))
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, resp.Body)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	return f.Name(), nil
}

// extract writes one member of a .whl (zip) or .tgz package to w.
func extract(path, member string, w io.Writer) error {
	if filepath.Ext(path) == ".whl" {
		z, err := zip.OpenReader(path)
		if err != nil {
			return err
		}
		defer z.Close()
		f, err := z.Open(member)
		if err != nil {
			return err
		}
		defer f.Close()
		return copyBounded(w, f)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return fmt.Errorf("no %s in it", member)
		}
		if err != nil {
			return err
		}
		if strings.TrimPrefix(h.Name, "./") == member && h.Typeflag == tar.TypeReg {
			return copyBounded(w, t)
		}
	}
}

// copyBounded copies no more than a library can have.
func copyBounded(w io.Writer, r io.Reader) error {
	const limit = 512 << 20
	n, err := io.Copy(w, io.LimitReader(r, limit))
	if err == nil && n == limit {
		err = errors.New("far too large")
	}
	return err
}
