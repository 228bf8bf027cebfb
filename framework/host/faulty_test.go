package host

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/protocol"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// The plugins of these tests are this test binary, started again as "faulty MODE";
// see TestMain.

// faulty is a small method that works, except for what its mode says.
type faulty struct {
	plugin.Base
	mode string
}

type faultyOptions struct {
	Scale float64 `json:"scale" doc:"factor of all scores" above:"0" max:"10"`
	Pool  string  `json:"pool" doc:"how a map becomes a score" enum:"mean,max" names:"max"`
	Sizes []int   `json:"sizes" doc:"some sizes" min:"1"`
}

func (f faulty) Describe() plugin.Info {
	info := plugin.Info{
		Name: "faulty", Version: "1", Summary: "works, or not", Needs: []plugin.Input{plugin.Features},
		Maps: true, Scores: true, Deterministic: true, SaveLoad: true,
		Options: plugin.Schema(faultyOptions{Scale: 1, Pool: "mean", Sizes: []int{1, 2}}),
	}
	switch f.mode {
	case "bad-schema":
		info.Options = []byte(`{"type": "object", "properties": {"k": {"type": "integer"}}}`)
	case "class-names":
		info.ClassNames = true
	case "declares":
		info.Engines, info.Resumes = []string{"go", "ort"}, true
	case "needs":
		info.Needs = append(info.Needs, plugin.Embeddings, plugin.Text)
	case "needs-nothing":
		info.Needs = nil
	case "odd-preset":
		info.Presets = []plugin.Preset{{Name: "a", Options: []byte(`{"scale": 11}`)}}
	case "odd-engines":
		info.Engines = []string{"go", "go"}
	case "no-output":
		info.Maps, info.Scores = false, false
	}
	return info
}

func (f faulty) Fit(ctx context.Context, s plugin.Session, train plugin.Samples) error {
	var o faultyOptions
	if err := plugin.DecodeOptions(s.Options, &o); err != nil {
		return err
	}
	s.Report(0, 1, "begins\x1b[31m")
	switch f.mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot go on: out of ideas")
		os.Exit(3)
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "sleep":
		s.Log.Info("sleeping", "why", "tired")
		select {}
	case "error":
		return errors.New("the images are too dark\nreally")
	case "panic":
		panicking()
	case "panic-goroutine":
		go panicking()
		select {}
	case "flood":
		line := strings.Repeat("x", 200) + "\n"
		for range 20_000 {
			fmt.Fprint(os.Stderr, line)
		}
	case "odd-log":
		fmt.Fprintln(os.Stderr, `{"@message": 5}`)
		fmt.Fprintln(os.Stderr, `{"@level": [], "@message": "x", "@timestamp": {}}`)
		fmt.Fprint(os.Stderr, "\x00\xff\x1b]0;title\x07 odd\n{\n", strings.Repeat("y", 300_000), "\nlast\n")
	case "print":
		fmt.Println(strings.Repeat("z", 100<<10)) // os.Stdout
		_, _ = syscall.Write(1, []byte(strings.Repeat("w", 100<<10)+"\n"))
	case "child", "child-setsid", "child-deaf":
		if f.mode == "child-deaf" {
			signal.Ignore(syscall.SIGTERM)
		}
		if err := startChild(s.WorkDir, f.mode == "child-setsid"); err != nil {
			return err
		}
	case "class-names":
		return fmt.Errorf("classes %q", s.Classes)
	case "declares", "declares-not":
		return fmt.Errorf("work %q, engine %q, checkpoint %q, classes %q", s.WorkDir, s.Engine, s.Checkpoint, s.Classes)
	case "needs", "needs-not", "needs-nothing":
		told := fmt.Sprintf("levels %d, ", s.Levels)
		if s.Text == nil {
			told += "no text"
		} else {
			told += fmt.Sprintf("text %+v", *s.Text)
		}
		if slices.Contains(f.Describe().Needs, plugin.Embeddings) {
			told += fmt.Sprint(", embedding ", train.Embedding(0, nil))
		}
		return errors.New(told)
	}
	if train.Len() == 0 {
		return errors.New("no training images")
	}
	s.Report(1, 1, "done")
	return ctx.Err()
}

func panicking() { panic("boom") }

// startChild starts a process that holds this one's output and would live for long.
func startChild(dir string, setsid bool) error {
	cmd := exec.Command("sleep", "300")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
	if err := cmd.Start(); err != nil {
		return err
	}
	pids := fmt.Sprintf("%d %d", os.Getpid(), cmd.Process.Pid)
	tmp := filepath.Join(dir, "pids.tmp")
	if err := os.WriteFile(tmp, []byte(pids), 0o666); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "pids"))
}

func (f faulty) Predict(ctx context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	h, w, c := test.FeatureShape()
	var x []float32
	for i := range test.Len() {
		x = test.Feature(i, x)
		p := plugin.Prediction{Map: make([]float32, h*w), H: h, W: w}
		for at := range p.Map {
			for k := range c {
				p.Map[at] += x[at*c+k]
			}
			p.Score += p.Map[at]
		}
		if i == 2 {
			switch f.mode {
			case "nan-score":
				p.Score = float32(math.NaN())
			case "inf-map":
				p.Map[5] = float32(math.Inf(1))
			case "map-size":
				p.H, p.W, p.Map = 1, 1, p.Map[:1]
			case "map-length":
				p.Map = p.Map[1:]
			case "missing":
				continue
			case "exit-in-predict":
				os.Exit(4)
			case "sleep-in-predict":
				select {}
			case "index":
				i = 99
			case "twice":
				if err := emit(i, p); err != nil {
					return err
				}
			}
		}
		if err := emit(i, p); err != nil {
			return err
		}
	}
	return nil
}

