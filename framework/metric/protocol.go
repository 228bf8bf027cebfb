package metric

import (
	"math"
	"slices"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Version names the algorithms of this package in result keys. It changes
// whenever a number of any input would.
const Version = "metric/1"

// MapResize says how an anomaly map is brought to the evaluation size.
type MapResize string

// The ways to resize a map. Neither blurs before it samples ("antialias"), also
// when the map is larger than the evaluation size.
const (
	// AlignCorners is bilinear with the corner pixels' centres on each other, as
	// PyTorch's interpolate(mode="bilinear", align_corners=True) and UniAD do.
	AlignCorners MapResize = "bilinear_align_corners"
	// HalfPixel is bilinear with the images' edges on each other, as PyTorch's
	// interpolate(mode="bilinear", align_corners=False) does.
	HalfPixel MapResize = "bilinear_half_pixel"
)

// MaskResize says how a mask is brought to the evaluation size.
type MaskResize string

// Nearest takes the nearest pixel, as PIL does, so that no label arises that the
// mask did not hold. A defect thinner than a pixel of the evaluation size may
// vanish; its image stays anomalous for the image metrics.
const Nearest MaskResize = "nearest"

// ImageScore says how an image gets its one score.
type ImageScore string

// The rules for image scores. All but FromMethod read the map at the evaluation
// size; see Scorer.
const (
	// MaxAvgPool16 is the largest mean of any 16x16 window (stride 1, no padding):
	// UniAD's rule, and the default.
	MaxAvgPool16 ImageScore = "max_avgpool16"
	// MaxPixel is the largest pixel.
	MaxPixel ImageScore = "max"
	// MeanPixel is the mean of the pixels.
	MeanPixel ImageScore = "mean"
	// StdPixel is the standard deviation of the pixels (divisor n).
	StdPixel ImageScore = "std"
	// FromMethod is the score that the method itself gives.
	FromMethod ImageScore = "method"
)

// Protocol is everything besides data and scores that an evaluation's numbers
// depend on. It is part of every result and of its key: results of different
// protocols are not comparable.
type Protocol struct {
	// Version is the version of the algorithms; Validate accepts no other.
	Version string `json:"version"`
	// Size is the height and width, in pixels, at which maps and masks meet.
	Size       int        `json:"size"`
	MapResize  MapResize  `json:"map_resize"`
	MaskResize MaskResize `json:"mask_resize"`
	// MaskThreshold: mask pixels (0 to 255) above it are anomalous.
	MaskThreshold int        `json:"mask_threshold"`
	ImageScore    ImageScore `json:"image_score"`
	// AUPROLimit is the false positive rate, in (0, 1], at which the integral of
	// AUPRO ends.
	AUPROLimit float64 `json:"aupro_limit"`
	// Connectivity says which anomalous pixels are one region of AUPRO: 8 joins
	// pixels that share an edge or a corner, 4 only an edge.
	Connectivity int `json:"connectivity"`
}

// DefaultProtocol is UniAD's evaluation, with the usual AUPRO beside it.
func DefaultProtocol() Protocol {
	return Protocol{
		Version:      Version,
		Size:         224,
		MapResize:    AlignCorners,
		MaskResize:   Nearest,
		ImageScore:   MaxAvgPool16,
		AUPROLimit:   0.3,
		Connectivity: 8,
	}
}

// The bounds of Protocol.Size: a window of MaxAvgPool16 must fit, and per-worker
// buffers must stay within some hundred MB.
const (
	minSize = 16
	maxSize = 4096
)

// Validate reports the first setting that is impossible, as a Config fault that
// names it by its JSON name.
func (p Protocol) Validate() error {
	bad := func(name string, got any, want string) error {
		return fault.New(fault.Config, "evaluation: %s is %v", name, got).WithHint("%s must be %s", name, want)
	}
	oneOf := func(name, got string, want ...string) error {
		if slices.Contains(want, got) {
			return nil
		}
		text := want[0]
		for _, w := range want[1:] {
			text += ", " + w
		}
		if len(want) > 1 {
			text = "one of " + text
		}
		return fault.New(fault.Config, "evaluation: %s is %q", name, got).WithHint("%s must be %s", name, text)
	}
	if p.Version != Version {
		return fault.New(fault.NotComparable, "evaluation: version is %q, this program computes %q", p.Version, Version).
			WithHint("score the stored maps again with ltadbench rescore")
	}
	if p.Size < minSize || p.Size > maxSize {
		return bad("size", p.Size, "from 16 to 4096 pixels")
	}
	if err := oneOf("map_resize", string(p.MapResize), string(AlignCorners), string(HalfPixel)); err != nil {
		return err
	}
	if err := oneOf("mask_resize", string(p.MaskResize), string(Nearest)); err != nil {
		return err
	}
	if p.MaskThreshold < 0 || p.MaskThreshold > 254 {
		return bad("mask_threshold", p.MaskThreshold, "from 0 to 254 (pixels above it are anomalous)")
	}
	if err := oneOf("image_score", string(p.ImageScore), string(MaxAvgPool16), string(MaxPixel), string(MeanPixel),
		string(StdPixel), string(FromMethod)); err != nil {
		return err
	}
	if !(p.AUPROLimit > 0 && p.AUPROLimit <= 1) || math.IsNaN(p.AUPROLimit) {
		return bad("aupro_limit", p.AUPROLimit, "above 0 and at most 1")
	}
	if p.Connectivity != 4 && p.Connectivity != 8 {
		return bad("connectivity", p.Connectivity, "4 or 8")
	}
	return nil
}

// Threshold writes the truth of a mask that already has the evaluation size:
// 1 where mask is above the protocol's threshold, else 0. The slices have the
// same length; they may be the same slice.
func (p Protocol) Threshold(truth, mask []uint8) {
	limit := uint8(p.MaskThreshold)
	for i, v := range mask[:len(truth)] {
		truth[i] = 0
		if v > limit {
			truth[i] = 1
		}
	}
}
