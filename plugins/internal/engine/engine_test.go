package engine

import (
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/fault"
)

func TestOpen(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	printed := make(chan []byte)
	go func() { b, _ := io.ReadAll(r); printed <- b }()
	for _, name := range []string{"go", "ort", ""} {
		b, err := Open(context.Background(), name, "cpu", 2)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		out, err := graph.ExecOnce(b, func(x *graph.Node) *graph.Node { return graph.AddScalar(x, 1) }, []float32{1, 2})
		if err != nil {
			t.Errorf("%q: %v", name, err)
		} else if got := tensors.MustCopyFlatData[float32](out); !slices.Equal(got, []float32{2, 3}) {
			t.Errorf("%q: %v", name, got)
		}
		b.Finalize()
	}
	os.Stdout = stdout
	w.Close()
	if b := <-printed; len(bytes.TrimSpace(b)) > 0 {
		t.Errorf("printed %q", b)
	}
}

func TestRefusals(t *testing.T) {
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", t.TempDir())
	for _, c := range [][2]string{{"jax", "cpu"}, {"go", "cuda:0"}, {"xla", "cuda:1"}, {"ort", "tpu"}, {"ort", "cuda:99"}} {
		b, err := Open(context.Background(), c[0], c[1], 1)
		if err == nil {
			// The ort backend finds out when it compiles its first graph.
			_, err = graph.ExecOnce(b, func(x *graph.Node) *graph.Node { return graph.AddScalar(x, 1) }, []float32{1})
		}
		if k := fault.KindOf(err); err == nil || k != fault.Config && k != fault.Usage {
			t.Errorf("%v: %v, of kind %s", c, err, k)
		}
	}
}
