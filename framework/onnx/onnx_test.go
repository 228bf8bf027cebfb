package onnx_test

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/internal/golden"
)

// sample uses every feature of the builder.
func sample() *onnx.Builder {
	b := onnx.NewBuilder("sample", 18)
	b.Meta("author", "ltadbench")
	x := b.Input("x", onnx.Float32, "n", 3, 4)
	flat := b.Op("Reshape", []string{x, b.Shape(0, 12)})
	w := onnx.Initializer(b, "w", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12}, 2, 12)
	y := b.Op("Gemm", []string{flat, w}, onnx.Int("transB", 1), onnx.Float("alpha", 0.5))
	half := b.Op("Cast", []string{b.Op("Mul", []string{y, onnx.Const(b, []float32{0.25})})}, onnx.Int("to", int(onnx.Float16)))
	top := b.Ops("TopK", 2, []string{y, b.Shape(1)}, onnx.Int("axis", 1))
	fused := b.Op("com.microsoft.FusedMatMul", []string{y, y}, onnx.Int("transA", 1))
	fill := b.Op("ConstantOfShape", []string{b.Shape(2)}, onnx.Fill(int64(-7)))
	resize := b.Op("Resize", []string{b.Op("Unsqueeze", []string{x, b.Shape(0)}), "", onnx.Const(b, []float32{1, 1, 2, 2}, 4)},
		onnx.String("mode", "linear"), onnx.String("coordinate_transformation_mode", "align_corners"))
	b.Output("half", half, onnx.Float16, "n", 2)
	b.Output("top", top[0], onnx.Float32, "n", 1)
	b.Output("arg", top[1], onnx.Int64, "n", 1)
	b.Output("fused", fused, onnx.Float32, 2, 2)
	b.Output("fill", fill, onnx.Int64, 2)
	b.Output("resize", resize, onnx.Float32, 1, "n", 6, 8)
	b.Output("sum", b.Op("ReduceSum", []string{y}, onnx.Int("keepdims", 0)), onnx.Float32)
	return b
}

// TestBuilder compares the builder's bytes with those that testdata/check.py had
// Python's onnx check and evaluate.
func TestBuilder(t *testing.T) {
	got, err := sample().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !golden.Check(t, "testdata/sample.onnx", got) {
		t.Log("run testdata/check.py, too")
	}
}

