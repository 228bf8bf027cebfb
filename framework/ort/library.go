package ort

import (
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	lib "github.com/yalue/onnxruntime_go"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
)

const (
	// Version is the version of ONNX Runtime that Ensure fetches.
	Version = "1.27.0"
	// minMinor is the oldest usable version 1.N: it serves C API N and older, and
	// the binding asks for this one.
	minMinor = 24
	// LibraryEnv is the environment variable that gives the library's path.
	LibraryEnv = "LTADBENCH_ORT_LIB"
)

// Library is an ONNX Runtime shared library on this machine.
type Library struct {
	Path    string // absolute
	Version string // "1.27.0"; "" if the file does not say, until Init
	Source  string // who gave it: "option", "LTADBENCH_ORT_LIB", "cache" or "system"
	SHA256  string // of the file, in hex
}

// Tried is a place where there was no usable library, and why.
type Tried struct {
	Where string
	Err   error
}

// ErrNotFound is wrapped by Find's error if the user named no library and there
// is none in the cache or on the system.
var ErrNotFound = errors.New("ONNX Runtime not found")

// Find looks for the library, without network and without loading it: explicit
// if it is not empty, else what LTADBENCH_ORT_LIB names, else the cache, else the
// system's library path. A library named by the user must be usable, or it is an
// error (kind Config); nothing else is then tried. The other places that had no
// usable library are listed in any case.
func Find(explicit string) (Library, []Tried, error) {
	if explicit != "" {
		l, err := named(explicit, "option")
		return l, nil, err
	}
	if path := os.Getenv(LibraryEnv); path != "" {
		l, err := named(path, LibraryEnv)
		return l, nil, err
	}
	tried := []Tried{{LibraryEnv, errors.New("not set")}}
	l, ok, missed, err := findCached()
	if err != nil || ok {
		return l, tried, err
	}
	tried = append(tried, missed)
	l, ok, more := findSystem()
	tried = append(tried, more...)
	if ok {
		return l, tried, nil
	}
	return Library{}, tried, notFound(tried)
}

// notFound lists what was tried, and gives the one command that mends it.
func notFound(tried []Tried) error {
	var list strings.Builder
	for _, t := range tried {
		fmt.Fprintf(&list, "\n  %s: %s", t.Where, t.Err)
	}
	return fault.New(fault.System, "%w; tried:%s", ErrNotFound, list.String()).WithHint("%s", mend())
}

func mend() string {
	for _, p := range pins[platform] {
		if p.via == archive {
			return fmt.Sprintf("where the network allows it: curl -fL %s | tar xz && export %s=$PWD/%s", p.url(), LibraryEnv, p.member)
		}
	}
	return fmt.Sprintf("build ONNX Runtime %s for %s and set %s to the library's path", Version, platform, LibraryEnv)
}

func named(path, source string) (Library, error) {
	l, err := open(path, source)
	if err != nil {
		return Library{}, fault.New(fault.Config, "ONNX Runtime given by %s: %w", source, err)
	}
	return l, nil
}

// open checks the file at path as far as that goes without loading it.
func open(path, source string) (Library, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Library{}, err
	}
	version, err := inspect(path)
	if err != nil {
		return Library{}, fmt.Errorf("%s: %w", path, err)
	}
	sum, err := hashFile(path)
	return Library{path, version, source, sum}, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// cacheDir is where installed libraries lie, absolute.
func cacheDir() (string, error) {
	dir, err := home.CacheDir()
	return filepath.Join(dir, "ort"), err
}

// cacheName names a pinned library's file in the cache.
func (p pin) cacheName() string {
	ext := ".so"
	if strings.HasSuffix(p.member, ".dylib") {
		ext = ".dylib"
	}
	return fmt.Sprintf("libonnxruntime-%s-%s%s", Version, p.sha256[:16], ext)
}

func findCached() (Library, bool, Tried, error) {
	dir, err := cacheDir()
	if err != nil {
		return Library{}, false, Tried{}, err
	}
	why := errors.New("empty")
	for _, p := range pins[platform] {
		path := filepath.Join(dir, p.cacheName())
		sum, err := hashFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			why = err
		case sum != p.sha256:
			why = fmt.Errorf("%s is damaged", filepath.Base(path))
		default:
			return Library{path, Version, "cache", sum}, true, Tried{}, nil
		}
	}
	return Library{}, false, Tried{"cache " + dir, why}, nil
}

func findSystem() (Library, bool, []Tried) {
	var tried []Tried
	seen := map[string]bool{}
	for _, path := range systemCandidates() {
		real, err := filepath.EvalSymlinks(path)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		l, err := open(real, "system")
		if err == nil {
			return l, true, tried
		}
		tried = append(tried, Tried{"system", err})
	}
	if len(tried) == 0 {
		tried = []Tried{{"system", errors.New("no libonnxruntime in the library path")}}
	}
	return Library{}, false, tried
}

