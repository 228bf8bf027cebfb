package host

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/protocol"
)

// Config is the surroundings of one process.
type Config struct {
	// WorkDir is an existing directory for the method's own files, and its working
	// directory unless Spec.Dir names one. The caller deletes it.
	WorkDir string
	// LogFile gets the plugin's log, replacing what is there; "" for none. At most
	// 16 MiB are kept.
	LogFile string
	// LogLevel is the level from which on the Go SDK logs; "" for info.
	LogLevel string
	// Threads bounds the usual threading libraries (OMP_NUM_THREADS and its kin, and
	// GOMAXPROCS); 0 leaves them alone.
	Threads int
	// ORTLibrary is the path of the ONNX Runtime library, for methods that use it.
	ORTLibrary string
	// Env is added to the plugin's environment, "NAME=value"; Spec.Env wins over it.
	Env []string
	// Timeouts bound the calls; a zero takes the value of DefaultTimeouts.
	Timeouts Timeouts
}

// Timeouts bound what a plugin may take its time for.
type Timeouts struct {
	Start    time.Duration // from the start of the process to its first answer
	Describe time.Duration
	Fit      time.Duration
	Predict  time.Duration
	Save     time.Duration
	Load     time.Duration
}

// DefaultTimeouts is generous: importing PyTorch from a cold disk takes minutes,
// and training takes as long as it takes.
var DefaultTimeouts = Timeouts{
	Start:    3 * time.Minute,
	Describe: 10 * time.Second,
	Fit:      24 * time.Hour,
	Predict:  24 * time.Hour,
	Save:     10 * time.Minute,
	Load:     10 * time.Minute,
}

// closeGrace is how long a plugin that is asked to end may take; go-plugin waits
// no longer either.
const closeGrace = 2 * time.Second

// cancelGrace replaces closeGrace once the context is cancelled: Ctrl-C must have
// ended everything within two seconds. It is no time to write a checkpoint in; those
// are written periodically.
const cancelGrace = 500 * time.Millisecond

func (t Timeouts) orDefault() Timeouts {
	for _, p := range []struct{ own, usual *time.Duration }{
		{&t.Start, &DefaultTimeouts.Start}, {&t.Describe, &DefaultTimeouts.Describe}, {&t.Fit, &DefaultTimeouts.Fit},
		{&t.Predict, &DefaultTimeouts.Predict}, {&t.Save, &DefaultTimeouts.Save}, {&t.Load, &DefaultTimeouts.Load},
	} {
		if *p.own <= 0 {
			*p.own = *p.usual
		}
	}
	return t
}

// passed are the variables of the host's environment that plugins get: where
// things are, how text is written, which devices to use. Anything else could make
// a method behave differently without a trace, or hand it a secret.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
	"PJRT_PLUGIN_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "TORCH_HOME", "HF_HOME",
	home.CacheEnv,
}

// environment is the plugin's environment before go-plugin adds its own
// variables. Of equal names the last one counts.
func (c Config) environment(s Spec) []string {
	var env []string
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if c.Threads > 0 {
		for _, name := range []string{"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GOMAXPROCS"} {
			env = append(env, name+"="+strconv.Itoa(c.Threads))
		}
	}
	if c.ORTLibrary != "" {
		env = append(env, protocol.ORTLibEnv+"="+c.ORTLibrary)
	}
	if c.LogLevel != "" {
		env = append(env, protocol.LogLevelEnv+"="+c.LogLevel)
	}
	env = append(env, protocol.LifelineEnv+"="+strconv.Itoa(protocol.LifelineFD))
	return slices.Concat(env, c.Env, s.Env)
}

// maxSocketPath is the shortest sun_path of the supported systems (macOS) without
// its final zero; Linux has four bytes more.
const maxSocketPath = 103

// socketDir makes a private directory (mode 0700) for the socket of one process,
// with a path short enough: go-plugin adds a directory and a file name to it.
func socketDir() (string, error) {
	const below = "/plugin-dir4294967295/plugin4294967295"
	bases := []string{os.TempDir(), "/tmp"}
	var failed []string
	for _, base := range bases {
		longest := filepath.Join(base, "ltad4294967295") + below
		if len(longest) > maxSocketPath {
			failed = append(failed, strconv.Quote(base)+" is too long")
			continue
		}
		dir, err := os.MkdirTemp(base, "ltad")
		if err == nil {
			return dir, nil
		}
		failed = append(failed, err.Error())
	}
	return "", fault.New(fault.System, "no directory for a plugin's socket, whose path may have %d bytes: %s", maxSocketPath, strings.Join(failed, "; ")).
		WithHint("set TMPDIR to a short path that can be written to, such as /tmp")
}
