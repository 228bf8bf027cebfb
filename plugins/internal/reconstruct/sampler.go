package reconstruct

import (
	"sync"

	"github.com/ltadbench/ltadbench/framework/plugin"
)

// Sampler resamples features from the encoder's grid to that of the tokens:
// bilinear, with the corners of both grids at the same places, as UniAD's neck does
// (torch.nn.UpsamplingBilinear2d, also where it makes maps smaller). That takes
// points, not areas. It is safe for concurrent use.
type Sampler struct {
	height, width, channels int // of the features
	y, x                    []tap
	scratch                 sync.Pool
}

// tap is where a line of tokens lies between two lines of features.
type tap struct {
	at int     // the first
	up float32 // weight of the second; 0 if there is none
}

// NewSampler makes a sampler of features on an h x w grid, with c channels, for the
// grid of an architecture.
func NewSampler(h, w, c int, a Arch) *Sampler {
	return &Sampler{
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

// Read puts the tokens of sample i into dst, [T, C].
func (s *Sampler) Read(dst []float32, from plugin.Samples, i int) {
	if len(s.y) == s.height && len(s.x) == s.width {
		from.Feature(i, dst)
		return
	}
	buf := s.scratch.Get().(*[]float32)
	defer s.scratch.Put(buf)
	*buf = from.Feature(i, *buf)
	s.resample(dst, *buf)
}

func (s *Sampler) resample(dst, src []float32) {
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
