package nn

import (
	"context"
	"math"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// Projection is a random linear map to fewer dimensions that nearly keeps
// distances (Johnson and Lindenstrauss), with the sparse signs of Achlioptas
// (2003): entries are sqrt(3/to) times +1, 0, -1 with the probabilities 1/6, 2/3,
// 1/6.
type Projection struct {
	matrix []float32 // [to, from]
	zero   []float32 // [to]
	from   int
}

// NewProjection draws a projection.
func NewProjection(s *stream.Stream, from, to int) *Projection {
	p := &Projection{make([]float32, to*from), make([]float32, to), from}
	unit := float32(math.Sqrt(3 / float64(to)))
	for i := range p.matrix {
		switch s.IntN(6) {
		case 0:
			p.matrix[i] = unit
		case 1:
			p.matrix[i] = -unit
		}
	}
	return p
}

// Apply projects rows of length from into dst, rows of length to.
func (p *Projection) Apply(ctx context.Context, dst, rows []float32) error {
	return product(ctx, dst, rows, p.matrix, p.zero, p.from)
}
