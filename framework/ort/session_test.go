package ort_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/edsrzf/mmap-go"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
)

// TestTypes sends every element type through a network and back: a matrix, a
// scalar and an empty tensor, into given and into allocated outputs.
func TestTypes(t *testing.T) {
	testType(t, []float32{1, -2.5, float32(math.Inf(1)), 4})
	testType(t, []float64{1, -2.5, math.Inf(1), 4})
	testType(t, []int8{1, -2, 127, 4})
	testType(t, []uint8{1, 2, 255, 4})
	testType(t, []int16{1, -2, 1 << 14, 4})
	testType(t, []uint16{1, 2, 1 << 15, 4})
	testType(t, []int32{1, -2, 1 << 30, 4})
	testType(t, []uint32{1, 2, 1 << 31, 4})
	testType(t, []int64{1, -2, 1 << 62, 4})
	testType(t, []uint64{1, 2, 1 << 63, 4})
	testType(t, []bool{true, false, true, true})
	testType(t, []onnx.Half{0x3c00, 0xc000, 0x7c00, 1})
}

func testType[T onnx.Element](t *testing.T, data []T) {
	dtype := onnx.TypeOf[T]()
	t.Run(dtype.String(), func(t *testing.T) {
		for _, c := range []struct {
			declared []any
			shape    []int
		}{
			{[]any{2, 2}, []int{2, 2}},
			{[]any{"rows", 2}, []int{2, 2}},
			{nil, nil},
			{[]any{"rows", 2}, []int{0, 2}},
			{[]any{0, 2}, []int{0, 2}},
		} {
			g := onnx.NewBuilder("identity", 18)
			g.Output("y", g.Input("x", dtype, c.declared...), dtype, c.declared...)
			s := session(t, marshal(t, g), ort.SessionOptions{})
			n := 1
			for _, d := range c.shape {
				n *= d
			}
			in, err := ort.NewTensor(data[:n], c.shape...)
			must(t, err)
			given, err := ort.NewTensor(make([]T, n), c.shape...)
			must(t, err)
			for _, out := range []*ort.Tensor{given, nil} {
				outs := []*ort.Tensor{out}
				err := s.Run(t.Context(), []*ort.Tensor{in}, outs)
				if dtype == onnx.Float16 && (c.shape == nil || out == nil && c.declared[0] == "rows") {
					if err == nil || !strings.Contains(err.Error(), "float16") && !strings.Contains(err.Error(), "give Run a tensor") {
						t.Errorf("%v: documented limit of float16: %v", c.declared, err)
					}
					continue
				}
				must(t, err)
				got, err := ort.Data[T](outs[0])
				must(t, err)
				if !slices.Equal(got, data[:n]) || !slices.Equal(outs[0].Shape(), c.shape) {
					t.Errorf("%v: %s %v came back as %s %v", c.declared, in, data[:n], outs[0], got)
				}
			}
		}
	})
}

