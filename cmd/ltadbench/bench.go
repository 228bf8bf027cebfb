package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/ltadbench/ltadbench"
	"github.com/ltadbench/ltadbench/datasets"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/plugins"
)

// pluginPathEnv lists directories to look for plugins in, before those of PATH.
const pluginPathEnv = "LTADBENCH_PLUGINS"

func pluginPath() []string {
	return append(filepath.SplitList(os.Getenv(pluginPathEnv)), filepath.SplitList(os.Getenv("PATH"))...)
}

// builtinConfig stands for the path of the configuration in this program.
const builtinConfig = "(built-in bench.yaml)"

// load reads the configuration: that of --config, else bench.yaml here, else the
// one in this program.
func (a *app) load() (*config.Bench, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, fault.New(fault.System, "%w", err)
	}
	known := config.Host{LookupEnv: os.LookupEnv, Kinds: datasets.Kinds(), Methods: plugins.Names()}
	installed, err := host.List(pluginPath())
	if err != nil {
		return nil, err
	}
	for _, s := range installed {
		known.Methods = append(known.Methods, string(s.Name))
	}
	packs, err := encoder.SearchPath()
	if err != nil {
		return nil, err
	}
	for _, f := range encoder.List(packs) {
		known.Encoders = append(known.Encoders, f.Name)
	}
	path := a.configPath
	if path == "" {
		path = "bench.yaml"
	}
	text, err := readConfig(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && a.configPath == "":
		path, text, known.Dir = builtinConfig, ltadbench.DefaultConfig, here
	case err != nil:
		return nil, fault.New(fault.Config, "%w", err).WithHint("name a configuration with -c FILE")
	default:
		if known.Dir, err = filepath.Abs(filepath.Dir(path)); err != nil {
			return nil, fault.New(fault.System, "%w", err)
		}
	}
	return config.Load(path, text, known)
}

// readConfig reads a file, but no more of it than tells that it is too large to be a
// configuration.
func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 16<<20))
}

// store is where the results are.
func (a *app) store(b *config.Bench) *result.Store {
	if a.results != "" {
		return result.Open(a.results)
	}
	return result.Open(b.Output.Results)
}

// configName names the configuration in the index of results: by its path as seen from
// there. So configurations that share a results directory keep their tables apart, and
// a project that is moved, copied or seen through a symbolic link keeps its own.
// Its ablations have a name of their own: they are no part of its table.
func configName(b *config.Bench, s *result.Store) (string, error) {
	name := b.File
	if name != builtinConfig {
		file, err := realPath(b.File)
		if err != nil {
			return "", err
		}
		dir, err := realPath(s.Dir())
		if err != nil {
			return "", err
		}
		name = file
		if rel, err := filepath.Rel(dir, file); err == nil {
			name = rel
		}
	}
	if b.Ablation() {
		name += ablations
	}
	return name, nil
}

// realPath is the absolute path without symbolic links; what is not there yet has none.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fault.New(fault.System, "%w", err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path, nil
	}
	if parent, err = realPath(parent); err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(path)), nil
}

// setup is what the runner needs, for the cells that pass the filters.
func (a *app) setup(b *config.Bench, only []string, device, engine string) (runner.Setup, error) {
	cells, err := b.Filter(only)
	if err != nil {
		return runner.Setup{}, err
	}
	cache, err := home.CacheDir()
	if err != nil {
		return runner.Setup{}, err
	}
	packs, err := encoder.SearchPath()
	if err != nil {
		return runner.Setup{}, err
	}
	store := a.store(b)
	name, err := configName(b, store)
	if err != nil {
		return runner.Setup{}, err
	}
	return runner.Setup{
		Bench: b, Config: name, Cells: cells, Store: store, CacheDir: cache,
		Builtin: plugins.Builtin(), PluginPath: pluginPath(), PackPath: packs,
		Device: device, Engine: engine, Threads: runtime.GOMAXPROCS(0), Library: ort.Options{Path: a.library},
		Show: a.console, Log: a.log,
	}, nil
}
