package encoder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

// maxFile bounds what is read as an encoder.yaml.
const maxFile = 1 << 20

// Limits that only a slip of the pen exceeds.
const (
	maxSide     = 4096
	maxChannels = 1 << 16
)

// LoadPack reads the pack in the directory. Its encoder.yaml has these keys, and
// no others:
//
//	version: 1                  # of this file's format; must be there
//	name: mobileone_s0          # as bench.yaml names it; must be there
//	summary: ...                # one line
//	licence: ...                # of the weights
//	model: image.onnx           # the default
//	weights: [image.onnx.data]  # all files that the network keeps weights in, if any
//	input:
//	  name: image               # default: the network's only input
//	  width: 224                # the image is resized to width x height
//	  height: 224
//	  layout: nchw              # or nhwc
//	  dtype: float32            # or uint8: the bytes 0..255, without scale, mean, std
//	  resize: bilinear          # or bicubic, nearest; all as PIL does
//	  scale: 1/255              # a byte v becomes (v*scale - mean) / std;
//	  mean: [0.485, 0.456, 0.406] # defaults 1, 0, 1; one number stands for three
//	  std: [0.229, 0.224, 0.225]
//	levels:                     # in the order in which they are concatenated
//	  - {output: level1, channels: 48, stride: 4}
//	grid:                       # default: bilinear, at the size of the coarsest level
//	  width: 14
//	  height: 14
//	  align: bilinear           # or average
//	  align_corners: true       # for bilinear; default false
//	embedding: {output: embedding, channels: 1024}  # optional
//	text:                       # optional: a BERT, for methods that use one
//	  weights: text.safetensors # names of transformers' BertModel; must be there
//	  vocabulary: vocab.txt     # WordPiece's, one token a line; must be there
//	  prefix: text_model.       # of the names; default none
//	  projection: text_projection # linear layer from [CLS]'s state to the feature; default none
//	  heads: 12                 # must be there
//	  eps: 1e-12                # of layer normalisation; the default
//	  activation: gelu          # the exact one; or relu
//	  lowercase: true           # default: the vocabulary is uncased
//
// Instead, "text: {builtin: stand-in}" is the stand-in that the texture bank has.
//
// Errors are of kind Config, with file, line and column; a missing or unreadable
// file of the pack is of kind Data. The network itself is not looked at; Open and
// Check do that.
func LoadPack(dir string) (*Pack, error) {
	path := filepath.Join(dir, File)
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	p, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	p.Dir = dir
	var files []*string
	for i := range p.files {
		files = append(files, &p.files[i])
	}
	if p.Text != nil && !p.Text.StandIn() {
		files = append(files, &p.Text.Weights, &p.Text.Vocabulary)
	}
	for _, file := range files {
		*file = filepath.Join(dir, *file)
		if info, err := os.Stat(*file); err != nil {
			return nil, p.unreadable(err)
		} else if !info.Mode().IsRegular() {
			return nil, p.unreadable(fmt.Errorf("%s is not a file", *file))
		}
	}
	return p, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Data, "no encoder pack: %w", err).WithHint("a pack is a directory with %s", File)
	}
	if err != nil {
		return nil, fault.New(fault.Data, "encoder pack: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fault.New(fault.Config, "%d bytes are too many for this file", info.Size()).At(fault.Pos{File: path})
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Data, "encoder pack: %w", err)
	}
	return text, nil
}

// parse reads the text of an encoder.yaml; file is its name in errors. The
// pack's files are relative.
func parse(file string, text []byte) (*Pack, error) {
	r := &reader{file: file}
	root := r.document(text)
	if r.err != nil {
		return nil, r.err
	}
	m := r.mapping(root, "", "version", "name", "summary", "licence", "model", "weights", "input", "levels", "grid", "embedding", "text")
	if v := m.need("version"); v != nil && v.Value != "1" {
		r.fail(v, "version: this program reads version 1, found %s", kindOf(v)).WithHint("use a newer ltadbench, or an older pack")
	}
	m.need("name")
	p := &Pack{
		Name: m.text("name", ""), Summary: m.text("summary", ""), Licence: m.text("licence", ""),
		pos: map[string]fault.Pos{"": r.at(root)},
	}
	if n := m.keys["name"]; n != nil && strings.ContainsAny(p.Name, "/\\ \t\n") {
		r.fail(n, "name: %q may have no slash and no space", p.Name)
	}
	p.files = append(p.files, m.path1("model", "image.onnx"))
	for _, n := range m.list("weights") {
		p.files = append(p.files, m.local(n, "weights"))
	}
	p.input(r, m)
	p.levels(r, m)
	p.grid(r, m)
	if n := m.keys["embedding"]; n != nil {
		e := r.mapping(n, "embedding.", "output", "channels")
		p.Embedding = p.output(e)
	}
	p.text(r, m)
	if r.err != nil {
		return nil, r.err
	}
	return p, nil
}

