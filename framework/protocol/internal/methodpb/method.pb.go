// The protocol between ltadbench and an anomaly detection method, major version 1.
//
// COPY ME: a method in another language copies this file and generates its own
// code from it. Within version 1 fields are only ever added; a number is never
// used again. The version that go-plugin's handshake negotiates is the "v1" of
// this package.
//
// How a method is started
//
// The host starts one process for each cell and speaks gRPC with it over
// HashiCorp's go-plugin, as docs/guide-plugin-write-non-go.md of that project
// describes. All that a method needs of it is said here. Standard input is empty;
// few of the user's environment variables are passed on; these are set:
//
//   LTADBENCH_PLUGIN          b6e5a7f0-9d0c-4f0e-8f51-3c6f2a5f7c11; otherwise a
//                             person has started the program by hand
//   PLUGIN_PROTOCOL_VERSIONS  versions of this protocol that the host speaks,
//                             separated by commas, in no order; take the highest
//                             that both know
//   PLUGIN_UNIX_SOCKET_DIR    a private directory for the method's socket
//   PLUGIN_CLIENT_CERT        the host's certificate, PEM, of an ECDSA P-256 key
//   LTADBENCH_LIFELINE_FD     3, see below
//   LTADBENCH_LOG_LEVEL       trace, debug, info, warn or error, if the user chose
//   LTADBENCH_ORT_LIB         path of the ONNX Runtime library, if one was found
//   OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS: Session.threads
//
// The method makes a key (ECDSA P-256 is understood everywhere) and a self-signed
// X.509 certificate for the DNS name localhost (a subject alternative name; a
// common name alone will not do), serves gRPC over TLS on a Unix socket in that
// directory (the path of a socket has 103 bytes at most), demands a certificate of
// its client and trusts PLUGIN_CLIENT_CERT alone. Then it writes one line to
// standard output,
//
//   1|1|unix|PATH|grpc|CERTIFICATE
//
// which is go-plugin's version, the version of this protocol, the address, and its
// own certificate in DER form, base64 without padding ("="). Standard output
// carries this line and nothing else: move it away (dup2 of standard error over it,
// keeping a duplicate) before importing anything that prints.
//
// Beside the service below the server has two small ones; all others, such as
// go-plugin's GRPCBroker and GRPCStdio, may be left unimplemented:
//
//   grpc.health.v1.Health/Check       for the service "plugin": SERVING, which is
//                                     the bytes 08 01
//   plugin.GRPCController/Shutdown    of an empty message to an empty message: end
//                                     the process; after 2 seconds it is killed
//
// How a method is run
//
// Calls come one after the other:
//
//   Describe, then Fit or Load, then any number of Predict and Save.
//
// A method serves one of them at a time. When a call is cancelled (by the host, or
// by its deadline; in Python context.is_active() tells) it stops soon, and a call
// that comes in the meantime waits for that. Predict and Save before Fit or Load
// are errors. The process lives in a process group of its own, which is killed in
// the end.
//
// File descriptor LTADBENCH_LIFELINE_FD is a pipe that nobody writes to: when it
// ends, the host is gone. The host's own guard then kills the process group, where
// there is a /bin/sh; a method that starts processes outside of the group, or that
// waits for a GPU to be released, reads the pipe and ends them and itself. On Linux
// it gets SIGTERM too.
//
// Standard error is the log, one line per entry. A line that is a JSON object with
// the strings @level (trace ... error), @message and @timestamp keeps its level;
// its other members are shown as name=value.
//
// Checkpoints
//
// A process may be killed at any time: by Ctrl-C (half a second after a call was
// cancelled), a timeout, a lack of memory, the end of the machine. A method that
// trains for long says DescribeResponse.resumes and writes, every minute or so, all
// that Fit needs to go on (weights, the optimiser's state, the place in the
// schedule and in the streams of random numbers) into Session.checkpoint: under
// another name first, then renamed, so that what stands there is always whole. Fit
// looks there before it begins. If there is a checkpoint it goes on from it, says so
// in its first message ("resumed at epoch 12"), and ends with the same state as a
// Fit that nobody has interrupted, where DescribeResponse.deterministic. One that
// cannot be read is no error: Fit begins anew.
//
// The directory belongs to everything that may change the method's numbers: its
// options, seed, engine, version and program, and the data. Only the device, the
// number of threads and the machine may be others than before. The host keeps it
// when the process was interrupted, died or ran out of time, and after errors of the
// kind "system"; it deletes it when the cell is done, and after any other error.
//
// Data
//
// Tensors are NumPy .npy files (little-endian, C order, format 1 to 3), which the
// host owns, and which a method maps into memory read-only, as
// numpy.load(path, mmap_mode="r") does. Anomaly maps come back the same way. No
// message carries a tensor. No message exceeds 64 MiB; methods must raise gRPC's
// usual limit of 4 MiB for what they receive.
//
// Errors
//
// A method reports an error as a gRPC status with any code but UNAVAILABLE,
// CANCELLED and DEADLINE_EXCEEDED, which look like a lost connection; its message
// reaches the user. Keep it below some KiB. An ErrorDetail says more: it travels as
// gRPC's usual error details, a google.rpc.Status in the trailing metadata
// grpc-status-details-bin, whose code and message are the call's and whose details
// hold the type URL type.googleapis.com/ltadbench.method.v1.ErrorDetail. Where a
// library turns exceptions into statuses, see that the stack reaches standard error
// (grpcio logs it, once Python's logging is configured).

// Code generated by protoc-gen-go. DO NOT EDIT.
// versions:
// 	protoc-gen-go v1.36.12
// 	protoc        v3.21.12
// source: ltadbench/method/v1/method.proto

package methodpb

import (
	protoreflect "google.golang.org/protobuf/reflect/protoreflect"
	protoimpl "google.golang.org/protobuf/runtime/protoimpl"
	reflect "reflect"
	sync "sync"
	unsafe "unsafe"
)

const (
	// Verify that this generated code is sufficiently up-to-date.
	_ = protoimpl.EnforceVersion(20 - protoimpl.MinVersion)
	// Verify that runtime/protoimpl is sufficiently up-to-date.
	_ = protoimpl.EnforceVersion(protoimpl.MaxVersion - 20)
)

// Input is what a method can ask for.
type Input int32

