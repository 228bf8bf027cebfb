package plugin

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/framework/protocol"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Input names what a method can ask for in Info.Needs.
type Input = protocol.Input

// The inputs of protocol version 1: the encoder's features, float32 or float16 of
// shape [rows, H, W, C]; the images resized to the encoder's input, uint8 RGB of
// shape [rows, H, W, 3]; the encoder's vectors for whole images, float32 of shape
// [rows, D]; and the text encoder that belongs to it, which is no tensor but
// Session.Text.
const (
	Features   = protocol.Features
	Images     = protocol.Images
	Embeddings = protocol.Embeddings
	Text       = protocol.Text
)

// TextEncoder is a BERT: files, and what they do not say of it.
type TextEncoder = protocol.TextEncoder

// The engines that Info.Engines can name: ONNX Runtime, GoMLX's xla, and GoMLX's
// pure Go.
const (
	EngineORT = protocol.EngineORT
	EngineXLA = protocol.EngineXLA
	EngineGo  = protocol.EngineGo
)

// Info is what a method says of itself: name, version, what it needs and gives,
// and the JSON Schema of its options, which Schema makes from a struct. SaveLoad
// says that it implements Saver.
type Info = protocol.Info

// Preset is a variant of a method, and Column what an ablation table prints of it.
type (
	Preset = protocol.Preset
	Column = protocol.Column
)

// Session is what Fit and Load are told about the cell.
type Session struct {
	Options json.RawMessage // complete: the host has filled in the defaults
	Seed    uint64
	Device  string // "cpu" or "cuda:N"
	Threads int    // how many threads the method should compute with
	WorkDir string // the method's own directory; the host deletes it after the cell
	// Classes has one entry per class index: its name if Info.ClassNames, or an option
	// that has a value of its tag names, else "".
	Classes []string
	// Engine is one of Info.Engines: the one that the user wants, else the first. ""
	// if there are none.
	Engine string
	// Checkpoint is a directory, for Fit, that outlives the process; "" unless
	// Info.Resumes and the host wants checkpoints. What a killed Fit left in it, a
	// later Fit of the same cell finds there, and says so: Report(done, total,
	// "resumed at epoch 12") comes first. Processes are killed without a warning that
	// leaves time to write, so write every minute or so, and atomically: whole and
	// under another name, then os.Rename. Data, options, seed, engine and the method's
	// program are the same as then; device, threads and machine may not be. A
	// checkpoint that cannot be read is no error; Fit begins anew. The host deletes it
	// when the cell is done, or if Fit or Predict give an error.
	Checkpoint string
	// Levels are the channels of each of the encoder's levels, in the order in which a
	// patch feature concatenates them; their sum is C. nil unless Info.Needs has
	// Features.
	Levels []int
	Text   *TextEncoder // nil unless Info.Needs has Text
	// Log goes to the cell's log file. Report calls tell the user how far Fit is:
	// done of total (in any unit; total 0 if unknown) and a short message such as
	// "epoch 3 loss 0.12". Both are safe for concurrent use, and Report is cheap to
	// call often.
	Log    hclog.Logger
	Report func(done, total float64, message string)
}

// Samples are images as a method sees them: tensors, and the index of each
// image's class. There are no labels, and the order is random.
type Samples struct {
	Classes    []int         // class index of each sample
	rows       []int         // row of each sample in the tensors
	features   *tensors.File // nil unless Info.Needs has Features
	images     *tensors.File // nil unless Info.Needs has Images
	embeddings *tensors.File // nil unless Info.Needs has Embeddings
}

// Len is the number of samples.
func (s Samples) Len() int { return len(s.Classes) }

// FeatureShape is the grid's height and width and the number of channels.
func (s Samples) FeatureShape() (h, w, c int) {
	return s.features.Shape[1], s.features.Shape[2], s.features.Shape[3]
}

// Feature gives the features of sample i, of length H*W*C with the channels of
// one patch together. It reads into dst if that is long enough; a nil dst
// allocates. Safe for concurrent use with different dst.
func (s Samples) Feature(i int, dst []float32) []float32 {
	return readRow(s.features, s.rows[i], dst)
}

// EmbeddingLen is the length of the encoder's vector for an image.
func (s Samples) EmbeddingLen() int { return s.embeddings.RowLen() }

// Embedding gives the encoder's vector for the whole of image i, of length
// EmbeddingLen. It reads into dst as Feature does.
func (s Samples) Embedding(i int, dst []float32) []float32 {
	return readRow(s.embeddings, s.rows[i], dst)
}

func readRow(f *tensors.File, row int, dst []float32) []float32 {
	if n := f.RowLen(); cap(dst) < n {
		dst = make([]float32, n)
	} else {
		dst = dst[:n]
	}
	f.ReadRows(dst, row)
	return dst
}

// ImageShape is the height and width of the images.
func (s Samples) ImageShape() (h, w int) { return s.images.Shape[1], s.images.Shape[2] }

// Image gives the RGB bytes of sample i, of length H*W*3. They are mapped memory:
// valid until Fit or Predict returns, and not to be written to.
func (s Samples) Image(i int) []uint8 {
	n := s.images.RowLen()
	return s.images.Uint8s()[s.rows[i]*n:][:n:n]
}

// Prediction is the answer for one image.
type Prediction struct {
	Score float32 // the image's anomaly score, if Info.Scores; higher is more anomalous
	// Map is the anomaly map, H rows of W scores, if Info.Maps; higher is more
	// anomalous. All maps of one Predict have the same size, at most that of the
	// image; the host upsamples them.
	Map  []float32
	H, W int
}

// Method is one AD method: one model for all classes. The host runs each cell in
// a process of its own and calls Describe, then Fit or Load, then Predict any
// number of times and Save, never two at once. Errors, panics and wrong answers
// fail the cell; a method should return soon after ctx is done.
//
// Implementations embed Base, so that methods can be added to this interface
// without breaking them.
type Method interface {
	Describe() Info
	// Fit trains on normal images. Samples are readable until it returns.
	Fit(ctx context.Context, s Session, train Samples) error
	// Predict calls emit once for each index of test, in any order, from any
	// goroutine; an error of emit is to be returned.
	Predict(ctx context.Context, test Samples, emit func(i int, p Prediction) error) error

	mustEmbedBase()
}

// Saver is implemented by methods whose fitted state can be stored.
type Saver interface {
	// Save writes the state into the empty directory dir.
	Save(ctx context.Context, dir string) error
	// Load replaces Fit: it restores what Save wrote, possibly in another process.
	Load(ctx context.Context, s Session, dir string) error
}

// Base must be embedded by every Method.
type Base struct{}

func (Base) mustEmbedBase() {}
