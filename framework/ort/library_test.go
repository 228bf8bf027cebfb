package ort

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
)

// TestMain lets the test binary play other processes.
func TestMain(m *testing.M) {
	var err error
	switch os.Getenv("ORT_TEST_HELPER") {
	case "":
		os.Exit(m.Run())
	case "ensure": // in the world of TestManyProcesses
		pins, system = testPins(), nowhere
		_, err = Ensure(context.Background(), Options{})
	case "doctor":
		info := Doctor(context.Background(), "")
		for _, p := range info.Problems {
			if p.Fatal {
				err = p.Err
			}
		}
		if err == nil && info.Providers[0] != "cpu" {
			err = fmt.Errorf("%+v", info)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// real is the library that all tests run on.
func real(t *testing.T) Library {
	t.Helper()
	l, err := Ensure(t.Context(), Options{})
	check(t, err)
	return l
}

// TestQuiet loads the library and runs a network in a process of its own, which
// must print nothing: standard output is a plugin's line to its host.
func TestQuiet(t *testing.T) {
	real(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ORT_TEST_HELPER=doctor")
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v, printed %q", err, out)
	}
}

func TestInit(t *testing.T) {
	l := real(t)
	check(t, Init(l))
	check(t, Init(l))
	if got, ok := Loaded(); !ok || got.Path != l.Path || got.Version == "" || got.SHA256 != l.SHA256 {
		t.Errorf("loaded %+v, %v", got, ok)
	}
	l.Path += "x"
	if err := Init(l); fault.KindOf(err) != fault.Internal {
		t.Errorf("another library: %v", err)
	}
}

// altered is a copy of the real library with bytes replaced.
func altered(t *testing.T, name, from, to string) string {
	data, err := os.ReadFile(real(t).Path)
	check(t, err)
	if !bytes.Contains(data, []byte(from)) {
		t.Fatalf("the library has no %q", from)
	}
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, bytes.ReplaceAll(data, []byte(from), []byte(to)), 0o644))
	return path
}

func TestFind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("edits ELF files")
	}
	good := real(t)
	old := altered(t, "libonnxruntime.so", "VERS_"+good.Version, "VERS_1.9.0"+strings.Repeat("\x00", len(good.Version)-5))
	other := altered(t, "libother.so", "OrtGetApiBase", "OrtGotApiBase")
	data, err := os.ReadFile(old)
	check(t, err)
	data[18] = 0xf3 // e_machine: RISC-V
	foreign := filepath.Join(t.TempDir(), "libonnxruntime.so")
	check(t, os.WriteFile(foreign, data, 0o644))
	text := filepath.Join(t.TempDir(), "text")
	check(t, os.WriteFile(text, []byte("hello, I am not a library at all"), 0o644))
	dir := t.TempDir()
	check(t, os.Symlink(good.Path, filepath.Join(dir, "libonnxruntime.so.1")))

	for _, c := range []struct {
		name, option, env, system string
		source, err               string
	}{
		{"option first", good.Path, text, "", "option", ""},
		{"then the environment", "", good.Path, "", LibraryEnv, ""},
		{"then the system", "", "", dir, "system", ""},
		{"a bad option is an error", text, good.Path, dir, "", "not a shared library"},
		{"a missing one too", dir + "/gone", "", dir, "", "no such file"},
		{"a directory too", dir, "", dir, "", "is a directory"},
		{"bad environment", "", text, dir, "", "not a shared library"},
		{"other library", other, "", dir, "", "not ONNX Runtime"},
		{"other machine", foreign, "", dir, "", "built for EM_RISCV, not for " + runtime.GOARCH},
		{"too old", old, "", dir, "", "version 1.9.0 is too old, 1.24 or later is needed"},
		{"an old one on the system is passed over", "", "", filepath.Dir(old) + ":" + dir, "system", ""},
		{"and reported", "", "", filepath.Dir(old), "", "version 1.9.0 is too old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(LibraryEnv, c.env)
			t.Setenv(home.CacheEnv, t.TempDir())
			t.Setenv("LD_LIBRARY_PATH", c.system)
			t.Setenv("PATH", "")
			set(t, &system, nowhere)
			l, tried, err := Find(c.option)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%+v, error %v, want %q", l, err, c.err)
				}
				return
			}
			check(t, err)
			if l.Source != c.source || l.Version != good.Version || l.SHA256 != good.SHA256 {
				t.Errorf("%+v", l)
			}
			if strings.Contains(c.name, "passed over") && !strings.Contains(fmt.Sprint(tried), "too old") {
				t.Errorf("tried %v", tried)
			}
		})
	}
}

// TestMacho reads the version of a library for macOS: a file with nothing but the
// header and the load command that names the library.
func TestMacho(t *testing.T) {
	var b bytes.Buffer
	for _, word := range []uint32{
		0xfeedfacf, 0x0100000c, 0, 6, 1, 40, 0, 0, // 64 bits, arm64, dylib, one command of 40 bytes
		0xd, 40, 24, 0, 1<<16 | 27<<8, 1 << 16, // LC_ID_DYLIB: name at 24, time, version, compatibility
		'l' | 'i'<<8 | 'b'<<16, 0, 0, 0,
	} {
		check(t, binary.Write(&b, binary.LittleEndian, word))
	}
	path := filepath.Join(t.TempDir(), "libonnxruntime.dylib")
	check(t, os.WriteFile(path, b.Bytes(), 0o644))
	if v, err := machoVersion(path); err != nil || v != "1.27.0" {
		t.Errorf("version %q, %v", v, err)
	}
}