const (
	Input_INPUT_UNSPECIFIED Input = 0
	// Features of the encoder: float32 or float16, [rows, H, W, C].
	Input_INPUT_FEATURES Input = 1
	// Images resized to the encoder's input: uint8 RGB, [rows, H, W, 3].
	Input_INPUT_IMAGES Input = 2
	// The encoder's vectors for whole images: float32, [rows, D].
	Input_INPUT_EMBEDDINGS Input = 3
	// The text encoder that belongs to the encoder: no tensor, but Session.text.
	Input_INPUT_TEXT Input = 4
)

// Enum value maps for Input.
var (
	Input_name = map[int32]string{
		0: "INPUT_UNSPECIFIED",
		1: "INPUT_FEATURES",
		2: "INPUT_IMAGES",
		3: "INPUT_EMBEDDINGS",
		4: "INPUT_TEXT",
	}
	Input_value = map[string]int32{
		"INPUT_UNSPECIFIED": 0,
		"INPUT_FEATURES":    1,
		"INPUT_IMAGES":      2,
		"INPUT_EMBEDDINGS":  3,
		"INPUT_TEXT":        4,
	}
)

func (x Input) Enum() *Input {
	p := new(Input)
	*p = x
	return p
}

func (x Input) String() string {
	return protoimpl.X.EnumStringOf(x.Descriptor(), protoreflect.EnumNumber(x))
}

func (Input) Descriptor() protoreflect.EnumDescriptor {
	return file_ltadbench_method_v1_method_proto_enumTypes[0].Descriptor()
}

func (Input) Type() protoreflect.EnumType {
	return &file_ltadbench_method_v1_method_proto_enumTypes[0]
}

func (x Input) Number() protoreflect.EnumNumber {
	return protoreflect.EnumNumber(x)
}

// Deprecated: Use Input.Descriptor instead.
func (Input) EnumDescriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{0}
}

type DescribeRequest struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *DescribeRequest) Reset() {
	*x = DescribeRequest{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[0]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *DescribeRequest) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*DescribeRequest) ProtoMessage() {}

func (x *DescribeRequest) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[0]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use DescribeRequest.ProtoReflect.Descriptor instead.
func (*DescribeRequest) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{0}
}

type DescribeResponse struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// 1 to 64 of a-z, 0-9, "-" and "_", of which the first is a letter or digit.
	Name string `protobuf:"bytes,1,opt,name=name,proto3" json:"name,omitempty"`
	// Changes whenever the method's numbers would; one line of 1 to 80 bytes.
	Version string `protobuf:"bytes,2,opt,name=version,proto3" json:"version,omitempty"`
	// One line.
	Summary string `protobuf:"bytes,3,opt,name=summary,proto3" json:"summary,omitempty"`
	// A citation, or "".
	Paper string `protobuf:"bytes,4,opt,name=paper,proto3" json:"paper,omitempty"`
	// What Data and Session are to hold; anything else is withheld.
	Needs []Input `protobuf:"varint,5,rep,packed,name=needs,proto3,enum=ltadbench.method.v1.Input" json:"needs,omitempty"`
	// It gives an anomaly map for each image.
	Maps bool `protobuf:"varint,6,opt,name=maps,proto3" json:"maps,omitempty"`
	// It gives an image score of its own. Maps or scores it has to give.
	Scores bool `protobuf:"varint,7,opt,name=scores,proto3" json:"scores,omitempty"`
	// The same inputs, options and seed on one machine give the same bytes.
	Deterministic bool `protobuf:"varint,8,opt,name=deterministic,proto3" json:"deterministic,omitempty"`
	// Save and Load work.
	SaveLoad bool `protobuf:"varint,9,opt,name=save_load,json=saveLoad,proto3" json:"save_load,omitempty"`
	// It uses the names of the classes as a prior, whatever its options are; one whose
	// options decide says so in their schema.
	ClassNames bool `protobuf:"varint,10,opt,name=class_names,json=classNames,proto3" json:"class_names,omitempty"`
	// JSON Schema (draft 2020-12) of the options: of type "object", with a
	// description, a type and a default for every property, and
	// additionalProperties false. "" if there are none. Two more keywords of a property
	// are the host's:
	//
	//	x-class-names       of a string: a list of its values with which the method is
	//	                    told the names of the classes
	//	x-dataset-defaults  of a number: an object with the defaults that hold in place
	//	                    of the usual one on some kinds of data set, such as
	//	                    {"visa": 400, "dagm": 300}
	OptionsSchema string `protobuf:"bytes,11,opt,name=options_schema,json=optionsSchema,proto3" json:"options_schema,omitempty"`
	// The engines with which it can compute, the preferred one first: "ort" (ONNX
	// Runtime), "xla", "go". They are the backends of methods that train with GoMLX;
	// none, if the choice does not concern the method.
	Engines []string `protobuf:"bytes,12,rep,name=engines,proto3" json:"engines,omitempty"`
	// A Fit that was killed goes on from its checkpoint; see Checkpoints above.
	Resumes bool `protobuf:"varint,13,opt,name=resumes,proto3" json:"resumes,omitempty"`
	// Variants of the method with options of their own, such as the rows of a paper's
	// ablation tables.
	Presets       []*Preset `protobuf:"bytes,14,rep,name=presets,proto3" json:"presets,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *DescribeResponse) Reset() {
	*x = DescribeResponse{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[1]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *DescribeResponse) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*DescribeResponse) ProtoMessage() {}

func (x *DescribeResponse) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[1]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use DescribeResponse.ProtoReflect.Descriptor instead.
func (*DescribeResponse) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{1}
}

func (x *DescribeResponse) GetName() string {
	if x != nil {
		return x.Name
	}
	return ""
}

func (x *DescribeResponse) GetVersion() string {
	if x != nil {
		return x.Version
	}
	return ""
}

func (x *DescribeResponse) GetSummary() string {
	if x != nil {
		return x.Summary
	}
	return ""
}

func (x *DescribeResponse) GetPaper() string {
	if x != nil {
		return x.Paper
	}
	return ""
}

func (x *DescribeResponse) GetNeeds() []Input {
	if x != nil {
		return x.Needs
	}
	return nil
}

func (x *DescribeResponse) GetMaps() bool {
	if x != nil {
		return x.Maps
	}
	return false
}

func (x *DescribeResponse) GetScores() bool {
	if x != nil {
		return x.Scores
	}
	return false
}

func (x *DescribeResponse) GetDeterministic() bool {
	if x != nil {
		return x.Deterministic
	}
	return false
}

func (x *DescribeResponse) GetSaveLoad() bool {
	if x != nil {
		return x.SaveLoad
	}
	return false
}

func (x *DescribeResponse) GetClassNames() bool {
	if x != nil {
		return x.ClassNames
	}
	return false
}

func (x *DescribeResponse) GetOptionsSchema() string {
	if x != nil {
		return x.OptionsSchema
	}
	return ""
}

func (x *DescribeResponse) GetEngines() []string {
	if x != nil {
		return x.Engines
	}
	return nil
}

func (x *DescribeResponse) GetResumes() bool {
	if x != nil {
		return x.Resumes
	}
	return false
}

func (x *DescribeResponse) GetPresets() []*Preset {
	if x != nil {
		return x.Presets
	}
	return nil
}

// Preset is a variant of a method.
type Preset struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// 1 to 64 of A-Z, a-z, 0-9, ".", "-" and "_", of which the first is a letter or
	// digit; no two presets of a method have the same.
	Name string `protobuf:"bytes,1,opt,name=name,proto3" json:"name,omitempty"`
	// One line: what it changes.
	Summary string `protobuf:"bytes,2,opt,name=summary,proto3" json:"summary,omitempty"`
	// A JSON object: the options that it sets, which fit the schema.
	Options string `protobuf:"bytes,3,opt,name=options,proto3" json:"options,omitempty"`
	// Title of the ablation table that has it as a row; "" if none has.
	Table string `protobuf:"bytes,4,opt,name=table,proto3" json:"table,omitempty"`
	// What that table prints of it.
	Columns       []*Column `protobuf:"bytes,5,rep,name=columns,proto3" json:"columns,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Preset) Reset() {
	*x = Preset{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[2]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Preset) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Preset) ProtoMessage() {}

