package encoder

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// noise is an image that the number determines.
func noise(n uint64, w, h int) *pixels.Image {
	s := stream.New(n, "image")
	img := &pixels.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	for i := range img.Pix {
		img.Pix[i] = uint8(1 + s.IntN(255))
	}
	return img
}

func open(t testing.TB, p *Pack, o Options) *Encoder {
	t.Helper()
	orttest.Init(t)
	e, err := Open(context.Background(), p, o)
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// The tiny network takes means, so a patch feature is known: the mean of the
// normalised pixels under a 4x4 block, twice (the fine level's four values are
// averaged by sampling between them).
func TestEncode(t *testing.T) {
	p := tinyPack(t)
	images := []*pixels.Image{noise(1, 16, 16), noise(2, 40, 30), noise(3, 16, 16)}
	f, err := open(t, p, Options{Threads: 2}).Encode(context.Background(), images)
	if err != nil {
		t.Fatal(err)
	}
	if f.Height != 4 || f.Width != 4 || f.Channels != 6 || len(f.Patches) != 3*4*4*6 || len(f.Embedding) != 3*3 {
		t.Fatalf("features %dx%dx%d, %d numbers, embedding %d", f.Height, f.Width, f.Channels, len(f.Patches), len(f.Embedding))
	}
	for n, img := range images {
		img = img.Resize(16, 16, pixels.Bilinear)
		mean := func(x, y, side, c int) (sum float64) {
			for i := range side * side {
				v := float64(img.Pix[((y+i/side)*16+x+i%side)*3+c])
				sum += (v/255 - p.Input.Mean[c]) / p.Input.Std[c]
			}
			return sum / float64(side*side)
		}
		for i, got := range f.Patches[n*96:][:96] {
			want := mean(i/6%4*4, i/24*4, 4, i%3)
			if math.Abs(float64(got)-want) > 1e-5 {
				t.Fatalf("image %d, patch %d, channel %d: %g, want %g", n, i/6, i%6, got, want)
			}
		}
		for c, got := range f.Embedding[3*n:][:3] {
			if want := mean(0, 0, 16, c); math.Abs(float64(got)-want) > 1e-5 {
				t.Fatalf("image %d, embedding %d: %g, want %g", n, c, got, want)
			}
		}
	}
}

func TestEncodeRefusesInfinity(t *testing.T) {
	p := tinyPack(t)
	p.files, p.model = nil, func() ([]byte, error) { return tinyNetwork(t, true), nil }
	p.Input.Mean = [3]float64{-1, -1, -1} // the check on a black image passes
	e := open(t, p, Options{})
	e.tables[1][7] = 0
	good := noise(1, 16, 16)
	for i := range good.Pix {
		good.Pix[i] |= 8
	}
	bad := noise(1, 16, 16)
	bad.Pix[3*100+1] = 7
	if _, err := e.Encode(context.Background(), []*pixels.Image{good}); err != nil {
		t.Error(err)
	}
	_, err := e.Encode(context.Background(), []*pixels.Image{good, bad})
	if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), `image 1: encoder "tiny" gives NaN or infinity in output "fine"`) {
		t.Errorf("infinity: %v", err)
	}
}

