package train

import (
	"context"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlctx "github.com/gomlx/gomlx/pkg/ml/context"

	"github.com/ltadbench/ltadbench/plugins/internal/work"
)

// Predictor runs a graph on images, in batches of one size: of fewer the rest is
// zeros, so that there is one graph, and results do not depend on how many there
// are.
type Predictor struct {
	batch  int
	exec   *mlctx.Exec
	inputs []*tensors.Tensor
}

// NewPredictor makes a predictor of f, whose inputs have the shapes, and whose
// outputs the batch as their first axis, as the inputs have.
func NewPredictor(b backends.Backend, w *Weights, f func(v Values, in []*graph.Node) []*graph.Node, inputs ...shapes.Shape) (*Predictor, error) {
	exec, err := w.Graph(b, f)
	if err != nil {
		return nil, err
	}
	p := &Predictor{batch: inputs[0].Dimensions[0], exec: exec}
	for _, s := range inputs {
		t := tensors.FromShape(s)
		if err := t.MaterializeOnDevice(b, true, 0); err != nil {
			p.Close()
			return nil, err
		}
		p.inputs = append(p.inputs, t)
	}
	return p, nil
}

// Run runs the graph for n images. read puts image i's part of each input into rows,
// whose elements are float32; it is called from several goroutines. got takes image
// i's part of each output, in order; the slices are its own.
func (p *Predictor) Run(ctx context.Context, threads, n int, read func(i int, rows [][]float32) error, got func(i int, rows [][]float32) error) error {
	for lo := 0; lo < n; lo += p.batch {
		here := min(p.batch, n-lo)
		err := fill(p.inputs, nil, func(inputs []any) error {
			for _, in := range inputs {
				flat := in.([]float32)
				clear(flat[here*(len(flat)/p.batch):])
			}
			return work.Each(ctx, threads, here, func(_ context.Context, i int) error {
				return read(lo+i, rows(inputs, p.batch, i))
			})
		})
		if err != nil {
			return err
		}
		var args []any
		for _, t := range p.inputs {
			args = append(args, t)
		}
		out, err := p.exec.Exec(args...)
		if err != nil {
			return err
		}
		var outputs []any
		for _, t := range out {
			flat, err := tensors.CopyFlatData[float32](t)
			if err == nil {
				err = t.FinalizeAll()
			}
			if err != nil {
				return err
			}
			outputs = append(outputs, flat)
		}
		for i := range here {
			if err := got(lo+i, rows(outputs, p.batch, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows are the parts of an image in tensors of a batch.
func rows(flats []any, batch, i int) [][]float32 {
	var out [][]float32
	for _, f := range flats {
		flat := f.([]float32)
		size := len(flat) / batch
		out = append(out, flat[i*size:][:size:size])
	}
	return out
}

// Close frees the graph and its inputs; the weights stay.
func (p *Predictor) Close() {
	p.exec.Finalize()
	for _, t := range p.inputs {
		_ = t.FinalizeAll() // nothing is lost
	}
}
