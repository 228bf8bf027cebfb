package encoder

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

const textureBank = "texturebank"

// The design of the texture bank. It was chosen on generated textures and a few
// photographs by the nearest-neighbour and Mahalanobis distances of patches; finer
// steps, more directions and longer lists of channels gained nothing.
const (
	bankSide = 224
	bankGrid = 28

	octaves       = 5 // of energies, each half as fine as the one before
	layoutOctaves = 4 // of energies of energies: the finest ones
	colourOctaves = 3 // of contrasts of colours: the finest ones
	directions    = 4 // orientations of the Gabor filters

	gaborSide   = 9 // taps
	gaborLength = 4.6
	gaborSigma  = 1.9
	gaborUnit   = 4096

	contrast   = 128 // gain before the logarithm: 1 over the contrast that counts as little
	meanWeight = 4   // of local means, beside logarithms
)

// newTextureBank is the pack "texturebank": a scattering network of depth two
// (Bruna and Mallat, "Invariant scattering convolution networks", 2013) with
// centre-surround and colour channels. Nothing in it is learned.
//
// At each octave, quadrature pairs of Gabor filters in four directions give the
// local energy of the grey image (depth one), and the energy of that energy at
// all coarser octaves (depth two), which shows how the texture's elements are laid
// out. Beside them are the bright and the dark part of the difference of a pixel
// to its surroundings, the same of two opponent colours, and local means. Energies
// are pooled, and compressed as log(1 + e/c), so that contrasts count and not
// differences of brightness.
//
// The levels have strides 4, 8 and 16; the embedding is the mean of all levels
// over the image. The text side is the stand-in.
func newTextureBank() *Pack {
	b := builtBank()
	p := &Pack{
		Name: textureBank, Summary: "fixed multi-scale oriented filter bank; no download; its text side is a stand-in that knows no language", Licence: "as this program",
		Input: Input{
			Name: "image", Width: bankSide, Height: bankSide, Layout: NHWC, DType: "uint8", Resize: pixels.Bilinear,
			Scale: 1, Std: [3]float64{1, 1, 1},
		},
		Levels: slices.Clone(b.levels),
		Grid:   Grid{Height: bankGrid, Width: bankGrid, Align: Bilinear},
		Text:   newStandIn(),
		model:  func() ([]byte, error) { return b.model, b.err },
	}
	p.Embedding = Output{"embedding", p.Channels()}
	return p
}

// builtBank builds the network once.
var builtBank = sync.OnceValue(func() *bank {
	b := &bank{Builder: onnx.NewBuilder(textureBank, 18), parts: map[int]*part{}}
	b.build()
	b.model, b.err = b.Marshal()
	return b
})

// bank builds the texture bank's network.
type bank struct {
	*onnx.Builder
	levels []Level
	model  []byte
	err    error

	gabors, pairs string        // constants: the filters, and the sums of their squares
	parts         map[int]*part // of the levels, by stride
}

// stack is a value [N, channels, side, side] of the network.
type stack struct {
	name           string
	channels, side int
}

// part is what one level is made of.
type part struct {
	energies []string // to be compressed
	gains    []float32
	means    []string // as they are
	channels int      // of means
}

func (b *bank) build() {
	b.constants()
	image := b.Input("image", onnx.Uint8, "N", bankSide, bankSide, 3)
	rgb := b.Op("Transpose", []string{b.Op("Cast", []string{image}, onnx.Int("to", int(onnx.Float32)))}, onnx.Ints("perm", 0, 3, 1, 2))
	const unit = 1. / 1024 // a quarter of 1/256
	grey := stack{b.Op("Conv", []string{rgb, onnx.Const(b.Builder, []float32{unit, 2 * unit, unit}, 1, 3, 1, 1)}), 1, bankSide}
	colours := stack{b.Op("Conv", []string{rgb, onnx.Const(b.Builder, []float32{
		2 * unit, -2 * unit, 0, // red - green
		-unit, -unit, 2 * unit, // blue - yellow
	}, 2, 3, 1, 1)}), 2, bankSide}

	b.mean(grey)
	b.mean(colours)
	for octave := range octaves {
		energy := b.energy(grey)
		b.emit(energy, contrast)
		for coarser := octave + 1; coarser < layoutOctaves; coarser++ {
			for energy.side > bankSide>>coarser {
				energy = b.halve(energy)
			}
			b.emit(b.energy(energy), 2*contrast)
		}
		spots := b.surround(grey)
		b.emit(b.each("Relu", spots), contrast)
		b.emit(b.each("Relu", b.each("Neg", spots)), contrast)
		if octave < colourOctaves {
			b.emit(b.each("Abs", b.surround(colours)), contrast)
			colours = b.halve(colours)
		}
		grey = b.halve(grey)
	}
	b.output()
}

