package ortbackend

import (
	"errors"
	"math"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/notimplemented"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/ort/orttest"
)

// mustBuffer puts float32s into a buffer.
func mustBuffer(t testing.TB, b backends.Backend, flat []float32, dims ...int) backends.Buffer {
	t.Helper()
	x, err := b.BufferFromFlatData(0, flat, shapes.Make(dtypes.Float32, dims...))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// compiled builds a computation with parameters of float32 vectors of n elements.
func compiled(t testing.TB, b backends.Backend, parameters, n int, f func(b backends.Builder, in []backends.Op) ([]backends.Op, error)) backends.Executable {
	t.Helper()
	builder := b.Builder("test")
	var in []backends.Op
	for i := range parameters {
		p, err := builder.Parameter("p"+strconv.Itoa(i), shapes.Make(dtypes.Float32, n), nil)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, p)
	}
	out, err := f(builder, in)
	if err != nil {
		t.Fatal(err)
	}
	e, err := builder.Compile(out, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Finalize)
	return e
}

// sgd is a step of gradient descent: x - 0.1*(x - y).
func sgd(b backends.Builder, in []backends.Op) ([]backends.Op, error) {
	d, err := b.Sub(in[0], in[1])
	if err != nil {
		return nil, err
	}
	rate, err := b.Constant([]float32{0.1})
	if err != nil {
		return nil, err
	}
	if d, err = b.Mul(d, rate); err != nil {
		return nil, err
	}
	x, err := b.Sub(in[0], d)
	return []backends.Op{x}, err
}

