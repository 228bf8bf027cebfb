package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

func TestFormat(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"plain\n":                  "plain",
		"50%\r 100%\r\n":           " 100%",
		"\x1b[31mred\x1b[0m\t\x07": "[31mred[0m\t",
		"a\xffb":                   "a\uFFFDb",
		"\u202eevil":               "evil",
		`{"@message": 5}`:          `{"@message": 5}`,
		`{"@level": "info", "@message": "epoch", "loss": 0.5, "a": "x"}`:              "[INFO] epoch a=x loss=0.5",
		`{"@level": "error", "@message": "panic", "stack": "f()\n\tg()\n", "v": 1}`:   "[ERROR] panic v=1\n  stack:\n    f()\n    \tg()",
		`{"@level":"info","@message":"m","@timestamp":"2026-01-01T00:00:00.000000Z"}`: "2026-01-01T00:00:00.000000Z [INFO] m",
		`{"@level": 1, "@message": "x"}`:                                              `{"@level": 1, "@message": "x"}`,
		`{"broken`:                                                                    `{"broken`,
	} {
		if got := format([]byte(line)); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}

func TestLongName(t *testing.T) {
	t.Parallel()
	d := Data{Name: func(int) string { return strings.Repeat("d/", 3000) + "\n\x1b[31mé.png" }}
	if got := d.name(0); len(got) > maxName+3 || !strings.HasPrefix(got, "...") || !strings.HasSuffix(got, "d/[31mé.png") {
		t.Errorf("name %q", got)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte("{\"@message\": 5}\nx\r\ny"))
	f.Add([]byte(`{"@level": "info", "@message": "m", "k": {"a": [1]}}`))
	f.Add([]byte("\x00\xff\n\n\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		var j journal
		j.read(newLineReader(strings.NewReader(string(output))), "")
		tail := j.tail()
		bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
		if !utf8.ValidString(tail) || strings.ContainsFunc(tail, bad) || len(tail) > tailLines*(maxTailLine+4) {
			t.Errorf("%q leaves the tail %q", output, tail)
		}
	})
}

func TestJournalIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.txt")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 3*maxLine) + "\n"
	j.read(newLineReader(strings.NewReader(strings.Repeat(line, maxLogFile/maxLine+10)+"last\n")), "")
	j.close()
	info, err := os.Stat(path)
	if err != nil || info.Size() < maxLogFile || info.Size() > maxLogFile+2*maxLine {
		t.Errorf("log file: %v, %v", info, err)
	}
	lines := strings.Split(j.tail(), "\n")
	if len(lines) != tailLines || lines[tailLines-1] != "last" || lines[tailLines-2] != "(the line above goes on for 131073 bytes)" {
		t.Errorf("tail of %d lines: %q", len(lines), lines[len(lines)-2:])
	}
}

func FuzzHandshake(f *testing.F) {
	for _, seed := range []string{"1|1|unix|/tmp/x|grpc|" + strings.Repeat("A", 60), "1|2|tcp|x|grpc|", "||||", "loading", "1|x|unix|a|grpc", "-1|1|unix|a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		err := checkHandshake(line)
		if err == nil {
			if parts := strings.Split(strings.TrimSpace(line), "|"); len(parts) < 6 || parts[0] == "" {
				t.Errorf("%q is accepted", line)
			}
			return
		}
		if kind := fault.KindOf(err); kind != fault.Plugin && kind != fault.Protocol {
			t.Errorf("%q: kind %s", line, kind)
		}
		if len(err.Error()) > 600 {
			t.Errorf("%q gives a message of %d bytes", line, len(err.Error()))
		}
	})
}

func TestFindAndList(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	for name, mode := range map[string]os.FileMode{
		first + "/ltadbench-method-b":          0o755,
		first + "/ltadbench-method-notes.txt":  0o755, // not a name
		first + "/ltadbench-method-unexec":     0o644,
		first + "/other":                       0o755,
		second + "/ltadbench-method-b":         0o755,
		second + "/ltadbench-method-a":         0o755,
		second + "/ltadbench-method-Upper":     0o755,
		second + "/ltadbench-method-my_method": 0o755,
	} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(second+"/ltadbench-method-dir", 0o755); err != nil {
		t.Fatal(err)
	}
	path := []string{first, "/nonexistent", "", first + "/other", second}
	all, err := List(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, string(s.Name))
	}
	if want := []string{"a", "b", "my_method"}; !slices.Equal(names, want) {
		t.Errorf("List gives %q, want %q", names, want)
	}
	if s, err := Find("b", path); err != nil || s.Command[0] != first+"/ltadbench-method-b" {
		t.Errorf("Find gives %v, %v", s, err)
	}
	for _, name := range []string{"c", "../b", ""} {
		if s, err := Find(ad.MethodName(name), path); err == nil {
			t.Errorf("Find(%q) gives %v", name, s)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	write(dir, "run", "#!/bin/sh\n")
	write(dir, "script.py", "print(1)")
	write(dir, "my/method/__init__.py", "a = 1")
	write(dir, "my/method/model.py", "b = 1")
	digest := func(dir string, command ...string) ad.Digest {
		t.Helper()
		d, err := Spec{Name: "m", Command: command, Dir: dir}.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	script := digest(dir, "./run", "script.py", "--k", "3")
	module := digest(dir, "./run", "-m", "my.method")
	if script == module || digest(dir, "./run", "script.py", "--k", "4") == script || digest(dir, "./run", "script.py", "--k3") == digest(dir, "./run", "script.py", "--k", "3") {
		t.Error("commands are not told apart")
	}

	moved := t.TempDir()
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	write(moved, "my/method/__pycache__/model.pyc", "x")
	if digest(moved, "./run", "script.py", "--k", "3") != script || digest(moved, "./run", "-m", "my.method") != module {
		t.Error("a moved plugin has another digest")
	}
	write(dir, "my/method/model.py", "b = 2")
	if digest(dir, "./run", "-m", "my.method") == module || digest(dir, "./run", "script.py", "--k", "3") != script {
		t.Error("a change of the module does not show, or shows elsewhere")
	}
	write(dir, "run", "#!/bin/sh\n\n")
	if digest(dir, "./run", "script.py", "--k", "3") == script {
		t.Error("a change of the program does not show")
	}
	if _, err := (Spec{Name: "m", Command: []string{"./none"}, Dir: dir}).Digest(); fault.KindOf(err) != fault.Plugin {
		t.Errorf("a program that does not exist: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("LTADBENCH_TEST_SECRET", "secret")
	t.Setenv("CUDA_VISIBLE_DEVICES", "1")
	env := Config{Threads: 2, ORTLibrary: "/lib/ort.so", Env: []string{"A=1", "B=1"}}.environment(Spec{Env: []string{"B=2"}})
	for _, want := range []string{"CUDA_VISIBLE_DEVICES=1", "OMP_NUM_THREADS=2", "LTADBENCH_ORT_LIB=/lib/ort.so", "A=1", "LTADBENCH_LIFELINE_FD=3"} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment lacks %s", want)
		}
	}
	if slices.Index(env, "B=2") < slices.Index(env, "B=1") || slices.Contains(env, "LTADBENCH_TEST_SECRET=secret") {
		t.Errorf("environment %q", env)
	}
}

func TestSocketDir(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 90))
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	dir, err := socketDir()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 || len(dir) > 40 {
		t.Errorf("%s: %v, %v", dir, info, err)
	}
}
