package encoder

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
)

// PathEnv is the environment variable that lists directories to look for packs
// in, separated as PATH is.
const PathEnv = "LTADBENCH_ENCODERS"

// SearchPath gives the directories that packs are looked for in: the user's own,
// those of LTADBENCH_ENCODERS, and encoders in the cache directory. A directory
// on the path is a pack, or holds packs.
func SearchPath(own ...string) ([]string, error) {
	path := slices.Clone(own)
	path = append(path, filepath.SplitList(os.Getenv(PathEnv))...)
	cache, err := home.CacheDir()
	return append(path, filepath.Join(cache, "encoders")), err
}

// Found is a pack on the search path.
type Found struct {
	Name string // the pack's, or its directory's if it cannot be read
	Dir  string // "" for a pack that is part of the program
	Pack *Pack  // nil if Err is not
	Err  error
}

// List gives the packs that are part of the program and those on the path, in its
// order and by directory name; of several with one name only the first. Packs
// that cannot be read are listed with their errors. Directories that do not
// exist are passed over.
func List(path []string) []Found {
	p := newTextureBank()
	all := []Found{{Name: p.Name, Pack: p}}
	for _, dir := range path {
		dirs := []string{dir}
		if entries, err := os.ReadDir(dir); err == nil {
			for _, e := range entries {
				dirs = append(dirs, filepath.Join(dir, e.Name()))
			}
		}
		for _, d := range dirs {
			if _, err := os.Stat(filepath.Join(d, File)); err != nil {
				continue
			}
			f := Found{Name: filepath.Base(d), Dir: d}
			if f.Pack, f.Err = LoadPack(d); f.Err == nil {
				f.Name = f.Pack.Name
			}
			if !slices.ContainsFunc(all, func(o Found) bool { return o.Name == f.Name }) {
				all = append(all, f)
			}
		}
	}
	return all
}

// Find gives the pack of the name, or in the directory if the name has a slash.
// An unknown name is an error of kind Config that lists the known ones.
func Find(name string, path []string) (*Pack, error) {
	if strings.ContainsRune(filepath.ToSlash(name), '/') {
		return LoadPack(name)
	}
	var names []string
	for _, f := range List(path) {
		if f.Name == name {
			return f.Pack, f.Err
		}
		names = append(names, f.Name)
	}
	return nil, fault.New(fault.Config, "no encoder %q", name).
		WithHint("%s; packs are looked for in %s", fault.Suggest(name, names), strings.Join(path, ", "))
}
