package ortbackend

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/backends"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/ort"
)

// Name is the name under which the backend is registered with GoMLX.
const Name = "ort"

func init() {
	backends.Register(Name, func(config string) (backends.Backend, error) { return New(config) })
}

// Backend runs graphs with ONNX Runtime. It is safe for concurrent use.
type Backend struct {
	device  string
	threads int
	pool
	finalized bool
}

var _ backends.Backend = (*Backend)(nil)

// New makes a backend from a configuration such as "cpu,threads=2"; see the
// package comment. ort.Init must have been called.
func New(config string) (*Backend, error) {
	if _, ok := ort.Loaded(); !ok {
		return nil, fault.New(fault.Internal, "the ort backend was asked for before ONNX Runtime was loaded")
	}
	b := &Backend{device: "cpu"}
	for i, word := range strings.Split(config, ",") {
		if n, ok := strings.CutPrefix(word, "threads="); ok {
			threads, err := strconv.Atoi(n)
			if err != nil || threads < 1 {
				return nil, fault.New(fault.Usage, "ort backend: threads=%s is not a number from 1 on", n)
			}
			b.threads = threads
		} else if word != "" && i == 0 {
			b.device = word
		} else if word != "" {
			return nil, fault.New(fault.Usage, "ort backend: unknown option %q in %q; there is threads=N", word, config)
		}
	}
	return b, nil
}

// Name of the backend.
func (b *Backend) Name() string { return Name }

func (b *Backend) String() string { return Name }

// Description of the backend.
func (b *Backend) Description() string {
	threads := b.threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return fmt.Sprintf("ONNX Runtime on %s, %d threads", b.device, threads)
}

// NumDevices is 1: a backend is made for one device.
func (b *Backend) NumDevices() int { return 1 }

// DeviceDescription describes the one device.
func (b *Backend) DeviceDescription(backends.DeviceNum) string { return b.device }

// Capabilities lists the operations and element types that can be lowered.
func (b *Backend) Capabilities() backends.Capabilities {
	c := backends.Capabilities{Operations: map[backends.OpType]bool{}, DTypes: dtypesKnown()}
	for op := range lowerings {
		if op < backends.OpTypeLast {
			c.Operations[op] = true
		}
	}
	for _, op := range composed {
		c.Operations[op] = true
	}
	return c
}

// Finalize frees what the backend holds; it is of no use afterwards.
func (b *Backend) Finalize() {
	b.finalized = true
	b.drop()
}

// IsFinalized says whether Finalize was called.
func (b *Backend) IsFinalized() bool { return b.finalized }
