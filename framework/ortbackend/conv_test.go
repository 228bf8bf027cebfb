package ortbackend

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// sliding is a random convolution.
type sliding struct {
	axes                                     backends.ConvolveAxesConfig
	strides, inputDilations, kernelDilations []int
	paddings                                 [][2]int
	channelGroups, batchGroups               int
	input, kernel, output                    []int // dimensions
}

// randomSliding makes a convolution with as many axes of space; a plain one has a
// gradient in GoMLX.
func randomSliding(r *rand.Rand, space int, plain bool) sliding {
	order := func() (int, int, []int) {
		p := r.Perm(space + 2)
		return p[0], p[1], p[2:]
	}
	var c sliding
	a := &c.axes
	a.InputBatch, a.InputChannels, a.InputSpatial = order()
	a.KernelInputChannels, a.KernelOutputChannels, a.KernelSpatial = order()
	a.OutputBatch, a.OutputChannels, a.OutputSpatial = order()
	if plain { // GoMLX's gradient takes them to be the same
		a.OutputBatch, a.OutputChannels, a.OutputSpatial = a.InputBatch, a.InputChannels, a.InputSpatial
	}
	c.input, c.kernel, c.output = make([]int, space+2), make([]int, space+2), make([]int, space+2)
	c.channelGroups, c.batchGroups = 1, 1
	switch r.IntN(4) {
	case 0:
		c.channelGroups = 1 + r.IntN(3)
	case 1:
		if !plain {
			c.batchGroups = 1 + r.IntN(3)
		}
	}
	batch, in, out := 1+r.IntN(2), 1+r.IntN(3), 1+r.IntN(3)
	c.input[a.InputBatch], c.input[a.InputChannels] = batch*c.batchGroups, in*c.channelGroups
	c.kernel[a.KernelInputChannels], c.kernel[a.KernelOutputChannels] = in, out*c.channelGroups*c.batchGroups
	c.output[a.OutputBatch], c.output[a.OutputChannels] = batch, out*c.channelGroups*c.batchGroups
	strided := r.IntN(2) == 0
	for i := range space {
		stride, dilation, between := 1+r.IntN(3), 1+r.IntN(2), 1+max(0, r.IntN(5)-2)
		if plain {
			between = 1
		}
		if strided {
			dilation = 1
		} else {
			stride = 1
		}
		k := 1 + r.IntN(4)
		if plain && dilation == 1 { // GoMLX's gradient by the input is wrong for even sizes
			k |= 1
		}
		span := (k-1)*dilation + 1
		d, low, high := 1+r.IntN(6), r.IntN(span), r.IntN(span)
		if !plain && r.IntN(3) == 0 {
			low, high = r.IntN(7)-2, r.IntN(7)-2
		}
		size := (d-1)*between + 1 + low + high
		if size < span {
			high += span - size
			size = span
		}
		c.strides, c.inputDilations, c.kernelDilations = append(c.strides, stride), append(c.inputDilations, between), append(c.kernelDilations, dilation)
		c.paddings = append(c.paddings, [2]int{low, high})
		c.input[a.InputSpatial[i]], c.kernel[a.KernelSpatial[i]], c.output[a.OutputSpatial[i]] = d, k, (size-span)/stride+1
	}
	if plain {
		c.inputDilations = nil
	}
	return c
}

func (c sliding) program(xs []*Node) []*Node {
	return []*Node{ConvGeneral(xs[0], xs[1], c.axes, c.strides, c.paddings, c.inputDilations, c.kernelDilations, c.channelGroups, c.batchGroups)}
}