// system is where libraries are installed: what lists those that the loader
// knows (the first program that runs), and directories; a test empties it.
var system = struct{ lists, dirs []string }{
	[]string{"/sbin/ldconfig", "ldconfig"},
	[]string{
		"/usr/local/lib", "/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib",
		"/opt/onnxruntime/lib", "/opt/homebrew/lib", "/opt/local/lib",
	},
}

func systemCandidates() []string {
	ext, pathVar := ".so", "LD_LIBRARY_PATH"
	if runtime.GOOS == "darwin" {
		ext, pathVar = ".dylib", "DYLD_LIBRARY_PATH"
	}
	glob := func(dir string) (found []string) {
		for _, pattern := range []string{"libonnxruntime" + ext, "libonnxruntime.so.*", "libonnxruntime.*.dylib"} {
			more, _ := filepath.Glob(filepath.Join(dir, pattern)) // only a bad pattern is an error
			found = append(found, more...)
		}
		return found
	}
	var found []string
	for _, dir := range filepath.SplitList(os.Getenv(pathVar)) {
		if dir != "" {
			found = append(found, glob(dir)...)
		}
	}
	for _, tool := range system.lists {
		if out, err := exec.Command(tool, "-p").Output(); err == nil {
			for _, m := range ldconfigLine.FindAllStringSubmatch(string(out), -1) {
				found = append(found, m[1])
			}
			break
		}
	}
	for _, dir := range system.dirs {
		found = append(found, glob(dir)...)
	}
	return found
}

var ldconfigLine = regexp.MustCompile(`(?m)^\s*libonnxruntime\.so[.0-9]* .*=> (\S+)$`)

// inspect reads the version of the ONNX Runtime library at path from its symbol
// table, so that no code of a wrong library runs; "" if the table has none.
func inspect(path string) (string, error) {
	read := elfVersion
	if runtime.GOOS == "darwin" {
		read = machoVersion
	}
	version, err := read(path)
	if err != nil {
		return "", err
	}
	if n := strings.Split(version, "."); len(n) >= 2 && n[0] == "1" {
		if minor, err := strconv.Atoi(n[1]); err == nil && minor < minMinor {
			return "", fmt.Errorf("version %s is too old, 1.%d or later is needed", version, minMinor)
		}
	}
	return version, nil
}

var (
	machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	errOther = errors.New("a shared library, but not ONNX Runtime")
)

// notLibrary is err, or a plainer one if it is about the file's format.
func notLibrary(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return errors.New("not a shared library for " + platform)
}

func elfVersion(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", notLibrary(err)
	}
	defer f.Close()
	if want, ok := machines[runtime.GOARCH]; ok && f.Machine != want {
		return "", fmt.Errorf("built for %s, not for %s", f.Machine, runtime.GOARCH)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return "", notLibrary(err)
	}
	for _, s := range symbols {
		if s.Name == "OrtGetApiBase" && s.Section != elf.SHN_UNDEF {
			return strings.TrimPrefix(s.Version, "VERS_"), nil
		}
	}
	return "", errOther
}

func machoVersion(path string) (string, error) {
	f, err := macho.Open(path)
	if err != nil {
		return "", notLibrary(err)
	}
	defer f.Close()
	const loadIDDylib = 0xd
	for _, l := range f.Loads {
		raw := l.Raw()
		if len(raw) >= 20 && f.ByteOrder.Uint32(raw) == loadIDDylib {
			v := f.ByteOrder.Uint32(raw[16:])
			return fmt.Sprintf("%d.%d.%d", v>>16, v>>8&255, v&255), nil
		}
	}
	return "", errOther
}

var loaded struct {
	sync.Mutex
	lib Library
	ok  bool
}

// Init loads the library, once for the whole process: a second call with the
// same path does nothing, with another path it is an error. It writes nothing to
// standard output.
func Init(l Library) error {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.ok {
		if loaded.lib.Path != l.Path {
			return fault.New(fault.Internal, "ONNX Runtime is loaded from %q already and cannot be loaded from %q", loaded.lib.Path, l.Path)
		}
		return nil
	}
	lib.SetSharedLibraryPath(l.Path)
	if err := lib.InitializeEnvironment(lib.WithLogLevelFatal()); err != nil {
		if strings.Contains(err.Error(), "setting ORT API base") {
			return fault.New(fault.System, "%s: this ONNX Runtime is too old, 1.%d or later is needed", l.Path, minMinor).WithHint("%s", mend())
		}
		return fault.New(fault.System, "cannot load ONNX Runtime: %s", brief(err)).WithHint("%s", mend())
	}
	l.Version = lib.GetVersion()
	loaded.lib, loaded.ok = l, true
	return nil
}

// Loaded is the library that Init loaded.
func Loaded() (Library, bool) {
	loaded.Lock()
	defer loaded.Unlock()
	return loaded.lib, loaded.ok
}
