package ortbackend

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// The oracles of these tests are Go's operators and package math, element by
// element, and XLA's rules for what those leave open. (GoMLX's backend in Go stops
// the process at divisions by zero and empty tensors.)

var (
	floatTypes  = []dtypes.DType{dtypes.Float32, dtypes.Float64, dtypes.Float16, dtypes.BFloat16}
	signedTypes = []dtypes.DType{dtypes.Int8, dtypes.Int16, dtypes.Int32, dtypes.Int64}
	intTypes    = append([]dtypes.DType{dtypes.Uint8, dtypes.Uint16, dtypes.Uint32, dtypes.Uint64}, signedTypes...)
	numberTypes = slices.Concat(floatTypes, intTypes)
	allTypes    = append(slices.Clone(numberTypes), dtypes.Bool)
	boolType    = []dtypes.DType{dtypes.Bool}
)

// The functions of the two tables take and give float64, or int64 for integers and
// booleans, which is cut to the element type.
var unaryTests = []struct {
	name  string
	f     func(x *Node) *Node
	types []dtypes.DType
	float func(x float64) any
	int   func(x int64, t dtypes.DType) int64
}{
	{"Abs", Abs, numberTypes, float1(math.Abs), func(x int64, t dtypes.DType) int64 {
		if x < 0 && !t.IsUnsigned() {
			return -x
		}
		return x
	}},
	{"Ceil", Ceil, floatTypes, float1(math.Ceil), nil},
	{"Cos", Cos, floatTypes, float1(math.Cos), nil},
	{"Erf", Erf, floatTypes, float1(math.Erf), nil},
	{"Exp", Exp, floatTypes, float1(math.Exp), nil},
	{"Expm1", Expm1, floatTypes, float1(math.Expm1), nil},
	{"Floor", Floor, floatTypes, float1(math.Floor), nil},
	{"IsFinite", IsFinite, floatTypes, func(x float64) any { return int64(bit(x-x == 0)) }, nil},
	{"IsNaN", IsNaN, floatTypes, func(x float64) any { return int64(bit(x != x)) }, nil},
	{"Log", Log, floatTypes, float1(math.Log), nil},
	{"Log1p", Log1P, floatTypes, float1(math.Log1p), nil},
	{"LogicalNot", LogicalNot, boolType, nil, func(x int64, _ dtypes.DType) int64 { return 1 - x }},
	{"Logistic", Sigmoid, floatTypes, float1(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }), nil},
	{"Neg", Neg, append(floatTypes, signedTypes...), float1(func(x float64) float64 { return -x }), func(x int64, _ dtypes.DType) int64 { return -x }},
	{"Round", Round, floatTypes, float1(math.RoundToEven), nil},
	{"Rsqrt", Rsqrt, floatTypes, float1(func(x float64) float64 { return 1 / math.Sqrt(x) }), nil},
	{"Sign", Sign, numberTypes, float1(func(x float64) float64 {
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	}), func(x int64, t dtypes.DType) int64 {
		if t.IsUnsigned() {
			return int64(bit(x != 0))
		}
		return int64(cmp.Compare(x, 0))
	}},
	{"Sin", Sin, floatTypes, float1(math.Sin), nil},
	{"Sqrt", Sqrt, floatTypes, float1(math.Sqrt), nil},
	{"Tanh", Tanh, floatTypes, float1(math.Tanh), nil},
}

func float1(f func(x float64) float64) func(x float64) any {
	return func(x float64) any { return f(x) }
}

