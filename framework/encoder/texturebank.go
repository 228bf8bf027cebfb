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

// The design of the texture bank.
const (
	bankSide   = 224
	bankGrid   = 28
	octaves    = 4 // scales, each half as fine as the one before
	directions = 4 // orientations of the filters

	filterSide  = 9 // taps of Gabor and centre-surround filters
	gaborLength = 4.6
	gaborSigma  = 1.9
	gaborUnit   = 4096

	colourOctaves = 3
	contrast      = 128 // gain before the logarithm
	meanWeight    = 4   // of local means, beside logarithms
	finest        = 4   // stride of the finest level
)

// newTextureBank is the pack "texturebank": a scattering network of depth two
// (Bruna and Mallat, "Invariant scattering convolution networks", 2013) with
// centre-surround and colour channels. Nothing in it is learned.
//
// At each of four octaves, quadrature pairs of Gabor filters in four orientations
// give the local energy of the grey image (depth one), and the energy of that
// energy at all coarser octaves (depth two): how the texture's elements are laid
// out. Beside them are the bright and the dark part of centre-surround responses,
// the contrast of two opponent colours, and local means. Energies are pooled, and
// compressed as log(1 + e/c), so that contrasts count and not differences.
//
// The levels have strides 4, 8 and 16; the embedding is the mean of all levels
// over the image.
func newTextureBank() *Pack {
	bank := builtBank()
	p := &Pack{
		Name: textureBank, Summary: "fixed multi-scale oriented filter bank; no download, no text side", Licence: "as this program",
		Input: Input{
			Name: "image", Width: bankSide, Height: bankSide, Layout: NHWC, DType: "uint8", Resize: pixels.Bilinear,
			Scale: 1, Std: [3]float64{1, 1, 1},
		},
		Grid:      Grid{Height: bankGrid, Width: bankGrid, Align: Bilinear},
		Levels:    bank.levels,
		Embedding: Output{"embedding", 0},
		model:     func() ([]byte, error) { return bank.model, bank.err },
	}
	p.Levels = append([]Level{}, p.Levels...)
	p.Embedding.Channels = p.Channels()
	return p
}

// builtBank builds the network once.
var builtBank = sync.OnceValue(func() *bank {
	b := &bank{Builder: onnx.NewBuilder(textureBank, 18), parts: map[int]*part{}}
	b.build()
	b.model, b.err = b.Marshal()
	return b
})

// bank builds the texture bank's network. Values are [N, channels, side, side]
// with pixels of 2^octave image pixels.
type bank struct {
	*onnx.Builder
	levels []Level
	model  []byte
	err    error

	parts         map[int]*part // by stride
	filters, sums string        // constants: Gabor filters, sums of their pairs
}

// part is what one level is made of.
type part struct {
	energies []string // to be compressed
	gains    []float32
	means    []string // as they are
	channels int      // of means
}

func (b *bank) build() {
	image := b.Input("image", onnx.Uint8, "N", bankSide, bankSide, 3)
	rgb := b.Op("Transpose", []string{b.Op("Cast", []string{image}, onnx.Int("to", int(onnx.Float32)))}, onnx.Ints("perm", 0, 3, 1, 2))
	const unit = 1. / 1024 // a quarter of 1/256
	grey := b.Op("Conv", []string{rgb, onnx.Const(b.Builder, []float32{unit, 2 * unit, unit}, 1, 3, 1, 1)})
	opponents := b.Op("Conv", []string{rgb, onnx.Const(b.Builder, []float32{
		2 * unit, -2 * unit, 0, // red - green
		-unit, -unit, 2 * unit, // blue - yellow
	}, 2, 3, 1, 1)})

	b.mean(grey, 1)
	b.mean(opponents, 2)
	for octave := range octaves {
		padded := b.pad(grey, filterSide/2)
		energy := b.energy(padded, 1, octave)
		b.emit(energy, directions, octave, contrast)
		for coarser := octave + 1; coarser < octaves; coarser++ {
			second := b.pad(b.reshape(energy, 1, bankSide>>coarser), filterSide/2)
			b.emit(b.energy(second, directions, coarser), directions*directions, coarser, 2*contrast)
			if coarser+1 < octaves {
				energy = b.blur(energy, directions)
			}
		}
		spots := b.surround(padded, 1)
		b.emit(b.Op("Relu", []string{spots}), 1, octave, contrast)
		b.emit(b.Op("Relu", []string{b.Op("Neg", []string{spots})}), 1, octave, contrast)
		if octave < colourOctaves {
			spots := b.surround(b.pad(opponents, filterSide/2), 2)
			b.emit(b.Op("Abs", []string{spots}), 2, octave, contrast)
			opponents = b.blur(opponents, 2)
		}
		grey = b.blur(grey, 1)
	}
	b.output()
}

