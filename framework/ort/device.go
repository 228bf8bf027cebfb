package ort

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	lib "github.com/yalue/onnxruntime_go"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// chooseDevice turns the user's word into "cpu" or "cuda:N"; for "auto" that
// ended on the CPU it gives the reason.
func chooseDevice(device string) (chosen, reason string, err error) {
	switch {
	case device == "" || device == "cpu":
		return "cpu", "", nil
	case device == "auto":
		if len(gpuFiles()) == 0 {
			return "cpu", "no NVIDIA GPU on this machine", nil
		}
		if err := cudaUsable(); err != nil {
			return "cpu", brief(err), nil
		}
		return "cuda:0", "", nil
	case strings.HasPrefix(device, "cuda:"):
		if n, err := strconv.ParseUint(device[len("cuda:"):], 10, 16); err == nil {
			return fmt.Sprintf("cuda:%d", n), "", nil
		}
	}
	return "", "", fault.New(fault.Usage, "unknown device %q", device).WithHint("one of cpu, cuda:0, cuda:1, ..., auto")
}

// gpuFiles are the device files of NVIDIA GPUs.
func gpuFiles() []string {
	var gpus []string
	for i := range 64 {
		path := fmt.Sprintf("/dev/nvidia%d", i)
		if _, err := os.Stat(path); err == nil {
			gpus = append(gpus, path)
		}
	}
	return gpus
}

// gpus names this machine's NVIDIA GPUs, as nvidia-smi does, or else by their
// device files.
func gpus(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name", "--format=csv,noheader").Output()
	if names := strings.TrimSpace(string(out)); err == nil && names != "" {
		return strings.Split(names, "\n")
	}
	return gpuFiles()
}

// cudaUsable is nil if the loaded library has the CUDA provider and can load it.
func cudaUsable() error {
	opts, err := lib.NewSessionOptions()
	if err != nil {
		return err
	}
	defer opts.Destroy()
	return appendCUDA(opts, "0")
}

// appendCUDA adds the CUDA provider for the GPU of that number. Its settings
// keep float32 what it says, and the choice of algorithms independent of timing.
func appendCUDA(opts *lib.SessionOptions, id string) error {
	cuda, err := lib.NewCUDAProviderOptions()
	if err == nil {
		defer cuda.Destroy()
		err = cuda.Update(map[string]string{
			"device_id": id, "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC",
		})
	}
	if err == nil {
		err = opts.AppendExecutionProviderCUDA(cuda)
	}
	if err == nil {
		return nil
	}
	e := fault.New(fault.Config, "device cuda:%s: %s", id, brief(err))
	if len(gpuFiles()) == 0 {
		return e.WithHint("this machine shows no NVIDIA GPU (/dev/nvidia0); use --device cpu")
	}
	return e.WithHint("%s", gpuAdvice)
}

// gpuAdvice is the command that gets a library with CUDA.
const gpuAdvice = "python3 -m pip install --target ort-gpu onnxruntime-gpu[cuda,cudnn]==" + Version +
	" && export " + LibraryEnv + "=$PWD/ort-gpu/onnxruntime/capi/libonnxruntime.so." + Version

// Providers are the kinds of device that the loaded library can use on this
// machine: "cpu", and "cuda" if it has that provider and its libraries load.
func Providers() []string {
	if _, ok := Loaded(); !ok {
		return nil
	}
	if cudaUsable() == nil {
		return []string{"cpu", "cuda"}
	}
	return []string{"cpu"}
}
