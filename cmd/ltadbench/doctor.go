package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/runner"
)

// wantDisk is the free space below which doctor warns: the features of a dataset
// of MVTec's size are about 2 GB.
const wantDisk = 4 << 30

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "what this machine has, what is missing, and the command that mends it",
		Long: `doctor looks for the ONNX Runtime library and runs a network on it, lists its
providers and the GPUs, and checks the cache directory and its disk. It fetches
nothing. Exit status 1 if something is missing that a run cannot get by itself.`,
		Example: "  ltadbench doctor",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			machine := runner.ThisMachine("")
			a.row("ltadbench", machine.Ltadbench)
			a.row("machine", fmt.Sprintf("%s, %s, %d CPUs usable, %s", machine.Platform, machine.CPU, runtime.GOMAXPROCS(0), machine.Go))
			fatal := a.doctorCache()
			return a.doctorRuntime(c, fatal)
		},
	}
}

func (a *app) row(what, found string) { fmt.Fprintf(a.out, "%-14s %s\n", what, found) }

// problem prints what is missing, and the command that mends it.
func (a *app) problem(what string, err error, mend string) {
	a.row(what, "PROBLEM: "+strings.ReplaceAll(err.Error(), "\n", "\n               "))
	if mend != "" {
		a.row("", "mend it: "+mend)
	}
}

// doctorCache checks that the cache directory can be written and has space.
func (a *app) doctorCache() (fatal bool) {
	dir, err := home.CacheDir()
	if err == nil {
		if err = os.MkdirAll(dir, 0o777); err == nil {
			var probe *os.File
			if probe, err = os.CreateTemp(dir, "doctor-*"); err == nil {
				probe.Close()
				err = os.Remove(probe.Name())
			}
		}
	}
	if err != nil {
		a.problem("cache", err, fmt.Sprintf("export %s=DIRECTORY, one that you may write to", home.CacheEnv))
		return true
	}
	a.row("cache", dir)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		a.problem("disk", err, "")
		return false
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	if free < wantDisk {
		a.problem("disk", fmt.Errorf("%.1f GB free at the cache; the features of a large dataset need a few", gb(free)),
			fmt.Sprintf("free some space, or export %s=DIRECTORY on a larger disk", home.CacheEnv))
		return false
	}
	a.row("disk", fmt.Sprintf("%.1f GB free", gb(free)))
	return false
}

func gb(n int64) float64 { return float64(n) / 1e9 }

func (a *app) doctorRuntime(c *cobra.Command, fatal bool) error {
	info := ort.Doctor(c.Context(), a.library)
	if info.Library.Path == "" && a.library == "" && os.Getenv(ort.LibraryEnv) == "" {
		a.row("ONNX Runtime", fmt.Sprintf("not here yet; `ltadbench run` fetches version %s by itself, or", ort.Version))
	} else if info.Library.Path != "" {
		a.row("ONNX Runtime", fmt.Sprintf("%s (%s) %s", info.Library.Version, info.Library.Source, info.Library.Path))
		a.row("providers", strings.Join(info.Providers, ", "))
	}
	gpus := "none"
	if len(info.GPUs) > 0 {
		gpus = strings.Join(info.GPUs, "; ")
	}
	a.row("GPU", gpus)
	for _, p := range info.Problems {
		if info.Library.Path == "" && a.library == "" && os.Getenv(ort.LibraryEnv) == "" {
			a.row("", "by hand: "+p.Mend)
			continue
		}
		a.problem("ONNX Runtime", p.Err, p.Mend)
		fatal = fatal || p.Fatal
	}
	if fatal {
		return fault.New(fault.System, "this machine is not ready; see PROBLEM above")
	}
	return nil
}
