package ortbackend

import (
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// own is the bits of x that are the type's.
func own(x int64, t dtypes.DType) uint64 {
	return uint64(x) << (64 - 8*t.Size()) >> (64 - 8*t.Size())
}

var bitsTests = []struct {
	name string
	f    func(x, y *Node) *Node
	want func(x, y int64, t dtypes.DType) int64
}{
	{"BitwiseAnd", BitwiseAnd, func(x, y int64, _ dtypes.DType) int64 { return x & y }},
	{"BitwiseOr", BitwiseOr, func(x, y int64, _ dtypes.DType) int64 { return x | y }},
	{"BitwiseXor", BitwiseXor, func(x, y int64, _ dtypes.DType) int64 { return x ^ y }},
	{"ShiftLeft", BitwiseShiftLeft, func(x, y int64, t dtypes.DType) int64 { return int64(own(x, t) << own(y, t)) }},
	{"ShiftRightLogical", BitwiseShiftRightLogical, func(x, y int64, t dtypes.DType) int64 { return int64(own(x, t) >> own(y, t)) }},
	{"ShiftRightArithmetic", BitwiseShiftRightArithmetic, func(x, y int64, t dtypes.DType) int64 {
		top := 64 - 8*t.Size()
		return x << top >> top >> own(y, t)
	}},
}

func TestBits(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(40)
	for _, dtype := range intTypes {
		for _, c := range bitsTests {
			for range 4 {
				dims := randomDims(r, r.IntN(4), true)
				left, right := dims, narrowed(r, dims)
				if r.IntN(2) == 0 {
					left, right = right, left
				}
				in := []*tensors.Tensor{random(r, shapes.Make(dtype, left...), true), random(r, shapes.Make(dtype, right...), true)}
				x, y := elementsOf(in[0]), elementsOf(in[1])
				var want []any
				for i := range shapes.Make(dtype, dims...).Size() {
					a, b := x[broadcastIndex(i, dims, left)].(int64), y[broadcastIndex(i, dims, right)].(int64)
					want = append(want, cut(c.want(a, b, dtype), dtype))
				}
				checkElements(t, s, c.name, dtype, func(xs []*Node) []*Node { return []*Node{c.f(xs[0], xs[1])} }, in, want)
			}
		}
		for range 2 {
			in := []*tensors.Tensor{random(r, shapes.Make(dtype, randomDims(r, r.IntN(4), true)...), true)}
			x := elementsOf(in[0])
			not, count, zeros := make([]any, len(x)), make([]any, len(x)), make([]any, len(x))
			for i := range x {
				v := own(x[i].(int64), dtype)
				not[i], count[i] = cut(^x[i].(int64), dtype), int64(bits.OnesCount64(v))
				zeros[i] = int64(bits.LeadingZeros64(v) - 64 + 8*dtype.Size())
			}
			checkElements(t, s, "BitwiseNot", dtype, func(xs []*Node) []*Node { return []*Node{BitwiseNot(xs[0])} }, in, not)
			checkElements(t, s, "BitCount", dtype, func(xs []*Node) []*Node { return []*Node{BitCount(xs[0])} }, in, count)
			checkElements(t, s, "Clz", dtype, func(xs []*Node) []*Node { return []*Node{Clz(xs[0])} }, in, zeros)
		}
	}
}

func TestReduceBits(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(41)
	for _, dtype := range intTypes {
		for _, dims := range [][]int{{3, 5, 2}, {1, 7, 1}, {2, 0, 3}, randomDims(r, 3, false)} {
			x := random(r, shapes.Make(dtype, dims...), true)
			kept := []int{dims[0], dims[2]}
			var and, or, xor []any
			for i := range kept[0] * kept[1] {
				at := position(i, kept)
				a, o, e := int64(-1), int64(0), int64(0)
				for j := range dims[1] {
					v := elementsOf(x)[index([]int{at[0], j, at[1]}, dims)].(int64)
					a, o, e = a&v, o|v, e^v
				}
				and, or, xor = append(and, cut(a, dtype)), append(or, cut(o, dtype)), append(xor, cut(e, dtype))
			}
			check := func(name string, f func(x *Node, axes ...int) *Node, want []any) {
				checkElements(t, s, name, dtype, func(xs []*Node) []*Node { return []*Node{f(xs[0], 1)} }, []*tensors.Tensor{x}, want)
			}
			check("ReduceBitwiseAnd", ReduceBitwiseAnd, and)
			check("ReduceBitwiseOr", ReduceBitwiseOr, or)
			check("ReduceBitwiseXor", ReduceBitwiseXor, xor)
		}
	}
}

// memory is the bytes of a tensor, one an element.
func memory(x *tensors.Tensor) []any {
	var out []any
	if x.Shape().Size() > 0 {
		err := x.ConstBytes(func(data []byte) {
			for _, b := range data {
				out = append(out, b)
			}
		})
		if err != nil {
			panic(err)
		}
	}
	return out
}

func TestBitcast(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(42)
	for _, from := range intTypes {
		for _, to := range intTypes {
			dims := randomDims(r, r.IntN(3), true)
			if to.Size() > from.Size() {
				dims = append(dims, to.Size()/from.Size())
			}
			x := random(r, shapes.Make(from, dims...), true)
			got, err := evaluate(s, func(xs []*Node) []*Node { return []*Node{Bitcast(xs[0], to)} }, []*tensors.Tensor{x})
			if err != nil {
				t.Fatalf("%s to %s: %v", from, to, err)
			}
			if a, b := memory(got[0]), memory(x); len(a) != len(b) {
				t.Errorf("%s to %s: %s", x.Shape(), to, got[0].Shape())
			} else if diff := differ(a, b, 0, 0); diff != "" {
				t.Errorf("%s to %s: %s", x.Shape(), to, diff)
			}
		}
	}
	_, err := evaluate(s, func(xs []*Node) []*Node { return []*Node{Bitcast(xs[0], dtypes.Int32)} }, []*tensors.Tensor{randomFloats(r, 3)})
	if err == nil || !strings.Contains(err.Error(), "operation Bitcast from Float32 to Int32") {
		t.Errorf("Bitcast of float32: %v", err)
	}
}

func randomFloats(r *rand.Rand, dims ...int) *tensors.Tensor {
	return random(r, shapes.Make(dtypes.Float32, dims...), false)
}
