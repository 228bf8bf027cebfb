package uniad

import (
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Options are UniAD's options. Section numbers are those of the paper; what it does
// not give is from the authors' configuration for MVTec AD.
type Options struct {
	Grid int `json:"grid" min:"1" doc:"Side of the grid of tokens (section 4.1: 14). Features on a finer grid are resampled to it; of a coarser one all are used, and the log says so."`

	Hidden        int      `json:"hidden" min:"2" doc:"Channels of a token within the transformer (section 4.1: 256); even, and a multiple of heads."`
	Heads         int      `json:"heads" min:"1" doc:"Heads of each attention (authors' configuration: 8)."`
	EncoderLayers int      `json:"encoder_layers" min:"1" doc:"Layers of the encoder (section 4.1: 4)."`
	DecoderLayers int      `json:"decoder_layers" min:"1" doc:"Layers of the decoder, each with a learned query of its own (sections 3.2 and 4.1: 4)."`
	FFN           int      `json:"ffn" min:"1" doc:"Hidden channels of the feed-forward networks (authors' configuration: 1024)."`
	Activation    string   `json:"activation" enum:"relu,gelu" doc:"Activation of the feed-forward networks (authors' configuration: relu)."`
	Dropout       float64  `json:"dropout" min:"0" max:"0.99" doc:"Probability of dropout, in training, of attention weights, outputs of attentions and feed-forward networks, and hidden channels of the latter (authors' configuration: 0.1)."`
	NeighborMask  []int    `json:"neighbor_mask" min:"1" doc:"Height and width, both odd, of the window of tokens around each token, itself included, that its attention must not see (section 3.2: [7, 7])."`
	MaskedIn      []string `json:"neighbor_mask_in" enum:"encoder,decoder1,decoder2" doc:"Attentions with the neighbour mask: of the encoder, and of the decoder the one over the encoder's output and the one over the layer below (section 3.2: all); [] for none."`
	JitterScale   float64  `json:"jitter_scale" min:"0" doc:"Scale of the feature jitter in training: noise of standard deviation scale times the token's length over its channels (section 3.2, alpha: 20); 0 for none."`
	JitterProb    float64  `json:"jitter_prob" min:"0" max:"1" doc:"Probability that a batch is jittered (section 4.1: 1)."`

	Epochs      int       `json:"epochs" min:"1" doc:"Passes over the training images (section 4.1: 1000)."`
	Batch       int       `json:"batch" min:"1" doc:"Images in a step; the last of an epoch may have fewer (authors' configuration: 8 on each GPU)."`
	LR          float64   `json:"lr" above:"0" doc:"Learning rate of AdamW (section 4.1: 1e-4)."`
	LRStep      int       `json:"lr_step" min:"1" doc:"Epochs after which the learning rate is multiplied by lr_gamma, again and again (section 4.1: 800)."`
	LRGamma     float64   `json:"lr_gamma" above:"0" max:"1" doc:"What it is multiplied by (section 4.1: 0.1)."`
	WeightDecay float64   `json:"weight_decay" min:"0" doc:"Decoupled weight decay (section 4.1: 1e-4)."`
	Betas       []float64 `json:"betas" min:"0" max:"0.999999" doc:"Decay of the two moments of AdamW (authors' configuration: [0.9, 0.999])."`
	Eps         float64   `json:"eps" above:"0" doc:"Epsilon of AdamW (PyTorch's default: 1e-8)."`
	Clip        float64   `json:"clip" min:"0" doc:"Bound of the global norm of the gradients (authors' configuration: 0.1); 0 for none."`
	Patience    int       `json:"early_stop" min:"0" doc:"Ends training when the mean training loss of an epoch has not fallen by early_stop_delta for so many epochs (not in the paper); 0 for never."`
	MinDelta    float64   `json:"early_stop_delta" min:"0" max:"1" doc:"Share of the smallest loss so far by which it must fall to count."`
}

func defaults() Options {
	return Options{
		Grid:   14,
		Hidden: 256, Heads: 8, EncoderLayers: 4, DecoderLayers: 4, FFN: 1024, Activation: "relu", Dropout: 0.1,
		NeighborMask: []int{7, 7}, MaskedIn: []string{inEncoder, inDecoder1, inDecoder2}, JitterScale: 20, JitterProb: 1,
		Epochs: 1000, Batch: 8, LR: 1e-4, LRStep: 800, LRGamma: 0.1, WeightDecay: 1e-4, Betas: []float64{0.9, 0.999}, Eps: 1e-8, Clip: 0.1,
		MinDelta: 0.001,
	}
}

// check finds what the schema cannot say.
func (o Options) check() error {
	wrong := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Config, "options: "+format, args...)
	}
	switch {
	case o.Hidden%2 != 0:
		return wrong("hidden %d is odd", o.Hidden).WithHint("half of it holds a token's row, half its column: give an even number, such as %d", o.Hidden+1)
	case o.Hidden%o.Heads != 0:
		return wrong("heads %d does not divide hidden %d", o.Heads, o.Hidden).WithHint("heads that do: %s", divisors(o.Hidden))
	case len(o.NeighborMask) != 2:
		return wrong("neighbor_mask %v has %d numbers", o.NeighborMask, len(o.NeighborMask)).WithHint("give height and width, such as [7, 7]; for no mask: neighbor_mask_in: []")
	case o.NeighborMask[0]%2 == 0 || o.NeighborMask[1]%2 == 0:
		return wrong("neighbor_mask %v has an even number", o.NeighborMask).WithHint("the window is centred on a token: give odd numbers, such as [7, 7]")
	case len(o.MaskedIn) > 0 && hidesAll(o.NeighborMask, o.Grid, o.Grid):
		return wrong("neighbor_mask %v hides the whole grid of %d x %d tokens from the one in its middle", o.NeighborMask, o.Grid, o.Grid).
			WithHint("give a smaller window, a larger grid, or neighbor_mask_in: []")
	case len(o.Betas) != 2:
		return wrong("betas %v has %d numbers", o.Betas, len(o.Betas)).WithHint("give two, such as [0.9, 0.999]")
	}
	return nil
}

