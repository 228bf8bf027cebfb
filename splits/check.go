package splits

import (
	"fmt"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// ProblemKind says in what a manifest and a dataset differ.
type ProblemKind string

// The kinds of problems.
const (
	OtherData  ProblemKind = "fingerprint" // made for other contents
	ClassGone  ProblemKind = "class-gone"  // the dataset lacks a class of the split
	ClassNew   ProblemKind = "class-new"   // the split lacks a class of the dataset
	OtherCount ProblemKind = "count"       // another number of normal training images
	FileGone   ProblemKind = "file-gone"   // the dataset lacks an image of the split
	FileUnfit  ProblemKind = "file-unfit"  // no normal training image
	FileMoved  ProblemKind = "file-moved"  // an image of another class
	OtherOrder ProblemKind = "order"       // a class at another rank than the spec gives it
	OtherDraw  ProblemKind = "draw"        // other images than the seed draws
)

// Problem is one difference between a manifest and a dataset.
type Problem struct {
	Kind   ProblemKind
	Class  ad.ClassName // empty for OtherData
	File   ad.SampleID  // for the kinds of file
	Detail string
}

func (p Problem) String() string {
	switch {
	case p.File != "":
		return fmt.Sprintf("%s: %s", p.File, p.Detail)
	case p.Class != "":
		return fmt.Sprintf("class %q: %s", p.Class, p.Detail)
	}
	return p.Detail
}

// Check compares a manifest with the dataset on disk and lists every difference:
// the fingerprint first (unless d has none), then by class in the manifest's
// order. If nothing of that differs, the split is drawn again and compared, so that
// a manifest whose seed, order or files were changed by hand does not pass for the
// split that it says it is. The name of the dataset is a matter of taste and not
// compared. With no
// problem but OtherData the split's own images are all there, and something else
// differs: the test set, or what is in the files. The error is about d alone.
func Check(m *Manifest, d Dataset) ([]Problem, error) {
	p, err := newPool(d)
	if err != nil {
		return nil, err
	}
	var problems []Problem
	report := func(kind ProblemKind, c ad.ClassName, f ad.SampleID, format string, args ...any) {
		problems = append(problems, Problem{kind, c, f, fmt.Sprintf(format, args...)})
	}
	if d.Digest != "" && d.Digest != m.Fingerprint {
		report(OtherData, "", "", "the split was made for data with fingerprint %s, these have %s", m.Fingerprint, d.Digest)
	}
	for _, c := range m.Classes {
		if !slices.Contains(d.Classes, c.Name) {
			report(ClassGone, c.Name, "", "not in the dataset, %s", suggest(string(c.Name), d.Classes))
			continue
		}
		if n := len(p.train[c.Name]); n != c.Available {
			report(OtherCount, c.Name, "", "%d normal training images, %d when the split was made", n, c.Available)
		}
		for _, f := range c.Files {
			if kind, detail := p.unfit(f); kind != "" {
				report(kind, c.Name, f, "%s", detail)
			} else if s := p.samples[f]; s.Class != c.Name {
				report(FileMoved, c.Name, f, "of class %q in the dataset, of class %q in the split", s.Class, c.Name)
			}
		}
	}
	for _, c := range d.Classes {
		if m.Group(c) == "" {
			report(ClassNew, c, "", "not in the split")
		}
	}
	if m.Spec.Type == External || slices.ContainsFunc(problems, func(p Problem) bool { return p.Kind != OtherData }) {
		return problems, nil
	}
	d.Digest = m.Fingerprint
	again, err := Make(d, m.Spec)
	if err != nil {
		return nil, err
	}
	for rank, c := range m.Classes {
		switch want := again.Classes[rank]; {
		case c.Name != want.Name:
			report(OtherOrder, c.Name, "", "at rank %d, where the order by %s has class %q", rank+1, m.Spec.Order.By, want.Name)
		case !slices.Equal(c.Files, want.Files):
			report(OtherDraw, c.Name, "", "not the images that seed %d draws", m.Spec.Seed)
		}
	}
	return problems, nil
}

// unfit says why an image cannot be trained on; kind is empty if it can.
func (p *pool) unfit(id ad.SampleID) (kind ProblemKind, why string) {
	s, ok := p.samples[id]
	switch {
	case !ok:
		return FileGone, "not in the dataset"
	case s.Part != ad.Train:
		return FileUnfit, "an image of the test set"
	case s.Label != ad.Normal:
		return FileUnfit, "an anomalous image"
	}
	return "", ""
}