func TestOpenComparesNetworkAndPack(t *testing.T) {
	orttest.Init(t)
	model := tinyNetwork(t, false)
	for _, c := range []struct{ old, new, want string }{
		{"width: 16", "width: 32", `encoder.yaml:4:3: encoder "tiny": the network does not agree with encoder.yaml: it takes float32 image[N 3 16 16], not float32[1 3 16 32], which is one image`},
		{"width: 16", "name: img\n  width: 16", `encoder.yaml:4:3: encoder "tiny": the network does not agree with encoder.yaml: its input is "image", not "img"`},
		{"scale: 1/255\n  mean: [0.25, 0.5, 0.75]\n  std: [0.5, 1, 2]", "dtype: uint8", `encoder.yaml:4:3: encoder "tiny": the network does not agree with encoder.yaml: it takes float32 image[N 3 16 16], not uint8[1 3 16 16], which is one image`},
		{"output: coarse", "output: course", `encoder.yaml:11:5: encoder "tiny": the network does not agree with encoder.yaml: it has no output "course", but ["fine" "coarse" "mean" "unused"]`},
		{"output: coarse", "output: unused", `encoder.yaml:11:5: encoder "tiny": the network does not agree with encoder.yaml: output "unused" is of type int64, not float32`},
		{"fine, channels: 3", "fine, channels: 4", `encoder.yaml:10:5: encoder "tiny": the network does not agree with encoder.yaml: output "fine" has the shape [1 3 8 8], not 4 channels`},
		{"stride: 4", "stride: 2", `encoder.yaml:11:5: encoder "tiny": the network does not agree with encoder.yaml: output "coarse" has the shape [1 3 4 4], but an input of 16x16 and the stride 2 give [1 3 8 8]`},
		{"output: mean", "output: fine", `encoder.yaml:13:12: encoder "tiny": the network does not agree with encoder.yaml: output "fine" has the shape [1 3 8 8], not one number per channel`},
	} {
		dir := writePack(t, strings.Replace(tinyYAML, c.old, c.new, 1), model)
		p, err := LoadPack(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(context.Background(), p, Options{})
		if err == nil || err.Error() != dir+"/"+c.want || fault.KindOf(err) != fault.Config {
			t.Errorf("%q:\n got %v\nwant %s", c.new, err, c.want)
		}
	}
	p := tinyPack(t)
	p.files, p.model = nil, func() ([]byte, error) { return model[:len(model)/2], nil }
	if _, err := Open(context.Background(), p, Options{}); fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), `"tiny"`) {
		t.Errorf("half a network: %v", err)
	}
}

// An image's features are the same bits alone, among others, in any order and
// with any number of threads.
func TestFeaturesDoNotDependOnCompany(t *testing.T) {
	p, _ := Builtin("texturebank")
	var images []*pixels.Image
	for i := range 5 {
		images = append(images, noise(uint64(i), 64+31*i, 224))
	}
	all, err := open(t, p, Options{Threads: 4}).Encode(context.Background(), images)
	if err != nil {
		t.Fatal(err)
	}
	row := len(all.Patches) / len(images)
	one := open(t, p, Options{Threads: 1})
	slices.Reverse(images)
	for i, img := range images {
		f, err := one.Encode(context.Background(), []*pixels.Image{img})
		if err != nil {
			t.Fatal(err)
		}
		n := len(images) - 1 - i
		if !slices.Equal(f.Patches, all.Patches[n*row:][:row]) ||
			!slices.Equal(f.Embedding, all.Embedding[n*len(f.Embedding):][:len(f.Embedding)]) {
			t.Errorf("image %d: other bits alone than among others", n)
		}
	}
}

// The network's input has each byte, or its normalised value, where the layout
// says.
func TestFill(t *testing.T) {
	img := noise(9, 3, 2)
	for _, dtype := range []onnx.DType{onnx.Uint8, onnx.Float32} {
		for _, layout := range []Layout{NCHW, NHWC} {
			e := &Encoder{pack: &Pack{Input: Input{Layout: layout, Width: 3, Height: 2}}}
			for c := range e.tables {
				for v := range e.tables[c] {
					e.tables[c][v] = float32(1000*c + v)
				}
			}
			in, err := ort.Zeros(dtype, e.inputShape()...)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.fill(in, img); err != nil {
				t.Fatal(err)
			}
			for i, v := range img.Pix {
				pixel, c := i/3, i%3
				at := i
				if layout == NCHW {
					at = c*6 + pixel
				}
				var got, want int
				if dtype == onnx.Uint8 {
					data, _ := ort.Data[uint8](in)
					got, want = int(data[at]), int(v)
				} else {
					data, _ := ort.Data[float32](in)
					got, want = int(data[at]), 1000*c+int(v)
				}
				if got != want {
					t.Fatalf("%s %s: pixel %d, channel %d is %d, want %d", dtype, layout, pixel, c, got, want)
				}
			}
		}
	}
}

func TestEncodeStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := open(t, tinyPack(t), Options{}).Encode(ctx, []*pixels.Image{noise(1, 8, 8)}); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}