var binaryTests = []struct {
	name  string
	f     func(x, y *Node) *Node
	types []dtypes.DType
	float func(x, y float64) any
	int   func(x, y int64, t dtypes.DType) int64
}{
	{"Add", Add, numberTypes, float2(func(x, y float64) float64 { return x + y }), func(x, y int64, _ dtypes.DType) int64 { return x + y }},
	{"Sub", Sub, numberTypes, float2(func(x, y float64) float64 { return x - y }), func(x, y int64, _ dtypes.DType) int64 { return x - y }},
	{"Mul", Mul, numberTypes, float2(func(x, y float64) float64 { return x * y }), func(x, y int64, _ dtypes.DType) int64 { return x * y }},
	{"Div", Div, numberTypes, float2(func(x, y float64) float64 { return x / y }), func(x, y int64, t dtypes.DType) int64 {
		switch {
		case y == 0:
			return -1
		case t.IsUnsigned():
			return int64(uint64(x) / uint64(y))
		}
		return x / y
	}},
	{"Rem", Mod, numberTypes, float2(math.Mod), func(x, y int64, t dtypes.DType) int64 {
		switch {
		case y == 0:
			return x
		case t.IsUnsigned():
			return int64(uint64(x) % uint64(y))
		}
		return x % y
	}},
	{"Max", Max, numberTypes, float2(func(x, y float64) float64 { return max(x, y) }), func(x, y int64, t dtypes.DType) int64 {
		if less(x, y, t) {
			return y
		}
		return x
	}},
	{"Min", Min, numberTypes, float2(func(x, y float64) float64 { return min(x, y) }), func(x, y int64, t dtypes.DType) int64 {
		if less(x, y, t) {
			return x
		}
		return y
	}},
	{"LogicalAnd", LogicalAnd, boolType, nil, func(x, y int64, _ dtypes.DType) int64 { return x & y }},
	{"LogicalOr", LogicalOr, boolType, nil, func(x, y int64, _ dtypes.DType) int64 { return x | y }},
	{"LogicalXor", LogicalXor, boolType, nil, func(x, y int64, _ dtypes.DType) int64 { return x ^ y }},
	{"Equal", Equal, allTypes, comparing(func(x, y float64) bool { return x == y }), func(x, y int64, _ dtypes.DType) int64 { return int64(bit(x == y)) }},
	{"NotEqual", NotEqual, allTypes, comparing(func(x, y float64) bool { return x != y }), func(x, y int64, _ dtypes.DType) int64 { return int64(bit(x != y)) }},
	{"GreaterOrEqual", GreaterOrEqual, numberTypes, comparing(func(x, y float64) bool { return x >= y }),
		func(x, y int64, t dtypes.DType) int64 { return int64(bit(!less(x, y, t))) }},
	{"GreaterThan", GreaterThan, numberTypes, comparing(func(x, y float64) bool { return x > y }),
		func(x, y int64, t dtypes.DType) int64 { return int64(bit(less(y, x, t))) }},
	{"LessOrEqual", LessOrEqual, numberTypes, comparing(func(x, y float64) bool { return x <= y }),
		func(x, y int64, t dtypes.DType) int64 { return int64(bit(!less(y, x, t))) }},
	{"LessThan", LessThan, numberTypes, comparing(func(x, y float64) bool { return x < y }),
		func(x, y int64, t dtypes.DType) int64 { return int64(bit(less(x, y, t))) }},
}

func float2(f func(x, y float64) float64) func(x, y float64) any {
	return func(x, y float64) any { return f(x, y) }
}

func comparing(f func(x, y float64) bool) func(x, y float64) any {
	return func(x, y float64) any { return int64(bit(f(x, y))) }
}

func less(x, y int64, t dtypes.DType) bool {
	if t.IsUnsigned() {
		return uint64(x) < uint64(y)
	}
	return x < y
}

// cut is x as an element of the type.
func cut(x int64, t dtypes.DType) int64 {
	switch t {
	case dtypes.Int8:
		return int64(int8(x))
	case dtypes.Int16:
		return int64(int16(x))
	case dtypes.Int32:
		return int64(int32(x))
	case dtypes.Uint8:
		return int64(uint8(x))
	case dtypes.Uint16:
		return int64(uint16(x))
	case dtypes.Uint32:
		return int64(uint32(x))
	}
	return x
}

// rounded is x as an element of the type, as far as overflow is concerned.
func rounded(x any, t dtypes.DType) any {
	v, ok := x.(float64)
	if limit := map[dtypes.DType]float64{dtypes.Float16: 65520, dtypes.Float32: math.MaxFloat32, dtypes.BFloat16: math.MaxFloat32}[t]; ok && limit > 0 && math.Abs(v) >= limit {
		return math.Inf(int(math.Copysign(1, v)))
	}
	return x
}