func (x *Preset) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[2]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Preset.ProtoReflect.Descriptor instead.
func (*Preset) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{2}
}

func (x *Preset) GetName() string {
	if x != nil {
		return x.Name
	}
	return ""
}

func (x *Preset) GetSummary() string {
	if x != nil {
		return x.Summary
	}
	return ""
}

func (x *Preset) GetOptions() string {
	if x != nil {
		return x.Options
	}
	return ""
}

func (x *Preset) GetTable() string {
	if x != nil {
		return x.Table
	}
	return ""
}

func (x *Preset) GetColumns() []*Column {
	if x != nil {
		return x.Columns
	}
	return nil
}

// Column is a column of an ablation table, and what it has for one preset.
type Column struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	Name          string                 `protobuf:"bytes,1,opt,name=name,proto3" json:"name,omitempty"`
	Value         string                 `protobuf:"bytes,2,opt,name=value,proto3" json:"value,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Column) Reset() {
	*x = Column{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[3]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Column) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Column) ProtoMessage() {}

func (x *Column) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[3]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Column.ProtoReflect.Descriptor instead.
func (*Column) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{3}
}

func (x *Column) GetName() string {
	if x != nil {
		return x.Name
	}
	return ""
}

func (x *Column) GetValue() string {
	if x != nil {
		return x.Value
	}
	return ""
}

// Session is what a method is told about its cell.
type Session struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// A JSON object: every option of the schema has its value, and has been checked
	// against the schema. Whole numbers are written as such, 1 for 1.0. An option that
	// the method does not know is an error.
	Options string `protobuf:"bytes,1,opt,name=options,proto3" json:"options,omitempty"`
	Seed    uint64 `protobuf:"varint,2,opt,name=seed,proto3" json:"seed,omitempty"`
	// "cpu" or "cuda:N".
	Device string `protobuf:"bytes,3,opt,name=device,proto3" json:"device,omitempty"`
	// How many threads to compute with.
	Threads int32 `protobuf:"varint,4,opt,name=threads,proto3" json:"threads,omitempty"`
	// A directory of the method's own, which exists; the host deletes it.
	WorkDir string `protobuf:"bytes,5,opt,name=work_dir,json=workDir,proto3" json:"work_dir,omitempty"`
	// One entry per class index: its name if DescribeResponse.class_names or an option
	// (x-class-names) asks for it, else "".
	Classes []string `protobuf:"bytes,6,rep,name=classes,proto3" json:"classes,omitempty"`
	// One of DescribeResponse.engines, which the user has chosen; "" if there are
	// none, or if the host leaves the choice to the method.
	Engine string `protobuf:"bytes,7,opt,name=engine,proto3" json:"engine,omitempty"`
	// The cell's directory of checkpoints, which exists and outlives the process; ""
	// unless DescribeResponse.resumes and the host wants checkpoints. For Fit alone.
	Checkpoint string `protobuf:"bytes,8,opt,name=checkpoint,proto3" json:"checkpoint,omitempty"`
	// Channels of each of the encoder's levels, in the order in which a patch feature
	// concatenates them; their sum is C. None unless the method needs features.
	Levels []int32 `protobuf:"varint,9,rep,packed,name=levels,proto3" json:"levels,omitempty"`
	// Absent unless the method needs text.
	Text          *TextEncoder `protobuf:"bytes,10,opt,name=text,proto3" json:"text,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Session) Reset() {
	*x = Session{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[4]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Session) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Session) ProtoMessage() {}

func (x *Session) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[4]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Session.ProtoReflect.Descriptor instead.
func (*Session) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{4}
}

func (x *Session) GetOptions() string {
	if x != nil {
		return x.Options
	}
	return ""
}

func (x *Session) GetSeed() uint64 {
	if x != nil {
		return x.Seed
	}
	return 0
}

func (x *Session) GetDevice() string {
	if x != nil {
		return x.Device
	}
	return ""
}

func (x *Session) GetThreads() int32 {
	if x != nil {
		return x.Threads
	}
	return 0
}

func (x *Session) GetWorkDir() string {
	if x != nil {
		return x.WorkDir
	}
	return ""
}

func (x *Session) GetClasses() []string {
	if x != nil {
		return x.Classes
	}
	return nil
}

func (x *Session) GetEngine() string {
	if x != nil {
		return x.Engine
	}
	return ""
}

func (x *Session) GetCheckpoint() string {
	if x != nil {
		return x.Checkpoint
	}
	return ""
}

func (x *Session) GetLevels() []int32 {
	if x != nil {
		return x.Levels
	}
	return nil
}

func (x *Session) GetText() *TextEncoder {
	if x != nil {
		return x.Text
	}
	return nil
}

