package ortbackend

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/backends"
	_ "github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/dtypes/bfloat16"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/x448/float16"

	"github.com/ltadbench/ltadbench/framework/ort/orttest"
)

// spy is a Backend that keeps the nodes that its computations were compiled to.
type spy struct {
	*Backend
	mu      sync.Mutex
	outputs []*node // of the last computation
}

type spyBuilder struct {
	*Builder
	spy *spy
}

func (s *spy) Builder(name string) backends.Builder {
	return &spyBuilder{s.Backend.Builder(name).(*Builder), s}
}

func (b *spyBuilder) Compile(outputs []backends.Op, specs []*backends.ShardingSpec) (backends.Executable, error) {
	nodes, err := b.nodes(outputs...)
	if err != nil {
		return nil, err
	}
	b.spy.mu.Lock()
	b.spy.outputs = nodes
	b.spy.mu.Unlock()
	return b.Builder.Compile(outputs, specs)
}

// newSpy makes a backend for a test.
func newSpy(t testing.TB, config string) *spy {
	t.Helper()
	orttest.Init(t)
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return &spy{Backend: b}
}

// reference is GoMLX's backend in pure Go. Operations run one after another: side by
// side they have data races, and deadlocks, in GoMLX v0.26.0.
var reference = sync.OnceValues(func() (backends.Backend, error) { return backends.NewWithConfig("go:ops_sequential") })

// program is what the tests run: results of some operands.
type program func(xs []*Node) []*Node

// withGradients adds to a program's results the gradients of their sum, weighted
// with fixed numbers, by those operands that are floating-point.
func withGradients(f program) program {
	return func(xs []*Node) []*Node {
		ys := f(xs)
		var loss *Node
		for i, y := range ys {
			if !y.DType().IsFloat() || y.Shape().Size() == 0 {
				continue
			}
			r := rand.New(rand.NewPCG(uint64(i), 77))
			w := Const(y.Graph(), random(r, y.Shape().Clone(), false))
			term := ReduceAllSum(Mul(y, w))
			if loss == nil {
				loss = term
			} else {
				loss = Add(loss, ConvertDType(term, loss.DType()))
			}
		}
		if loss == nil {
			return ys
		}
		var by []*Node
		for _, x := range xs {
			if x.DType().IsFloat() {
				by = append(by, x)
			}
		}
		return append(slices.Clone(ys), Gradient(loss, by...)...)
	}
}