func (faulty) Save(_ context.Context, dir string) error {
	return os.WriteFile(filepath.Join(dir, "state"), []byte("fitted"), 0o666)
}

func (faulty) Load(_ context.Context, _ plugin.Session, dir string) error {
	state, err := os.ReadFile(filepath.Join(dir, "state"))
	if err == nil && !bytes.Equal(state, []byte("fitted")) {
		err = errors.New("state is damaged")
	}
	return err
}

// raw is a Service without the SDK's care.
type raw struct {
	protocol.Service // nil: a call that a mode does not serve panics
	mode             string
}

func (r raw) Describe(context.Context) (protocol.Info, error) {
	info := faulty{}.Describe()
	if r.mode == "huge-message" {
		info.Summary = strings.Repeat("s", protocol.MaxMessage+1)
	}
	return info, nil
}

func (r raw) Fit(_ context.Context, req protocol.FitRequest, progress func(protocol.Progress) error) error {
	switch r.mode {
	case "raw-child":
		return startChild(req.Session.WorkDir, false)
	case "progress-flood":
		for i := range 20_000 {
			if err := progress(protocol.Progress{Done: float64(i), Total: 20_000, Message: "far too often"}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r raw) Predict(_ context.Context, req protocol.PredictRequest, answer func(protocol.Answer) error) ([]int, error) {
	n := len(req.Test.Samples)
	shape := []int{n, 4, 4}
	dtype := tensors.Float32
	switch r.mode {
	case "shape-lie":
		shape = []int{n, 4, 5}
	case "dtype":
		dtype = tensors.Float64
	case "rows":
		shape = []int{n + 1, 4, 4}
	case "huge-maps":
		shape = []int{n, 1 << 20, 1 << 20}
	}
	path := filepath.Join(req.OutputDir, protocol.MapsFile)
	switch r.mode {
	case "no-file", "huge-maps":
	case "link":
		if err := os.Symlink(os.Args[0], path); err != nil {
			return nil, err
		}
	default:
		stored := shape
		if r.mode == "shape-lie" {
			stored = []int{n, 4, 4}
		}
		w, err := tensors.Create(path, dtype, stored...)
		if err != nil {
			return nil, err
		}
		w.Close()
	}
	for _, s := range req.Test.Samples {
		if r.mode == "unknown-id" && s.ID == "s000002" {
			s.ID = "test/broken/000.png\x1b[1m"
		}
		if err := answer(protocol.Answer{ID: s.ID, Score: 1}); err != nil {
			return nil, err
		}
	}
	if r.mode == "no-maps" {
		return nil, nil
	}
	return shape, nil
}

// pluginMain is the main function of a plugin; it does not return.
func pluginMain(mode string) {
	const cert = "MIIBpDCCAUqgAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQKEwhsdGFkYmVuY2g"
	handshake := func(line string) {
		fmt.Println(line)
		time.Sleep(time.Minute)
	}
	switch mode {
	case "exit-at-once":
		fmt.Fprintln(os.Stderr, "ModuleNotFoundError: No module named 'torch'")
		os.Exit(7)
	case "never-ready":
		time.Sleep(time.Minute)
	case "print-first":
		fmt.Println("loading torch...\x1b[2J")
		plugin.Serve(faulty{})
	case "long-line-first":
		fmt.Println(strings.Repeat("v", 100<<10))
		time.Sleep(time.Minute)
	case "bad-handshake":
		handshake("hello|world")
	case "close-stdout":
		os.Stdout.Close()
		time.Sleep(time.Minute)
	case "core-version":
		handshake("2|1|unix|/nowhere|grpc|" + cert)
	case "version-2":
		handshake("1|2|unix|/nowhere|grpc|" + cert)
	case "version-0":
		handshake("1|0|unix|/nowhere|grpc|" + cert)
	case "net-rpc":
		handshake("1|1|unix|/nowhere|netrpc|" + cert)
	case "no-certificate":
		handshake("1|1|unix|/nowhere|grpc|")
	case "padded":
		handshake("1|1|unix|/nowhere|grpc|" + base64.StdEncoding.EncodeToString(append(ownCertificate(), 0)[:100]))
	case "wrong-certificate":
		handshake("1|1|unix|/nowhere|grpc|" + cert)
	case "nobody-listens":
		handshake("1|1|unix|/nowhere|grpc|" + base64.RawStdEncoding.EncodeToString(ownCertificate()))
	case "never-reads":
		path := filepath.Join(os.Getenv(goplugin.EnvUnixSocketDir), "plugin")
		if _, err := net.Listen("unix", path); err != nil {
			panic(err)
		}
		handshake("1|1|unix|" + path + "|grpc|" + base64.RawStdEncoding.EncodeToString(ownCertificate()))
	case "ignores-shutdown":
		serveRaw(raw{mode: mode})
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Minute)
	case "shape-lie", "dtype", "rows", "huge-maps", "no-file", "link", "unknown-id", "no-maps", "huge-message", "raw-child", "progress-flood", "unavailable":
		serveRaw(raw{mode: mode})
	default:
		plugin.Serve(faulty{mode: mode})
	}
	os.Exit(0)
}

// ownCertificate is a certificate in DER form that a plugin could have.
func ownCertificate() []byte {
	config, _, err := mutualTLS()
	if err != nil {
		panic(err)
	}
	return config.Certificates[0].Certificate[0]
}

func serveRaw(r raw) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: protocol.Plugins(r),
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxSendMsgSize(math.MaxInt32),
				grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
					if r.mode == "unavailable" {
						return status.Error(codes.Unavailable, "no GPU\x1b[1m")
					}
					return h(srv, s)
				}))...)
		},
	})
}