func TestTensorErrors(t *testing.T) {
	for name, make := range map[string]func() (*ort.Tensor, error){
		"too short":    func() (*ort.Tensor, error) { return ort.NewTensor([]float32{1, 2, 3}, 2, 2) },
		"too long":     func() (*ort.Tensor, error) { return ort.NewTensor([]float32{1, 2, 3}, 2) },
		"negative":     func() (*ort.Tensor, error) { return ort.NewTensor([]float32{}, -1, 0) },
		"overflow":     func() (*ort.Tensor, error) { return ort.NewTensor([]float32{}, 1<<32, 1<<32) },
		"bytes":        func() (*ort.Tensor, error) { return ort.FromBytes(onnx.Int64, make([]byte, 7), 1) },
		"misaligned":   func() (*ort.Tensor, error) { return ort.FromBytes(onnx.Int32, unsafeOdd(), 1) },
		"unknown type": func() (*ort.Tensor, error) { return ort.FromBytes(onnx.DType(99), make([]byte, 2), 1) },
		"zeros":        func() (*ort.Tensor, error) { return ort.Zeros(onnx.Undefined, 1) },
	} {
		if _, err := make(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	x := ramp(t, 2)
	if _, err := ort.Data[int32](x); err == nil {
		t.Error("float32 as int32: no error")
	}
}

func unsafeOdd() []byte {
	words := make([]uint64, 2)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 16)[1:5]
}

func TestRunErrors(t *testing.T) {
	s := session(t, product(t, 2), ort.SessionOptions{})
	x, wide := ramp(t, 2, 2), ramp(t, 2, 3)
	ints, err := ort.Zeros(onnx.Int64, 2, 2)
	must(t, err)
	for _, c := range []struct {
		want    string
		in, out []*ort.Tensor
	}{
		{"1 inputs and 1 outputs given, the network has 2 and 1", []*ort.Tensor{x}, []*ort.Tensor{nil}},
		{`input "b" is missing`, []*ort.Tensor{x, nil}, []*ort.Tensor{nil}},
		{`input "b": a tensor float32[2 3] does not fit float32 b[2 2]`, []*ort.Tensor{x, wide}, []*ort.Tensor{nil}},
		{`input "a": a tensor int64[2 2] does not fit`, []*ort.Tensor{ints, x}, []*ort.Tensor{nil}},
		{`output "y": a tensor float32[2 3] does not fit`, []*ort.Tensor{x, x}, []*ort.Tensor{wide}},
	} {
		err := s.Run(t.Context(), c.in, c.out)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Internal {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}

	// A failure inside the network names the node and is one short line.
	g := onnx.NewBuilder("reshape", 18)
	shape := g.Input("shape", onnx.Int64, 1)
	g.Output("y", g.Op("Reshape", []string{onnx.Const(g, make([]float32, 6), 6), shape}), onnx.Float32, "n")
	r := session(t, marshal(t, g), ort.SessionOptions{})
	five, err := ort.NewTensor([]int64{5}, 1)
	must(t, err)
	err = r.Run(t.Context(), []*ort.Tensor{five}, []*ort.Tensor{nil})
	if err == nil || !strings.Contains(err.Error(), "Reshape") || strings.ContainsAny(err.Error(), "\n/") || len(err.Error()) > 400 {
		t.Errorf("%v", err)
	}
	t.Log(err)
	must(t, s.Close())
	must(t, s.Close())
	if err := s.Run(t.Context(), []*ort.Tensor{x, x}, []*ort.Tensor{nil}); err == nil {
		t.Error("run after close: no error")
	}
}

func TestNewSessionErrors(t *testing.T) {
	orttest.Init(t)
	none := onnx.NewBuilder("none", 18)
	none.Output("y", onnx.Const(none, []float32{1}, 1), onnx.Float32, 1)
	bad := onnx.NewBuilder("bad", 18)
	bad.Output("y", bad.Op("NoSuchOperator", []string{bad.Input("x", onnx.Float32, 1)}), onnx.Float32, 1)
	good := product(t, 2)
	for _, c := range []struct {
		name   string
		model  []byte
		device string
		kind   fault.Kind
	}{
		{"no input", marshal(t, none), "", fault.Data},
		{"unknown operator", marshal(t, bad), "", fault.Data},
		{"cut short", good[:len(good)-3], "", fault.Data},
		{"device name", good, "gpu", fault.Usage},
		{"device number", good, "cuda:x", fault.Usage},
	} {
		_, err := ort.NewSession(c.model, ort.SessionOptions{Device: c.device})
		if fault.KindOf(err) != c.kind || strings.Contains(fmt.Sprint(err), "\n") {
			t.Errorf("%s: kind %s: %v", c.name, fault.KindOf(err), err)
		}
		t.Logf("%s: %v", c.name, err)
	}

	path := filepath.Join(t.TempDir(), "m.onnx")
	must(t, os.WriteFile(path, []byte("not a model"), 0o644))
	if _, err := ort.OpenSession(path, ort.SessionOptions{}); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("%v", err)
	}
}

func TestDeviceAuto(t *testing.T) {
	s := session(t, product(t, 2), ort.SessionOptions{Device: "auto"})
	switch {
	case s.Device() == "cpu" && s.Reason() != "" && !strings.Contains(s.Reason(), "\n"):
		t.Log(s.Reason())
	case s.Device() != "cuda:0" || s.Reason() != "":
		t.Errorf("device %q, reason %q", s.Device(), s.Reason())
	}
	if slices.Contains(ort.Providers(), "cuda") {
		t.Skip("this machine has CUDA")
	}
	_, err := ort.NewSession(product(t, 2), ort.SessionOptions{Device: "cuda:0"})
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.Config || e.Hint == "" {
		t.Errorf("cuda without CUDA: %v", err)
	}
	t.Log(fault.Format(err))
}

// long is a network of many layers, each of some milliseconds: it runs for
// seconds and can be stopped between layers.
func long(t testing.TB) []byte {
	g := onnx.NewBuilder("long", 18)
	v := g.Input("x", onnx.Float32, 512, 512)
	for range 500 {
		v = g.Op("MatMul", []string{v, v})
	}
	g.Output("y", v, onnx.Float32, 512, 512)
	return marshal(t, g)
}

func TestCancel(t *testing.T) {
	s := session(t, long(t), ort.SessionOptions{Threads: 1})
	x := ramp(t, 512, 512)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	start := time.Now()
	err := s.Run(ctx, []*ort.Tensor{x}, []*ort.Tensor{nil})
	if fault.KindOf(err) != fault.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx2, cancel2 := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel2()
	if err := s.Run(ctx2, []*ort.Tensor{x}, []*ort.Tensor{nil}); fault.KindOf(err) != fault.Timeout {
		t.Errorf("deadline: %v", err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("stopping took %s", d)
	}
	if err := s.Run(ctx, []*ort.Tensor{x}, []*ort.Tensor{nil}); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled before: %v", err)
	}
}

// TestConcurrent runs and closes a session from several goroutines; every Run
// gives the right numbers or says that the session is closed.
func TestConcurrent(t *testing.T) {
	s := session(t, product(t, 64), ort.SessionOptions{Threads: 2})
	x := ramp(t, 64, 64)
	want := []*ort.Tensor{nil}
	must(t, s.Run(t.Context(), []*ort.Tensor{x, x}, want))
	first, err := ort.Data[float32](want[0])
	must(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			out := []*ort.Tensor{ramp(t, 64, 64)}
			for i := 0; ; i++ {
				if err := s.Run(t.Context(), []*ort.Tensor{x, x}, out); err != nil {
					if !strings.Contains(err.Error(), "after Close") {
						t.Error(err)
					}
					return
				}
				if got, err := ort.Data[float32](out[0]); err != nil || !slices.Equal(got, first) {
					t.Errorf("run %d differs: %v", i, err)
					return
				}
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	must(t, s.Close())
	wg.Wait()
}

// network has the operations whose sums ONNX Runtime splits over threads.
func network(t testing.TB) []byte {
	g := onnx.NewBuilder("network", 18)
	x := g.Input("x", onnx.Float32, 2, 3, 64, 64)
	w, err := ort.Data[float32](ramp(t, 32*3*3*3))
	must(t, err)
	v := g.Op("Conv", []string{x, onnx.Const(g, w, 32, 3, 3, 3)}, onnx.Ints("pads", 1, 1, 1, 1))
	v = g.Op("Relu", []string{v})
	v = g.Op("AveragePool", []string{v}, onnx.Ints("kernel_shape", 2, 2), onnx.Ints("strides", 2, 2))
	v = g.Op("Reshape", []string{v, g.Shape(64, 1024)})
	v = g.Op("MatMul", []string{v, g.Op("Transpose", []string{v}, onnx.Ints("perm", 1, 0))})
	v = g.Op("Softmax", []string{g.Op("Mul", []string{v, onnx.Const(g, []float32{1e-3})})}, onnx.Int("axis", -1))
	g.Output("y", g.Op("ReduceSum", []string{v, g.Shape(0)}, onnx.Int("keepdims", 0)), onnx.Float32, 64)
	return marshal(t, g)
}

// TestDeterminism is the promise of the package comment: the same bits from
// several sessions, many times, with other sessions busy beside them.
func TestDeterminism(t *testing.T) {
	model, x := network(t), ramp(t, 2, 3, 64, 64)
	var first []float32
	for _, threads := range []int{2, 2, 2} {
		s := session(t, model, ort.SessionOptions{Threads: threads})
		var wg sync.WaitGroup
		results := make([][]float32, 20)
		for i := range results {
			wg.Go(func() {
				out := []*ort.Tensor{nil}
				if err := s.Run(t.Context(), []*ort.Tensor{x}, out); err != nil {
					t.Error(err)
					return
				}
				results[i], _ = ort.Data[float32](out[0])
			})
		}
		wg.Wait()
		for i, got := range results {
			if first == nil {
				first = got
			}
			if !slices.Equal(got, first) {
				t.Fatalf("run %d differs", i)
			}
		}
	}
}

// TestMapped reads an input from memory that Go does not own.
func TestMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	must(t, os.WriteFile(path, []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64}, 0o644)) // 1 2 3 4
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	m, err := mmap.Map(f, mmap.RDONLY, 0)
	must(t, err)
	defer m.Unmap()
	x, err := ort.FromBytes(onnx.Float32, m, 2, 2)
	must(t, err)
	out := []*ort.Tensor{nil}
	must(t, session(t, product(t, 2), ort.SessionOptions{}).Run(t.Context(), []*ort.Tensor{x, x}, out))
	if y, _ := ort.Data[float32](out[0]); !slices.Equal(y, []float32{7, 10, 15, 22}) {
		t.Errorf("%v", y)
	}
}

// TestInnerOutputs leads inner tensors out of a network, whose types it does not
// declare, and runs it with an input that the file's own initializer provides.
func TestInnerOutputs(t *testing.T) {
	data, err := os.ReadFile("../onnx/testdata/foreign.onnx")
	must(t, err)
	m, err := onnx.Read(data)
	must(t, err)
	must(t, m.AddOutput("inner"))
	must(t, m.AddOutput("typed"))
	model, err := m.Marshal()
	must(t, err)
	s := session(t, model, ort.SessionOptions{})
	cond, err := ort.NewTensor([]bool{true})
	must(t, err)
	x, err := ort.NewTensor([]float32{-1, 1, 2, -2}, 1, 2, 2)
	must(t, err)
	out := []*ort.Tensor{nil, nil, nil}
	must(t, s.Run(t.Context(), []*ort.Tensor{cond, x}, out))
	for i, want := range [][]float32{{2, 4, 4, 3}, {0, 1, 2, 0}, {0, 1, 2, 0}} {
		if y, _ := ort.Data[float32](out[i]); !slices.Equal(y, want) || !slices.Equal(out[i].Shape(), []int{1, 2, 2}) {
			t.Errorf("output %s: %v %v, want %v", s.Outputs()[i], out[i], y, want)
		}
	}
}

// TestExternalWeights opens a network whose weights lie in a file beside it.
func TestExternalWeights(t *testing.T) {
	orttest.Init(t)
	s, err := ort.OpenSession("../onnx/testdata/external.onnx", ort.SessionOptions{})
	must(t, err)
	defer s.Close()
	x, err := ort.NewTensor([]float32{1, 2, 3}, 3)
	must(t, err)
	out := []*ort.Tensor{nil}
	must(t, s.Run(t.Context(), []*ort.Tensor{x}, out))
	if y, _ := ort.Data[float32](out[0]); !slices.Equal(y, []float32{10, 40, 90}) {
		t.Errorf("%v", y)
	}
}
