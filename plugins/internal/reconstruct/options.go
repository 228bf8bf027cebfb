package reconstruct

import (
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Options are the transformer's options; a method's own options embed them. Section
// numbers are those of UniAD's paper, whose authors' configuration for MVTec AD gives
// what it does not.
type Options struct {
	Grid int `json:"grid" min:"1" doc:"Side of the grid of tokens (UniAD, section 4.1: 14). Features on a finer grid are resampled to it; of a coarser one all are used, and the log says so."`

	Hidden        int      `json:"hidden" min:"2" doc:"Channels of a token within the transformer (UniAD, section 4.1: 256); even, and a multiple of heads."`
	Heads         int      `json:"heads" min:"1" doc:"Heads of each attention (UniAD's configuration: 8)."`
	EncoderLayers int      `json:"encoder_layers" min:"1" doc:"Layers of the encoder (UniAD, section 4.1: 4)."`
	DecoderLayers int      `json:"decoder_layers" min:"1" doc:"Layers of the decoder, each with a learned query of its own (UniAD, sections 3.2 and 4.1: 4)."`
	FFN           int      `json:"ffn" min:"1" doc:"Hidden channels of the feed-forward networks (UniAD's configuration: 1024)."`
	Activation    string   `json:"activation" enum:"relu,gelu" doc:"Activation of the feed-forward networks (UniAD's configuration: relu)."`
	Dropout       float64  `json:"dropout" min:"0" max:"0.99" doc:"Probability of dropout, in training, of attention weights, outputs of attentions and feed-forward networks, and hidden channels of the latter (UniAD's configuration: 0.1)."`
	NeighborMask  []int    `json:"neighbor_mask" min:"1" doc:"Height and width, both odd, of the window of tokens around each token, itself included, that its attention must not see (UniAD, section 3.2: [7, 7])."`
	MaskedIn      []string `json:"neighbor_mask_in" enum:"encoder,decoder1,decoder2" doc:"Attentions with the neighbour mask: of the encoder, and of the decoder the one over the encoder's output and the one over the layer below (UniAD, section 3.2: all); [] for none."`
	JitterScale   float64  `json:"jitter_scale" min:"0" doc:"Scale of the feature jitter in training: noise of standard deviation scale times the token's length over its channels (UniAD, section 3.2, alpha: 20); 0 for none."`
	JitterProb    float64  `json:"jitter_prob" min:"0" max:"1" doc:"Probability that a batch is jittered (UniAD, section 4.1: 1)."`
}

// Defaults are those of UniAD's paper.
func Defaults() Options {
	return Options{
		Grid:   14,
		Hidden: 256, Heads: 8, EncoderLayers: 4, DecoderLayers: 4, FFN: 1024, Activation: "relu", Dropout: 0.1,
		NeighborMask: []int{7, 7}, MaskedIn: []string{InEncoder, InDecoder1, InDecoder2}, JitterScale: 20, JitterProb: 1,
	}
}

// Check finds what the schema cannot say.
func (o Options) Check() error {
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

// Arch is the architecture for features on an h x w grid with c channels, cut to
// the grid if that is small.
func (o Options) Arch(h, w, c int, log hclog.Logger) Arch {
	a := Arch{
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
