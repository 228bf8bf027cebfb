// Package protocol is the wire between the host and a method's process: the gRPC
// service of ltadbench/method/v1/method.proto, its generated code, and the
// conversion from and to the types of this package. No other package sees a
// protobuf type, and none sees a gRPC error: errors cross as faults.
//
// Both ends speak Service. A plugin registers its implementation with Register;
// NewClient gives the host a Service that forwards each call.
//
//	host                                       plugin
//	Service (NewClient) --gRPC, AutoMTLS--> Register(Service)
//	.npy files          <-memory-mapped---> .npy files
package protocol

//go:generate protoc --proto_path=. --go_out=internal/methodpb --go_opt=module=github.com/ltadbench/ltadbench/framework/protocol/internal/methodpb --go-grpc_out=internal/methodpb --go-grpc_opt=module=github.com/ltadbench/ltadbench/framework/protocol/internal/methodpb ltadbench/method/v1/method.proto

import (
	"context"
	"encoding/json"

	"github.com/ltadbench/ltadbench/framework/tensors"
)

const (
	// Version is the major version of the protocol, which go-plugin's handshake
	// negotiates; it is the "v1" of the .proto package.
	Version = 1

	// CookieKey and CookieValue tell a plugin that ltadbench started it. This guards
	// against starting a plugin by hand; it is no secret.
	CookieKey   = "LTADBENCH_PLUGIN"
	CookieValue = "b6e5a7f0-9d0c-4f0e-8f51-3c6f2a5f7c11"

	// MaxMessage bounds a message in both directions. gRPC's own limit of 4 MiB is
	// too small for the sample list of a large data set (about 20 bytes a sample);
	// a limit at all turns a method that sends tensors in messages into a clear
	// error and not into a host without memory.
	MaxMessage = 64 << 20

	// LifelineEnv names the environment variable that holds the number of the
	// lifeline's file descriptor, LifelineFD: a pipe that ends when the host does.
	LifelineEnv = "LTADBENCH_LIFELINE_FD"
	LifelineFD  = 3

	// ORTLibEnv names the environment variable that holds the path of the ONNX
	// Runtime library which the host found.
	ORTLibEnv = "LTADBENCH_ORT_LIB"

	// LogLevelEnv names the environment variable that holds the level from which on
	// the Go SDK logs: trace, debug, info, warn or error.
	LogLevelEnv = "LTADBENCH_LOG_LEVEL"

	// The engines that Info.Engines can name: the backends of GoMLX that this
	// benchmark knows.
	EngineORT = "ort" // ONNX Runtime
	EngineXLA = "xla" // GoMLX's own, where it is installed
	EngineGo  = "go"  // GoMLX's, in pure Go: slow, needs nothing

	// MapsFile is the name of the file of anomaly maps in PredictRequest.OutputDir.
	MapsFile = "maps.npy"

	// KeyClassNames and KeyDatasetDefaults are the keywords that the schema of an
	// option can have beside those of JSON Schema.
	KeyClassNames      = "x-class-names"
	KeyDatasetDefaults = "x-dataset-defaults"
)

// Service is a method as the wire has it; see the .proto for the rules of each
// call. Implementations that are registered get calls that may overlap; clients
// are safe for concurrent use.
type Service interface {
	Describe(ctx context.Context) (Info, error)
	Fit(ctx context.Context, req FitRequest, progress func(Progress) error) error
	// Predict calls answer for each answer, one at a time, and returns the shape of
	// the maps in MapsFile, nil if there are none. An error of answer ends the call
	// and is returned as it is.
	Predict(ctx context.Context, req PredictRequest, answer func(Answer) error) (maps []int, err error)
	Save(ctx context.Context, dir string) error
	Load(ctx context.Context, s Session, dir string) error
}

// Input names what a method can ask for in Info.Needs.
type Input string

// The inputs of protocol version 1.
const (
	// Features: the encoder's levels aligned to one grid and concatenated, float32
	// or float16 of shape [rows, H, W, C].
	Features Input = "features"
	// Images: the decoded image resized to the encoder's input, uint8 RGB of shape
	// [rows, H, W, 3].
	Images Input = "images"
	// Embeddings: the encoder's vector for the whole image, float32 of shape [rows, D].
	Embeddings Input = "embeddings"
	// Text: the text encoder that belongs to the encoder; no tensor, but Session.Text.
	Text Input = "text"
)

