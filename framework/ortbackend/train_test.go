package ortbackend

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/layers/activations"
)

// model is a loss of a batch and weights.
type model struct {
	weights [][]int // dimensions
	batch   func(step int) []*tensors.Tensor
	loss    func(weights, batch []*Node) *Node
}

// train runs steps of Adam and returns the losses and the last weights.
func train(b backends.Backend, m model, steps int) (losses []float64, weights []*tensors.Tensor, err error) {
	n := len(m.weights)
	e, err := NewExec(b, func(xs []*Node) []*Node {
		w, first, second, count, batch := xs[:n], xs[n:2*n], xs[2*n:3*n], xs[3*n], xs[3*n+1:]
		loss := m.loss(w, batch)
		g := loss.Graph()
		decay := func(rate float64) *Node { return OneMinus(Pow(Scalar(g, dtypes.Float32, rate), count)) }
		var next [3][]*Node
		for i, d := range Gradient(loss, w...) {
			u := Add(MulScalar(first[i], 0.9), MulScalar(d, 0.1))
			v := Add(MulScalar(second[i], 0.999), MulScalar(Square(d), 0.001))
			step := Div(Div(u, decay(0.9)), AddScalar(Sqrt(Div(v, decay(0.999))), 1e-3))
			next[0] = append(next[0], Sub(w[i], MulScalar(step, 3e-3)))
			next[1], next[2] = append(next[1], u), append(next[2], v)
		}
		return append(slices.Concat(next[:]...), AddScalar(count, 1), loss)
	})
	if err != nil {
		return nil, nil, err
	}
	defer e.Finalize()
	var state []*tensors.Tensor
	r := newRand(400)
	for i := range 3 {
		for _, dims := range m.weights {
			x := random(r, shapes.Make(dtypes.Float32, dims...), false)
			factor := 0. // for Adam's moments
			if i == 0 {
				factor = 1 / math.Sqrt(float64(x.Size()/dims[len(dims)-1]))
			}
			tensors.MustMutableFlatData(x, func(flat []float32) {
				for j := range flat {
					flat[j] *= float32(factor)
				}
			})
			state = append(state, x)
		}
	}
	state = append(state, tensors.FromValue(float32(1)))
	for step := range steps {
		var args []any
		for _, x := range state {
			given, err := DonateTensorBuffer(x, b, 0)
			if err != nil {
				return nil, nil, err
			}
			args = append(args, given)
		}
		for _, x := range m.batch(step) {
			args = append(args, x)
		}
		out, err := e.Exec(args...)
		if err != nil {
			return nil, nil, err
		}
		losses = append(losses, elementsOf(out[len(out)-1])[0].(float64))
		state = out[:len(out)-1]
	}
	return losses, state[:n], nil
}

// sameTrajectory fails unless both backends learn the same in the same way.
func sameTrajectory(t *testing.T, m model) {
	t.Helper()
	s := newSpy(t, "cpu")
	ref, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	const steps = 20
	want, wantWeights, err := train(ref, m, steps)
	if err != nil {
		t.Fatalf("on go: %v", err)
	}
	got, gotWeights, err := train(s, m, steps)
	if err != nil {
		t.Fatalf("on ort: %v", err)
	}
	for i := range want {
		if math.IsNaN(got[i]) || math.Abs(got[i]-want[i]) > 1e-4*math.Abs(want[i]) {
			t.Fatalf("loss %d is %v, not %v", i, got[i], want[i])
		}
	}
	if !(want[steps-1] < want[0]) {
		t.Errorf("nothing is learned: %v", want)
	}
	for i := range wantWeights {
		// Weights whose gradient is almost zero move by rounding errors, which Adam magnifies.
		if diff := difference(gotWeights[i], wantWeights[i], 1e-3, 1); diff != "" {
			t.Errorf("weights %d: %s", i, diff)
		}
	}
}

// crossEntropy is the mean over rows of -log softmax(logits)[label].
func crossEntropy(logits, labels *Node) *Node {
	classes := logits.Shape().Dimensions[logits.Rank()-1]
	return Neg(ReduceAllMean(ReduceSum(Mul(LogSoftmax(logits), OneHot(labels, classes, logits.DType())), -1)))
}

func labels(stream uint64, classes int, dims ...int) *tensors.Tensor {
	r, x := newRand(stream), tensors.FromShape(shapes.Make(dtypes.Int32, dims...))
	tensors.MustMutableFlatData(x, func(flat []int32) {
		for i := range flat {
			flat[i] = int32(r.IntN(classes))
		}
	})
	return x
}

func layerNorm(x, scale, offset *Node) *Node {
	y := norms["divided"](x)
	return Add(Mul(y, ExpandLeftToRank(scale, y.Rank())), ExpandLeftToRank(offset, y.Rank()))
}

// dense is x·w, with a bias.
func dense(x, w, b *Node) *Node {
	y := DotGeneral(x, []int{x.Rank() - 1}, nil, w, []int{0}, nil)
	return Add(y, ExpandLeftToRank(b, y.Rank()))
}