func divisors(n int) string {
	var out []int
	for i := 1; i <= n && len(out) < 12; i++ {
		if n%i == 0 {
			out = append(out, i)
		}
	}
	return fmt.Sprint(out)
}

// hidesAll says whether there is a token on an h x w grid that sees no other: the
// one in the middle, if any.
func hidesAll(window []int, h, w int) bool { return window[0]/2 >= h/2 && window[1]/2 >= w/2 }

// arch is the architecture for features on an h x w grid with c channels, cut to
// the grid if that is small.
func (o Options) arch(h, w, c int, log hclog.Logger) arch {
	a := arch{
		Channels: c, Height: min(o.Grid, h), Width: min(o.Grid, w),
		Hidden: o.Hidden, Heads: o.Heads, Encoders: o.EncoderLayers, Decoders: o.DecoderLayers, FFN: o.FFN, GELU: o.Activation == "gelu",
		Window: [2]int(o.NeighborMask), Masked: o.MaskedIn,
		Dropout: o.Dropout, Jitter: o.JitterScale,
	}
	if o.JitterProb == 0 {
		a.Jitter = 0
	}
	if a.Height < o.Grid || a.Width < o.Grid {
		log.Info("the encoder's grid is coarser than option grid: it is used as it is", "grid", o.Grid, "height", a.Height, "width", a.Width)
	}
	if len(a.Masked) > 0 && hidesAll(a.Window[:], a.Height, a.Width) {
		for hidesAll(a.Window[:], a.Height, a.Width) && max(a.Window[0], a.Window[1]) > 1 {
			a.Window = [2]int{max(1, a.Window[0]-2), max(1, a.Window[1]-2)}
		}
		if hidesAll(a.Window[:], a.Height, a.Width) {
			a.Masked = nil // there is one token
		}
		log.Warn("option neighbor_mask would hide the whole of the encoder's grid: it is smaller here", "neighbor_mask", slices.Clone(o.NeighborMask), "used", a.Window, "in", a.Masked)
	}
	return a
}