func read(t testing.TB, name string) []byte {
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBuilderMistakes(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(b *onnx.Builder)
	}{
		{"no outputs", "no outputs", func(b *onnx.Builder) {}},
		{"unknown value", `no value has the name "z"`, func(b *onnx.Builder) { b.Op("Relu", []string{"z"}) }},
		{"input twice", `two values have the name "x"`, func(b *onnx.Builder) { b.Input("x", onnx.Float32, 1) }},
		{"bad dimension", "a dimension is", func(b *onnx.Builder) { b.Input("y", onnx.Float32, 1.5) }},
		{"negative dimension", "a dimension is", func(b *onnx.Builder) { b.Input("y", onnx.Float32, -1) }},
		{"bad type", "not an element type", func(b *onnx.Builder) { b.Input("y", onnx.DType(8), 1) }},
		{"constant of wrong size", "holds 4 elements, there are 3", func(b *onnx.Builder) { onnx.Const(b, make([]float32, 3), 2, 2) }},
		{"huge constant", "bad shape", func(b *onnx.Builder) { onnx.Const(b, make([]float32, 3), 1<<40, 1<<40) }},
		{"output twice", `two values have the name "y"`, func(b *onnx.Builder) {
			b.Output("y", "x", onnx.Float32, 1)
			b.Output("y", "x", onnx.Float32, 1)
		}},
		{"input as output", `is an input`, func(b *onnx.Builder) { b.Output("x", "x", onnx.Float32, 1) }},
		{"domain after use", "given twice, or after", func(b *onnx.Builder) {
			b.Op("com.microsoft.Gelu", []string{"x"})
			b.Domain("com.microsoft", 2)
		}},
		{"first mistake wins", `no value has the name "first"`, func(b *onnx.Builder) {
			b.Op("Relu", []string{"first"})
			b.Op("Relu", []string{"second"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := onnx.NewBuilder("g", 18)
			b.Input("x", onnx.Float32, 1)
			c.build(b)
			_, err := b.Marshal()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	m, err := onnx.Read(read(t, "sample.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Inputs()[0].String(), "float32 x[n 3 4]"; got != want {
		t.Errorf("input %s, want %s", got, want)
	}
	if got, want := m.Outputs()[0].String(), "float16 half[n 2]"; got != want {
		t.Errorf("output %s, want %s", got, want)
	}
	sum := m.Outputs()[6]
	if dims, ok := sum.Dims(); !ok || len(dims) != 0 || !sum.Ranked {
		t.Errorf("scalar output %v: dims %v %v", sum, dims, ok)
	}
	if want := map[string]int{"": 18, "com.microsoft": 1}; !reflect.DeepEqual(m.Opsets(), want) {
		t.Errorf("opsets %v", m.Opsets())
	}
	if m.Meta()["author"] != "ltadbench" || m.Name() != "sample" {
		t.Errorf("meta %v, name %q", m.Meta(), m.Name())
	}
	if got := m.Initializers()[1].String(); got != "float32 w[2 12]" {
		t.Errorf("initializer %s", got)
	}
	if n := m.Nodes()[1]; n.Op != "Gemm" || len(n.Inputs) != 2 || len(n.Outputs) != 1 {
		t.Errorf("node %+v", n)
	}
}

// TestForeign reads a model that Python's onnx wrote (testdata/check.py), with a
// subgraph, attributes and fields that the subset lacks, an input that an
// initializer provides, and dimensions of all kinds.
func TestForeign(t *testing.T) {
	data := read(t, "foreign.onnx")
	m, err := onnx.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != len(data) {
		t.Errorf("%d bytes became %d: something was lost", len(data), len(again))
	}
	in, out, err := onnx.ReadInterface(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, m.Inputs()) || !reflect.DeepEqual(out, m.Outputs()) {
		t.Errorf("ReadInterface: %v %v, Read: %v %v", in, out, m.Inputs(), m.Outputs())
	}
	want := []onnx.Value{
		{Name: "cond", DType: onnx.Bool, Ranked: true},
		{Name: "x", DType: onnx.Float32, Ranked: true, Shape: []onnx.Dim{{Size: -1, Name: "batch"}, {Size: -1}, {Size: 2}}},
	}
	if !reflect.DeepEqual(in, want) {
		t.Errorf("inputs %v, want %v", in, want)
	}

	for _, name := range []string{"inner", "typed", "y"} {
		if err := m.AddOutput(name); err != nil {
			t.Errorf("add output %s: %v", name, err)
		}
	}
	out = m.Outputs()
	if len(out) != 3 || out[1].Ranked || out[1].DType != onnx.Undefined || out[2].String() != "float32 typed[batch ? 2]" {
		t.Errorf("outputs %v", out)
	}
	for _, name := range []string{"", "w", "nowhere"} {
		if err := m.AddOutput(name); fault.KindOf(err) != fault.Data {
			t.Errorf("add output %q: %v", name, err)
		}
	}
}

func TestReadDamaged(t *testing.T) {
	good := read(t, "sample.onnx")
	for _, data := range [][]byte{nil, []byte("version https://git-lfs.github.com/spec/v1\n"), good[:len(good)/2], bytes.Repeat([]byte{0x3a, 0x7f}, 99)} {
		if _, err := onnx.Read(data); fault.KindOf(err) != fault.Data {
			t.Errorf("%d bytes: %v", len(data), err)
		}
		if _, _, err := onnx.ReadInterface(data); fault.KindOf(err) != fault.Data {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for got, want := range map[onnx.DType]string{
		onnx.TypeOf[float32](): "float32", onnx.TypeOf[onnx.Half](): "float16", onnx.TypeOf[bool](): "bool",
		onnx.TypeOf[int64](): "int64", onnx.TypeOf[uint8](): "uint8", onnx.TypeOf[float64](): "float64",
		onnx.TypeOf[int8](): "int8", onnx.TypeOf[uint16](): "uint16", onnx.TypeOf[int16](): "int16",
		onnx.TypeOf[int32](): "int32", onnx.TypeOf[uint32](): "uint32", onnx.TypeOf[uint64](): "uint64",
		onnx.DType(99): "onnx type 99", onnx.Undefined: "undefined",
	} {
		if got.String() != want {
			t.Errorf("%d is %s, want %s", got, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(read(f, "sample.onnx"))
	f.Add(read(f, "foreign.onnx"))
	f.Add(read(f, "sample.onnx")[:500])
	f.Add([]byte{0x3a, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Read(data)
		in, out, err2 := onnx.ReadInterface(data)
		if err != nil {
			return
		}
		// What Read takes, all else takes.
		if err2 != nil || len(in) != len(m.Inputs()) || len(out) != len(m.Outputs()) {
			t.Fatalf("ReadInterface: %v", err2)
		}
		for _, v := range append(append(m.Inputs(), m.Outputs()...), m.Initializers()...) {
			_ = v.String()
			if dims, ok := v.Dims(); ok {
				for _, d := range dims {
					if d < 0 {
						t.Fatalf("%v: dims %v", v, dims)
					}
				}
			}
		}
		for _, n := range m.Nodes() {
			for _, o := range n.Outputs {
				if o != "" {
					if err := m.AddOutput(o); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		again, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := onnx.Read(again); err != nil {
			t.Fatalf("does not read what it wrote: %v", err)
		}
	})
}