// each calls f for every product that the convolution's definition sums, with the
// indices of the result, the input and the kernel.
func (c sliding) each(f func(o, x, k int)) {
	a := c.axes
	taps := pick(c.kernel, a.KernelSpatial)
	perGroup := c.kernel[a.KernelOutputChannels] / (c.channelGroups * c.batchGroups)
	for i := range elements(c.output) {
		at := position(i, c.output)
		o := at[a.OutputChannels]
		from, with := make([]int, len(at)), make([]int, len(at))
		with[a.KernelOutputChannels] = o
		from[a.InputBatch] = at[a.OutputBatch]
		first := 0
		if c.batchGroups > 1 {
			from[a.InputBatch] += o / perGroup * c.output[a.OutputBatch]
		} else {
			first = o / perGroup * c.kernel[a.KernelInputChannels]
		}
		for j := range elements(taps) {
			inside := true
			for s, tap := range position(j, taps) {
				with[a.KernelSpatial[s]] = tap
				p := backends.PadAxis{Start: c.paddings[s][0]}
				if c.inputDilations != nil {
					p.Interior = c.inputDilations[s] - 1
				}
				p0 := source(at[a.OutputSpatial[s]]*c.strides[s]+tap*c.kernelDilations[s], c.input[a.InputSpatial[s]], p)
				from[a.InputSpatial[s]] = p0
				inside = inside && p0 >= 0
			}
			for ch := 0; inside && ch < c.kernel[a.KernelInputChannels]; ch++ {
				from[a.InputChannels], with[a.KernelInputChannels] = first+ch, ch
				f(i, index(from, c.input), index(with, c.kernel))
			}
		}
	}
}

// numbersOf is a tensor's elements as float64.
func numbersOf(x *tensors.Tensor) []float64 {
	var out []float64
	for _, e := range elementsOf(x) {
		if i, ok := e.(int64); ok {
			e = float64(i)
		}
		out = append(out, e.(float64))
	}
	return out
}

// anys is numbers as elementsOf has those of the type.
func anys(xs []float64, t dtypes.DType) []any {
	out := []any{}
	for _, x := range xs {
		if t.IsFloat() {
			out = append(out, x)
		} else {
			out = append(out, int64(x))
		}
	}
	return out
}

func TestConvolution(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(22)
	for i := range 400 {
		dtype := []dtypes.DType{dtypes.Float32, dtypes.Float32, dtypes.Float64, dtypes.Float16, dtypes.BFloat16, dtypes.Int32}[i%6]
		c := randomSliding(r, 1+r.IntN(3), false)
		x, k := random(r, shapes.Make(dtype, c.input...), false), random(r, shapes.Make(dtype, c.kernel...), false)
		got, err := evaluate(s, c.program, []*tensors.Tensor{x, k})
		if err != nil {
			t.Fatalf("%s %+v: %v", dtype, c, err)
		}
		if !slices.Equal(got[0].Shape().Dimensions, c.output) {
			t.Fatalf("%+v: %s", c, got[0].Shape())
		}
		xs, ks, want := numbersOf(x), numbersOf(k), make([]float64, elements(c.output))
		c.each(func(o, x, k int) { want[o] += xs[x] * ks[k] })
		if diff := differ(elementsOf(got[0]), anys(want, dtype), closeTo(dtype), magnitude(got[0])); diff != "" {
			t.Fatalf("%s %+v: %s\n%s", dtype, c, diff, dump(s.outputs))
		}
	}
}

// weightsOf is what withGradients multiplies a program's first result with.
func weightsOf(t dtypes.DType, dims []int) []float64 {
	return numbersOf(random(rand.New(rand.NewPCG(0, 77)), shapes.Make(t, dims...), false))
}

func TestConvolutionGradients(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(23)
	tested := 0
	for i := range 150 {
		dtype := []dtypes.DType{dtypes.Float32, dtypes.Float64}[i%2]
		c := randomSliding(r, 1+r.IntN(3), true)
		in := []*tensors.Tensor{random(r, shapes.Make(dtype, c.input...), false), random(r, shapes.Make(dtype, c.kernel...), false)}
		got, err := evaluate(s, withGradients(c.program), in)
		if err != nil { // GoMLX has no gradient of some convolutions
			if !strings.Contains(err.Error(), "failed to set up") {
				t.Fatalf("%+v: %v", c, err)
			}
			continue
		}
		tested++
		xs, ks, ws := numbersOf(in[0]), numbersOf(in[1]), weightsOf(dtype, c.output)
		want := [3][]float64{make([]float64, len(ws)), make([]float64, len(xs)), make([]float64, len(ks))}
		c.each(func(o, x, k int) {
			want[0][o] += xs[x] * ks[k]
			want[1][x] += ws[o] * ks[k]
			want[2][k] += ws[o] * xs[x]
		})
		for i := range want {
			if diff := differ(elementsOf(got[i]), anys(want[i], dtype), closeTo(dtype), magnitude(got[i])); diff != "" {
				t.Fatalf("%+v: result %d: %s\n%s", c, i, diff, dump(s.outputs))
			}
		}
	}
	if tested < 100 {
		t.Errorf("only %d convolutions had a gradient", tested)
	}
}

