package encoder

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
)

func TestCheck(t *testing.T) {
	orttest.Init(t)
	r, err := Check(context.Background(), tinyPack(t), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := []LevelReport{{Level{Output{"fine", 3}, 2}, 8, 8}, {Level{Output{"coarse", 3}, 4}, 4, 4}}
	if !reflect.DeepEqual(r.Levels, want) || !r.Deterministic || r.Channels != 6 || r.Embedding != 3 ||
		r.Device != "cpu" || r.PerImage <= 0 || r.Rate <= 0 {
		t.Errorf("%+v", r)
	}
}

func TestCheckRefusesDeafNetwork(t *testing.T) {
	orttest.Init(t)
	p := tinyPack(t)
	b := onnx.NewBuilder("deaf", 18)
	x := b.Input("image", onnx.Float32, "N", 3, 16, 16)
	b.Output("fine", b.Op("AveragePool", []string{x}, onnx.Ints("kernel_shape", 2, 2), onnx.Ints("strides", 2, 2)), onnx.Float32, "N", 3, 8, 8)
	nothing := b.Op("Mul", []string{x, onnx.Const(b, []float32{0}, 1)})
	b.Output("coarse", b.Op("AveragePool", []string{nothing}, onnx.Ints("kernel_shape", 4, 4), onnx.Ints("strides", 4, 4)), onnx.Float32, "N", 3, 4, 4)
	b.Output("mean", b.Op("Flatten", []string{b.Op("GlobalAveragePool", []string{x})}), onnx.Float32, "N", 3)
	model, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p.files, p.model = nil, func() ([]byte, error) { return model, nil }
	_, err = Check(context.Background(), p, Options{})
	if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), `output "coarse" is the same for different images`) {
		t.Errorf("deaf network: %v", err)
	}
}
