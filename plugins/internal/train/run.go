package train

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/gomlx/gomlx/backends"
	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Run is a training: what it needs and how long it goes on.
type Run struct {
	Backend backends.Backend
	Weights *Weights // trained in place
	Loss    Loss
	Feed    Feed

	Images, Batch, Epochs int
	Optimizer             AdamW
	Schedule              StepLR
	Stop                  EarlyStop
	Seed                  uint64
	Name                  string // of the method: of its random streams, and in messages

	Checkpoint Checkpoint
	// Report is told the steps that are done, of how many, and a message with epoch
	// and loss.
	Report func(done, total float64, message string)
	Log    hclog.Logger

	stepper *Stepper // once it is made
}

// Steps is how many steps the run has, if nothing stops it early.
func (r *Run) Steps() int { return r.plan().perEpoch() * r.Epochs }

func (r *Run) plan() plan { return plan{r.Images, r.Batch, r.Seed, r.Name} }

// prepare makes the stepper.
func (r *Run) prepare() (err error) {
	if r.stepper == nil {
		r.stepper, err = NewStepper(r.Backend, r.Weights, r.Loss, r.Optimizer)
	}
	return err
}

// Close frees what the run has compiled; the weights stay.
func (r *Run) Close() {
	if r.stepper != nil {
		r.stepper.Close()
	}
}

// Measure does a few steps to see how long one takes, and takes them back. (What it
// compiles, Do uses.)
func (r *Run) Measure(ctx context.Context) (perStep time.Duration, err error) {
	if err := r.prepare(); err != nil {
		return 0, err
	}
	before, err := r.Weights.Trained()
	if err != nil {
		return 0, err
	}
	p := r.plan()
	feed, err := newFeeder(r.Backend, r.Feed, p)
	if err != nil {
		return 0, err
	}
	defer feed.close()
	images := p.order(0)[:min(p.batch, p.images)]
	set := <-feed.free[len(images)]
	if err := fill(set, nil, func(inputs []any) error { return r.Feed.Fill(ctx, Step{Images: images}, inputs) }); err != nil {
		return 0, err
	}
	const warm, steps = 2, 3
	var began time.Time
	for i := range warm + steps {
		if i == warm {
			began = time.Now()
		}
		if _, err := r.stepper.Step(set, r.Schedule.At(0)); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	perStep = time.Since(began) / steps
	return perStep, r.stepper.reset(before)
}

// EarlyStop ends a training whose loss, the mean over an epoch's training images,
// has in Patience epochs not fallen by MinDelta times the smallest before; 0 for
// never.
type EarlyStop struct {
	Patience int
	MinDelta float64
}

// progress is what a run knows besides weights and moments. It is part of
// checkpoints.
type progress struct {
	Step  int     `json:"step"`  // steps that are done
	Sum   float64 `json:"sum"`   // of the losses of the images of this epoch
	Count int     `json:"count"` // of them
	Best  float64 `json:"best"`  // the smallest mean loss of an epoch
	Since int     `json:"since"` // epochs since then
	Over  bool    `json:"over"`  // stopped early
}

// Do trains until all epochs are over, it stops early, or ctx ends. If there is a
// checkpoint that belongs to this run it goes on from there, and the weights end as
// they would have without the interruption. The caller closes the run.
func (r *Run) Do(ctx context.Context) (err error) {
	if err := r.prepare(); err != nil {
		return err
	}
	p, s := r.plan(), r.stepper
	at, per, total := progress{}, p.perEpoch(), p.perEpoch()*r.Epochs
	saved, resumed := r.restore(s)
	if resumed {
		at = saved
		s.skip(at.Step)
		r.Report(float64(at.Step), float64(total), fmt.Sprintf("resumed at epoch %d", min(at.Step/per+1, r.Epochs)))
	}

	feed, err := newFeeder(r.Backend, r.Feed, p)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
		feed.close()
	}()
	wg.Go(func() { feed.run(inner, r.Feed, p, at.Step, total) })

	w := newWriter(r.Checkpoint, at.Step)
	defer func() {
		// What has been trained since the last checkpoint is worth the second that a new
		// one takes if the run is interrupted, and at the end of a long one, since what
		// follows may be.
		if at.Step > w.step && (ctx.Err() != nil || err == nil && (w.step > 0 || w.Last)) {
			r.logWrite(w.write(s, at))
		}
		r.logWrite(w.wait())
	}()
	for at.Step < total && !at.Over {
		var x filled
		select {
		case x = <-feed.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		if x.err != nil {
			return x.err
		}
		loss, err := s.Step(x.inputs, r.Schedule.At(x.Epoch))
		if err != nil {
			return err
		}
		feed.done(x)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return fault.New(fault.Method, "%s: the loss of step %d (epoch %d) is %g", r.Name, x.Number+1, x.Epoch+1, loss).
				WithHint("a smaller learning rate (now %g) may help; features that are huge or not finite do this, too", r.Schedule.At(x.Epoch))
		}
		at.Step++
		at.Sum += loss * float64(len(x.Images))
		at.Count += len(x.Images)
		r.Report(float64(at.Step), float64(total), fmt.Sprintf("epoch %d/%d loss %.4g", x.Epoch+1, r.Epochs, at.Sum/float64(at.Count)))
		if at.Step%per == 0 {
			r.endEpoch(&at, x.Epoch)
		}
		if w.due() {
			r.logWrite(w.write(s, at))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// logWrite tells of a checkpoint that could not be written. That is no reason to
// end a training that may not need it.
func (r *Run) logWrite(err error) {
	if err != nil {
		r.Log.Warn("checkpoint not written", "error", err)
	}
}

// endEpoch decides whether to stop early.
func (r *Run) endEpoch(at *progress, epoch int) {
	mean := at.Sum / float64(at.Count)
	at.Sum, at.Count = 0, 0
	if at.Since++; epoch == 0 || mean < at.Best*(1-r.Stop.MinDelta) {
		at.Best, at.Since = mean, 0
	}
	r.Log.Debug("epoch is over", "epoch", epoch+1, "loss", mean)
	if r.Stop.Patience > 0 && at.Since >= r.Stop.Patience {
		at.Over = true
		r.Log.Info("stopped early: the training loss no longer falls", "epoch", epoch+1, "loss", mean, "best", at.Best)
	}
}