// resident is the process's memory in bytes.
func resident(t *testing.T) int {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("the system does not tell a process's memory")
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestSteadyMemory(t *testing.T) {
	s := newSpy(t, "cpu,threads=1")
	const n = 10_000
	e := compiled(t, s, 2, n, sgd)
	x, y := mustBuffer(t, s, make([]float32, n), n), mustBuffer(t, s, make([]float32, n), n)
	places := map[*uint64]bool{}
	step := func() {
		out, err := e.Execute([]backends.Buffer{x, y}, []bool{true, false}, 0)
		if err != nil {
			t.Fatal(err)
		}
		x = out[0]
		places[&x.(*buffer).memory[0]] = true
	}
	var before, after runtime.MemStats
	for range 500 {
		step()
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	rss := resident(t)
	for range 10_000 {
		step()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(places) > 2 {
		t.Errorf("results were in %d places, not 2 that take turns", len(places))
	}
	if grown := int(after.HeapAlloc) - int(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if grown := resident(t) - rss; grown > 32<<20 {
		t.Errorf("the process has grown by %d bytes", grown)
	}
}

func TestBuffers(t *testing.T) {
	s := newSpy(t, "cpu")
	e := compiled(t, s, 2, 3, sgd)
	ref, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() backends.Buffer { return mustBuffer(t, s, []float32{1, 2, 3}, 3) }
	donated, finalized := fresh(), fresh()
	if _, err := e.Execute([]backends.Buffer{donated, fresh()}, []bool{true, false}, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.BufferFinalize(finalized); err != nil {
		t.Fatal(err)
	}
	foreign, err := ref.BufferFromFlatData(0, []float32{1, 2, 3}, shapes.Make(dtypes.Float32, 3))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]backends.Buffer{"donated": donated, "finalized": finalized, "foreign": foreign, "nil": nil} {
		if _, err := e.Execute([]backends.Buffer{fresh(), bad}, nil, 0); err == nil {
			t.Errorf("a %s buffer is taken", name)
		}
		if err := s.BufferFinalize(bad); err == nil {
			t.Errorf("a %s buffer is finalized", name)
		}
		if _, err := s.BufferData(bad); err == nil {
			t.Errorf("a %s buffer has data", name)
		}
		if _, err := s.BufferShape(bad); err == nil {
			t.Errorf("a %s buffer has a shape", name)
		}
		if err := s.BufferToFlatData(bad, make([]float32, 3)); err == nil {
			t.Errorf("a %s buffer is copied", name)
		}
	}
	for name, in := range map[string][]backends.Buffer{
		"one input": {fresh()}, "three inputs": {fresh(), fresh(), fresh()}, "another shape": {fresh(), mustBuffer(t, s, []float32{1}, 1)},
	} {
		if _, err := e.Execute(in, nil, 0); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// One buffer for both inputs, donated twice.
	both := fresh()
	if _, err := e.Execute([]backends.Buffer{both, both}, []bool{true, true}, 0); err != nil {
		t.Error(err)
	}
	for _, flat := range []any{nil, 3, []float64{1, 2, 3}, []float32{1, 2}} {
		if _, err := s.BufferFromFlatData(0, flat, shapes.Make(dtypes.Float32, 3)); err == nil {
			t.Errorf("%v makes a buffer of 3 float32s", flat)
		}
	}
	if _, err := s.BufferFromFlatData(0, []complex64{1}, shapes.Make(dtypes.Complex64, 1)); err == nil {
		t.Error("a buffer of complex numbers is made")
	}
	e.Finalize()
	if _, err := e.Execute([]backends.Buffer{fresh(), fresh()}, nil, 0); err == nil {
		t.Error("a finalized executable runs")
	}
}

func TestBuilderErrors(t *testing.T) {
	s := newSpy(t, "cpu")
	b := s.Builder("test")
	x, err := b.Parameter("x", shapes.Make(dtypes.Float32, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.FFT(x, backends.FFTForward, []int{4}); !errors.Is(err, notimplemented.NotImplementedError) || !strings.Contains(err.Error(), "FFT") {
		t.Errorf("FFT: %v", err)
	}
	if _, err := b.Parameter("z", shapes.Make(dtypes.Complex64, 4), nil); err == nil || !strings.Contains(err.Error(), "Complex64") {
		t.Errorf("a complex parameter: %v", err)
	}
	if _, err := s.Builder("other").Neg(x); err == nil {
		t.Error("a node of another computation is taken")
	}
	if _, err := b.Constant(3); err == nil {
		t.Error("a constant that is not a slice is taken")
	}
	if _, err := b.Constant([]float32{1, 2}, 3); err == nil {
		t.Error("a constant of too few elements is taken")
	}
	if _, err := b.Compile(nil, nil); err == nil {
		t.Error("a computation without outputs is compiled")
	}
	if _, err := b.Compile([]backends.Op{x}, nil); err != nil {
		t.Error(err)
	}
	if _, err := b.Neg(x); err == nil {
		t.Error("a compiled computation grows")
	}
}

func TestNew(t *testing.T) {
	orttest.Init(t)
	for _, config := range []string{"", "cpu", "cpu,threads=2", "threads=1"} {
		b, err := New(config)
		if err != nil {
			t.Errorf("%q: %v", config, err)
			continue
		}
		b.Finalize()
		if !b.IsFinalized() {
			t.Errorf("%q is not finalized", config)
		}
	}
	for _, config := range []string{"cpu,threads=0", "cpu,threads=-1", "cpu,threads=x", "cpu,fast", "cpu,cpu", "threads="} {
		if _, err := New(config); err == nil {
			t.Errorf("%q: no error", config)
		}
	}
	if b, err := backends.NewWithConfig("ort:cpu,threads=1"); err != nil || b.Name() != "ort" {
		t.Errorf("from GoMLX's registry: %v, %v", b, err)
	}
}

// An operation is listed if, and only if, Builder has a method of its own for it.
func TestCapabilities(t *testing.T) {
	s := newSpy(t, "cpu")
	c := s.Capabilities()
	methods := reflect.TypeFor[*Builder]()
	for op := backends.OpTypeInvalid + 1; op < backends.OpTypeLast; op++ {
		m, ok := methods.MethodByName(op.String())
		if !ok {
			if c.Operations[op] && op != backends.OpTypeParameter && op != backends.OpTypeConstant {
				t.Errorf("%s is listed, there is no method", op)
			}
			continue
		}
		// The compiler writes the methods that are those of the embedded builder.
		file, _ := runtime.FuncForPC(m.Func.Pointer()).FileLine(m.Func.Pointer())
		if own := file != "<autogenerated>"; own != c.Operations[op] {
			t.Errorf("%s: listed %v, own method %v", op, c.Operations[op], own)
		}
	}
	for _, dtype := range allTypes {
		if !c.DTypes[dtype] {
			t.Errorf("%s is not listed", dtype)
		}
	}
	if c.DTypes[dtypes.Complex64] || len(c.DTypes) != len(allTypes) {
		t.Errorf("element types %v", c.DTypes)
	}
}

// TestEdges runs what is unusual about inputs and outputs.
func TestEdges(t *testing.T) {
	s := newSpy(t, "cpu")
	scalar, vector, empty := tensors.FromValue(float32(2)), tensors.FromValue([]float32{1, 2, 3}), tensors.FromShape(shapes.Make(dtypes.Float32, 0, 3))
	for name, c := range map[string]struct {
		f    program
		in   []*tensors.Tensor
		want [][]any
	}{
		"input as output":  {func(xs []*Node) []*Node { return xs }, []*tensors.Tensor{vector, scalar}, [][]any{{1., 2., 3.}, {2.}}},
		"one output twice": {func(xs []*Node) []*Node { y := Neg(xs[0]); return []*Node{y, y, xs[0], xs[0]} }, []*tensors.Tensor{scalar}, [][]any{{-2.}, {-2.}, {2.}, {2.}}},
		"equal outputs":    {func(xs []*Node) []*Node { return []*Node{Neg(xs[0]), Neg(xs[0])} }, []*tensors.Tensor{vector}, [][]any{{-1., -2., -3.}, {-1., -2., -3.}}},
		"constant outputs": {func(xs []*Node) []*Node {
			g := xs[0].Graph()
			return []*Node{Const(g, []int64{7, 8}), Scalar(g, dtypes.Float32, 9), Ones(g, shapes.Make(dtypes.Float32, 2))}
		}, []*tensors.Tensor{scalar}, [][]any{{int64(7), int64(8)}, {9.}, {1., 1.}}},
		"unused input":        {func(xs []*Node) []*Node { return []*Node{Neg(xs[1])} }, []*tensors.Tensor{vector, scalar}, [][]any{{-2.}}},
		"inputs out of order": {func(xs []*Node) []*Node { return []*Node{Sub(xs[1], xs[0])} }, []*tensors.Tensor{scalar, vector}, [][]any{{-1., 0., 1.}}},
		"output of an output": {func(xs []*Node) []*Node { y := Neg(xs[0]); return []*Node{y, Neg(y), Exp(MulScalar(y, 0))} }, []*tensors.Tensor{scalar}, [][]any{{-2.}, {2.}, {1.}}},
		"nothing":             {func(xs []*Node) []*Node { return []*Node{xs[0], Neg(xs[0]), ReduceSum(xs[0], 0)} }, []*tensors.Tensor{empty}, [][]any{nil, nil, {0., 0., 0.}}},
		"reshaped input":      {func(xs []*Node) []*Node { return []*Node{Reshape(xs[0], 3, 1), BroadcastToDims(xs[1], 2)} }, []*tensors.Tensor{vector, scalar}, [][]any{{1., 2., 3.}, {2., 2.}}},
	} {
		got, err := evaluate(s, c.f, c.in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range c.want {
			if e := elementsOf(got[i]); len(e)+len(want) > 0 && !reflect.DeepEqual(e, want) {
				t.Errorf("%s: result %d is %v, not %v", name, i, e, want)
			}
		}
	}
	e := MustNewExec(s, func(g *Graph) *Node { return Iota(g, shapes.Make(dtypes.Int32, 3), 0) })
	if got := elementsOf(e.MustExec()[0]); !reflect.DeepEqual(got, []any{int64(0), int64(1), int64(2)}) {
		t.Errorf("without inputs: %v", got)
	}
}

func TestRepeatable(t *testing.T) {
	s := newSpy(t, "cpu")
	in := floatsOf(300, dtypes.Float32, []int{2, 3, 40, 16}, []int{2, 3, 40, 16}, []int{2, 3, 40, 16})
	f := withGradients(func(xs []*Node) []*Node { return []*Node{attention(xs[0], xs[1], xs[2], nil, nil)} })
	var first [][]any
	for range 4 {
		got, err := evaluate(s, f, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range got {
			if e := elementsOf(x); len(first) <= i {
				first = append(first, e)
			} else if !reflect.DeepEqual(e, first[i]) {
				t.Fatalf("result %d differs from run to run", i)
			}
		}
	}
}

// An Exec compiles once for each shape, and several goroutines may share it.
func TestConcurrentExec(t *testing.T) {
	s := newSpy(t, "cpu,threads=1")
	var mu sync.Mutex
	built := 0
	e := MustNewExec(s, func(x, y *Node) *Node {
		mu.Lock()
		built++
		mu.Unlock()
		return ReduceAllSum(Mul(Dot(x, y), Sigmoid(Dot(x, y))))
	})
	run := func(n int, v float32) float64 {
		x, y := make([]float32, n*n), make([]float32, n*n)
		for i := range x {
			x[i], y[i] = v/float32(n), 1
		}
		out := e.MustExec(tensors.FromFlatDataAndDimensions(x, n, n), tensors.FromFlatDataAndDimensions(y, n, n))
		return elementsOf(out[0])[0].(float64)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 50 {
				n, v := 1+i%3, float64(worker+1)
				want := float64(n*n) * v / (1 + math.Exp(-v))
				if got := run(n, float32(v)); math.Abs(got-want) > 1e-4*want {
					t.Errorf("size %d of %v: %v, not %v", n, v, got, want)
				}
			}
		}()
	}
	wg.Wait()
	if built != 3 {
		t.Errorf("built %d graphs for 3 shapes", built)
	}
}

// BroadcastInDim may permute axes, which GoMLX's own functions never ask for.
func TestBroadcastPermuted(t *testing.T) {
	s := newSpy(t, "cpu")
	b := s.Builder("test")
	x, err := b.Parameter("x", shapes.Make(dtypes.Float32, 2, 3), nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.BroadcastInDim(x, shapes.Make(dtypes.Float32, 3, 2), []int{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.Compile([]backends.Op{y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.Execute([]backends.Buffer{mustBuffer(t, s, []float32{1, 2, 3, 4, 5, 6}, 2, 3)}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.BufferData(out[0]); err != nil || !reflect.DeepEqual(got, []float32{1, 4, 2, 5, 3, 6}) {
		t.Errorf("%v, %v", got, err)
	}
}