// evaluate runs a program on a backend.
func evaluate(b backends.Backend, f program, in []*tensors.Tensor) (out []*tensors.Tensor, err error) {
	defer func() { // GoMLX's graph functions panic with errors
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	e, err := NewExec(b, func(xs []*Node) []*Node { return f(xs) })
	if err != nil {
		return nil, err
	}
	defer e.Finalize()
	args := make([]any, len(in))
	for i, x := range in {
		copied, err := x.LocalClone() // else the tensor would stay on this backend
		if err != nil {
			return nil, err
		}
		args[i] = copied
	}
	return e.Exec(args...)
}

// compare runs a program on both backends and fails unless results agree. The
// tolerance is relative to the largest of a result's elements, at least 1.
func compare(t *testing.T, s *spy, f program, in []*tensors.Tensor, tolerance float64) {
	t.Helper()
	ref, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	want, err := evaluate(ref, f, in)
	if err != nil {
		t.Fatalf("on go: %v", err)
	}
	got, err := evaluate(s, f, in)
	if err != nil {
		t.Fatalf("on ort: %v\n%s", err, dump(s.outputs))
	}
	for i := range want {
		if diff := difference(got[i], want[i], tolerance, magnitude(want[i])); diff != "" {
			t.Fatalf("result %d of %d: %s\n%s", i, len(want), diff, dump(s.outputs))
		}
	}
}

// difference says where two tensors differ by more than the tolerance, relative to
// an element and the scale; "" if nowhere. NaN equals NaN and 0 equals -0.
func difference(got, want *tensors.Tensor, tolerance, scale float64) string {
	if !got.Shape().Equal(want.Shape()) {
		return fmt.Sprintf("shape %s, not %s", got.Shape(), want.Shape())
	}
	a, b := elementsOf(got), elementsOf(want)
	if !got.DType().IsFloat() {
		tolerance = 0
	}
	return differ(a, b, tolerance, scale)
}

// differ is difference for elements; what is nil may be anything.
func differ(got, want []any, tolerance, scale float64) string {
	for i := range want {
		if want[i] == nil {
			continue
		}
		x, ok := want[i].(float64)
		if !ok {
			if got[i] != want[i] {
				return fmt.Sprintf("element %d of %d is %v, not %v", i, len(want), got[i], want[i])
			}
			continue
		}
		y := got[i].(float64)
		if same := y == x || math.IsNaN(y) && math.IsNaN(x) || math.Abs(y-x) <= tolerance*(math.Abs(x)+scale) && !math.IsInf(x, 0); !same {
			return fmt.Sprintf("element %d of %d is %v, not %v", i, len(want), y, x)
		}
	}
	return ""
}

// magnitude is the largest of a tensor's finite elements, at least 1.
func magnitude(x *tensors.Tensor) float64 {
	m := 1.
	for _, e := range elementsOf(x) {
		if v, ok := e.(float64); ok && !math.IsInf(v, 0) && !math.IsNaN(v) {
			m = max(m, math.Abs(v))
		}
	}
	return m
}

// elementsOf is a tensor's elements: float64 for all floating-point types, else
// int64, which holds the bits of uint64.
func elementsOf(x *tensors.Tensor) []any {
	var out []any
	x.MustConstFlatData(func(flat any) {
		v := reflect.ValueOf(flat)
		for i := range v.Len() {
			switch e := v.Index(i); {
			case x.DType() == dtypes.Float16:
				out = append(out, float64(float16.Float16(e.Uint()).Float32()))
			case x.DType() == dtypes.BFloat16:
				out = append(out, float64(bfloat16.BFloat16(e.Uint()).Float32()))
			case e.CanFloat():
				out = append(out, e.Float())
			case e.CanInt():
				out = append(out, e.Int())
			case e.CanUint():
				out = append(out, int64(e.Uint()))
			default:
				out = append(out, int64(bit(e.Bool())))
			}
		}
	})
	return out
}

// newRand is a stream of random numbers: the same each time, but for another
// LTADBENCH_TEST_SEED, a number.
func newRand(stream uint64) *rand.Rand {
	seed, _ := strconv.ParseUint(os.Getenv("LTADBENCH_TEST_SEED"), 10, 64)
	return rand.New(rand.NewPCG(seed, stream))
}

// random is a tensor of normal numbers, or of small integers; special adds zeros of
// both signs, infinities and NaN, or integers of any size.
func random(r *rand.Rand, shape shapes.Shape, special bool) *tensors.Tensor {
	t := shape.DType
	bytes := make([]byte, 0, shape.Size()*t.Size())
	for range shape.Size() {
		v := float64(r.IntN(13) - 4)
		if t.IsUnsigned() || t == dtypes.Bool {
			v = float64(r.IntN(9))
		}
		if t == dtypes.Bool {
			v = float64(r.IntN(2))
		}
		if t.IsFloat() {
			v = r.NormFloat64() * 1.5
			if special && r.IntN(3) == 0 {
				v = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 1.5, 2.5, math.Inf(1), math.Inf(-1), math.NaN(), 1e-6, -1e-4, 80, -80}[r.IntN(15)]
			}
		} else if special && t != dtypes.Bool && r.IntN(4) == 0 {
			any := binary.LittleEndian.AppendUint64(nil, r.Uint64()>>r.IntN(64))
			if r.IntN(3) == 0 {
				any = element(t, lowest(t))
			}
			bytes = append(bytes, any[:t.Size()]...)
			continue
		}
		bytes = append(bytes, element(t, v)...)
	}
	out := tensors.FromShape(shape)
	if shape.Size() > 0 {
		if err := out.MutableBytes(func(data []byte) { copy(data, bytes) }); err != nil {
			panic(err)
		}
	}
	return out
}

// randomDims is a shape of the rank with small axes: 1 often, 0 only if asked, and
// then rarely.
func randomDims(r *rand.Rand, rank int, zero bool) []int {
	dims := make([]int, rank)
	for i := range dims {
		dims[i] = []int{1, 1, 2, 3, 3, 4, 5}[r.IntN(7)]
		if zero && r.IntN(12) == 0 {
			dims[i] = 0
		}
	}
	return dims
}

// narrowed is dims with some axes made 1, or a scalar: what broadcasts to dims.
func narrowed(r *rand.Rand, dims []int) []int {
	out := slices.Clone(dims)
	switch r.IntN(4) {
	case 0:
		return nil
	case 1:
		for i := range out {
			if r.IntN(2) == 0 {
				out[i] = 1
			}
		}
	}
	return out
}

// closeTo is how close results of the type must be.
func closeTo(t dtypes.DType) float64 {
	switch t {
	case dtypes.Float64:
		return 1e-11
	case dtypes.Float16:
		return 4e-3
	case dtypes.BFloat16:
		return 3e-2
	}
	return 2e-5
}
