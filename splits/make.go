package splits

import (
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// Sampler names the way images are drawn, in manifests. It changes whenever a
// draw would.
const Sampler = "permutation/1+" + stream.Version

// maxCount bounds the images of one class, so that float64 arithmetic on counts
// is exact enough for scale.
const maxCount = 100_000_000

// Dataset is what a split needs to know of a dataset.
type Dataset struct {
	Name    ad.DatasetName
	Digest  ad.Digest      // the dataset's fingerprint
	Classes []ad.ClassName // in the layout's own order ("release")
	// Samples are its images. Splits take from the normal training images alone;
	// the others only help to say what is wrong with a list that names them.
	Samples []ad.Sample
}

// Make draws the split that s describes from d. The result is a function of the
// arguments alone, and does not depend on the order of d.Samples. Errors: a bad
// spec (fault.Usage), one that d cannot have (fault.Config), a bad d (fault.Data).
func Make(d Dataset, s Spec) (*Manifest, error) {
	if s.Order.By == "" {
		s.Order.By = BySize
	}
	if err := s.Check(); err != nil {
		return nil, err
	}
	p, err := newPool(d)
	if err != nil {
		return nil, err
	}
	if err := d.checkDigest(); err != nil {
		return nil, err
	}
	if s.Type == Full {
		s.Seed = 0
	} else if len(d.Classes) < 2 {
		return nil, fault.New(fault.Config, "split %s of dataset %q: one class alone cannot be imbalanced", s.Name(), d.Name).
			WithHint("use a split of type full")
	}
	order, err := s.Order.arrange(d.Classes, func(a, b ad.ClassName) int { return len(p.train[b]) - len(p.train[a]) })
	if err != nil {
		return nil, err
	}
	largest := 0
	for _, files := range p.train {
		largest = max(largest, len(files))
	}
	if s.Factor > float64(largest) {
		return nil, fault.New(fault.Config, "split %s of dataset %q: class %q would keep no image: %d (the largest class) / %s is below 1",
			s.Name(), d.Name, order[len(order)-1], largest, factorText(s.Factor)).
			WithHint("the factor can be at most %d here", largest)
	}
	m := &Manifest{Dataset: d.Name, Fingerprint: d.Digest, Spec: s}
	for rank, name := range order {
		files := p.train[name]
		if len(files) == 0 {
			return nil, fault.New(fault.Data, "dataset %q: class %q has no normal training image", d.Name, name)
		}
		c := Class{Name: name, Available: len(files), Target: len(files), Files: files}
		if s.Type != Full {
			c.Target = s.target(largest, rank, len(order))
			c.Files = draw(files, c.Target, s.Seed, name)
		}
		m.Classes = append(m.Classes, c)
	}
	return m, nil
}

// draw takes n of the sorted files without replacement, all if there are fewer.
func draw(files []ad.SampleID, n int, seed uint64, class ad.ClassName) []ad.SampleID {
	if n >= len(files) {
		return files
	}
	perm := stream.New(seed, "splits", Sampler, string(class)).Perm(len(files))
	drawn := make([]ad.SampleID, n)
	for i := range drawn {
		drawn[i] = files[perm[i]]
	}
	slices.Sort(drawn)
	return drawn
}

// pool is a dataset's images, indexed.
type pool struct {
	train   map[ad.ClassName][]ad.SampleID // normal training images, sorted
	samples map[ad.SampleID]ad.Sample      // every image
}

func newPool(d Dataset) (*pool, error) {
	p := &pool{train: map[ad.ClassName][]ad.SampleID{}, samples: map[ad.SampleID]ad.Sample{}}
	if err := textError(string(d.Name)); err != "" {
		return nil, fault.New(fault.Data, "dataset name %q: %s", d.Name, err)
	}
	if len(d.Classes) == 0 {
		return nil, fault.New(fault.Data, "dataset %q has no class", d.Name)
	}
	for _, c := range d.Classes {
		if err := textError(string(c)); err != "" {
			return nil, fault.New(fault.Data, "dataset %q: class name %q: %s", d.Name, c, err)
		}
		if p.train[c] != nil {
			return nil, fault.New(fault.Data, "dataset %q: class %q is there twice", d.Name, c)
		}
		p.train[c] = []ad.SampleID{}
	}
	for _, s := range d.Samples {
		if _, dup := p.samples[s.ID]; dup {
			return nil, fault.New(fault.Data, "dataset %q: image %q is there twice", d.Name, s.ID)
		}
		p.samples[s.ID] = s
		if s.Part != ad.Train || s.Label != ad.Normal {
			continue
		}
		if err := pathError(string(s.ID)); err != "" {
			return nil, fault.New(fault.Data, "dataset %q: image path %q: %s", d.Name, s.ID, err)
		}
		if p.train[s.Class] == nil {
			return nil, fault.New(fault.Data, "dataset %q: image %q is of class %q, which is not a class of the dataset", d.Name, s.ID, s.Class)
		}
		p.train[s.Class] = append(p.train[s.Class], s.ID)
	}
	for c, files := range p.train {
		if len(files) > maxCount {
			return nil, fault.New(fault.Data, "dataset %q: class %q has %d images, more than %d", d.Name, c, len(files), maxCount)
		}
		slices.Sort(files)
	}
	return p, nil
}

// checkDigest: a manifest without the fingerprint of its dataset could not be
// checked against it.
func (d Dataset) checkDigest() error {
	if !digestForm.MatchString(string(d.Digest)) {
		return fault.New(fault.Data, "dataset %q: fingerprint %q is not \"sha256:\" and 64 hexadecimal digits", d.Name, d.Digest)
	}
	return nil
}

// textError says why a name cannot stand in a line of a manifest, "" if it can.
func textError(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case !utf8.ValidString(s):
		return "it is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "it has a control character"
	}
	return ""
}

func pathError(s string) string {
	if err := textError(s); err != "" {
		return err
	}
	if !fs.ValidPath(s) || s == "." {
		return "want a slash-separated path relative to the dataset's root"
	}
	return ""
}

// suggest words the hint for an unknown name or path: the known one that shares
// the longest beginning and end with it, in time linear in their lengths, so that
// it also serves for the thousands of paths of a dataset.
func suggest[S ~string](got string, known []S) string {
	best, shared := S(""), 0
	for _, k := range known {
		n := min(len(got), len(k))
		head := 0
		for head < n && got[head] == k[head] {
			head++
		}
		tail := 0
		for tail < n-head && got[len(got)-1-tail] == k[len(k)-1-tail] {
			tail++
		}
		if head+tail > shared || head+tail == shared && len(k) < len(best) {
			best, shared = k, head+tail
		}
	}
	if 2*shared < len(got) {
		return "nothing there is similar"
	}
	return "nearest: " + quote(string(best))
}
