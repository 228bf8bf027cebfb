// Package gallery shows test images with their ground truth and every method's
// anomaly map side by side, as the paper's Figure 7 does. It reads stored results and
// the dataset; no method runs.
//
// # Which images
//
// Images are chosen by rule, for each class on its own, never by eye. The rules see
// image scores alone, so the maps have no part in the choice. An image's miss is the
// share of the class's test images of the other label that the method ranks on the
// wrong side of it, ties counted half: for an anomalous image the normal images that
// score higher, for a normal one the anomalous images that score lower. Its mean
// over the images of either label is 1 - AUROC, so that misses of both labels share
// a scale, and those of methods do.
//
//   - Worst takes the images with the largest miss, of either label.
//   - Best takes the anomalous images with the smallest.
//   - Random draws from all of the class's images by a seed: the unbiased look.
//
// The miss is the mean over the methods shown: no one of them is favoured, nor does
// their order matter. With Options.By it is that of one method. Among equal misses
// (all are 0 where a class is solved) the image's place among those of its own label
// decides in the same way, then its ID.
//
// # What colours mean
//
// Scores of methods have different units, so their maps share a scale that needs
// none. A pixel's level says how extreme its score is among the normal pixels of the
// class's test images, for that method: with q the share of them that score at least
// as much, which is the false positive rate of a threshold there, it is the largest
// L of 0 to 255 with q <= 10^(-4 L/255). Level 0 is q = 1 and level 255 is q = 0.0001
// or less; 64, 128 and 191 are 10 %, 1 % and 0.1 %. As q is exact (metric.Thresholds),
// a level means the same in every map of every row; and the pixels of at least a
// level are those that a threshold with that false positive rate marks. Normal pixels
// are those of pixel AUROC: also the ones beside a defect, at the evaluation size.
//
// Colours are those of inferno, dark for normal.
package gallery

import (
	"context"
	"image"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
)

// Rule says which images of a class are shown; see the package's doc.
type Rule string

// The rules.
const (
	Worst  Rule = "worst"
	Best   Rule = "best"
	Random Rule = "random"
)

// Rules lists them.
var Rules = []Rule{Worst, Best, Random}

// Options choose what a gallery shows.
type Options struct {
	Rules    []Rule                   // default: Worst
	PerClass int                      // images per class and rule; default 2
	Seed     uint64                   // of Random
	By       ad.MethodName            // the method whose misses count, shown or not; default: all that are shown
	Methods  []ad.MethodName          // the columns; default: all, in the order of the entries
	Names    map[ad.MethodName]string // what columns are called, if not by the method's name
	Size     int                      // width and height of a picture, in pixels; default 160
}

// The bounds of Options.Size. Text has a size of its own, and must fit.
const (
	minSize = 96
	maxSize = 1024
)

// Sheet is the gallery of one dataset, split and encoder under one protocol.
type Sheet struct {
	Dataset  ad.DatasetName
	Digest   ad.Digest // of the dataset
	Protocol metric.Protocol
	Split    string
	Encoder  string
	Columns  []Column
	Rows     []Row // by class, most populated first, then by rule
	// Notes say what is not as one would expect, such as a class without images of a
	// kind.
	Notes []string
	// Problems are results that should be there and cannot be used. The maps concerned
	// are missing; all else is shown.
	Problems []error

	options Options
	page    string // which of several, for its title
}

// Column is one method: the first of its seeds that has a result.
type Column struct {
	Name string // to be shown
	Cell result.Cell
	// Seeds is the number of seeds that there are, of the split and the method, of which
	// one is shown.
	Seeds int

	record  *result.Record // nil: no result
	missing string         // why there are no maps
}

// Row is one test image.
type Row struct {
	ID    ad.SampleID
	Class ad.ClassName
	Label ad.Label
	Truth ad.Truth
	Rule  Rule
	// Group and Train are the class's half and number of training images in the split;
	// Normal and Anomalous its test images.
	Group                    ad.Group
	Train, Normal, Anomalous int
	Image                    *image.NRGBA // Size x Size, opaque
	// Mask is the ground truth at the evaluation size, brought to Size x Size: 255 where
	// a pixel is anomalous, between at edges; all black for a normal image, and nil if
	// what the pixels are is unknown.
	Mask *image.Gray
	Maps []Map // by Columns
}

// Map is what a method says of an image.
type Map struct {
	// Level is the anomaly map, Size x Size, in levels of the shared scale (see Colour
	// and FPR); each is that of the nearest pixel at the evaluation size.
	Level *image.Gray
	// Score is the image score, and Rank its place among the Of test images of the
	// class: 1 for the highest, ties share the better one. Of is 0 without a result.
	Score    float32
	Rank, Of int
	Missing  string // why Level is nil
}

// Source opens what lies outside the records.
type Source struct {
	Store *result.Store // of the maps
	// Open opens a dataset of the entries.
	Open    func(ctx context.Context, name ad.DatasetName) (Dataset, error)
	Workers int // that share the work; they change nothing but time
	Show    progress.Reporter
}

// Dataset is what a gallery needs of a dataset.
type Dataset interface {
	// Digest is the fingerprint of the files that are there now.
	Digest() ad.Digest
	// OpenImage reads the image of a sample.
	OpenImage(s ad.Sample) (*pixels.Image, error)
	// Truth opens the pixel truth of the test images under a protocol. It stays open.
	Truth(ctx context.Context, p metric.Protocol) (result.Truth, error)
}