// energy is the local energy of padded images of one channel in each direction,
// at half their size. channels consecutive images are the channels of one:
// [N, channels*directions, side/2, side/2].
func (b *bank) energy(padded string, channels, octave int) string {
	wave := b.Op("Conv", []string{padded, b.gabors()}, onnx.Ints("strides", 2, 2))
	energy := b.Op("Sqrt", []string{b.Op("Conv", []string{b.Op("Mul", []string{wave, wave}), b.pairs()})})
	return b.reshape(energy, channels*directions, bankSide>>(octave+1))
}

func (b *bank) reshape(x string, channels, side int) string {
	return b.Op("Reshape", []string{x, b.Shape(-1, channels, side, side)})
}

func (b *bank) pad(x string, n int) string {
	return b.Op("Pad", []string{x, b.Shape(0, 0, n, n, 0, 0, n, n)}, onnx.String("mode", "reflect"))
}

// blur halves the size of each channel, smoothing it with the binomial filter of
// five taps.
func (b *bank) blur(x string, channels int) string {
	return b.perChannel(b.pad(x, 2), channels, outer(1./256, 1, 4, 6, 4, 1))
}

// surround is the difference of each pixel of a padded image to its surroundings,
// the binomial filter of nine taps, at half the size.
func (b *bank) surround(padded string, channels int) string {
	taps := outer(-1./(1<<16), 1, 8, 28, 56, 70, 56, 28, 8, 1)
	taps[len(taps)/2]++
	return b.perChannel(padded, channels, taps)
}

// perChannel applies one square filter to each channel at every other pixel.
func (b *bank) perChannel(x string, channels int, taps []float32) string {
	side := int(math.Sqrt(float64(len(taps))))
	weights := onnx.Const(b.Builder, slices.Repeat(taps, channels), channels, 1, side, side)
	return b.Op("Conv", []string{x, weights}, onnx.Int("group", channels), onnx.Ints("strides", 2, 2))
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

// emit adds energies of an octave, which are at half its size, to the level of
// their stride.
func (b *bank) emit(x string, channels, octave int, gain float32) {
	stride := max(finest, 2<<octave)
	p := b.part(stride)
	p.energies = append(p.energies, b.pool(x, stride>>(octave+1)))
	for range channels {
		p.gains = append(p.gains, gain)
	}
}

// mean adds local means to the level of the grid's stride.
func (b *bank) mean(x string, channels int) {
	p := b.part(bankSide / bankGrid)
	p.means = append(p.means, b.Op("Mul", []string{b.pool(x, bankSide/bankGrid), onnx.Const(b.Builder, []float32{meanWeight}, 1)}))
	p.channels += channels
}

func (b *bank) part(stride int) *part {
	if b.parts[stride] == nil {
		b.parts[stride] = &part{}
	}
	return b.parts[stride]
}

func (b *bank) pool(x string, n int) string {
	if n == 1 {
		return x
	}
	return b.Op("AveragePool", []string{x}, onnx.Ints("kernel_shape", n, n), onnx.Ints("strides", n, n))
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
		level = b.Op("Concat", append([]string{level}, p.means...), onnx.Int("axis", 1))
		l := Level{Output{fmt.Sprintf("level%d", i+1), len(p.gains) + p.channels}, stride}
		b.Output(l.Output.Output, level, onnx.Float32, "N", l.Channels, bankSide/stride, bankSide/stride)
		averages = append(averages, b.Op("GlobalAveragePool", []string{level}))
		b.levels = append(b.levels, l)
		total += l.Channels
	}
	flat := b.Op("Reshape", []string{b.Op("Concat", averages, onnx.Int("axis", 1)), b.Shape(-1, total)})
	b.Output("embedding", flat, onnx.Float32, "N", total)
}

// gabors gives the filters, [2*directions, 1, filterSide, filterSide]: first all
// even ones, then all odd ones.
func (b *bank) gabors() string {
	if b.filters == "" {
		even, odd := gabors()
		b.filters = onnx.Const(b.Builder, append(even, odd...), 2*directions, 1, filterSide, filterSide)
	}
	return b.filters
}

// pairs gives the weights that add the squares of each pair.
func (b *bank) pairs() string {
	if b.sums == "" {
		weights := make([]float32, directions*2*directions)
		for k := range directions {
			weights[k*2*directions+k] = 1
			weights[k*2*directions+directions+k] = 1
		}
		b.sums = onnx.Const(b.Builder, weights, directions, 2*directions, 1, 1)
	}
	return b.sums
}

// gabors computes quadrature pairs of Gabor filters, even and odd, one for each
// direction. The magnitudes of a filter's taps sum to about 1, and the taps
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

func gabor(angle float64) (even, odd []float64) {
	const half = filterSide / 2
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
