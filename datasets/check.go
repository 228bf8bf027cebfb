package datasets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

// Report is what Check found.
type Report struct {
	Name    ad.DatasetName
	Kind    string
	Root    string
	Classes []ClassReport // in release order
	// Problems are sorted by class (in release order; those of no class first), path
	// and kind.
	Problems []Problem
}

// ClassReport is the part of a Report about one class.
type ClassReport struct {
	Class    ad.ClassName
	Found    Counts
	Expected *Counts // of the published dataset; nil where there is no such number
	Masks    int     // defective test images with a mask
	Dropped  int     // defective training images, which are left out
	Problems int
}

// OK reports whether there are no problems.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Check examines a dataset: classes and counts against the published ones, every
// image and mask by decoding it whole, masks for their size and for marking
// anything, and images for being in both parts (by the hash of their bytes). It
// works on all CPUs and holds at most one image and mask on each. The result is the
// same for any number of CPUs. The error is for a dataset that cannot be described
// at all, such as a root without any class.
func Check(ctx context.Context, spec Spec, env Env) (*Report, error) {
	d, problems, err := open(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	found := make([][]Problem, len(d.Samples))
	hashes := make([][sha256.Size]byte, len(d.Samples))
	err = parallel(ctx, len(d.Samples), env.Report, "checking "+string(d.Name), func(i int) error {
		hashes[i], found[i] = d.examine(d.Samples[i])
		return nil
	})
	if err != nil {
		return nil, err
	}
	problems = append(problems, slices.Concat(found...)...)
	problems = append(problems, d.duplicates(hashes)...)

	r := &Report{Name: d.Name, Kind: d.Kind, Root: d.Root, Classes: make([]ClassReport, len(d.Classes))}
	counts := d.Counts()
	for i, c := range d.Classes {
		r.Classes[i] = ClassReport{Class: c, Found: counts[c], Dropped: d.Dropped[c]}
		if e, ok := expected[d.Kind][c]; ok {
			r.Classes[i].Expected = &e
			problems = append(problems, countProblems(c, counts[c], e)...)
		}
	}
	rank := map[ad.ClassName]int{}
	for i, c := range d.Classes {
		rank[c] = i + 1
	}
	for _, p := range problems {
		if p.Class != "" && rank[p.Class] == 0 {
			rank[p.Class] = len(rank) + 1
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank[a.Class], rank[b.Class]), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	})
	for _, p := range problems {
		if i := rank[p.Class] - 1; i >= 0 && i < len(r.Classes) {
			r.Classes[i].Problems++
		}
	}
	for _, s := range d.Samples {
		if s.Truth == ad.TruthMask {
			r.Classes[rank[s.Class]-1].Masks++
		}
	}
	r.Problems = problems
	return r, nil
}

func countProblems(c ad.ClassName, got, want Counts) []Problem {
	if got == want {
		return nil
	}
	var parts []string
	for _, n := range []struct {
		what      string
		got, want int
	}{
		{"training", got.Train, want.Train},
		{"normal test", got.TestNormal, want.TestNormal},
		{"defective test", got.TestAnomalous, want.TestAnomalous},
	} {
		if n.got != n.want {
			parts = append(parts, fmt.Sprintf("%d %s images (the release has %d)", n.got, n.what, n.want))
		}
	}
	return []Problem{{Kind: Count, Class: c, Message: strings.Join(parts, ", ")}}
}

// examine decodes the image and mask of a sample, and gives the hash of the image
// file, which is zero if it cannot be decoded.
func (d *Dataset) examine(s ad.Sample) (hash [sha256.Size]byte, problems []Problem) {
	problem := func(kind ProblemKind, path, format string, args ...any) {
		problems = append(problems, Problem{Kind: kind, Class: s.Class, Path: path, Message: fmt.Sprintf(format, args...)})
	}
	h := sha256.New()
	image, err := decodeFile(d.Path(string(s.ID)), pixels.Decode, h)
	if err != nil {
		problem(Unreadable, string(s.ID), "%v", err)
	} else {
		h.Sum(hash[:0])
	}
	if s.Truth != ad.TruthMask {
		return hash, problems
	}
	mask, err := decodeFile(d.Path(s.Mask), pixels.DecodeMask, io.Discard)
	if err != nil {
		problem(Unreadable, s.Mask, "%v", err)
		return hash, problems
	}
	if image != nil && (mask.W != image.W || mask.H != image.H) {
		problem(MaskSize, s.Mask, "%dx%d pixels, its image %dx%d", mask.W, mask.H, image.W, image.H)
	}
	if !slices.ContainsFunc(mask.Pix, func(v uint8) bool { return v != 0 }) {
		problem(MaskEmpty, s.Mask, "marks no pixel")
	}
	return hash, problems
}

// duplicates reports test images whose bytes are those of a training image.
func (d *Dataset) duplicates(hashes [][sha256.Size]byte) []Problem {
	train := map[[sha256.Size]byte]ad.SampleID{}
	for i, s := range d.Samples {
		if _, ok := train[hashes[i]]; !ok && s.Part == ad.Train {
			train[hashes[i]] = s.ID
		}
	}
	var problems []Problem
	for i, s := range d.Samples {
		if hashes[i] == [sha256.Size]byte{} || s.Part != ad.Test {
			continue
		}
		if twin, ok := train[hashes[i]]; ok {
			problems = append(problems, Problem{Kind: Duplicate, Class: s.Class, Path: string(s.ID),
				Message: fmt.Sprintf("the same bytes as the training image %s", twin)})
		}
	}
	return problems
}