func (b *bank) constants() {
	even, odd := gabors()
	b.gabors = onnx.Const(b.Builder, append(even, odd...), 2*directions, 1, gaborSide, gaborSide)
	sums := make([]float32, directions*2*directions)
	for k := range directions {
		sums[k*2*directions+k] = 1
		sums[k*2*directions+directions+k] = 1
	}
	b.pairs = onnx.Const(b.Builder, sums, directions, 2*directions, 1, 1)
}

// energy is the local energy of each channel in each direction.
func (b *bank) energy(x stack) stack {
	step := stepOf(x)
	wave := b.convolve(x, b.gabors, gaborSide, step)
	sum := b.Op("Conv", []string{b.Op("Mul", []string{wave, wave}), b.pairs})
	return b.join(b.Op("Sqrt", []string{sum}), x.channels*directions, x.side/step)
}

// stepOf is how far apart filters are taken: energies are smooth, so at every
// other pixel is enough, but the coarse octaves cost nothing.
func stepOf(x stack) int {
	if x.side > 32 {
		return 2
	}
	return 1
}

// surround is the difference of each pixel to the binomial mean of 9x9 pixels.
func (b *bank) surround(x stack) stack {
	taps := outer(-1./(1<<16), 1, 8, 28, 56, 70, 56, 28, 8, 1)
	taps[len(taps)/2]++
	step := stepOf(x)
	return b.join(b.convolve(x, onnx.Const(b.Builder, taps, 1, 1, 9, 9), 9, step), x.channels, x.side/step)
}

// halve gives each channel at half its size, smoothed by a binomial filter.
func (b *bank) halve(x stack) stack {
	taps := outer(1./256, 1, 4, 6, 4, 1)
	return b.join(b.convolve(x, onnx.Const(b.Builder, taps, 1, 1, 5, 5), 5, 2), x.channels, x.side/2)
}

// convolve filters each channel as an image of its own, which ONNX Runtime does
// several times as fast as a grouped convolution: [N*channels, filters, side/step,
// side/step]. Beyond its border an image is mirrored.
func (b *bank) convolve(x stack, filters string, width, step int) string {
	apart := b.join(x.name, 1, x.side)
	n := width / 2
	padded := b.Op("Pad", []string{apart.name, b.Shape(0, 0, n, n, 0, 0, n, n)}, onnx.String("mode", "reflect"))
	return b.Op("Conv", []string{padded, filters}, onnx.Ints("strides", step, step))
}

// join reads a value as images of that many channels.
func (b *bank) join(x string, channels, side int) stack {
	return stack{b.Op("Reshape", []string{x, b.Shape(-1, channels, side, side)}), channels, side}
}

func (b *bank) each(op string, x stack) stack {
	x.name = b.Op(op, []string{x.name})
	return x
}

// outer is scale times the outer product of the taps with themselves.
func outer(scale float32, taps ...float32) []float32 {
	var out []float32
	for _, y := range taps {
		for _, x := range taps {
			out = append(out, scale*x*y)
		}
	}
	return out
}

// emit adds energies to the level of their stride, the finest ones pooled to
// stride 4.
func (b *bank) emit(x stack, gain float32) {
	x = b.pool(x, min(x.side, bankSide/4))
	p := b.part(x)
	p.energies = append(p.energies, x.name)
	p.gains = append(p.gains, slices.Repeat([]float32{gain}, x.channels)...)
}

