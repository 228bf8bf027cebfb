package config

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Limits of a file. They keep a slip from filling the memory.
const (
	maxBytes    = 1 << 20
	maxList     = 1000
	maxSplits   = 10_000
	maxCells    = 100_000
	maxReported = 50
)

// Host is what Load is told of the program and the machine around the file. A nil
// list is not checked against.
type Host struct {
	// Dir is what relative paths in the file are relative to; empty: the directory
	// of the file. Make it absolute where processes of another working directory
	// get the paths.
	Dir       string
	LookupEnv func(name string) (value string, ok bool) // nil: there are no variables
	Kinds     []string                                  // of datasets
	Methods   []string                                  // built in or installed
	Encoders  []string                                  // packs with a name
}

// Load reads a benchmark from the text of a file. It does no input or output; file
// names the text in errors. The error joins those of all problems, sorted by
// place: each a fault.Error of kind Config with its position and mostly a hint.
func Load(file string, data []byte, known Host) (*Bench, error) {
	if known.Dir == "" {
		known.Dir = filepath.Dir(file)
	}
	d := &decoder{file: file, dir: known.Dir, lookup: known.LookupEnv, pos: map[string]fault.Pos{}}
	b := &Bench{File: file, pos: d.pos}
	if root := d.document(data); root != nil {
		v := value{d, root, ""}
		d.pos[""] = fault.Pos{File: file, Line: root.Line, Col: root.Column}
		if v.version() {
			v.bench(b, known)
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return b, nil
}

// err joins the problems.
func (d *decoder) err() error {
	slices.SortStableFunc(d.errs, func(a, b *fault.Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col), strings.Compare(a.Error(), b.Error()))
	})
	var errs []error
	for i, e := range d.errs {
		if i == maxReported {
			errs = append(errs, fault.New(fault.Config, "%d more problems", len(d.errs)-i).At(fault.Pos{File: d.file}))
			break
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// document parses the text to the mapping of its one document.
func (d *decoder) document(data []byte) *yaml.Node {
	if len(data) > maxBytes {
		d.failAt(fault.Pos{File: d.file}, "%d bytes are too many for a configuration; at most %d", len(data), maxBytes)
		return nil
	}
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if err == io.EOF || err == nil && len(doc.Content) == 0 {
		d.failAt(fault.Pos{File: d.file, Line: 1}, "the file is empty").WithHint("begin it with \"version: %d\"", Version)
		return nil
	}
	if err != nil {
		d.syntax(err, data)
		return nil
	}
	if err = dec.Decode(&more); err == nil {
		d.failAt(d.posOf(&more), "a second document begins here; want exactly one")
		return nil
	} else if err != io.EOF {
		d.syntax(err, data)
		return nil
	}
	return doc.Content[0]
}

var syntaxForm = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)
var anchorForm = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)

// syntax reports an error of the YAML parser, which knows at best the line: none
// in the first line, one too few where it "did not find" what it expected, and
// none for an alias (*name) without its anchor.
func (d *decoder) syntax(err error, data []byte) {
	p, text := fault.Pos{File: d.file, Line: 1}, err.Error()
	if m := syntaxForm.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line = n
			if strings.HasPrefix(text, "did not find") {
				p.Line++
			}
		}
	}
	if m := anchorForm.FindStringSubmatch(text); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		p.Line += bytes.Count(before, []byte("\n"))
	}
	e := d.failAt(p, "not YAML: %s", text)
	if strings.Contains(text, "cannot start any token") {
		e.Hint = "YAML allows no tabs for indentation, and wants words that begin with % @ or ` in quotes"
	}
}

// version comes first: with another version no other error would make sense.
func (v value) version() bool {
	if !v.plain(yaml.MappingNode) && !v.null() {
		v.wrong("a mapping (key: value)")
		return false
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value != "version" {
			continue
		}
		c := value{v.decoder, v.node.Content[i+1], ""}
		if c.scalar("!!int") && c.node.Value == strconv.Itoa(Version) {
			return true
		}
		v.failAt(v.posOf(c.node), "version is %s, this program reads version %d", c.describe(), Version)
		return false
	}
	v.failAt(fault.Pos{File: v.file, Line: 1}, "no version is given").WithHint("begin the file with \"version: %d\"", Version)
	return false
}

