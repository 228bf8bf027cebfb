package config

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Version is the version of the format that this package reads.
const Version = 1

// Bench is a benchmark: what a bench.yaml says, with defaults filled in. It is
// read-only.
type Bench struct {
	File       string // as given to Load
	Datasets   []Dataset
	Splits     []Split // an entry with several factors or seeds gives several
	Encoders   []Encoder
	Methods    []Method
	Seeds      []uint64 // of the methods
	Evaluation Evaluation
	Run        Run
	Output     Output

	pos map[string]fault.Pos
}

// Dataset is an entry of "datasets".
type Dataset struct {
	Name        ad.DatasetName
	Kind        string
	Root        string          // expanded; empty for synthetic data
	Fingerprint ad.Digest       // what the data must have; empty: anything
	Options     json.RawMessage // a JSON object with sorted keys
	Pointer     string          // JSON pointer of the entry in the file, for Bench.Pos
}

// The types of splits.
const (
	Exp      = "exp"
	Step     = "step"
	Full     = "full"
	Manifest = "manifest" // made elsewhere, read from a file
)

// The orders of classes, and the formats of files of splits made elsewhere.
var (
	orders  = []string{"size", "name", "release"}
	formats = []string{Manifest, "jsonl", "list", "prune-list"}
)

// Split is one way to choose training images: one factor and one seed of an entry
// of "splits".
type Split struct {
	Type     string
	Factor   float64        // for exp and step; >= 1
	Seed     uint64         // of the draw; for exp and step
	Order    string         // size, name, release or list; empty if a manifest says it
	List     []ad.ClassName // for the order list
	Reverse  bool
	File     string           // expanded; for Type Manifest
	Format   string           // of File: manifest, jsonl, list or prune-list
	Label    string           // name of a split of Type Manifest
	Datasets []ad.DatasetName // that it applies to; nil: all
	Pointer  string
}

// Name is the configuration in a table's row, such as "exp100", "step20-reverse"
// or "full", as package splits names it. Splits that differ in their seed alone
// share it: they are repetitions of one configuration.
func (s Split) Name() string {
	if s.Type == Manifest {
		return s.Label
	}
	name := s.Type
	if s.Factor != 0 {
		name += strconv.FormatFloat(s.Factor, 'f', -1, 64)
	}
	if s.Order != "size" {
		name += "-" + s.Order
	}
	if s.Reverse {
		name += "-reverse"
	}
	return name
}

// ID is Name and, unless it is 0, the seed: "exp100-seed3".
func (s Split) ID() string {
	if s.Seed == 0 {
		return s.Name()
	}
	return s.Name() + "-seed" + strconv.FormatUint(s.Seed, 10)
}

// Encoder is an entry of "encoders".
type Encoder struct {
	Name    string
	Pack    string // name of a pack; empty if Dir is set
	Dir     string // directory of a pack, expanded
	DType   string // of the stored features: float32 or float16
	Pointer string
}

// Method is an entry of "methods".
type Method struct {
	Name    ad.MethodName
	Use     string          // name of a built-in or installed method; empty if Command is set
	Command []string        // of a third-party method, expanded
	Preset  string          // of the method, which knows what it means; "" if none
	Options json.RawMessage // a JSON object with sorted keys
	// DatasetOptions replace Options, key by key, on a dataset.
	DatasetOptions map[ad.DatasetName]json.RawMessage
	Timeout        time.Duration // of training, and of predicting
	Env            []Variable
	Datasets       []ad.DatasetName // that it runs on; nil: all
	Encoders       []string         // that it runs with; nil: all
	// Ablated: it is a row of an ablation and no entry of its own. Its preset is what
	// the row is about, and replaces the options of the entry.
	Ablated bool
	Pointer string
}

// Variable is an environment variable that a method's process gets.
type Variable struct {
	Name    string
	Value   string
	Inherit bool // take the host's value, which is never written down
}

// Evaluation is the protocol of the evaluation; package metric says what the
// settings mean.
type Evaluation struct {
	Size          int // pixels
	MapResize     string
	MaskThreshold int
	ImageScore    string
	AUPROLimit    float64
	Connectivity  int
}

// Run says how cells are run. It does not change their numbers, but for the engine,
// which those of methods that train in Go depend on.
type Run struct {
	Jobs    int           // cells at a time; 0: as the machine allows
	Device  string        // auto, cpu or cuda:N
	Engine  string        // ort, xla or go
	Timeout time.Duration // of methods that have none of their own
}

// Output says where results go and what the table shows.
type Output struct {
	Results  string // directory, expanded
	KeepMaps int64  // largest size in bytes of one cell's anomaly maps that are kept
	Metrics  []ad.Metric
	Groups   []ad.Group
	Decimals int // of percentages
}

// Pos gives the place of a value: of a scalar itself, else of its key. pointer is a
// JSON pointer into the file, such as Method.Pointer + "/timeout"; for a value
// that is not there it is that of the closest one around it.
func (b *Bench) Pos(pointer string) fault.Pos {
	for {
		if p, ok := b.pos[pointer]; ok {
			return p
		}
		i := strings.LastIndexByte(pointer, '/')
		if i < 0 {
			return fault.Pos{File: b.File}
		}
		pointer = pointer[:i]
	}
}

// PresetPos gives the place of the name of the method's preset.
func (b *Bench) PresetPos(m Method) fault.Pos {
	if m.Use == "" {
		return b.Pos(m.Pointer + "/preset")
	}
	return b.Pos(m.Pointer + "/method")
}

// Ablation says whether the methods are the rows of an ablation.
func (b *Bench) Ablation() bool {
	return slices.ContainsFunc(b.Methods, func(m Method) bool { return m.Ablated })
}

// OptionPos gives the place of an option of the cell's method; pointer is a JSON
// pointer into Cell.Options, as that of a host.OptionError.
func (b *Bench) OptionPos(c Cell, pointer string) fault.Pos {
	option, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	own := c.Method.Pointer + "/dataset_options/" + pointerEscape.Replace(string(c.Dataset.Name))
	if _, ok := b.pos[own+"/"+option]; ok {
		return b.Pos(own + pointer)
	}
	return b.Pos(c.Method.Pointer + "/options" + pointer)
}
