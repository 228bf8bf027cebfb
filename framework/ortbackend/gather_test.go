package ortbackend

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// form is the arguments of a gather, or of the scatter that has the same windows.
type form struct {
	dims, sizes, batch          []int
	collapsed, offset, startMap []int
	vectorAxis                  int
	indices                     []int // dimensions
	result                      []int // of a gather: the batch's axes and the offsets
}

func randomForm(r *rand.Rand) form {
	f := form{dims: randomDims(r, 1+r.IntN(4), false), batch: randomDims(r, r.IntN(3), true)}
	for i, d := range f.dims {
		size := 1
		switch r.IntN(3) {
		case 0:
			size = d
		case 1:
			size += r.IntN(d)
		}
		if size == 1 && r.IntN(2) == 0 {
			f.collapsed = append(f.collapsed, i)
		} else if r.IntN(20) == 0 {
			size = 0
		}
		f.sizes = append(f.sizes, size)
	}
	rank := len(f.dims)
	f.startMap = r.Perm(rank)[:r.IntN(rank+1)]
	f.vectorAxis = r.IntN(len(f.batch) + 1)
	f.indices = slices.Insert(slices.Clone(f.batch), f.vectorAxis, len(f.startMap))
	kept := free(rank, f.collapsed, nil)
	f.offset = r.Perm(len(f.batch) + len(kept))[:len(kept)]
	slices.Sort(f.offset)
	batch, next := slices.Clone(f.batch), 0
	for i := range len(f.batch) + len(kept) {
		if slices.Contains(f.offset, i) {
			f.result = append(f.result, f.sizes[kept[next]])
			next++
		} else {
			f.result, batch = append(f.result, batch[0]), batch[1:]
		}
	}
	return f
}

// from is where in the operand an element of the result is, the window moved
// to where it fits; fits says whether it did before.
func (f form) from(at []int, indices *tensors.Tensor) (pos []int, fits bool) {
	pos, fits = make([]int, len(f.dims)), true
	kept := free(len(f.dims), f.collapsed, nil)
	var batch []int
	next := 0
	for i, v := range at {
		if slices.Contains(f.offset, i) {
			pos[kept[next]] = v
			next++
		} else {
			batch = append(batch, v)
		}
	}
	e := elementsOf(indices)
	for k, a := range f.startMap {
		start := e[index(slices.Insert(slices.Clone(batch), f.vectorAxis, k), f.indices)].(int64)
		limit := int64(f.dims[a] - f.sizes[a])
		if start < 0 && indices.DType().IsUnsigned() {
			start = limit + 1 // as much too large
		}
		fits = fits && start >= 0 && start <= limit
		pos[a] += int(min(max(start, 0), limit))
	}
	return pos, fits
}

// randomIndices are mostly small numbers, some out of range.
func randomIndices(r *rand.Rand, t dtypes.DType, dims ...int) *tensors.Tensor {
	return random(r, shapes.Make(t, dims...), r.IntN(2) == 0)
}

func TestGather(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(44)
	for _, dtype := range allTypes {
		for range 30 {
			f := randomForm(r)
			x := random(r, shapes.Make(dtype, f.dims...), true)
			i := randomIndices(r, intTypes[r.IntN(len(intTypes))], f.indices...)
			e, want := elementsOf(x), []any{}
			for j := range shapes.Make(dtype, f.result...).Size() {
				pos, _ := f.from(position(j, f.result), i)
				want = append(want, e[index(pos, f.dims)])
			}
			checkElements(t, s, "Gather", dtype, func(xs []*Node) []*Node {
				y := BackendGather(xs[0], xs[1], f.vectorAxis, f.offset, f.collapsed, f.startMap, f.sizes, false)
				if !slices.Equal(y.Shape().Dimensions, f.result) {
					t.Errorf("%+v: shape %s", f, y.Shape())
				}
				return []*Node{y}
			}, []*tensors.Tensor{x, i}, want)
			if t.Failed() {
				t.Fatalf("%+v", f)
			}
		}
	}
}

// within are indices in [0, n).
func within(r *rand.Rand, n int, dims ...int) *tensors.Tensor {
	x := random(r, shapes.Make(dtypes.Int32, dims...), false)
	x.MustMutableFlatData(func(flat any) {
		for i := range flat.([]int32) {
			flat.([]int32)[i] = int32(r.IntN(n))
		}
	})
	return x
}

// (Where windows are smaller along other axes than the first, GoMLX's backend in Go
// adds a gradient to the wrong elements; TestScatter has those.)
func TestGatherGradient(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(45)
	for _, dtype := range floatTypes[:2] {
		in := []*tensors.Tensor{random(r, shapes.Make(dtype, 4, 3, 2), false), within(r, 4, 5, 3, 1), within(r, 3, 7, 2), within(r, 3, 6, 1)}
		compare(t, s, withGradients(func(xs []*Node) []*Node {
			return []*Node{Gather(xs[0], xs[1]), Gather(xs[0], xs[2]), GatherSlices(xs[0], []int{0}, xs[3], []int{2}, false)}
		}), in, closeTo(dtype))
	}
}