// TextEncoder is a BERT (Devlin et al., 2019): the sum of word, position and type
// embeddings, layer-normalised, then layers with the norms after the residual sums
// (post-norm). The feature of a text is the last hidden state at its first token,
// [CLS], multiplied by the projection if there is one. A text is a line [CLS] words
// [SEP] of WordPiece tokens after BERT's basic tokenisation, of type 0. Numbers that
// are not here are the shapes of the weights.
type TextEncoder struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Path of a safetensors file with the names of Hugging Face transformers' BertModel.
	Weights string `protobuf:"bytes,1,opt,name=weights,proto3" json:"weights,omitempty"`
	// Path of a WordPiece vocabulary, one token a line; the line is the token's number.
	Vocabulary string `protobuf:"bytes,2,opt,name=vocabulary,proto3" json:"vocabulary,omitempty"`
	// Of the BertModel's names in weights, such as "text_model."
	Prefix string `protobuf:"bytes,3,opt,name=prefix,proto3" json:"prefix,omitempty"`
	// Name of the linear layer, NAME.weight and NAME.bias in weights, from the hidden
	// state at [CLS] to the feature, such as "text_projection"; "" if there is none.
	Projection string `protobuf:"bytes,4,opt,name=projection,proto3" json:"projection,omitempty"`
	// Heads of each attention.
	Heads int32 `protobuf:"varint,5,opt,name=heads,proto3" json:"heads,omitempty"`
	// Epsilon of the layer norms.
	Eps float64 `protobuf:"fixed64,6,opt,name=eps,proto3" json:"eps,omitempty"`
	// Of the feed-forward networks: "gelu" (the exact one) or "relu".
	Activation string `protobuf:"bytes,7,opt,name=activation,proto3" json:"activation,omitempty"`
	// Texts are made lower-case, and lose their accents, before they are tokenised.
	Lowercase     bool `protobuf:"varint,8,opt,name=lowercase,proto3" json:"lowercase,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *TextEncoder) Reset() {
	*x = TextEncoder{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[5]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *TextEncoder) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*TextEncoder) ProtoMessage() {}

func (x *TextEncoder) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[5]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use TextEncoder.ProtoReflect.Descriptor instead.
func (*TextEncoder) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{5}
}

func (x *TextEncoder) GetWeights() string {
	if x != nil {
		return x.Weights
	}
	return ""
}

func (x *TextEncoder) GetVocabulary() string {
	if x != nil {
		return x.Vocabulary
	}
	return ""
}

func (x *TextEncoder) GetPrefix() string {
	if x != nil {
		return x.Prefix
	}
	return ""
}

func (x *TextEncoder) GetProjection() string {
	if x != nil {
		return x.Projection
	}
	return ""
}

func (x *TextEncoder) GetHeads() int32 {
	if x != nil {
		return x.Heads
	}
	return 0
}

func (x *TextEncoder) GetEps() float64 {
	if x != nil {
		return x.Eps
	}
	return 0
}

func (x *TextEncoder) GetActivation() string {
	if x != nil {
		return x.Activation
	}
	return ""
}

func (x *TextEncoder) GetLowercase() bool {
	if x != nil {
		return x.Lowercase
	}
	return false
}

// Tensor is a .npy file on this machine.
type Tensor struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	Path  string                 `protobuf:"bytes,1,opt,name=path,proto3" json:"path,omitempty"`
	// NumPy's name of the element type, such as "float32".
	Dtype         string  `protobuf:"bytes,2,opt,name=dtype,proto3" json:"dtype,omitempty"`
	Shape         []int64 `protobuf:"varint,3,rep,packed,name=shape,proto3" json:"shape,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Tensor) Reset() {
	*x = Tensor{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[6]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Tensor) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Tensor) ProtoMessage() {}

func (x *Tensor) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[6]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Tensor.ProtoReflect.Descriptor instead.
func (*Tensor) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{6}
}

func (x *Tensor) GetPath() string {
	if x != nil {
		return x.Path
	}
	return ""
}

func (x *Tensor) GetDtype() string {
	if x != nil {
		return x.Dtype
	}
	return ""
}

func (x *Tensor) GetShape() []int64 {
	if x != nil {
		return x.Shape
	}
	return nil
}

// Sample is one image. The order of samples, and ids, say nothing about it. A
// request may name fewer samples than its tensors have rows, in any order.
type Sample struct {
	state      protoimpl.MessageState `protogen:"open.v1"`
	Id         string                 `protobuf:"bytes,1,opt,name=id,proto3" json:"id,omitempty"`
	ClassIndex int32                  `protobuf:"varint,2,opt,name=class_index,json=classIndex,proto3" json:"class_index,omitempty"`
	// Row of the sample in each tensor.
	Row           int64 `protobuf:"varint,3,opt,name=row,proto3" json:"row,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Sample) Reset() {
	*x = Sample{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[7]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Sample) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Sample) ProtoMessage() {}

func (x *Sample) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[7]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Sample.ProtoReflect.Descriptor instead.
func (*Sample) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{7}
}

func (x *Sample) GetId() string {
	if x != nil {
		return x.Id
	}
	return ""
}

func (x *Sample) GetClassIndex() int32 {
	if x != nil {
		return x.ClassIndex
	}
	return 0
}

func (x *Sample) GetRow() int64 {
	if x != nil {
		return x.Row
	}
	return 0
}

type Data struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Absent unless the method needs them.
	Features      *Tensor   `protobuf:"bytes,1,opt,name=features,proto3" json:"features,omitempty"`
	Images        *Tensor   `protobuf:"bytes,2,opt,name=images,proto3" json:"images,omitempty"`
	Samples       []*Sample `protobuf:"bytes,3,rep,name=samples,proto3" json:"samples,omitempty"`
	Embeddings    *Tensor   `protobuf:"bytes,4,opt,name=embeddings,proto3" json:"embeddings,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Data) Reset() {
	*x = Data{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[8]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Data) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Data) ProtoMessage() {}

func (x *Data) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[8]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Data.ProtoReflect.Descriptor instead.
func (*Data) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{8}
}

func (x *Data) GetFeatures() *Tensor {
	if x != nil {
		return x.Features
	}
	return nil
}

func (x *Data) GetImages() *Tensor {
	if x != nil {
		return x.Images
	}
	return nil
}

func (x *Data) GetSamples() []*Sample {
	if x != nil {
		return x.Samples
	}
	return nil
}

