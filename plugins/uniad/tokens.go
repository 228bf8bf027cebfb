package uniad

import (
	"context"
	"strconv"
	"sync"

	"github.com/gomlx/gomlx/pkg/core/shapes"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// sampler resamples features from the encoder's grid to that of the tokens:
// bilinear, with the corners of both grids at the same places, as UniAD's neck does
// (torch.nn.UpsamplingBilinear2d, also where it makes maps smaller). That takes
// points, not areas. It is safe for concurrent use.
type sampler struct {
	height, width, channels int // of the features
	y, x                    []tap
	scratch                 sync.Pool
}

// tap is where a line of tokens lies between two lines of features.
type tap struct {
	at int     // the first
	up float32 // weight of the second; 0 if there is none
}

func newSampler(h, w, c int, a arch) *sampler {
	return &sampler{
		height: h, width: w, channels: c, y: taps(a.Height, h), x: taps(a.Width, w),
		scratch: sync.Pool{New: func() any { return new([]float32) }},
	}
}

func taps(to, from int) []tap {
	out := make([]tap, to)
	for i := range out {
		if to > 1 { // else the first line, as in PyTorch
			at := i * (from - 1)
			out[i] = tap{at / (to - 1), float32(float64(at%(to-1)) / float64(to-1))}
		}
	}
	return out
}

// read puts the tokens of sample i into dst, [T, C].
func (s *sampler) read(dst []float32, from plugin.Samples, i int) {
	if len(s.y) == s.height && len(s.x) == s.width {
		from.Feature(i, dst)
		return
	}
	buf := s.scratch.Get().(*[]float32)
	defer s.scratch.Put(buf)
	*buf = from.Feature(i, *buf)
	s.resample(dst, *buf)
}

func (s *sampler) resample(dst, src []float32) {
	c := s.channels
	row := s.width * c
	for _, y := range s.y {
		for _, x := range s.x {
			at := y.at*row + x.at*c
			// Beyond the last line the weight is 0, and any other line will do.
			right, below := at+c, at+row
			if x.up == 0 {
				right = at
			}
			if y.up == 0 {
				below = at
			}
			a, b := src[at:][:c], src[right:][:c]
			d, e := src[below:][:c], src[below+right-at:][:c]
			for i := range dst[:c] {
				top := a[i] + x.up*(b[i]-a[i])
				dst[i] = top + y.up*(d[i]+x.up*(e[i]-d[i])-top)
			}
			dst = dst[c:]
		}
	}
}

// feed gives training its inputs, see arch.inputs: features of the images, and
// noise from streams that are named by the step.
type feed struct {
	arch
	images  plugin.Samples
	sampler *sampler
	seed    uint64
	prob    float64 // of jitter
	threads int
}

func (f *feed) Shapes(n int) []shapes.Shape { return f.inputs(n) }

func (f *feed) Fill(ctx context.Context, s train.Step, inputs []any) error {
	n, size := len(s.Images), f.tokens()*f.Channels
	step := strconv.Itoa(s.Number)
	features, bits := inputs[0].([]float32), inputs[1:]
	var normals []float32
	if f.Jitter > 0 {
		normals, bits = inputs[1].([]float32), inputs[2:]
		if stream.New(f.seed, name, "jitter", step).Float64() >= f.prob {
			clear(normals)
			normals = nil
		}
	}
	return work.Each(ctx, f.threads, n+len(bits), func(_ context.Context, i int) error {
		if i < len(bits) { // the longest first
			stream.New(f.seed, name, "dropout", step, strconv.Itoa(i)).Bernoulli(bits[i].([]uint8), 1-f.Dropout)
			return nil
		}
		i -= len(bits)
		f.sampler.read(features[i*size:][:size], f.images, s.Images[i])
		if normals != nil {
			stream.New(f.seed, name, "jitter", step, strconv.Itoa(i)).Norms(normals[i*size:][:size])
		}
		return nil
	})
}
