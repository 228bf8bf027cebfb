package protocol

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/ltadbench/ltadbench/framework/protocol/internal/methodpb"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// The conversions to and from protobuf. Those from the wire check what Go code
// would trip over; what a value means is for its user to check.

var inputs = map[methodpb.Input]Input{
	methodpb.Input_INPUT_FEATURES:   Features,
	methodpb.Input_INPUT_IMAGES:     Images,
	methodpb.Input_INPUT_EMBEDDINGS: Embeddings,
	methodpb.Input_INPUT_TEXT:       Text,
}

func infoToProto(i Info) (*methodpb.DescribeResponse, error) {
	out := &methodpb.DescribeResponse{
		Name: i.Name, Version: i.Version, Summary: i.Summary, Paper: i.Paper,
		Maps: i.Maps, Scores: i.Scores, Deterministic: i.Deterministic, SaveLoad: i.SaveLoad,
		ClassNames: i.ClassNames, OptionsSchema: string(i.Options), Engines: i.Engines, Resumes: i.Resumes,
	}
needs:
	for _, need := range i.Needs {
		for pb, input := range inputs {
			if input == need {
				out.Needs = append(out.Needs, pb)
				continue needs
			}
		}
		return nil, fmt.Errorf("input %q is not one of the protocol's", need)
	}
	for _, p := range i.Presets {
		one := &methodpb.Preset{Name: p.Name, Summary: p.Summary, Options: string(p.Options), Table: p.Table}
		for _, c := range p.Columns {
			one.Columns = append(one.Columns, &methodpb.Column{Name: c.Name, Value: c.Value})
		}
		out.Presets = append(out.Presets, one)
	}
	return out, nil
}

func infoFromProto(pb *methodpb.DescribeResponse) (Info, error) {
	i := Info{
		Name: pb.GetName(), Version: pb.GetVersion(), Summary: pb.GetSummary(), Paper: pb.GetPaper(),
		Maps: pb.GetMaps(), Scores: pb.GetScores(), Deterministic: pb.GetDeterministic(), SaveLoad: pb.GetSaveLoad(),
		ClassNames: pb.GetClassNames(), Options: json.RawMessage(pb.GetOptionsSchema()), Engines: pb.GetEngines(), Resumes: pb.GetResumes(),
	}
	for _, need := range pb.GetNeeds() {
		input, ok := inputs[need]
		if !ok {
			return Info{}, fmt.Errorf("the method needs an input that this ltadbench does not know (number %d)", need)
		}
		i.Needs = append(i.Needs, input)
	}
	for _, p := range pb.GetPresets() {
		one := Preset{Name: p.GetName(), Summary: p.GetSummary(), Options: json.RawMessage(p.GetOptions()), Table: p.GetTable()}
		for _, c := range p.GetColumns() {
			one.Columns = append(one.Columns, Column{Name: c.GetName(), Value: c.GetValue()})
		}
		i.Presets = append(i.Presets, one)
	}
	return i, nil
}

func sessionToProto(s Session) *methodpb.Session {
	out := &methodpb.Session{
		Options: string(s.Options), Seed: s.Seed, Device: s.Device, Threads: int32(s.Threads),
		WorkDir: s.WorkDir, Classes: s.Classes, Engine: s.Engine, Checkpoint: s.Checkpoint,
		Text: textToProto(s.Text),
	}
	for _, n := range s.Levels {
		out.Levels = append(out.Levels, int32(n))
	}
	return out
}

func sessionFromProto(pb *methodpb.Session) Session {
	out := Session{
		Options: json.RawMessage(pb.GetOptions()), Seed: pb.GetSeed(), Device: pb.GetDevice(),
		Threads: int(pb.GetThreads()), WorkDir: pb.GetWorkDir(), Classes: pb.GetClasses(),
		Engine: pb.GetEngine(), Checkpoint: pb.GetCheckpoint(), Text: textFromProto(pb.GetText()),
	}
	for _, n := range pb.GetLevels() {
		out.Levels = append(out.Levels, int(n))
	}
	return out
}

func textToProto(t *TextEncoder) *methodpb.TextEncoder {
	if t == nil {
		return nil
	}
	return &methodpb.TextEncoder{
		Weights: t.Weights, Vocabulary: t.Vocabulary, Prefix: t.Prefix, Projection: t.Projection,
		Heads: int32(t.Heads), Eps: t.Eps, Activation: t.Activation, Lowercase: t.Lowercase,
	}
}

func textFromProto(pb *methodpb.TextEncoder) *TextEncoder {
	if pb == nil {
		return nil
	}
	return &TextEncoder{
		Weights: pb.GetWeights(), Vocabulary: pb.GetVocabulary(), Prefix: pb.GetPrefix(), Projection: pb.GetProjection(),
		Heads: int(pb.GetHeads()), Eps: pb.GetEps(), Activation: pb.GetActivation(), Lowercase: pb.GetLowercase(),
	}
}

func tensorToProto(t *Tensor) *methodpb.Tensor {
	if t == nil {
		return nil
	}
	return &methodpb.Tensor{Path: t.Path, Dtype: string(t.DType), Shape: shapeToProto(t.Shape)}
}

func tensorFromProto(pb *methodpb.Tensor) (*Tensor, error) {
	if pb == nil {
		return nil, nil
	}
	shape, err := shapeFromProto(pb.GetShape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pb.GetPath(), err)
	}
	return &Tensor{Path: pb.GetPath(), DType: tensors.DType(pb.GetDtype()), Shape: shape}, nil
}

func shapeToProto(shape []int) []int64 {
	out := make([]int64, len(shape))
	for i, d := range shape {
		out[i] = int64(d)
	}
	return out
}

func shapeFromProto(pb []int64) ([]int, error) {
	out := make([]int, len(pb))
	for i, d := range pb {
		if d < 0 || d > math.MaxInt32 {
			return nil, fmt.Errorf("shape %v is impossible", pb)
		}
		out[i] = int(d)
	}
	return out, nil
}

func dataToProto(d Data) *methodpb.Data {
	out := &methodpb.Data{
		Features: tensorToProto(d.Features), Images: tensorToProto(d.Images), Embeddings: tensorToProto(d.Embeddings),
	}
	out.Samples = make([]*methodpb.Sample, len(d.Samples))
	for i, s := range d.Samples {
		out.Samples[i] = &methodpb.Sample{Id: s.ID, ClassIndex: int32(s.Class), Row: int64(s.Row)}
	}
	return out
}

func dataFromProto(pb *methodpb.Data) (Data, error) {
	var d Data
	var err error
	if d.Features, err = tensorFromProto(pb.GetFeatures()); err != nil {
		return Data{}, err
	}
	if d.Images, err = tensorFromProto(pb.GetImages()); err != nil {
		return Data{}, err
	}
	if d.Embeddings, err = tensorFromProto(pb.GetEmbeddings()); err != nil {
		return Data{}, err
	}
	d.Samples = make([]Sample, len(pb.GetSamples()))
	for i, s := range pb.GetSamples() {
		d.Samples[i] = Sample{ID: s.GetId(), Class: int(s.GetClassIndex()), Row: int(s.GetRow())}
	}
	return d, nil
}