func (x *Data) GetEmbeddings() *Tensor {
	if x != nil {
		return x.Embeddings
	}
	return nil
}

type FitRequest struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	Session       *Session               `protobuf:"bytes,1,opt,name=session,proto3" json:"session,omitempty"`
	Train         *Data                  `protobuf:"bytes,2,opt,name=train,proto3" json:"train,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *FitRequest) Reset() {
	*x = FitRequest{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[9]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *FitRequest) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*FitRequest) ProtoMessage() {}

func (x *FitRequest) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[9]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use FitRequest.ProtoReflect.Descriptor instead.
func (*FitRequest) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{9}
}

func (x *FitRequest) GetSession() *Session {
	if x != nil {
		return x.Session
	}
	return nil
}

func (x *FitRequest) GetTrain() *Data {
	if x != nil {
		return x.Train
	}
	return nil
}

type FitResponse struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Done of total, in any unit; total 0 if unknown. At most ten messages a second.
	Done  float64 `protobuf:"fixed64,1,opt,name=done,proto3" json:"done,omitempty"`
	Total float64 `protobuf:"fixed64,2,opt,name=total,proto3" json:"total,omitempty"`
	// A few words, such as "epoch 3 loss 0.12".
	Message       string `protobuf:"bytes,3,opt,name=message,proto3" json:"message,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *FitResponse) Reset() {
	*x = FitResponse{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[10]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *FitResponse) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*FitResponse) ProtoMessage() {}

func (x *FitResponse) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[10]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use FitResponse.ProtoReflect.Descriptor instead.
func (*FitResponse) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{10}
}

func (x *FitResponse) GetDone() float64 {
	if x != nil {
		return x.Done
	}
	return 0
}

func (x *FitResponse) GetTotal() float64 {
	if x != nil {
		return x.Total
	}
	return 0
}

func (x *FitResponse) GetMessage() string {
	if x != nil {
		return x.Message
	}
	return ""
}

type PredictRequest struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	Test  *Data                  `protobuf:"bytes,1,opt,name=test,proto3" json:"test,omitempty"`
	// An empty directory in which a method with maps writes maps.npy: float32,
	// [samples, h, w]; row i belongs to sample i of this request, and not to row i of
	// the tensors. A regular file, finite numbers, and at most as large as the image
	// (4096 a side if the method does not need images); the host upsamples them.
	OutputDir     string `protobuf:"bytes,2,opt,name=output_dir,json=outputDir,proto3" json:"output_dir,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *PredictRequest) Reset() {
	*x = PredictRequest{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[11]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *PredictRequest) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*PredictRequest) ProtoMessage() {}

func (x *PredictRequest) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[11]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use PredictRequest.ProtoReflect.Descriptor instead.
func (*PredictRequest) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{11}
}

func (x *PredictRequest) GetTest() *Data {
	if x != nil {
		return x.Test
	}
	return nil
}

func (x *PredictRequest) GetOutputDir() string {
	if x != nil {
		return x.OutputDir
	}
	return ""
}

type PredictResponse struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Any number of them, as they are ready: they are the user's progress bar.
	Answers []*Answer `protobuf:"bytes,1,rep,name=answers,proto3" json:"answers,omitempty"`
	// In the last message only, and only if the method gives maps: maps.npy is
	// complete and has this shape.
	Maps          *Maps `protobuf:"bytes,2,opt,name=maps,proto3" json:"maps,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *PredictResponse) Reset() {
	*x = PredictResponse{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[12]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *PredictResponse) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*PredictResponse) ProtoMessage() {}

func (x *PredictResponse) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[12]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use PredictResponse.ProtoReflect.Descriptor instead.
func (*PredictResponse) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{12}
}

func (x *PredictResponse) GetAnswers() []*Answer {
	if x != nil {
		return x.Answers
	}
	return nil
}

func (x *PredictResponse) GetMaps() *Maps {
	if x != nil {
		return x.Maps
	}
	return nil
}

type Answer struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	Id    string                 `protobuf:"bytes,1,opt,name=id,proto3" json:"id,omitempty"`
	// Higher is more anomalous; finite; ignored unless DescribeResponse.scores.
	Score         float32 `protobuf:"fixed32,2,opt,name=score,proto3" json:"score,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Answer) Reset() {
	*x = Answer{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[13]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Answer) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Answer) ProtoMessage() {}

func (x *Answer) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[13]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Answer.ProtoReflect.Descriptor instead.
func (*Answer) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{13}
}

func (x *Answer) GetId() string {
	if x != nil {
		return x.Id
	}
	return ""
}

func (x *Answer) GetScore() float32 {
	if x != nil {
		return x.Score
	}
	return 0
}

type Maps struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	Shape         []int64                `protobuf:"varint,1,rep,packed,name=shape,proto3" json:"shape,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Maps) Reset() {
	*x = Maps{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[14]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Maps) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Maps) ProtoMessage() {}

func (x *Maps) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[14]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Maps.ProtoReflect.Descriptor instead.
func (*Maps) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{14}
}

func (x *Maps) GetShape() []int64 {
	if x != nil {
		return x.Shape
	}
	return nil
}

type SaveRequest struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	Dir           string                 `protobuf:"bytes,1,opt,name=dir,proto3" json:"dir,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *SaveRequest) Reset() {
	*x = SaveRequest{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[15]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *SaveRequest) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*SaveRequest) ProtoMessage() {}

func (x *SaveRequest) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[15]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use SaveRequest.ProtoReflect.Descriptor instead.
func (*SaveRequest) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{15}
}

func (x *SaveRequest) GetDir() string {
	if x != nil {
		return x.Dir
	}
	return ""
}

type SaveResponse struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *SaveResponse) Reset() {
	*x = SaveResponse{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[16]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *SaveResponse) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*SaveResponse) ProtoMessage() {}

func (x *SaveResponse) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[16]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use SaveResponse.ProtoReflect.Descriptor instead.
func (*SaveResponse) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{16}
}

type LoadRequest struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	Session       *Session               `protobuf:"bytes,1,opt,name=session,proto3" json:"session,omitempty"`
	Dir           string                 `protobuf:"bytes,2,opt,name=dir,proto3" json:"dir,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *LoadRequest) Reset() {
	*x = LoadRequest{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[17]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *LoadRequest) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*LoadRequest) ProtoMessage() {}

