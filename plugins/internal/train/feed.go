package train

import (
	"context"
	"strconv"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/shapes"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/stream"
)

// Step is one step of a run.
type Step struct {
	Number int   // from 0, over all epochs
	Epoch  int   // from 0
	Images []int // indices of its images
}

// Feed makes the inputs of the loss.
type Feed interface {
	// Shapes are those of the inputs for a batch of n images.
	Shapes(n int) []shapes.Shape
	// Fill sets the inputs of a step, given as slices of the shapes' element types,
	// which hold the values of an earlier step. It runs while the step before computes,
	// so it should be cheap; what it draws must depend on the step's number alone, so
	// that a resumed run draws the same.
	Fill(ctx context.Context, s Step, inputs []any) error
}

// plan says which images each step has: every epoch has all of them, in a new order,
// in batches of which the last may be smaller (PyTorch's DataLoader with shuffle,
// and without drop_last).
type plan struct {
	images, batch int
	seed          uint64
	name          string
}

// perEpoch is the number of steps in an epoch.
func (p plan) perEpoch() int { return (p.images + p.batch - 1) / p.batch }

// order is that of an epoch's images.
func (p plan) order(epoch int) []int {
	return stream.New(p.seed, p.name, "order", strconv.Itoa(epoch)).Perm(p.images)
}

// filled is a step with its inputs.
type filled struct {
	Step
	inputs []*tensors.Tensor
	err    error
}

// feeder fills the inputs of the steps to come, one step ahead, into two sets of
// tensors for each size of batch.
type feeder struct {
	ready chan filled
	free  map[int]chan []*tensors.Tensor // by size of batch
	all   [][]*tensors.Tensor
}

func newFeeder(b backends.Backend, feed Feed, p plan) (*feeder, error) {
	f := &feeder{ready: make(chan filled), free: map[int]chan []*tensors.Tensor{}}
	for _, n := range []int{min(p.batch, p.images), (p.images-1)%p.batch + 1} {
		if f.free[n] != nil {
			continue
		}
		const sets = 2
		f.free[n] = make(chan []*tensors.Tensor, sets)
		for range sets {
			var set []*tensors.Tensor
			for _, s := range feed.Shapes(n) {
				t := tensors.FromShape(s)
				// Where the backend has memory that is the host's, too, use that.
				if err := t.MaterializeOnDevice(b, true, 0); err != nil {
					return nil, err
				}
				set = append(set, t)
			}
			f.all = append(f.all, set)
			f.free[n] <- set
		}
	}
	return f, nil
}

// run fills the steps [from, to) until ctx ends.
func (f *feeder) run(ctx context.Context, feed Feed, p plan, from, to int) {
	var order []int
	per := p.perEpoch()
	for n := from; n < to; n++ {
		s := Step{Number: n, Epoch: n / per}
		if at := n % per; at == 0 || order == nil {
			order = p.order(s.Epoch)
		}
		lo := n % per * p.batch
		s.Images = order[lo:min(lo+p.batch, p.images)]
		var set []*tensors.Tensor
		select {
		case set = <-f.free[len(s.Images)]:
		case <-ctx.Done():
			return
		}
		err := fill(set, nil, func(inputs []any) error { return feed.Fill(ctx, s, inputs) })
		select {
		case f.ready <- filled{s, set, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// fill calls f with the elements of all tensors, to be changed.
func fill(set []*tensors.Tensor, inputs []any, f func(inputs []any) error) error {
	if len(set) == 0 {
		return f(inputs)
	}
	var inner error
	err := set[0].MutableFlatData(func(flat any) { inner = fill(set[1:], append(inputs, flat), f) })
	if err == nil {
		err = inner
	}
	return err
}

// done gives the inputs back after the step.
func (f *feeder) done(x filled) { f.free[len(x.Images)] <- x.inputs }

// close frees the tensors. It must not be called while run runs.
func (f *feeder) close() {
	for _, set := range f.all {
		for _, t := range set {
			_ = t.FinalizeAll() // nothing is lost
		}
	}
}
