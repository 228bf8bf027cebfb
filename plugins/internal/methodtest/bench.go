package methodtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/plugin"
)

// The environment variables of benchmarks of training.
const (
	benchPython  = "LTADBENCH_BENCH_PYTHON"  // a Python with PyTorch, for the peer; unset: no peer
	benchVariant = "LTADBENCH_BENCH_VARIANT" // of the peer, with commas; unset: those that the benchmark names
	benchEngine  = "LTADBENCH_BENCH_ENGINE"  // unset: ort
	benchDevice  = "LTADBENCH_BENCH_DEVICE"  // unset: cpu
	benchThreads = "LTADBENCH_BENCH_THREADS" // unset: 2
)

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// BenchEngine, BenchDevice and BenchThreads are what benchmarks compute with.
func BenchEngine() string { return env(benchEngine, plugin.EngineORT) }

// BenchDevice is the device; see BenchEngine.
func BenchDevice() string { return env(benchDevice, "cpu") }

// BenchThreads is the number of threads; see BenchEngine.
func BenchThreads(b *testing.B) int {
	threads, err := strconv.Atoi(env(benchThreads, "2"))
	if err != nil {
		b.Fatal(err)
	}
	return threads
}

// BenchSession is a session for benchmarks.
func BenchSession(b *testing.B, m plugin.Method, change map[string]any) plugin.Session {
	s := Session(b, m, BenchThreads(b), change)
	s.Engine, s.Device, s.Log = BenchEngine(), BenchDevice(), hclog.NewNullLogger()
	return s
}

// Steps runs n steps and gives the milliseconds of each.
type Steps func(n int) ([]float64, error)

// Beside times ours, and beside it the variants of a peer, in turns, so that other
// work on the machine slows all. Of each it reports the median time, and how many
// times that is ours. The peer is a Python program, which runs if
// LTADBENCH_BENCH_PYTHON names a Python: it says "ready" in JSON, and for each line
// "go N" the milliseconds of N steps, {"ms": [...]}.
func Beside(b *testing.B, ours Steps, script string, variants []string, args ...string) {
	names, all := []string{""}, []Steps{ours}
	if python := os.Getenv(benchPython); python != "" {
		for _, v := range strings.Split(env(benchVariant, strings.Join(variants, ",")), ",") {
			names = append(names, v)
			all = append(all, peer(b, python, append([]string{script, "--variant", v, "--threads", strconv.Itoa(BenchThreads(b))}, args...)...))
		}
	}
	times := make([][]float64, len(all))
	const turn = 3
	for b.Loop() {
		for i, run := range all {
			ms, err := run(turn)
			if err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], ms...)
		}
	}
	b.ReportMetric(0, "ns/op")
	mine := median(times[0])
	b.ReportMetric(mine, "ms/step")
	for i, v := range names[1:] {
		b.ReportMetric(median(times[i+1]), v+"-ms/step")
		b.ReportMetric(median(times[i+1])/mine, v+"/ours")
	}
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// Training fits m in the background, and stops between the turns. Only reports that
// counts says yes to are steps.
func Training(b *testing.B, m plugin.Method, s plugin.Session, data plugin.Samples, counts func(message string) bool) Steps {
	ctx, cancel := context.WithCancel(context.Background())
	steps, next, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s.Report = func(_, _ float64, message string) {
		if !counts(message) {
			return
		}
		select {
		case steps <- struct{}{}:
			<-next
		case <-ctx.Done():
		}
	}
	go func() { ended <- m.Fit(ctx, s, data) }()
	b.Cleanup(func() { cancel(); close(next); <-ended })
	wait := func() error {
		select {
		case <-steps:
			return nil
		case err := <-ended:
			ended <- err
			return fmt.Errorf("training ended: %w", err)
		}
	}
	for i := range 3 { // warm-up
		if i > 0 {
			next <- struct{}{}
		}
		if err := wait(); err != nil {
			b.Fatal(err)
		}
	}
	return func(n int) (ms []float64, err error) {
		for range n {
			t := time.Now()
			next <- struct{}{}
			if err := wait(); err != nil {
				return nil, err
			}
			ms = append(ms, time.Since(t).Seconds()*1e3)
		}
		return ms, nil
	}
}

// peer starts a Python program.
func peer(b *testing.B, python string, args ...string) Steps {
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	answer := func() ([]float64, error) {
		var line struct{ MS []float64 }
		if !lines.Scan() {
			return nil, fmt.Errorf("%s ended: %w", args[0], lines.Err())
		}
		err := json.Unmarshal(lines.Bytes(), &line)
		return line.MS, err
	}
	if _, err := answer(); err != nil { // it is ready
		b.Fatal(err)
	}
	return func(n int) ([]float64, error) {
		if _, err := fmt.Fprintln(in, "go", n); err != nil {
			return nil, err
		}
		return answer()
	}
}