func (x *LoadRequest) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[17]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use LoadRequest.ProtoReflect.Descriptor instead.
func (*LoadRequest) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{17}
}

func (x *LoadRequest) GetSession() *Session {
	if x != nil {
		return x.Session
	}
	return nil
}

func (x *LoadRequest) GetDir() string {
	if x != nil {
		return x.Dir
	}
	return ""
}

type LoadResponse struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *LoadResponse) Reset() {
	*x = LoadResponse{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[18]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *LoadResponse) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*LoadResponse) ProtoMessage() {}

func (x *LoadResponse) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[18]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use LoadResponse.ProtoReflect.Descriptor instead.
func (*LoadResponse) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{18}
}

// ErrorDetail travels in the details of a gRPC status.
type ErrorDetail struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// What kind of error: "method" (the usual one), "answer", "config", "data",
	// "system", "protocol".
	Kind string `protobuf:"bytes,1,opt,name=kind,proto3" json:"kind,omitempty"`
	// Whose doing: "method" (the usual one), "user", "data", "host", "plugin".
	Source string `protobuf:"bytes,2,opt,name=source,proto3" json:"source,omitempty"`
	// What to do about it.
	Hint string `protobuf:"bytes,3,opt,name=hint,proto3" json:"hint,omitempty"`
	// Last lines of a stack or log, at most 4 KiB (gRPC sends it in a header).
	Log           string `protobuf:"bytes,4,opt,name=log,proto3" json:"log,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *ErrorDetail) Reset() {
	*x = ErrorDetail{}
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[19]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *ErrorDetail) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*ErrorDetail) ProtoMessage() {}

func (x *ErrorDetail) ProtoReflect() protoreflect.Message {
	mi := &file_ltadbench_method_v1_method_proto_msgTypes[19]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use ErrorDetail.ProtoReflect.Descriptor instead.
func (*ErrorDetail) Descriptor() ([]byte, []int) {
	return file_ltadbench_method_v1_method_proto_rawDescGZIP(), []int{19}
}

func (x *ErrorDetail) GetKind() string {
	if x != nil {
		return x.Kind
	}
	return ""
}

func (x *ErrorDetail) GetSource() string {
	if x != nil {
		return x.Source
	}
	return ""
}

func (x *ErrorDetail) GetHint() string {
	if x != nil {
		return x.Hint
	}
	return ""
}

func (x *ErrorDetail) GetLog() string {
	if x != nil {
		return x.Log
	}
	return ""
}

var File_ltadbench_method_v1_method_proto protoreflect.FileDescriptor

const file_ltadbench_method_v1_method_proto_rawDesc = "" +
	"\n" +
	" ltadbench/method/v1/method.proto\x12\x13ltadbench.method.v1\"\x11\n" +
	"\x0fDescribeRequest\"\xc4\x03\n" +
	"\x10DescribeResponse\x12\x12\n" +
	"\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n" +
	"\aversion\x18\x02 \x01(\tR\aversion\x12\x18\n" +
	"\asummary\x18\x03 \x01(\tR\asummary\x12\x14\n" +
	"\x05paper\x18\x04 \x01(\tR\x05paper\x120\n" +
	"\x05needs\x18\x05 \x03(\x0e2\x1a.ltadbench.method.v1.InputR\x05needs\x12\x12\n" +
	"\x04maps\x18\x06 \x01(\bR\x04maps\x12\x16\n" +
	"\x06scores\x18\a \x01(\bR\x06scores\x12$\n" +
	"\rdeterministic\x18\b \x01(\bR\rdeterministic\x12\x1b\n" +
	"\tsave_load\x18\t \x01(\bR\bsaveLoad\x12\x1f\n" +
	"\vclass_names\x18\n" +
	" \x01(\bR\n" +
	"classNames\x12%\n" +
	"\x0eoptions_schema\x18\v \x01(\tR\roptionsSchema\x12\x18\n" +
	"\aengines\x18\f \x03(\tR\aengines\x12\x18\n" +
	"\aresumes\x18\r \x01(\bR\aresumes\x125\n" +
	"\apresets\x18\x0e \x03(\v2\x1b.ltadbench.method.v1.PresetR\apresets\"\x9d\x01\n" +
	"\x06Preset\x12\x12\n" +
	"\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n" +
	"\asummary\x18\x02 \x01(\tR\asummary\x12\x18\n" +
	"\aoptions\x18\x03 \x01(\tR\aoptions\x12\x14\n" +
	"\x05table\x18\x04 \x01(\tR\x05table\x125\n" +
	"\acolumns\x18\x05 \x03(\v2\x1b.ltadbench.method.v1.ColumnR\acolumns\"2\n" +
	"\x06Column\x12\x12\n" +
	"\x04name\x18\x01 \x01(\tR\x04name\x12\x14\n" +
	"\x05value\x18\x02 \x01(\tR\x05value\"\xa4\x02\n" +
	"\aSession\x12\x18\n" +
	"\aoptions\x18\x01 \x01(\tR\aoptions\x12\x12\n" +
	"\x04seed\x18\x02 \x01(\x04R\x04seed\x12\x16\n" +
	"\x06device\x18\x03 \x01(\tR\x06device\x12\x18\n" +
	"\athreads\x18\x04 \x01(\x05R\athreads\x12\x19\n" +
	"\bwork_dir\x18\x05 \x01(\tR\aworkDir\x12\x18\n" +
	"\aclasses\x18\x06 \x03(\tR\aclasses\x12\x16\n" +
	"\x06engine\x18\a \x01(\tR\x06engine\x12\x1e\n" +
	"\n" +
	"checkpoint\x18\b \x01(\tR\n" +
	"checkpoint\x12\x16\n" +
	"\x06levels\x18\t \x03(\x05R\x06levels\x124\n" +
	"\x04text\x18\n" +
	" \x01(\v2 .ltadbench.method.v1.TextEncoderR\x04text\"\xe5\x01\n" +
	"\vTextEncoder\x12\x18\n" +
	"\aweights\x18\x01 \x01(\tR\aweights\x12\x1e\n" +
	"\n" +
	"vocabulary\x18\x02 \x01(\tR\n" +
	"vocabulary\x12\x16\n" +
	"\x06prefix\x18\x03 \x01(\tR\x06prefix\x12\x1e\n" +
	"\n" +
	"projection\x18\x04 \x01(\tR\n" +
	"projection\x12\x14\n" +
	"\x05heads\x18\x05 \x01(\x05R\x05heads\x12\x10\n" +
	"\x03eps\x18\x06 \x01(\x01R\x03eps\x12\x1e\n" +
	"\n" +
	"activation\x18\a \x01(\tR\n" +
	"activation\x12\x1c\n" +
	"\tlowercase\x18\b \x01(\bR\tlowercase\"H\n" +
	"\x06Tensor\x12\x12\n" +
	"\x04path\x18\x01 \x01(\tR\x04path\x12\x14\n" +
	"\x05dtype\x18\x02 \x01(\tR\x05dtype\x12\x14\n" +
	"\x05shape\x18\x03 \x03(\x03R\x05shape\"K\n" +
	"\x06Sample\x12\x0e\n" +
	"\x02id\x18\x01 \x01(\tR\x02id\x12\x1f\n" +
	"\vclass_index\x18\x02 \x01(\x05R\n" +
	"classIndex\x12\x10\n" +
	"\x03row\x18\x03 \x01(\x03R\x03row\"\xe8\x01\n" +
	"\x04Data\x127\n" +
	"\bfeatures\x18\x01 \x01(\v2\x1b.ltadbench.method.v1.TensorR\bfeatures\x123\n" +
	"\x06images\x18\x02 \x01(\v2\x1b.ltadbench.method.v1.TensorR\x06images\x125\n" +
	"\asamples\x18\x03 \x03(\v2\x1b.ltadbench.method.v1.SampleR\asamples\x12;\n" +
	"\n" +
	"embeddings\x18\x04 \x01(\v2\x1b.ltadbench.method.v1.TensorR\n" +
	"embeddings\"u\n" +
	"\n" +
	"FitRequest\x126\n" +
	"\asession\x18\x01 \x01(\v2\x1c.ltadbench.method.v1.SessionR\asession\x12/\n" +
	"\x05train\x18\x02 \x01(\v2\x19.ltadbench.method.v1.DataR\x05train\"Q\n" +
	"\vFitResponse\x12\x12\n" +
	"\x04done\x18\x01 \x01(\x01R\x04done\x12\x14\n" +
	"\x05total\x18\x02 \x01(\x01R\x05total\x12\x18\n" +
	"\amessage\x18\x03 \x01(\tR\amessage\"^\n" +
	"\x0ePredictRequest\x12-\n" +
	"\x04test\x18\x01 \x01(\v2\x19.ltadbench.method.v1.DataR\x04test\x12\x1d\n" +
	"\n" +
	"output_dir\x18\x02 \x01(\tR\toutputDir\"w\n" +
	"\x0fPredictResponse\x125\n" +
	"\aanswers\x18\x01 \x03(\v2\x1b.ltadbench.method.v1.AnswerR\aanswers\x12-\n" +
	"\x04maps\x18\x02 \x01(\v2\x19.ltadbench.method.v1.MapsR\x04maps\".\n" +
	"\x06Answer\x12\x0e\n" +
	"\x02id\x18\x01 \x01(\tR\x02id\x12\x14\n" +
	"\x05score\x18\x02 \x01(\x02R\x05score\"\x1c\n" +
	"\x04Maps\x12\x14\n" +
	"\x05shape\x18\x01 \x03(\x03R\x05shape\"\x1f\n" +
	"\vSaveRequest\x12\x10\n" +
	"\x03dir\x18\x01 \x01(\tR\x03dir\"\x0e\n" +
	"\fSaveResponse\"W\n" +
	"\vLoadRequest\x126\n" +
	"\asession\x18\x01 \x01(\v2\x1c.ltadbench.method.v1.SessionR\asession\x12\x10\n" +
	"\x03dir\x18\x02 \x01(\tR\x03dir\"\x0e\n" +
	"\fLoadResponse\"_\n" +
	"\vErrorDetail\x12\x12\n" +
	"\x04kind\x18\x01 \x01(\tR\x04kind\x12\x16\n" +
	"\x06source\x18\x02 \x01(\tR\x06source\x12\x12\n" +
	"\x04hint\x18\x03 \x01(\tR\x04hint\x12\x10\n" +
	"\x03log\x18\x04 \x01(\tR\x03log*j\n" +
	"\x05Input\x12\x15\n" +
	"\x11INPUT_UNSPECIFIED\x10\x00\x12\x12\n" +
	"\x0eINPUT_FEATURES\x10\x01\x12\x10\n" +
	"\fINPUT_IMAGES\x10\x02\x12\x14\n" +
	"\x10INPUT_EMBEDDINGS\x10\x03\x12\x0e\n" +
	"\n" +
	"INPUT_TEXT\x10\x042\xa6\x03\n" +
	"\rMethodService\x12W\n" +
	"\bDescribe\x12$.ltadbench.method.v1.DescribeRequest\x1a%.ltadbench.method.v1.DescribeResponse\x12J\n" +
	"\x03Fit\x12\x1f.ltadbench.method.v1.FitRequest\x1a .ltadbench.method.v1.FitResponse0\x01\x12V\n" +
	"\aPredict\x12#.ltadbench.method.v1.PredictRequest\x1a$.ltadbench.method.v1.PredictResponse0\x01\x12K\n" +
	"\x04Save\x12 .ltadbench.method.v1.SaveRequest\x1a!.ltadbench.method.v1.SaveResponse\x12K\n" +
	"\x04Load\x12 .ltadbench.method.v1.LoadRequest\x1a!.ltadbench.method.v1.LoadResponseBEZCgithub.com/ltadbench/ltadbench/framework/protocol/internal/methodpbb\x06proto3"

var (
	file_ltadbench_method_v1_method_proto_rawDescOnce sync.Once
	file_ltadbench_method_v1_method_proto_rawDescData []byte
)

func file_ltadbench_method_v1_method_proto_rawDescGZIP() []byte {
	file_ltadbench_method_v1_method_proto_rawDescOnce.Do(func() {
		file_ltadbench_method_v1_method_proto_rawDescData = protoimpl.X.CompressGZIP(unsafe.Slice(unsafe.StringData(file_ltadbench_method_v1_method_proto_rawDesc), len(file_ltadbench_method_v1_method_proto_rawDesc)))
	})
	return file_ltadbench_method_v1_method_proto_rawDescData
}

var file_ltadbench_method_v1_method_proto_enumTypes = make([]protoimpl.EnumInfo, 1)
var file_ltadbench_method_v1_method_proto_msgTypes = make([]protoimpl.MessageInfo, 20)
var file_ltadbench_method_v1_method_proto_goTypes = []any{
	(Input)(0),               // 0: ltadbench.method.v1.Input
	(*DescribeRequest)(nil),  // 1: ltadbench.method.v1.DescribeRequest
	(*DescribeResponse)(nil), // 2: ltadbench.method.v1.DescribeResponse
	(*Preset)(nil),           // 3: ltadbench.method.v1.Preset
	(*Column)(nil),           // 4: ltadbench.method.v1.Column
	(*Session)(nil),          // 5: ltadbench.method.v1.Session
	(*TextEncoder)(nil),      // 6: ltadbench.method.v1.TextEncoder
	(*Tensor)(nil),           // 7: ltadbench.method.v1.Tensor
	(*Sample)(nil),           // 8: ltadbench.method.v1.Sample
	(*Data)(nil),             // 9: ltadbench.method.v1.Data
	(*FitRequest)(nil),       // 10: ltadbench.method.v1.FitRequest
	(*FitResponse)(nil),      // 11: ltadbench.method.v1.FitResponse
	(*PredictRequest)(nil),   // 12: ltadbench.method.v1.PredictRequest
	(*PredictResponse)(nil),  // 13: ltadbench.method.v1.PredictResponse
	(*Answer)(nil),           // 14: ltadbench.method.v1.Answer
	(*Maps)(nil),             // 15: ltadbench.method.v1.Maps
	(*SaveRequest)(nil),      // 16: ltadbench.method.v1.SaveRequest
	(*SaveResponse)(nil),     // 17: ltadbench.method.v1.SaveResponse
	(*LoadRequest)(nil),      // 18: ltadbench.method.v1.LoadRequest
	(*LoadResponse)(nil),     // 19: ltadbench.method.v1.LoadResponse
	(*ErrorDetail)(nil),      // 20: ltadbench.method.v1.ErrorDetail
}
var file_ltadbench_method_v1_method_proto_depIdxs = []int32{
	0,  // 0: ltadbench.method.v1.DescribeResponse.needs:type_name -> ltadbench.method.v1.Input
	3,  // 1: ltadbench.method.v1.DescribeResponse.presets:type_name -> ltadbench.method.v1.Preset
	4,  // 2: ltadbench.method.v1.Preset.columns:type_name -> ltadbench.method.v1.Column
	6,  // 3: ltadbench.method.v1.Session.text:type_name -> ltadbench.method.v1.TextEncoder
	7,  // 4: ltadbench.method.v1.Data.features:type_name -> ltadbench.method.v1.Tensor
	7,  // 5: ltadbench.method.v1.Data.images:type_name -> ltadbench.method.v1.Tensor
	8,  // 6: ltadbench.method.v1.Data.samples:type_name -> ltadbench.method.v1.Sample
	7,  // 7: ltadbench.method.v1.Data.embeddings:type_name -> ltadbench.method.v1.Tensor
	5,  // 8: ltadbench.method.v1.FitRequest.session:type_name -> ltadbench.method.v1.Session
	9,  // 9: ltadbench.method.v1.FitRequest.train:type_name -> ltadbench.method.v1.Data
	9,  // 10: ltadbench.method.v1.PredictRequest.test:type_name -> ltadbench.method.v1.Data
	14, // 11: ltadbench.method.v1.PredictResponse.answers:type_name -> ltadbench.method.v1.Answer
	15, // 12: ltadbench.method.v1.PredictResponse.maps:type_name -> ltadbench.method.v1.Maps
	5,  // 13: ltadbench.method.v1.LoadRequest.session:type_name -> ltadbench.method.v1.Session
	1,  // 14: ltadbench.method.v1.MethodService.Describe:input_type -> ltadbench.method.v1.DescribeRequest
	10, // 15: ltadbench.method.v1.MethodService.Fit:input_type -> ltadbench.method.v1.FitRequest
	12, // 16: ltadbench.method.v1.MethodService.Predict:input_type -> ltadbench.method.v1.PredictRequest
	16, // 17: ltadbench.method.v1.MethodService.Save:input_type -> ltadbench.method.v1.SaveRequest
	18, // 18: ltadbench.method.v1.MethodService.Load:input_type -> ltadbench.method.v1.LoadRequest
	2,  // 19: ltadbench.method.v1.MethodService.Describe:output_type -> ltadbench.method.v1.DescribeResponse
	11, // 20: ltadbench.method.v1.MethodService.Fit:output_type -> ltadbench.method.v1.FitResponse
	13, // 21: ltadbench.method.v1.MethodService.Predict:output_type -> ltadbench.method.v1.PredictResponse
	17, // 22: ltadbench.method.v1.MethodService.Save:output_type -> ltadbench.method.v1.SaveResponse
	19, // 23: ltadbench.method.v1.MethodService.Load:output_type -> ltadbench.method.v1.LoadResponse
	19, // [19:24] is the sub-list for method output_type
	14, // [14:19] is the sub-list for method input_type
	14, // [14:14] is the sub-list for extension type_name
	14, // [14:14] is the sub-list for extension extendee
	0,  // [0:14] is the sub-list for field type_name
}

func init() { file_ltadbench_method_v1_method_proto_init() }
func file_ltadbench_method_v1_method_proto_init() {
	if File_ltadbench_method_v1_method_proto != nil {
		return
	}
	type x struct{}
	out := protoimpl.TypeBuilder{
		File: protoimpl.DescBuilder{
			GoPackagePath: reflect.TypeOf(x{}).PkgPath(),
			RawDescriptor: unsafe.Slice(unsafe.StringData(file_ltadbench_method_v1_method_proto_rawDesc), len(file_ltadbench_method_v1_method_proto_rawDesc)),
			NumEnums:      1,
			NumMessages:   20,
			NumExtensions: 0,
			NumServices:   1,
		},
		GoTypes:           file_ltadbench_method_v1_method_proto_goTypes,
		DependencyIndexes: file_ltadbench_method_v1_method_proto_depIdxs,
		EnumInfos:         file_ltadbench_method_v1_method_proto_enumTypes,
		MessageInfos:      file_ltadbench_method_v1_method_proto_msgTypes,
	}.Build()
	File_ltadbench_method_v1_method_proto = out.File
	file_ltadbench_method_v1_method_proto_goTypes = nil
	file_ltadbench_method_v1_method_proto_depIdxs = nil
}