// An index vector of which the axis is left out, and a table of the type of rows
// that unpacks bits.
func TestGatherOfRows(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(46)
	table := random(r, shapes.Make(dtypes.Uint8, 256, 8), true)
	bytes := random(r, shapes.Make(dtypes.Uint8, 3, 50), true)
	e, rows, want := elementsOf(table), elementsOf(bytes), []any{}
	for i := range rows {
		want = append(want, e[8*int(rows[i].(int64)):][:8]...)
	}
	checkElements(t, s, "Gather", dtypes.Uint8, func(xs []*Node) []*Node {
		return []*Node{Gather(Const(xs[0].Graph(), table), ExpandAxes(ConvertDType(xs[0], dtypes.Int32), -1))}
	}, []*tensors.Tensor{bytes}, want)
	for _, n := range reachable(s.outputs) { // the indices cannot be out of range
		switch n.op {
		case backends.OpTypeGather, backends.OpTypeConvertDType, backends.OpTypeReshape, backends.OpTypeParameter, backends.OpTypeConstant:
		default:
			t.Errorf("there is more than a gather:\n%s", dump(s.outputs))
		}
	}
	b := s.Builder("implied").(*spyBuilder)
	x, err := b.Parameter("x", shapes.Make(dtypes.Float32, 5, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	i, err := b.Parameter("i", shapes.Make(dtypes.Int16, 3, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Gather(x, i, 2, []int{2}, []int{0}, []int{0}, []int{1, 2}, false)
	if err != nil || !slices.Equal(y.(*node).dims(), []int{3, 4, 2}) {
		t.Errorf("an implied axis: %v, %v", y, err)
	}
}

func TestDynamicSlice(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(47)
	for _, dtype := range allTypes {
		for range 8 {
			dims := randomDims(r, r.IntN(4), false)
			sizes := make([]int, len(dims))
			for i, d := range dims {
				sizes[i] = 1 + r.IntN(d)
				if r.IntN(12) == 0 {
					sizes[i] = 0
				}
			}
			x, update := random(r, shapes.Make(dtype, dims...), true), random(r, shapes.Make(dtype, sizes...), true)
			in := []*tensors.Tensor{x, update}
			begin := make([]int, len(dims))
			for i := range dims {
				at := randomIndices(r, intTypes[r.IntN(len(intTypes))])
				in = append(in, at)
				v := elementsOf(at)[0].(int64)
				if v < 0 && at.DType().IsUnsigned() {
					v = int64(dims[i])
				}
				begin[i] = int(min(max(v, 0), int64(dims[i]-sizes[i])))
			}
			e, u := elementsOf(x), elementsOf(update)
			want, updated := []any{}, slices.Clone(e)
			for i := range shapes.Make(dtype, sizes...).Size() {
				at := position(i, sizes)
				for j := range at {
					at[j] += begin[j]
				}
				want = append(want, e[index(at, dims)])
				updated[index(at, dims)] = u[i]
			}
			checkElements(t, s, "DynamicSlice", dtype, func(xs []*Node) []*Node {
				return []*Node{DynamicSlice(xs[0], xs[2:], sizes)}
			}, in, want)
			checkElements(t, s, "DynamicUpdateSlice", dtype, func(xs []*Node) []*Node {
				return []*Node{DynamicUpdateSlice(xs[0], xs[1], xs[2:])}
			}, in, updated)
		}
	}
}

// The gradients are those of the slice at fixed places.
func TestDynamicSliceGradient(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(48)
	in := []*tensors.Tensor{randomFloats(r, 5, 4), randomFloats(r, 2, 3), tensors.FromScalar(int32(2))}
	moving, err := evaluate(s, withGradients(func(xs []*Node) []*Node {
		at := []*Node{xs[2], Const(xs[0].Graph(), int32(1))}
		return []*Node{DynamicSlice(xs[0], at, []int{2, 3}), DynamicUpdateSlice(xs[0], xs[1], at)}
	}), in)
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := evaluate(s, withGradients(func(xs []*Node) []*Node {
		x, u := xs[0], xs[1]
		inside := func(y *Node) *Node {
			wide := Concatenate([]*Node{Zeros(x.Graph(), shapes.Make(dtypes.Float32, 2, 1)), y}, 1)
			return Concatenate([]*Node{Zeros(x.Graph(), shapes.Make(dtypes.Float32, 2, 4)), wide, Zeros(x.Graph(), shapes.Make(dtypes.Float32, 1, 4))}, 0)
		}
		return []*Node{Slice(x, AxisRange(2, 4), AxisRange(1, 4)), Add(Mul(x, OneMinus(inside(OnesLike(u)))), inside(u))}
	}), in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fixed {
		if diff := difference(moving[i], fixed[i], 1e-6, 1); diff != "" {
			t.Errorf("result %d: %s", i, diff)
		}
	}
}
