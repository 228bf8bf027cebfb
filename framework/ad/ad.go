// Package ad is the vocabulary of long-tailed image anomaly detection (AD):
// the nouns every other package speaks in, and nothing that acts on them. It
// imports only the standard library's basics, so anything may import it.
package ad

import "strings"

// ClassName names one image class (a product), such as "bottle".
type ClassName string

// DatasetName names one dataset of a benchmark, such as "mvtec".
type DatasetName string

// MethodName names one AD method of a benchmark, such as "patchcore".
type MethodName string

// SampleID identifies one image within its dataset: its slash-separated path
// relative to the dataset's root. It says what the image shows (a folder may
// be called "broken"), so it never crosses to a method.
type SampleID string

// Digest is a content hash in the form "sha256:" followed by 64 lower-case
// hexadecimal digits.
type Digest string

// Short is the first twelve digits, for people: two that begin alike are the same, in
// practice.
func (d Digest) Short() string {
	text := strings.TrimPrefix(string(d), "sha256:")
	return text[:min(12, len(text))]
}

// Part says which half of a dataset a sample belongs to.
type Part string

// The parts of a dataset. Training images are normal by the protocol; defective
// training images that a layout carries are dropped by its loader.
const (
	Train Part = "train"
	Test  Part = "test"
)

// Label is the truth about one whole image.
type Label uint8

// The image labels.
const (
	Normal    Label = 0
	Anomalous Label = 1
)

func (l Label) String() string {
	if l == Anomalous {
		return "anomalous"
	}
	return "normal"
}

// Truth says what is known about the pixels of an image.
type Truth uint8

const (
	// TruthNormal: every pixel is normal.
	TruthNormal Truth = iota
	// TruthMask: Sample.Mask is an image file whose pixels above the protocol's
	// mask threshold (by default: not zero) are anomalous.
	TruthMask
	// TruthFull: every pixel counts as anomalous; UniAD's JSON lines mean this by
	// an anomalous image without a mask.
	TruthFull
	// TruthUnknown: the image is labelled but its pixels are not, so it has no
	// part in pixel metrics.
	TruthUnknown
)

// Sample is one image of a dataset and what is known about it.
type Sample struct {
	ID    SampleID
	Class ClassName
	Part  Part
	Label Label
	// Defect is the kind of defect the layout gives ("good", "scratch", ...);
	// "good" for normal images.
	Defect string
	Truth  Truth
	// Mask is the slash-separated path of the mask file relative to the dataset's
	// root; empty unless Truth is TruthMask.
	Mask string
}

// Task is one of the two tasks of the paper (section 3, "Tasks and metrics").
type Task string

// The tasks, by the names that the paper's tables use.
const (
	Detection    Task = "Det."
	Segmentation Task = "Seg."
)

// Group is a set of classes whose metrics are averaged together (paper,
// section 3): all, the majority half, or the minority half.
type Group string

// The groups of classes.
const (
	All  Group = "All"
	High Group = "High"
	Low  Group = "Low"
)

// Metric names one number of the evaluation.
type Metric string

// The metrics. Values are fractions of 1; reports print percent.
const (
	ImageAUROC Metric = "image_auroc"
	ImageAP    Metric = "image_ap"
	ImageF1Max Metric = "image_f1max"
	PixelAUROC Metric = "pixel_auroc"
	PixelAP    Metric = "pixel_ap"
	PixelF1Max Metric = "pixel_f1max"
	PixelAUPRO Metric = "pixel_aupro"
)

// Metrics lists every metric in the order in which reports print them.
var Metrics = []Metric{ImageAUROC, PixelAUROC, ImageAP, ImageF1Max, PixelAP, PixelF1Max, PixelAUPRO}
