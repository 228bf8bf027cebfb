package datasets

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

// Spec says which dataset to open.
type Spec struct {
	Name    ad.DatasetName
	Kind    string          // one of Kinds
	Root    string          // directory; empty for synthetic
	Options json.RawMessage // a JSON object, or empty; see ValidateOptions
}

// Env is what opening and reading a dataset may use.
type Env struct {
	// CacheDir holds generated datasets and known digests. Without one nothing is
	// remembered, and synthetic datasets cannot be opened.
	CacheDir string
	// Report, if not nil, is called with the progress of long work, by one goroutine
	// at a time; what names the work and does not change during it.
	Report func(done, total int, what string)
}

// Dataset is an opened dataset. It is read-only and safe for concurrent use.
type Dataset struct {
	Name ad.DatasetName
	Kind string
	Root string // absolute
	// Classes are in release order; see the package's doc.
	Classes []ad.ClassName
	// Samples are sorted by ID. Training samples are normal.
	Samples []ad.Sample
	// Dropped counts the defective training images that are not in Samples.
	Dropped map[ad.ClassName]int
}

// Open opens a dataset. It reads the file system's listings, not the images. Errors
// are of kind fault.Config for a wrong kind or option and fault.Data for a root that
// does not hold the dataset; they name the directory and what was expected there.
func Open(ctx context.Context, spec Spec, env Env) (*Dataset, error) {
	d, problems, err := open(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return !p.Kind.fatal() })
	if len(problems) == 0 {
		return d, nil
	}
	more := ""
	if n := len(problems) - 1; n == 1 {
		more = " (and 1 more problem)"
	} else if n > 1 {
		more = " (and " + decimal(n) + " more problems)"
	}
	first := problems[0]
	e := fault.New(fault.Data, "dataset %q: %s%s", spec.Name, first, more).At(fault.Pos{File: d.Root})
	hint := first.hint
	if hint == "" {
		hint = "`ltadbench dataset check` lists every problem"
	}
	return nil, e.WithHint("%s", hint)
}

// open gives the dataset with all that is wrong with its listings; err is for what
// leaves no dataset to describe.
func open(ctx context.Context, spec Spec, env Env) (*Dataset, []Problem, error) {
	o, err := parseOptions(spec.Kind, spec.Options)
	if err != nil {
		return nil, nil, err
	}
	root, classes := spec.Root, o.classes
	if spec.Kind == kindSynthetic {
		if root, classes, err = ensureSynthetic(ctx, spec, env); err != nil {
			return nil, nil, err
		}
	}
	if root == "" {
		return nil, nil, fault.New(fault.Config, "dataset %q: no root", spec.Name).
			WithHint("set root to the directory that holds the dataset")
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, nil, fault.New(fault.System, "dataset %q: %w", spec.Name, err)
	}
	s := &scan{ctx: ctx, root: root, want: classes, dropped: map[ad.ClassName]int{}}
	if err := s.checkRoot(); err != nil {
		return nil, nil, err
	}
	switch {
	case o.trainList != "":
		err = s.jsonLists(o.trainList, o.testList)
	default:
		err = s.layout(layouts[spec.Kind])
	}
	if err != nil {
		return nil, nil, err
	}
	s.checkClasses()
	slices.SortFunc(s.samples, func(a, b ad.Sample) int { return cmp.Compare(a.ID, b.ID) })
	d := &Dataset{Name: spec.Name, Kind: spec.Kind, Root: root, Classes: s.classes, Samples: s.samples, Dropped: s.dropped}
	return d, s.problems, nil
}

// Path gives the path of a sample's image or mask: rel is its slash-separated path
// relative to the root, such as an ad.SampleID or Sample.Mask.
func (d *Dataset) Path(rel string) string { return filepath.Join(d.Root, filepath.FromSlash(rel)) }

// OpenImage reads the image of a sample.
func (d *Dataset) OpenImage(s ad.Sample) (*pixels.Image, error) {
	return read(d.Path(string(s.ID)), pixels.Decode)
}

// OpenMask reads the mask of a sample, at the file's size and with its values. The
// sample's Truth must be ad.TruthMask; what the others mean needs no file.
func (d *Dataset) OpenMask(s ad.Sample) (*pixels.Mask, error) {
	if s.Truth != ad.TruthMask {
		return nil, fault.New(fault.Internal, "sample %q has no mask", s.ID)
	}
	return read(d.Path(s.Mask), pixels.DecodeMask)
}

func read[T any](file string, decode func(io.Reader) (T, error)) (T, error) {
	v, err := decodeFile(file, decode, io.Discard)
	if err != nil {
		return v, fault.New(fault.Data, "%w", err).At(fault.Pos{File: file})
	}
	return v, nil
}

// decodeFile decodes a file and copies all its bytes to also. The error does not
// name the file.
func decodeFile[T any](file string, decode func(io.Reader) (T, error), also io.Writer) (v T, err error) {
	f, err := os.Open(file)
	if err != nil {
		return v, plainPath(err)
	}
	defer f.Close()
	r := io.TeeReader(f, also)
	if v, err = decode(r); err != nil {
		return v, err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return v, plainPath(err)
	}
	return v, nil
}

// Part gives the samples of one part, sorted by ID.
func (d *Dataset) Part(part ad.Part) []ad.Sample {
	var out []ad.Sample
	for _, s := range d.Samples {
		if s.Part == part {
			out = append(out, s)
		}
	}
	return out
}

// Counts are numbers of images of one class.
type Counts struct {
	Train         int // normal training images
	TestNormal    int
	TestAnomalous int
}

// Counts gives the numbers of images of each class.
func (d *Dataset) Counts() map[ad.ClassName]Counts {
	all := make(map[ad.ClassName]Counts, len(d.Classes))
	for _, c := range d.Classes {
		all[c] = Counts{}
	}
	for _, s := range d.Samples {
		n := all[s.Class]
		switch {
		case s.Part == ad.Train:
			n.Train++
		case s.Label == ad.Normal:
			n.TestNormal++
		default:
			n.TestAnomalous++
		}
		all[s.Class] = n
	}
	return all
}