func (v value) bench(b *Bench, known Host) {
	b.Seeds = []uint64{0}
	b.Evaluation = Evaluation{
		Size: 224, MapResize: "bilinear_align_corners", ImageScore: "max_avgpool16", AUPROLimit: 0.3, Connectivity: 8,
	}
	b.Run = Run{Device: "auto", Engine: Engines[0], Timeout: 24 * time.Hour}
	b.Output = Output{
		Results: v.resolve("runs"), KeepMaps: 2 << 30,
		Metrics: []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}, Groups: []ad.Group{ad.All, ad.High, ad.Low}, Decimals: 2,
	}
	// Sections that name entries of others are read after those.
	var splits, methods value
	seen := v.object(fields{
		"version":    func(value) {}, // read already
		"datasets":   func(c value) { c.datasets(b, known) },
		"splits":     func(c value) { splits = c },
		"encoders":   func(c value) { c.encoders(b, known) },
		"methods":    func(c value) { methods = c },
		"seeds":      func(c value) { b.Seeds = c.seeds() },
		"evaluation": func(c value) { c.evaluation(&b.Evaluation) },
		"run":        func(c value) { c.run(&b.Run) },
		"output":     func(c value) { c.output(&b.Output) },
	})
	if splits.node != nil {
		splits.splits(b)
	}
	if methods.node != nil {
		methods.methods(b, known)
	}
	clean := len(v.errs) == 0
	for _, section := range []struct {
		key string
		n   int
	}{{"datasets", len(b.Datasets)}, {"splits", len(b.Splits)}, {"encoders", len(b.Encoders)}, {"methods", len(b.Methods)}} {
		if c, ok := seen[section.key]; !ok {
			v.failAt(fault.Pos{File: v.file, Line: 1}, "no %s are given", section.key)
		} else if section.n == 0 && clean {
			c.fail("empty: want one entry at least")
		}
	}
	if len(v.errs) > 0 {
		return
	}
	if b.tooMany(maxCells) {
		v.fail("the benchmark has more than %d cells", maxCells)
		return
	}
	v.checkUnique(b)
	fits := false
	b.eachGroup(func(Dataset, Split, Encoder, Method) { fits = true })
	if !fits {
		v.fail("the benchmark has no cell: no dataset, split, encoder and method go together")
	}
}

// checkUnique: two splits of one dataset with one name could not be told apart.
func (v value) checkUnique(b *Bench) {
	for _, d := range b.Datasets {
		first := map[string]Split{}
		for _, s := range b.Splits {
			if !applies(s.Datasets, d.Name) {
				continue
			}
			if old, twice := first[s.ID()]; twice {
				v.failAt(v.pos[s.Pointer], "split %q of dataset %q is there already, as %s", s.ID(), d.Name, dotted(old.Pointer))
				return
			}
			first[s.ID()] = s
		}
	}
}

// entries calls f for each entry of a mapping of names.
func (v value) entries(f func(name string, c value)) {
	v.pairs(func(name string, c value) {
		if c.checkName(name) {
			f(name, c)
		}
	})
}

