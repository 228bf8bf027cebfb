package ortbackend

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/backends"
	_ "github.com/gomlx/gomlx/backends/simplego"
	. "github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
)

func TestSmoke(t *testing.T) {
	orttest.Init(t)
	f := func(x, w, b *Node) []*Node {
		h := Add(Einsum("btc,dc->btd", x, w), Reshape(b, 1, 1, 5))
		h = Transpose(Reshape(h, 2, 3, 5, 1), 1, 2)
		s := Softmax(Add(Einsum("bhtd,bhsd->bhts", h, MulScalar(h, .3)), h))
		l := ReduceAllSum(Mul(Square(s), Exp(s)))
		g := Gradient(l, x, w, b)
		return append(g, s, l)
	}
	xs := func(n int) []float32 {
		o := make([]float32, n)
		for i := range o {
			o[i] = float32(math.Sin(float64(i)*1.3 + float64(n)))
		}
		return o
	}
	var want []*tensors.Tensor
	for _, name := range []string{"go", "ort"} {
		bk, err := backends.NewWithConfig(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewExec(bk, f)
		if err != nil {
			t.Fatal(err)
		}
		got := e.MustExec(tensors.FromFlatDataAndDimensions(xs(24), 2, 3, 4), tensors.FromFlatDataAndDimensions(xs(20), 5, 4), xs(5))
		if want == nil {
			want = got
			continue
		}
		for i := range got {
			if !got[i].InDelta(want[i], 1e-5) {
				t.Errorf("%d: %s\nwant %s", i, got[i].GoStr(), want[i].GoStr())
			}
		}
	}
}