// block is a layer of a transformer: attention with causal mask and dropout, and a
// perceptron, each with normalisation before and the input added after.
func block(x *Node, w []*Node, heads int, dropout *Node) *Node {
	b, n, d := x.Shape().Dimensions[0], x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	split := func(y *Node) *Node { return Transpose(Reshape(y, b, n, heads, d/heads), 1, 2) }
	h := layerNorm(x, w[0], w[1])
	part := func(i int) *Node { return split(dense(h, w[10+2*i], w[11+2*i])) }
	mask := MulScalar(OneMinus(ConvertDType(LowerTriangular(x.Graph(), n), x.DType())), -1e9)
	y := attention(part(0), part(1), part(2), Reshape(mask, 1, 1, n, n), dropout)
	x = Add(x, dense(Reshape(Transpose(y, 1, 2), b, n, d), w[2], w[3]))
	h = layerNorm(x, w[4], w[5])
	return Add(x, dense(activations.Gelu(dense(h, w[6], w[7])), w[8], w[9]))
}

func blockWeights(d int) [][]int {
	return [][]int{{d}, {d}, {d, d}, {d}, {d}, {d}, {d, 4 * d}, {4 * d}, {4 * d, d}, {d}, {d, d}, {d}, {d, d}, {d}, {d, d}, {d}}
}

func TestTrainTransformer(t *testing.T) {
	const batch, n, d, heads, words = 2, 6, 8, 2, 11
	weights := append([][]int{{words, d}, {n, d}}, blockWeights(d)...)
	sameTrajectory(t, model{
		weights: append(weights, blockWeights(d)...),
		batch: func(step int) []*tensors.Tensor {
			drop := []*tensors.Tensor{}
			for i := range uint64(2) {
				drop = append(drop, random(newRand(500+2*uint64(step)+i), shapes.Make(dtypes.Bool, batch, heads, n, n), false))
			}
			return append(drop, labels(600+uint64(step%3), words, batch, n), labels(610+uint64(step%3), words, batch, n))
		},
		loss: func(w, in []*Node) *Node {
			x := Add(Einsum("btv,vd->btd", OneHot(in[2], words, dtypes.Float32), w[0]), Reshape(w[1], 1, n, d))
			k := len(blockWeights(d))
			for i := range 2 {
				x = block(x, w[2+i*k:2+(i+1)*k], heads, MulScalar(ConvertDType(in[i], dtypes.Float32), 2))
			}
			return crossEntropy(Einsum("btd,vd->btv", x, w[0]), in[3])
		},
	})
}

// convolve applies kernels of 3x3 pixels. GoMLX's backend in Go does not have the
// gradient of Convolve; there neighbours are gathered by products with matrices
// that move rows and columns.
func convolve(x, kernel *Node) *Node {
	if x.Graph().Backend().Name() == Name {
		return Convolve(x, kernel).PadSame().Done()
	}
	n := x.Shape().Dimensions[1]
	flat := make([]float32, 3*n*n)
	for k := range 3 {
		for to := range n {
			if from := to + k - 1; from >= 0 && from < n {
				flat[(k*n+to)*n+from] = 1
			}
		}
	}
	move := Const(x.Graph(), tensors.FromFlatDataAndDimensions(flat, 3, n, n))
	rows := Einsum("koi,bijc->bkojc", move, x)
	return Einsum("bkolpc,klcf->bopf", Einsum("lpj,bkojc->bkolpc", move, rows), kernel)
}

// halve takes maxima of 2x2 pixels. GoMLX's backend in Go does not have the gradient
// of MaxPool; no two pixels but zeros, which have no gradient, are equal here.
func halve(x *Node) *Node {
	if x.Graph().Backend().Name() == Name {
		return MaxPool(x).Window(2).Done()
	}
	d := x.Shape().Dimensions
	return ReduceMax(Reshape(x, d[0], d[1]/2, 2, d[2]/2, 2, d[3]), 2, 4)
}

func TestTrainCNN(t *testing.T) {
	sameTrajectory(t, model{
		weights: [][]int{{3, 3, 2, 4}, {4}, {3, 3, 4, 6}, {6}, {24, 5}, {5}},
		batch: func(step int) []*tensors.Tensor {
			x := random(newRand(700+uint64(step%3)), shapes.Make(dtypes.Float32, 3, 8, 8, 2), false)
			return []*tensors.Tensor{x, labels(710+uint64(step%3), 5, 3)}
		},
		loss: func(w, in []*Node) *Node {
			x := in[0]
			for i := range 2 {
				x = convolve(x, w[2*i])
				x = activations.Relu(Add(x, Reshape(w[2*i+1], 1, 1, 1, -1)))
				x = halve(x)
			}
			return crossEntropy(dense(Reshape(x, 3, 24), w[4], w[5]), in[1])
		},
	})
}
