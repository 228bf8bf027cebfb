package encoder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

// File is the name of the file that makes a directory a pack.
const File = "encoder.yaml"

// Version names the algorithms of this package that turn an image into features,
// beside the network: resizing, normalisation, alignment. It is part of a pack's
// digest and changes whenever a bit of the features would.
const Version = "encoder/1"

// Layout is the order of the axes of the network's input.
type Layout string

// The layouts.
const (
	NCHW Layout = "nchw"
	NHWC Layout = "nhwc"
)

// Align says how a level is brought to the grid.
type Align string

// The alignments.
const (
	// Bilinear samples between the four nearest values, without antialiasing, as
	// PyTorch's interpolate(mode="bilinear") does; Grid.AlignCorners is its option.
	Bilinear Align = "bilinear"
	// Average is PyTorch's adaptive_avg_pool2d: the mean of all values whose cells
	// touch the grid's cell.
	Average Align = "average"
)

// Pack describes an encoder. LoadPack and Builtin make them; fields may be
// changed before use, say to take fewer levels or another grid, and the digest
// follows.
type Pack struct {
	Name    string  `json:"-"`
	Summary string  `json:"-"` // one line
	Licence string  `json:"-"`
	Dir     string  `json:"-"` // "" for a pack that is part of the program
	Input   Input   `json:"input"`
	Levels  []Level `json:"levels"`
	Grid    Grid    `json:"grid"`
	// Embedding is the output [N, Channels] (or [N, Channels, 1, 1]) that describes
	// the whole image; its Output is "" if there is none.
	Embedding Output `json:"embedding"`
	// Text is nil for a pack without a text side. Features of images do not depend
	// on it: see TextDigest.
	Text *Text `json:"-"`

	files []string // absolute: the network, then files with weights of their own
	model func() ([]byte, error)
	pos   map[string]fault.Pos // of what Open and Check can find wrong
}

// Input is what the network wants.
type Input struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Layout Layout `json:"layout"`
	// DType is "float32", or "uint8" for a network that takes the bytes as they are.
	DType  string        `json:"dtype"`
	Resize pixels.Filter `json:"resize"`
	// A float32 input is (v*Scale - Mean[c]) / Std[c] for each byte v of channel c
	// (red, green, blue).
	Scale float64    `json:"scale"`
	Mean  [3]float64 `json:"mean"`
	Std   [3]float64 `json:"std"`
}

// Output is an output of the network, by name, and its number of channels.
type Output struct {
	Output   string `json:"output"`
	Channels int    `json:"channels"`
}

// Level is an output [N, Channels, H, W] with H and W the input's size divided by
// Stride, rounded either way.
type Level struct {
	Output
	Stride int `json:"stride"`
}

// Grid is the grid that all levels are aligned to.
type Grid struct {
	Height int   `json:"height"`
	Width  int   `json:"width"`
	Align  Align `json:"align"`
	// AlignCorners: the outer values of level and grid coincide (UniAD's rule).
	// Otherwise the outer edges of their cells do. For Bilinear only.
	AlignCorners bool `json:"align_corners"`
}

// Channels is the number of channels of a patch feature, over all levels.
func (p *Pack) Channels() int {
	n := 0
	for _, l := range p.Levels {
		n += l.Channels
	}
	return n
}

// Builtin gives the pack of that name that is part of the program; "texturebank"
// is the only one.
func Builtin(name string) (*Pack, bool) {
	if name != textureBank {
		return nil, false
	}
	return newTextureBank(), true
}

// Digest identifies everything that turns an image into features: the network's
// bytes, the pack's settings (not its name, its comments or its place) and this
// package's own version. Errors are of kind Data: a file of the pack that cannot
// be read.
func (p *Pack) Digest() (ad.Digest, error) {
	h := sha256.New()
	settings, err := json.Marshal(p)
	if err != nil {
		return "", fault.New(fault.Config, "encoder %q: %w", p.Name, err)
	}
	fmt.Fprintf(h, "%s\n%s\n", Version, settings)
	if p.model != nil {
		model, err := p.model()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(model))
	}
	for _, path := range p.files {
		sum, err := hashFile(path)
		if err != nil {
			return "", p.unreadable(err)
		}
		fmt.Fprintf(h, "%x\n", sum)
	}
	return ad.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))), nil
}

func (p *Pack) unreadable(err error) error {
	return fault.New(fault.Data, "encoder %q: %w", p.Name, err).WithHint("the pack is incomplete: %s", p.Dir)
}

func hashFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// network gives the network's bytes and, if some of its weights lie in files of
// their own, their directory.
func (p *Pack) network() (model []byte, dir string, err error) {
	if p.model != nil {
		model, err = p.model()
		return model, "", err
	}
	if model, err = os.ReadFile(p.files[0]); err != nil {
		return nil, "", p.unreadable(err)
	}
	dir = filepath.Dir(p.files[0])
	for _, file := range external(model) {
		if !slices.Contains(p.files[1:], filepath.Join(dir, filepath.FromSlash(file))) {
			return nil, "", fault.New(fault.Config, "encoder %q: the network keeps weights in %q, which is not in weights", p.Name, file).
				At(p.pos[""]).WithHint("name all its files: weights: [%s]", strings.Join(external(model), ", "))
		}
	}
	return model, dir, nil
}
