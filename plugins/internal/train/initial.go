package train

import (
	"github.com/ltadbench/ltadbench/framework/stream"
)

// Initial is a weight before training: its name, its shape, and how its values are
// drawn.
type Initial struct {
	Name  string
	Shape []int
	Init  func(dst []float32, s *stream.Stream)
}

// Size is the number of values.
func (i Initial) Size() int { return Size(i.Shape) }

// Draw draws the values, from a stream of the method's that only this weight has.
func (i Initial) Draw(seed uint64, method string) []float32 {
	dst := make([]float32, i.Size())
	i.Init(dst, stream.New(seed, method, "init", i.Name))
	return dst
}

// Size is the number of elements of a shape.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Constant sets all values to v.
func Constant(v float32) func([]float32, *stream.Stream) {
	return func(dst []float32, _ *stream.Stream) {
		for i := range dst {
			dst[i] = v
		}
	}
}

// Uniform draws from [-bound, bound).
func Uniform(bound float64) func([]float32, *stream.Stream) {
	return func(dst []float32, s *stream.Stream) {
		for i := range dst {
			dst[i] = float32(bound * (2*s.Float64() - 1))
		}
	}
}

// Unit draws from [0, 1).
func Unit(dst []float32, s *stream.Stream) {
	for i := range dst {
		dst[i] = s.Float32()
	}
}

// Normal draws from the standard normal distribution.
func Normal(dst []float32, s *stream.Stream) { s.Norms(dst) }