// broadcastIndex is the index of an operand's element for an element of the result.
func broadcastIndex(i int, result, operand []int) int {
	if len(operand) == 0 {
		return 0
	}
	at, step := 0, 1
	for axis := len(result) - 1; axis >= 0; axis-- {
		if operand[axis] != 1 {
			at += i % result[axis] * step
		}
		step *= operand[axis]
		i /= result[axis]
	}
	return at
}

// the smallest magnitude that matters, and the relative error of one operation
var precision = map[dtypes.DType][2]float64{
	dtypes.Float32: {1e-7, 3e-6}, dtypes.Float64: {1e-15, 1e-13}, dtypes.Float16: {1e-4, 1.2e-3}, dtypes.BFloat16: {1e-4, 9e-3},
}

// notSupported lists what is an error that says so.
var notSupported = []string{
	"Erf Float64",
}

// checkElements compares a program's first result with elements that are the
// rounded results of single operations.
func checkElements(t *testing.T, s *spy, name string, dtype dtypes.DType, f program, in []*tensors.Tensor, want []any) {
	t.Helper()
	scale := precision[dtype][0]
	if name == "Cos" || name == "Sin" || name == "Logistic" { // whose kernels are exact to a fraction of 1
		scale = 0.1
	}
	check(t, s, name, dtype, f, in, want, scale)
}

func check(t *testing.T, s *spy, name string, dtype dtypes.DType, f program, in []*tensors.Tensor, want []any, scale float64) {
	t.Helper()
	got, err := evaluate(s, f, in)
	if id := name + " " + dtype.String(); err != nil && slices.Contains(notSupported, id) && strings.Contains(err.Error(), "not supported") {
		return
	}
	if err != nil {
		t.Errorf("%s %s: %v", name, dtype, err)
		return
	}
	if got := elementsOf(got[0]); len(got) != len(want) {
		t.Errorf("%s %s: %d elements, not %d", name, dtype, len(got), len(want))
	} else if diff := differ(got, want, precision[dtype][1], scale); diff != "" {
		t.Errorf("%s %s: %s\n%v", name, dtype, diff, in)
	}
}

func TestUnary(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(1)
	for _, c := range unaryTests {
		for _, dtype := range c.types {
			for range 2 {
				x := random(r, shapes.Make(dtype, randomDims(r, r.IntN(6), true)...), true)
				want := elementsOf(x)
				for i, e := range want {
					if dtype.IsFloat() {
						want[i] = rounded(c.float(e.(float64)), dtype)
					} else {
						want[i] = cut(c.int(e.(int64), dtype), dtype)
					}
				}
				checkElements(t, s, c.name, dtype, func(xs []*Node) []*Node { return []*Node{c.f(xs[0])} }, []*tensors.Tensor{x}, want)
			}
		}
	}
}

func TestBinary(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(2)
	for _, c := range binaryTests {
		for _, dtype := range c.types {
			for i := range 6 {
				dims := randomDims(r, r.IntN(6), true)
				if i == 0 {
					dims = []int{1, 4, 50}
				}
				left, right := dims, narrowed(r, dims)
				if r.IntN(2) == 0 {
					left, right = right, left
				}
				in := []*tensors.Tensor{random(r, shapes.Make(dtype, left...), true), random(r, shapes.Make(dtype, right...), true)}
				x, y := elementsOf(in[0]), elementsOf(in[1])
				var want []any
				for i := range shapes.Make(dtype, dims...).Size() {
					a, b := x[broadcastIndex(i, dims, left)], y[broadcastIndex(i, dims, right)]
					if dtype.IsFloat() {
						want = append(want, rounded(c.float(a.(float64), b.(float64)), dtype))
					} else {
						want = append(want, cut(c.int(a.(int64), b.(int64), dtype), dtype))
					}
				}
				checkElements(t, s, c.name, dtype, func(xs []*Node) []*Node { return []*Node{c.f(xs[0], xs[1])} }, in, want)
			}
		}
	}
}