// mean adds local means to the level that has the grid's stride.
func (b *bank) mean(x stack) {
	x = b.pool(x, bankGrid)
	p := b.part(x)
	p.means = append(p.means, b.Op("Mul", []string{x.name, onnx.Const(b.Builder, []float32{meanWeight}, 1)}))
	p.channels += x.channels
}

func (b *bank) part(x stack) *part {
	stride := bankSide / x.side
	if b.parts[stride] == nil {
		b.parts[stride] = &part{}
	}
	return b.parts[stride]
}

func (b *bank) pool(x stack, side int) stack {
	n := x.side / side
	if n > 1 {
		x = stack{b.Op("AveragePool", []string{x.name}, onnx.Ints("kernel_shape", n, n), onnx.Ints("strides", n, n)), x.channels, side}
	}
	return x
}

// output makes the levels and the embedding outputs of the network.
func (b *bank) output() {
	var averages []string
	total := 0
	for i, stride := range slices.Sorted(maps.Keys(b.parts)) {
		p := b.parts[stride]
		scaled := b.Op("Mul", []string{
			b.Op("Concat", p.energies, onnx.Int("axis", 1)),
			onnx.Const(b.Builder, p.gains, 1, len(p.gains), 1, 1),
		})
		level := b.Op("Log", []string{b.Op("Add", []string{scaled, onnx.Const(b.Builder, []float32{1}, 1)})})
		if len(p.means) > 0 {
			level = b.Op("Concat", append([]string{level}, p.means...), onnx.Int("axis", 1))
		}
		l := Level{Output{fmt.Sprintf("level%d", i+1), len(p.gains) + p.channels}, stride}
		b.Output(l.Output.Output, level, onnx.Float32, "N", l.Channels, bankSide/stride, bankSide/stride)
		averages = append(averages, b.Op("GlobalAveragePool", []string{level}))
		b.levels = append(b.levels, l)
		total += l.Channels
	}
	flat := b.Op("Reshape", []string{b.Op("Concat", averages, onnx.Int("axis", 1)), b.Shape(-1, total)})
	b.Output("embedding", flat, onnx.Float32, "N", total)
}

// gabors computes the even and the odd filters, [directions, 1, gaborSide,
// gaborSide]. The magnitudes of a filter's taps sum to about 1, and the taps
// themselves to 0 exactly. Taps are multiples of 1/gaborUnit: so the last bits of
// the mathematical functions, which differ between machines, do not matter. A
// test holds the distance from the rounding's ties.
func gabors() (even, odd []float32) {
	for k := range directions {
		e, o := gabor(math.Pi * float64(k) / directions)
		even = append(even, quantise(e)...)
		odd = append(odd, quantise(o)...)
	}
	return even, odd
}

// gabor is a pair of filters for a direction, before rounding, in units of
// 1/gaborUnit.
func gabor(angle float64) (even, odd []float64) {
	const half = gaborSide / 2
	sin, cos := math.Sincos(angle)
	var window []float64
	var sumEven, sumWindow float64
	for y := -half; y <= half; y++ {
		for x := -half; x <= half; x++ {
			phase := 2 * math.Pi * (float64(x)*cos + float64(y)*sin) / gaborLength
			w := math.Exp(-float64(x*x+y*y) / (2 * gaborSigma * gaborSigma))
			window = append(window, w)
			even = append(even, w*math.Cos(phase))
			odd = append(odd, w*math.Sin(phase))
			sumEven += w * math.Cos(phase)
			sumWindow += w
		}
	}
	for i, w := range window { // no response to a constant
		even[i] -= w * sumEven / sumWindow
	}
	for _, f := range [][]float64{even, odd} {
		norm := 0.0
		for _, v := range f {
			norm += math.Abs(v)
		}
		for i := range f {
			f[i] *= gaborUnit / norm
		}
	}
	return even, odd
}

// quantise rounds taps to whole numbers of 1/gaborUnit; the centre takes up what
// is left of the sum.
func quantise(taps []float64) []float32 {
	out := make([]float32, len(taps))
	sum := 0.0
	for i, v := range taps {
		r := math.Round(v)
		sum += r
		out[i] = float32(r / gaborUnit)
	}
	out[len(out)/2] -= float32(sum / gaborUnit)
	return out
}