// Info is what a method says of itself. Describe must be cheap: the host calls it
// to list methods.
type Info struct {
	Name    string  `json:"name"`
	Version string  `json:"version"` // changes whenever the method's numbers would
	Summary string  `json:"summary"` // one line
	Paper   string  `json:"paper"`   // citation, "" if none
	Needs   []Input `json:"needs"`
	// Maps: it gives an anomaly map for each image. Scores: it gives an image score
	// of its own. One at least.
	Maps   bool `json:"maps"`
	Scores bool `json:"scores"`
	// Deterministic: the same inputs, options and seed on one machine give the same
	// bytes.
	Deterministic bool `json:"deterministic"`
	// SaveLoad: Save and Load work.
	SaveLoad bool `json:"save_load"`
	// ClassNames: it uses the names of the classes as a prior, not just their
	// indices, whatever its options are; reports mark such results (paper, Table 1).
	// Where an option decides, its schema says so by KeyClassNames.
	ClassNames bool `json:"class_names"`
	// Options is the JSON Schema (draft 2020-12) of the options object. Every
	// property has a default and a description; additionalProperties is false. The
	// .proto has the host's own keywords.
	Options json.RawMessage `json:"options"`
	// Engines are those with which it can compute, the preferred one first. Numbers
	// depend on the engine. None: the choice does not concern the method.
	Engines []string `json:"engines,omitempty"`
	// Resumes: a Fit that was killed goes on from what it left in Session.Checkpoint,
	// to the same state.
	Resumes bool `json:"resumes,omitempty"`
	// Presets are variants of the method with options of their own, such as the rows
	// of a paper's ablation tables. A benchmark names them METHOD/PRESET.
	Presets []Preset `json:"presets,omitempty"`
}

// Preset is a variant of a method.
type Preset struct {
	Name    string          `json:"name"`    // such as "6.3"; letters, digits, ".", "-" and "_"
	Summary string          `json:"summary"` // one line: what it changes
	Options json.RawMessage `json:"options"` // an object: the options that it sets
	// Table is the title of the ablation table that has the preset as a row, such as
	// "Table 6"; "" if none has. Columns are what that table prints of it.
	Table   string   `json:"table,omitempty"`
	Columns []Column `json:"columns,omitempty"`
}

// Column is a column of an ablation table, and what it has for one preset.
type Column struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Session is what a method is told about its cell.
type Session struct {
	Options json.RawMessage // an object, complete
	Seed    uint64
	Device  string
	Threads int
	WorkDir string
	Classes []string
	// Engine is one of Info.Engines; "" if there are none, or for the method to choose.
	Engine string
	// Checkpoint is the cell's directory of checkpoints; "" unless Info.Resumes.
	Checkpoint string
	// Levels are the channels of each of the encoder's levels, in the order in which
	// a patch feature concatenates them; their sum is C. nil without Features.
	Levels []int
	Text   *TextEncoder // nil unless Info.Needs has Text
}

// TextEncoder is a BERT: layers with the norms after the residual sums (post-norm).
// The feature of a text is the last hidden state at [CLS], projected. The .proto
// says it in full; sizes are those of the weights.
type TextEncoder struct {
	Weights    string // path of a safetensors file with the names of transformers' BertModel
	Vocabulary string // path of a WordPiece vocabulary, one token a line
	Prefix     string // of the names in Weights, such as "text_model."
	// Projection is the name of the linear layer from the hidden state at [CLS] to the
	// text feature, such as "text_projection"; "" if there is none.
	Projection string
	Heads      int
	Eps        float64 // of the layer norms
	Activation string  // "gelu" (the exact one) or "relu"
	Lowercase  bool    // texts are made lower-case, and lose their accents, first
}

// Tensor is a .npy file.
type Tensor struct {
	Path  string
	DType tensors.DType
	Shape []int
}

// Sample is one image: an opaque id, its class's index and its row in the tensors.
type Sample struct {
	ID    string
	Class int
	Row   int
}

// Data is samples and the tensors that hold them, nil where the method needs none.
type Data struct {
	Features   *Tensor
	Images     *Tensor
	Embeddings *Tensor
	Samples    []Sample
}

// FitRequest asks for training on normal images.
type FitRequest struct {
	Session Session
	Train   Data
}

// Progress tells how far Fit is.
type Progress struct {
	Done, Total float64
	Message     string
}

// PredictRequest asks for an answer for each sample.
type PredictRequest struct {
	Test      Data
	OutputDir string
}

// Answer is the answer for one sample; its map, if any, is in MapsFile.
type Answer struct {
	ID    string
	Score float32
}