func (v value) datasets(b *Bench, known Host) {
	v.entries(func(name string, c value) {
		d := Dataset{Name: ad.DatasetName(name), Options: []byte("{}"), Pointer: c.pointer}
		seen := c.object(fields{
			"kind": func(c value) {
				if known.Kinds == nil {
					d.Kind, _ = c.text()
				} else {
					c.oneOf(&d.Kind, known.Kinds...)
				}
			},
			"root":        func(c value) { c.path(&d.Root) },
			"fingerprint": func(c value) { c.digest(&d.Fingerprint) },
			"options":     func(c value) { d.Options = c.jsonObject() },
		})
		if _, ok := seen["kind"]; !ok {
			c.fail("no kind is given").Hint = fault.Suggest("", known.Kinds)
		} else if _, ok := seen["root"]; !ok && d.Kind != "synthetic" && d.Kind != "" {
			c.fail("no root is given").WithHint("root is the directory that holds the dataset")
		}
		b.Datasets = append(b.Datasets, d)
	})
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (v value) digest(to *ad.Digest) {
	s, ok := v.text()
	if ok && !digestForm.MatchString(s) {
		v.fail("%s is no fingerprint: want sha256: and 64 hexadecimal digits", quote(s)).
			WithHint("`ltadbench dataset check` prints the fingerprint")
		return
	}
	*to = ad.Digest(s)
}

func (v value) encoders(b *Bench, known Host) {
	v.entries(func(name string, c value) {
		e := Encoder{Name: name, Pack: name, DType: "float32", Pointer: c.pointer}
		at := c
		c.object(fields{
			"pack":  func(c value) { at = c; c.pack(&e) },
			"dtype": func(c value) { c.oneOf(&e.DType, "float32", "float16") },
		})
		if e.Pack != "" && known.Encoders != nil && !slices.Contains(known.Encoders, e.Pack) {
			at.fail("no encoder pack %s", quote(e.Pack)).
				WithHint("%s (or give the directory of one, as pack: ./DIRECTORY)", fault.Suggest(e.Pack, known.Encoders))
		}
		b.Encoders = append(b.Encoders, e)
	})
}

// pack reads the name of a pack or, if there is a slash in it, its directory.
func (v value) pack(e *Encoder) {
	e.Pack = ""
	switch s, ok := v.expanded(); {
	case !ok:
	case strings.ContainsRune(filepath.ToSlash(s), '/'):
		e.Dir = v.resolve(s)
	case v.checkName(s):
		e.Pack = s
	}
}

func (v value) seeds() []uint64 {
	var seeds []uint64
	before := len(v.errs)
	v.items(func(c value) {
		n, ok := c.unsigned(0, math.MaxUint64)
		switch {
		case !ok:
		case slices.Contains(seeds, n):
			c.fail("seed %d is there twice", n)
		case len(seeds) < maxList:
			seeds = append(seeds, n)
		}
	})
	v.checkLength(len(seeds), before)
	return seeds
}

// checkLength refuses an empty or endless list, unless items were refused already.
func (v value) checkLength(n, errorsBefore int) {
	if n == 0 && len(v.errs) == errorsBefore {
		v.fail("empty: want one entry at least")
	}
	if len(v.node.Content) > maxList {
		v.fail("%d entries, more than %d", len(v.node.Content), maxList)
	}
}

func (v value) evaluation(e *Evaluation) {
	v.object(fields{
		"size":           func(c value) { c.integer(&e.Size, 16, 4096) },
		"map_resize":     func(c value) { c.oneOf(&e.MapResize, "bilinear_align_corners", "bilinear_half_pixel") },
		"mask_threshold": func(c value) { c.integer(&e.MaskThreshold, 0, 254) },
		"image_score":    func(c value) { c.oneOf(&e.ImageScore, "max_avgpool16", "max", "mean", "std", "method") },
		"connectivity": func(c value) {
			if n, ok := c.unsigned(4, 8); ok && n != 4 && n != 8 {
				c.fail("want 4 or 8, got %d", n)
			} else if ok {
				e.Connectivity = int(n)
			}
		},
		"aupro_limit": func(c value) {
			const want = "a number above 0 and at most 1"
			if f, ok := c.number(want); ok && (f <= 0 || f > 1) {
				c.wrong(want)
			} else if ok {
				e.AUPROLimit = f
			}
		},
	})
}

var deviceForm = regexp.MustCompile(`^(auto|cpu|cuda:[0-9]{1,3})$`)

// CheckDevice says whether s can name a device: auto, cpu or cuda:N.
func CheckDevice(s string) error {
	if deviceForm.MatchString(s) {
		return nil
	}
	return fault.New(fault.Usage, "%s is no device: want auto, cpu or cuda:N", quote(s))
}

// Engines are the engines that a benchmark can ask for; the first is the default.
var Engines = []string{"ort", "xla", "go"}

// CheckEngine says whether s is one of Engines.
func CheckEngine(s string) error {
	if slices.Contains(Engines, s) {
		return nil
	}
	return fault.New(fault.Usage, "%s is no engine: want %s", quote(s), strings.Join(Engines, ", "))
}

func (v value) run(r *Run) {
	v.object(fields{
		"jobs": func(c value) {
			if !(c.scalar("!!str") && c.node.Value == "auto") {
				c.integer(&r.Jobs, 1, 1024)
			}
		},
		"device": func(c value) {
			if s, ok := c.text(); ok {
				if err := CheckDevice(s); err != nil {
					c.fail("%v", err)
				}
				r.Device = s
			}
		},
		"engine":  func(c value) { c.oneOf(&r.Engine, Engines...) },
		"timeout": func(c value) { c.duration(&r.Timeout) },
	})
}

func (v value) duration(to *time.Duration) {
	t, err := time.ParseDuration(v.node.Value)
	if !v.scalar("!!str") || err != nil || t <= 0 {
		v.fail("%s is no duration", v.describe()).WithHint("want a number above 0 with a unit, such as 90s, 30m or 2h30m")
		return
	}
	*to = t
}

func (v value) output(o *Output) {
	v.object(fields{
		"results":   func(c value) { c.path(&o.Results) },
		"keep_maps": func(c value) { c.bytes(&o.KeepMaps) },
		"decimals":  func(c value) { c.integer(&o.Decimals, 1, 6) },
		"metrics":   func(c value) { o.Metrics = convert[ad.Metric](c.names("metric", convert[string](ad.Metrics))) },
		"groups":    func(c value) { o.Groups = convert[ad.Group](c.names("group", []string{"All", "High", "Low"})) },
	})
}

func convert[To, From ~string](list []From) []To {
	var out []To
	for _, s := range list {
		out = append(out, To(s))
	}
	return out
}

var sizeForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB|TiB)$`)

// bytes reads a size: a whole number of bytes, or with a unit, as 500MiB.
func (v value) bytes(to *int64) {
	if v.scalar("!!str") {
		if m := sizeForm.FindStringSubmatch(v.node.Value); m != nil {
			n, _ := strconv.ParseInt(m[1], 10, 64)
			if shift := 10 * slices.Index([]string{"B", "KiB", "MiB", "GiB", "TiB"}, m[2]); n <= math.MaxInt64>>shift {
				*to = n << shift
				return
			}
		}
	} else if v.scalar("!!int") && wholeForm.MatchString(v.node.Value) {
		if n, err := strconv.ParseInt(v.node.Value, 10, 64); err == nil && n >= 0 {
			*to = n
			return
		}
	}
	v.wrong("a size such as 500MiB or 2GiB")
}
