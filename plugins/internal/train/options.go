package train

import (
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Options are what methods that train let their users choose; a method's own options
// embed them. The section numbers are those of UniAD's paper, whose authors'
// configuration for MVTec AD gives the rest.
type Options struct {
	Epochs      int       `json:"epochs" min:"1" doc:"Passes over the training images (UniAD, section 4.1: 1000; LTAD, section 6: 500 for phase 2)."`
	Batch       int       `json:"batch" min:"1" doc:"Images in a step; the last of an epoch may have fewer (UniAD's configuration: 8 on each GPU)."`
	LR          float64   `json:"lr" above:"0" doc:"Learning rate of AdamW (UniAD, section 4.1, and LTAD, section 6: 1e-4)."`
	LRStep      int       `json:"lr_step" min:"1" doc:"Epochs after which the learning rate is multiplied by lr_gamma, again and again (UniAD, section 4.1: 800)."`
	LRGamma     float64   `json:"lr_gamma" above:"0" max:"1" doc:"What it is multiplied by (UniAD, section 4.1: 0.1)."`
	WeightDecay float64   `json:"weight_decay" min:"0" doc:"Decoupled weight decay (UniAD, section 4.1: 1e-4)."`
	Betas       []float64 `json:"betas" min:"0" max:"0.999999" doc:"Decay of the two moments of AdamW (UniAD's configuration: [0.9, 0.999])."`
	Eps         float64   `json:"eps" above:"0" doc:"Epsilon of AdamW (PyTorch's default: 1e-8)."`
	Clip        float64   `json:"clip" min:"0" doc:"Bound of the global norm of the gradients (UniAD's configuration: 0.1); 0 for none."`
	Patience    int       `json:"early_stop" min:"0" doc:"Ends training when the mean training loss of an epoch has not fallen by early_stop_delta for so many epochs (in no paper); 0 for never."`
	MinDelta    float64   `json:"early_stop_delta" min:"0" max:"1" doc:"Share of the smallest loss so far by which it must fall to count."`
}

// Defaults are those of UniAD's authors, for so many epochs.
func Defaults(epochs int) Options {
	return Options{
		Epochs: epochs, Batch: 8, LR: 1e-4, LRStep: 800, LRGamma: 0.1, WeightDecay: 1e-4, Betas: []float64{0.9, 0.999}, Eps: 1e-8, Clip: 0.1,
		MinDelta: 0.001,
	}
}

// Check finds what the schema cannot say.
func (o Options) Check() error {
	if len(o.Betas) != 2 {
		return fault.New(fault.Config, "options: betas %v has %d numbers", o.Betas, len(o.Betas)).WithHint("give two, such as [0.9, 0.999]")
	}
	return nil
}

// Optimizer is the optimizer that they ask for.
func (o Options) Optimizer() AdamW {
	return AdamW{Beta1: o.Betas[0], Beta2: o.Betas[1], Eps: o.Eps, WeightDecay: o.WeightDecay, Clip: o.Clip}
}

// Schedule is the schedule that they ask for.
func (o Options) Schedule() StepLR { return StepLR{LR: o.LR, Every: o.LRStep, Gamma: o.LRGamma} }

// Stop is when they would end training early.
func (o Options) Stop() EarlyStop { return EarlyStop{Patience: o.Patience, MinDelta: o.MinDelta} }
