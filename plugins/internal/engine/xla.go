//go:build cgo && linux && amd64

package engine

import (
	"slices"
	"strings"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/xla"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

func init() { openXLA = loadXLA }

// loadXLA loads the PJRT plugin of the device. XLA takes as many threads as the
// machine has cores.
func loadXLA(device string) (backends.Backend, error) {
	kind, id, _ := strings.Cut(device, ":")
	if id != "" && id != "0" {
		return nil, fault.New(fault.Config, "engine %q uses the first GPU only, not %q", plugin.EngineXLA, device).
			WithHint("use the device cuda:0, with the GPU chosen by CUDA_VISIBLE_DEVICES, or the engine %q", plugin.EngineORT)
	}
	// GoMLX would fetch plugins by itself, from wherever it likes.
	xla.EnableAutoInstall(false)
	if have := xla.GetAvailablePlugins(); !slices.Contains(have, kind) {
		list := "none is installed"
		if len(have) > 0 {
			list = "installed: " + strings.Join(have, ", ")
		}
		return nil, fault.New(fault.Config, "engine %q: there is no PJRT plugin for %q (%s)", plugin.EngineXLA, kind, list).
			WithHint("install one with: go run github.com/gomlx/go-xla/cmd/pjrt_installer@latest, and if it is not found, name its directory in PJRT_PLUGIN_LIBRARY_PATH; or use the engine %q", plugin.EngineORT)
	}
	b, err := xla.New(kind)
	if err != nil {
		return nil, fault.New(fault.Config, "engine %q: %w", plugin.EngineXLA, err).
			WithHint("the PJRT plugin may be of another version; install it again with: go run github.com/gomlx/go-xla/cmd/pjrt_installer@latest")
	}
	return b, nil
}