// Powers of integers are for small exponents from 0 on, for which alone they are
// defined.
func TestPow(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(4)
	for _, dtype := range numberTypes {
		x := random(r, shapes.Make(dtype, 5, 40), dtype.IsFloat())
		y := random(r, shapes.Make(dtype, 5, 40), dtype.IsFloat())
		if !dtype.IsFloat() {
			bytes := []byte{}
			for range 200 {
				bytes = append(bytes, element(dtype, float64(r.IntN(4)))...)
			}
			if err := y.MutableBytes(func(data []byte) { copy(data, bytes) }); err != nil {
				t.Fatal(err)
			}
		}
		a, b := elementsOf(x), elementsOf(y)
		var want []any
		for i := range a {
			if dtype.IsFloat() {
				want = append(want, rounded(math.Pow(a[i].(float64), b[i].(float64)), dtype))
				continue
			}
			p := int64(1)
			for range b[i].(int64) {
				p *= a[i].(int64)
			}
			want = append(want, cut(p, dtype))
		}
		checkElements(t, s, "Pow", dtype, func(xs []*Node) []*Node { return []*Node{Pow(xs[0], xs[1])} }, []*tensors.Tensor{x, y}, want)
	}
}

func TestConvert(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(3)
	for _, from := range allTypes {
		for _, to := range allTypes {
			x := random(r, shapes.Make(from, 3, 9), false)
			want := elementsOf(x)
			for i, e := range want {
				v, float := e.(float64)
				if !float {
					v = float64(e.(int64))
				}
				switch {
				case to == dtypes.Bool:
					want[i] = int64(bit(v != 0))
				case to.IsFloat():
					want[i] = v
				case to.IsUnsigned() && v < 0 && float:
					want[i] = nil // not defined
				default:
					want[i] = cut(int64(v), to)
				}
			}
			t.Run(fmt.Sprint(from, " to ", to), func(t *testing.T) {
				checkElements(t, s, "Convert", to, func(xs []*Node) []*Node { return []*Node{ConvertDType(xs[0], to)} }, []*tensors.Tensor{x}, want)
			})
		}
	}
}

func TestWhere(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(5)
	for _, dtype := range allTypes {
		for range 8 {
			dims := randomDims(r, r.IntN(6), true)
			three := [3][]int{dims, dims, dims}
			switch r.IntN(4) { // scalars may stand for any of them
			case 0:
				three[0] = nil
			case 1:
				three[1] = nil
			case 2:
				three[2] = nil
			}
			in := []*tensors.Tensor{random(r, shapes.Make(dtypes.Bool, three[0]...), false)}
			in = append(in, random(r, shapes.Make(dtype, three[1]...), true), random(r, shapes.Make(dtype, three[2]...), true))
			c, x, y := elementsOf(in[0]), elementsOf(in[1]), elementsOf(in[2])
			var want []any
			for i := range shapes.Make(dtype, dims...).Size() {
				if c[broadcastIndex(i, dims, three[0])] == int64(1) {
					want = append(want, x[broadcastIndex(i, dims, three[1])])
				} else {
					want = append(want, y[broadcastIndex(i, dims, three[2])])
				}
			}
			checkElements(t, s, "Where", dtype, func(xs []*Node) []*Node { return []*Node{Where(xs[0], xs[1], xs[2])} }, in, want)
		}
	}
}

func TestClamp(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(6)
	for _, dtype := range numberTypes {
		in := []*tensors.Tensor{random(r, shapes.Make(dtype, 4, 7), false)}
		want := elementsOf(in[0])
		for i, e := range want {
			if v, ok := e.(float64); ok {
				want[i] = min(max(v, 1), 3)
			} else {
				want[i] = min(max(e.(int64), 1), 3)
			}
		}
		checkElements(t, s, "Clip", dtype, func(xs []*Node) []*Node {
			return []*Node{Clip(xs[0], Scalar(xs[0].Graph(), dtype, 1), Scalar(xs[0].Graph(), dtype, 3))}
		}, in, want)
	}
}
