package host

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Spec says how to start a method.
type Spec struct {
	Name    ad.MethodName // as the benchmark calls it
	Command []string      // program and arguments; no shell
	Dir     string        // working directory; "" for Config.WorkDir
	Env     []string      // "NAME=value", added to what plugins get
}

// Executable is the prefix of the file names of plugins.
const Executable = "ltadbench-method-"

var methodName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Builtin is a method inside of this executable, which serves it when it is
// started as "plugin serve NAME".
func Builtin(name ad.MethodName) (Spec, error) {
	self, err := os.Executable()
	if err != nil {
		return Spec{}, fault.New(fault.System, "cannot find the executable of this process: %w", err)
	}
	return Spec{Name: name, Command: []string{self, "plugin", "serve", string(name)}}, nil
}

// Find looks in the directories of path, in order, for the executable
// ltadbench-method-NAME.
func Find(name ad.MethodName, path []string) (Spec, error) {
	if !methodName.MatchString(string(name)) {
		return Spec{}, fault.New(fault.Config, "method name %q: must match %s", name, methodName)
	}
	all, err := List(path)
	if err != nil {
		return Spec{}, err
	}
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	where := "the plugin path is empty"
	if len(path) > 0 {
		where = "not in " + strings.Join(path, ", ")
	}
	return Spec{}, fault.New(fault.Plugin, "method %q: no executable %s%s (%s)", name, Executable, name, where).
		WithHint("install it in a directory of the plugin path and make it executable, or give its command in bench.yaml")
}

// List gives the plugins in the directories of path, sorted by name; for equal
// names the first directory wins. As for $PATH, directories that do not exist or
// cannot be read are skipped.
func List(path []string) ([]Spec, error) {
	var all []Spec
	seen := map[ad.MethodName]bool{}
	for _, dir := range path {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
			continue
		} else if err != nil {
			return nil, fault.New(fault.System, "plugin path: %w", err)
		}
		for _, e := range entries {
			base, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".exe"), Executable)
			if !ok || !methodName.MatchString(base) || seen[ad.MethodName(base)] {
				continue
			}
			file, err := filepath.Abs(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, fault.New(fault.System, "plugin path: %w", err)
			}
			if _, err := exec.LookPath(file); err != nil {
				continue // a directory, or not executable
			}
			seen[ad.MethodName(base)] = true
			all = append(all, Spec{Name: ad.MethodName(base), Command: []string{file}})
		}
	}
	slices.SortFunc(all, func(a, b Spec) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Digest hashes what the command runs, for the key of results: the program, the
// arguments, and each argument that is the path of a file or directory, absolute
// or below Dir (with all regular files in it); for "-m MODULE" also the Python
// module or package of that name below Dir. File names count relative to what was
// named, so that a moved plugin keeps its digest.
//
// It cannot see further: libraries, modules that the named files import from
// elsewhere, weights that the method fetches. The author of a method tells of such
// changes by Info.Version, which is part of the key too.
func (s Spec) Digest() (ad.Digest, error) {
	if len(s.Command) == 0 {
		return "", fault.New(fault.Config, "method %q: the command is empty", s.Name)
	}
	program, err := s.program()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if err := digestTree(sum, program); err != nil {
		return "", fault.New(fault.Plugin, "method %q: %w", s.Name, err)
	}
	for i, arg := range s.Command[1:] {
		named := []string{arg}
		if i > 0 && s.Command[i] == "-m" { // s.Command[i] stands before arg
			module := strings.ReplaceAll(arg, ".", string(filepath.Separator))
			named = []string{module + ".py", module}
		}
		found := false
		for _, name := range named {
			file := s.inDir(name)
			// Without Dir a relative name means nothing to the process, which then
			// works in a directory of its own.
			if name == "" || !filepath.IsAbs(file) && s.Dir == "" {
				continue
			}
			if _, err := os.Stat(file); err != nil {
				continue
			}
			found = true
			if err := digestTree(sum, file); err != nil {
				return "", fault.New(fault.Plugin, "method %q: %w", s.Name, err)
			}
		}
		if !found {
			put(sum, "argument", []byte(arg))
		}
	}
	return ad.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil))), nil
}

// program is the path of the executable.
func (s Spec) program() (string, error) {
	name := s.Command[0]
	if filepath.Base(name) != name {
		name = s.inDir(name)
	}
	file, err := exec.LookPath(name)
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return "", fault.New(fault.Plugin, "method %q: cannot start %q: %w", s.Name, s.Command[0], errors.Unwrap(err)).
			WithHint("check the command in bench.yaml: the program must exist and be executable")
	}
	return file, nil
}

func (s Spec) inDir(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.Dir, name)
}

// put adds one labelled, length-prefixed item, so that items cannot run together.
func put(w io.Writer, label string, data []byte) {
	var n [8]byte
	for _, b := range [][]byte{[]byte(label), data} {
		binary.LittleEndian.PutUint64(n[:], uint64(len(b)))
		w.Write(n[:])
		w.Write(b)
	}
}

// digestTree adds a file, or all files below a directory in the order of names.
// Caches of Python's compiler do not count.
func digestTree(w io.Writer, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "__pycache__" || d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path) // follows the links
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		content := sha256.New()
		if _, err := io.Copy(content, f); err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		put(w, fmt.Sprintf("file %s", filepath.ToSlash(name)), content.Sum(nil))
		return nil
	})
}
