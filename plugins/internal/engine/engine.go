// Package engine opens the GoMLX backends that methods train with:
//
//	ort  ONNX Runtime, by package ortbackend; fetched if it is not there
//	xla  GoMLX's own; the user installs its PJRT plugin
//	go   GoMLX's in pure Go: slow, needs nothing
package engine

import (
	"context"
	"fmt"
	"os"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/simplego"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/ortbackend"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// openXLA is nil where GoMLX has no xla.
var openXLA func(device string) (backends.Backend, error)

// Names are the engines' names, the default first.
func Names() []string { return []string{plugin.EngineORT, plugin.EngineXLA, plugin.EngineGo} }

// Open opens an engine ("" is the default) on a device, "cpu" or "cuda:N", with so
// many threads. What the engine needs and is not there, or a device that it does
// not have, is an error of kind Config that says what to do.
func Open(ctx context.Context, name, device string, threads int) (backends.Backend, error) {
	threads = max(1, threads)
	switch name {
	case "", plugin.EngineORT:
		return openORT(ctx, device, threads)
	case plugin.EngineXLA:
		if openXLA == nil {
			return nil, fault.New(fault.Config, "engine %q: this build of ltadbench has none", name).
				WithHint("it is there on linux/amd64, built with cgo; use the engine %q", plugin.EngineORT)
		}
		return openXLA(device)
	case plugin.EngineGo:
		return openGo(device, threads)
	}
	return nil, fault.New(fault.Config, "unknown engine %q", name).WithHint("one of %q", Names())
}

func openORT(ctx context.Context, device string, threads int) (backends.Backend, error) {
	if _, ok := ort.Loaded(); !ok {
		l, err := ort.Ensure(ctx, ort.Options{})
		if err == nil {
			err = ort.Init(l)
		}
		if err != nil {
			return nil, err
		}
	}
	return ortbackend.New(fmt.Sprintf("%s,threads=%d", device, threads))
}

func openGo(device string, threads int) (backends.Backend, error) {
	if device != "cpu" {
		return nil, fault.New(fault.Config, "engine %q cannot use device %q", plugin.EngineGo, device).
			WithHint("use the device cpu, or the engine %q", plugin.EngineORT)
	}
	// GoMLX announces the number of threads on standard output, which is not its
	// to write to. Operations run one after another, each on all threads: when they
	// run side by side, GoMLX v0.26.0 deadlocks as soon as all workers wait for
	// workers of their own.
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		stdout := os.Stdout
		os.Stdout = null
		defer func() {
			os.Stdout = stdout
			null.Close()
		}()
	}
	b, err := simplego.New(fmt.Sprintf("parallelism=%d,ops_sequential", threads))
	if err != nil {
		return nil, fault.New(fault.Internal, "engine %q: %w", plugin.EngineGo, err)
	}
	return b, nil
}