func (m mapping) path1(key, def string) string {
	if n := m.keys[key]; n != nil {
		return m.local(n, key)
	}
	return def
}

// local is the name of a file inside the pack.
func (m mapping) local(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || !filepath.IsLocal(n.Value) || n.Value == "." {
		m.fail(n, "%s: expected the path of a file inside the pack, found %s", key, kindOf(n))
	}
	return filepath.FromSlash(n.Value)
}

func (p *Pack) input(r *reader, m mapping) {
	n := m.need("input")
	in := r.mapping(n, "input.", "name", "width", "height", "layout", "dtype", "resize", "scale", "mean", "std")
	if n == nil {
		return
	}
	p.pos["input"] = r.at(n)
	p.Input = Input{
		Name: in.text("name", ""), Width: in.count("width", maxSide), Height: in.count("height", maxSide),
		Layout: Layout(in.choice("layout", string(NCHW), string(NHWC))),
		DType:  in.choice("dtype", "float32", "uint8"),
		Resize: pixels.Filter(in.choice("resize", string(pixels.Bilinear), string(pixels.Bicubic), string(pixels.Nearest))),
		Scale:  in.scalar("scale", 1), Mean: in.triple("mean", 0), Std: in.triple("std", 1),
	}
	for _, s := range p.Input.Std {
		if s == 0 {
			r.fail(in.keys["std"], "input.std: a standard deviation of 0")
		}
	}
	for _, key := range []string{"scale", "mean", "std"} {
		if n := in.keys[key]; n != nil && p.Input.DType == "uint8" {
			r.fail(n, "input.%s: an input of uint8 takes the bytes as they are", key)
		}
	}
}

func (p *Pack) levels(r *reader, m mapping) {
	m.need("levels")
	for i, n := range m.list("levels") {
		path := fmt.Sprintf("levels[%d].", i)
		l := r.mapping(n, path, "output", "channels", "stride")
		level := Level{Output: p.output(l), Stride: l.count("stride", maxSide)}
		for _, other := range p.Levels {
			if other.Output.Output == level.Output.Output {
				r.fail(n, "%soutput: %q is a level already", path, level.Output.Output)
			}
		}
		p.Levels = append(p.Levels, level)
	}
}

func (p *Pack) output(m mapping) Output {
	m.need("output")
	o := Output{m.text("output", ""), m.count("channels", maxChannels)}
	p.pos[o.Output] = m.at(m.node)
	return o
}

func (p *Pack) grid(r *reader, m mapping) {
	n := m.keys["grid"]
	g := r.mapping(n, "grid.", "height", "width", "align", "align_corners")
	p.Grid.Align = Align(g.choice("align", string(Bilinear), string(Average)))
	p.Grid.AlignCorners = g.flag("align_corners", false)
	if p.Grid.AlignCorners && p.Grid.Align != Bilinear {
		r.fail(g.keys["align_corners"], "grid.align_corners: only bilinear alignment has it")
	}
	if g.keys["height"] != nil || g.keys["width"] != nil {
		p.Grid.Height, p.Grid.Width = g.count("height", maxSide), g.count("width", maxSide)
		return
	}
	stride := 1
	for _, l := range p.Levels {
		stride = max(stride, l.Stride)
	}
	if p.Input.Height%stride != 0 || p.Input.Width%stride != 0 {
		r.fail(m.node, "grid: give width and height, as the stride %d does not divide the input's size", stride)
	}
	p.Grid.Height, p.Grid.Width = p.Input.Height/stride, p.Input.Width/stride
}