// checkSlopes compares the gradient by the first operand with differences.
func checkSlopes(t *testing.T, s *spy, f program, in []*tensors.Tensor) {
	t.Helper()
	e, err := NewExec(s, func(xs []*Node) []*Node {
		loss := ReduceAllSum(Sin(f(xs)[0]))
		return []*Node{loss, Gradient(loss, xs[0])[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Finalize()
	run := func(x *tensors.Tensor) []*tensors.Tensor {
		args := []any{x}
		for _, y := range in[1:] {
			copied, err := y.LocalClone()
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, copied)
		}
		return e.MustExec(args...)
	}
	const h = 1e-5
	gradient := elementsOf(run(in[0])[1])
	for i := range gradient {
		var loss [2]float64
		for side, step := range []float64{-h, h} {
			moved, err := in[0].LocalClone()
			if err != nil {
				t.Fatal(err)
			}
			if err := tensors.MutableFlatData(moved, func(flat []float64) { flat[i] += step }); err != nil {
				t.Fatal(err)
			}
			loss[side] = elementsOf(run(moved)[0])[0].(float64)
		}
		if slope := (loss[1] - loss[0]) / (2 * h); math.Abs(slope-gradient[i].(float64)) > 1e-6*(1+math.Abs(slope)) {
			t.Errorf("element %d: the gradient is %v, the slope %v", i, gradient[i], slope)
		}
	}
}

func TestConvolutionSlopes(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(24)
	image, kernel := shapes.Make(dtypes.Float64, 2, 5, 4, 2), shapes.Make(dtypes.Float64, 3, 3, 2, 3)
	in := []*tensors.Tensor{random(r, image, false), random(r, kernel, false)}
	checkSlopes(t, s, func(xs []*Node) []*Node { return []*Node{Convolve(xs[0], xs[1]).Strides(2).PadSame().Done()} }, in)
	in[0], in[1] = in[1], in[0]
	checkSlopes(t, s, func(xs []*Node) []*Node { return []*Node{Convolve(xs[1], xs[0]).PadSame().Done()} }, in)
}

// TestConvolutionOfNothing: sums of nothing are zero.
func TestConvolutionOfNothing(t *testing.T) {
	s := newSpy(t, "cpu")
	for _, dtype := range []dtypes.DType{dtypes.Float32, dtypes.Float64} {
		for _, c := range []struct {
			image, kernel, out []int
			pad                int
		}{
			{[]int{0, 4, 2}, []int{3, 2, 5}, []int{0, 2, 5}, 0},
			{[]int{2, 0, 2}, []int{3, 2, 5}, []int{2, 2, 5}, 2},
			{[]int{2, 4, 0}, []int{3, 0, 5}, []int{2, 2, 5}, 0},
			{[]int{2, 4, 2}, []int{3, 2, 0}, []int{2, 2, 0}, 0},
		} {
			in := []*tensors.Tensor{random(newRand(26), shapes.Make(dtype, c.image...), false), random(newRand(27), shapes.Make(dtype, c.kernel...), false)}
			f := func(xs []*Node) []*Node {
				return []*Node{Convolve(xs[0], xs[1]).PaddingPerDim([][2]int{{c.pad, c.pad}}).Done()}
			}
			got, err := evaluate(s, f, in)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got[0].Shape().Dimensions, c.out) {
				t.Errorf("%v with %v is %v", c.image, c.kernel, got[0].Shape())
			}
			if diff := differ(elementsOf(got[0]), anys(make([]float64, elements(c.out)), dtype), 0, 0); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// TestConvolutionErrors: what cannot be computed is named.
func TestConvolutionErrors(t *testing.T) {
	s := newSpy(t, "cpu")
	r := newRand(25)
	in := []*tensors.Tensor{random(r, shapes.Make(dtypes.Float64, 1, 80, 80, 1), false), random(r, shapes.Make(dtypes.Float64, 40, 40, 1, 1), false)}
	_, err := evaluate(s, func(xs []*Node) []*Node { return []*Node{Convolve(xs[0], xs[1]).Done()} }, in)
	if err == nil || !strings.Contains(err.Error(), "ConvGeneral for Float64") {
		t.Errorf("%v", err)
	}
}
