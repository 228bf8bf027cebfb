package splits

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

const magic = "ltadbench-split 1"

// Manifest is a split: what was asked for and which images it has. Those of Make,
// Import and Parse are complete and consistent; treat them as read-only.
type Manifest struct {
	Dataset     ad.DatasetName
	Fingerprint ad.Digest // of the dataset that the split was made for
	Spec        Spec
	Classes     []Class // by rank
}

// Class is one class of a split.
type Class struct {
	Name      ad.ClassName
	Available int           // normal training images in the dataset
	Target    int           // wanted by the spec
	Files     []ad.SampleID // chosen, sorted; min(Available, Target) of them
}

// Group is High for the classes of the majority, Low for those of the minority,
// and empty for a class that the split does not have.
func (m *Manifest) Group(c ad.ClassName) ad.Group {
	rank := slices.IndexFunc(m.Classes, func(k Class) bool { return k.Name == c })
	if rank < 0 {
		return ""
	}
	return group(rank, len(m.Classes))
}

// Files lists the chosen images, class by class.
func (m *Manifest) Files() []ad.SampleID {
	var files []ad.SampleID
	for _, c := range m.Classes {
		files = append(files, c.Files...)
	}
	return files
}

// Bytes is the manifest's text, the same on every machine.
func (m *Manifest) Bytes() []byte {
	factor, seed, sampler := "-", "-", "-"
	if m.Spec.Type == Exp || m.Spec.Type == Step {
		factor, seed, sampler = factorText(m.Spec.Factor), strconv.FormatUint(m.Spec.Seed, 10), Sampler
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\ndataset %s\nfingerprint %s\ntype %s\nfactor %s\nseed %s\norder %s\nreverse %v\nsampler %s\nclasses %d\n",
		magic, m.Dataset, m.Fingerprint, m.Spec.Type, factor, seed, m.Spec.Order.By, m.Spec.Order.Reverse, sampler, len(m.Classes))
	for rank, c := range m.Classes {
		fmt.Fprintf(&b, "class %d %s available %d target %d realised %d name %s\n",
			rank+1, group(rank, len(m.Classes)), c.Available, c.Target, len(c.Files), c.Name)
		for _, f := range c.Files {
			fmt.Fprintf(&b, "file %s\n", f)
		}
	}
	return b.Bytes()
}

// Digest is the SHA-256 of Bytes.
func (m *Manifest) Digest() ad.Digest {
	sum := sha256.Sum256(m.Bytes())
	return ad.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Write stores the manifest, replacing path at once or not at all.
func (m *Manifest) Write(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fault.New(fault.System, "write split: %w", err)
	}
	defer os.Remove(f.Name()) // fails once renamed
	_, err = f.Write(m.Bytes())
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fault.New(fault.System, "write split %s: %w", path, err)
	}
	return nil
}

// Read loads a manifest that Write stored.
func Read(path string) (*Manifest, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Data, "read split: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a manifest's text. It accepts what Bytes writes and nothing else: a
// manifest changed by hand is no longer the split it says it is. file names the
// text in errors, which are fault.Data with file and line.
func Parse(file string, data []byte) (*Manifest, error) {
	p := parser{file: file, lines: strings.SplitAfter(string(data), "\n")}
	m, err := p.manifest()
	if err != nil {
		return nil, err
	}
	// Other spellings of the same values (+1, 01, 1e2, a last line without its end).
	for i, want := range strings.SplitAfter(string(m.Bytes()), "\n") {
		if got := p.lines[i]; got != want {
			p.at = i + 1
			return nil, p.errorf("%q: want %q", got, want)
		}
	}
	return m, nil
}

type parser struct {
	file  string
	lines []string // each with its "\n"; the last is empty in a good file
	at    int      // lines read
}

func (p *parser) errorf(format string, args ...any) error {
	return fault.New(fault.Data, format, args...).At(fault.Pos{File: p.file, Line: p.at})
}

func (p *parser) more() bool { return p.at < len(p.lines) && p.lines[p.at] != "" }

// next gives the next line without its end, "" after the last.
func (p *parser) next() string {
	p.at++
	if p.at > len(p.lines) {
		return ""
	}
	return strings.TrimSuffix(p.lines[p.at-1], "\n")
}

// value reads a line "key value".
func (p *parser) value(key string) (string, error) {
	line := p.next()
	value, ok := strings.CutPrefix(line, key+" ")
	if !ok {
		return "", p.errorf("%q: want %q and its value", line, key)
	}
	if err := textError(value); err != "" {
		return "", p.errorf("%s %q: %s", key, value, err)
	}
	return value, nil
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (p *parser) manifest() (*Manifest, error) {
	if line := p.next(); line != magic {
		e := fault.New(fault.Data, "%q: want %q", abbreviate(line), magic).At(fault.Pos{File: p.file, Line: 1})
		return nil, e.WithHint("a split manifest is made by 'ltadbench split make'; other lists of images are imported")
	}
	m := &Manifest{}
	var count int
	fields := []struct {
		key string
		set func(v string) (ok bool)
	}{
		{"dataset", func(v string) bool { m.Dataset = ad.DatasetName(v); return true }},
		{"fingerprint", func(v string) bool { m.Fingerprint = ad.Digest(v); return digestForm.MatchString(v) }},
		{"type", func(v string) bool {
			m.Spec.Type = Type(v)
			return slices.Contains([]Type{Exp, Step, Full, External}, m.Spec.Type)
		}},
		{"factor", func(v string) (ok bool) {
			if v == "-" {
				return !p.drawn(m)
			}
			var err error
			m.Spec.Factor, err = strconv.ParseFloat(v, 64)
			return p.drawn(m) && err == nil && m.Spec.Factor >= 1 && !math.IsInf(m.Spec.Factor, 0)
		}},
		{"seed", func(v string) bool {
			if v == "-" {
				return !p.drawn(m)
			}
			var err error
			m.Spec.Seed, err = strconv.ParseUint(v, 10, 64)
			return p.drawn(m) && err == nil
		}},
		{"order", func(v string) bool {
			m.Spec.Order.By = By(v)
			return slices.Contains([]By{BySize, ByName, ByRelease, ByList}, m.Spec.Order.By)
		}},
		{"reverse", func(v string) bool { m.Spec.Order.Reverse = v == "true"; return v == "true" || v == "false" }},
		{"sampler", func(v string) bool { return v == "-" && !p.drawn(m) || v == Sampler && p.drawn(m) }},
		{"classes", func(v string) bool {
			n, err := strconv.Atoi(v)
			count = n
			return err == nil && n > 0
		}},
	}
	for _, f := range fields {
		v, err := p.value(f.key)
		if err != nil {
			return nil, err
		}
		if !f.set(v) {
			return nil, p.errorf("%s %q is not possible in a split of type %q", f.key, v, m.Spec.Type)
		}
	}
	starts, err := p.classes(m)
	if err != nil {
		return nil, err
	}
	if len(m.Classes) != count {
		return nil, p.errorf("%d classes follow, %d were announced", len(m.Classes), count)
	}
	return m, p.consistent(m, starts)
}

func (p *parser) drawn(m *Manifest) bool { return m.Spec.Type == Exp || m.Spec.Type == Step }

var classForm = regexp.MustCompile(`^class ([0-9]{1,9}) (High|Low) available ([0-9]{1,9}) target ([0-9]{1,9}) realised ([0-9]{1,9}) name (.+)$`)

// classes reads the classes and their files, and gives the line of each class.
func (p *parser) classes(m *Manifest) (starts []int, err error) {
	names, files := map[ad.ClassName]bool{}, map[ad.SampleID]bool{}
	for p.more() {
		line := p.next()
		part := classForm.FindStringSubmatch(line)
		if part == nil {
			return nil, p.errorf("%q: want \"class RANK GROUP available N target N realised N name NAME\"", abbreviate(line))
		}
		c := Class{Name: ad.ClassName(part[6])}
		if err := textError(part[6]); err != "" {
			return nil, p.errorf("class %q: %s", part[6], err)
		}
		if names[c.Name] {
			return nil, p.errorf("class %q is there twice", c.Name)
		}
		names[c.Name] = true
		starts = append(starts, p.at)
		c.Available, _ = strconv.Atoi(part[3])
		c.Target, _ = strconv.Atoi(part[4])
		realised, _ := strconv.Atoi(part[5])
		if c.Available > maxCount {
			return nil, p.errorf("class %q: %d available images, more than %d", c.Name, c.Available, maxCount)
		}
		for p.more() && strings.HasPrefix(p.lines[p.at], "file ") {
			v, err := p.value("file")
			if err != nil {
				return nil, err
			}
			id := ad.SampleID(v)
			if err := pathError(v); err != "" {
				return nil, p.errorf("file %q: %s", v, err)
			}
			if files[id] {
				return nil, p.errorf("file %q is there twice", v)
			}
			files[id] = true
			if n := len(c.Files); n > 0 && c.Files[n-1] > id {
				return nil, p.errorf("file %q is out of order: it comes before %q", v, c.Files[n-1])
			}
			c.Files = append(c.Files, id)
		}
		if len(c.Files) != realised {
			return nil, p.errorf("class %q: %d files follow, %d were announced", c.Name, len(c.Files), realised)
		}
		m.Classes = append(m.Classes, c)
	}
	return starts, nil
}

// consistent checks the counts and the order of the classes against the spec;
// rank and group are left to the comparison with Bytes.
func (p *parser) consistent(m *Manifest, starts []int) error {
	largest, names, byName := 0, []ad.ClassName{}, map[ad.ClassName]Class{}
	for _, c := range m.Classes {
		largest = max(largest, c.Available)
		names, byName[c.Name] = append(names, c.Name), c
	}
	if p.drawn(m) && len(names) < 2 {
		return p.errorf("a split of type %q has two classes at least", m.Spec.Type)
	}
	for rank, c := range m.Classes {
		p.at = starts[rank]
		want := c.Available
		switch m.Spec.Type {
		case Exp, Step:
			want = m.Spec.target(largest, rank, len(m.Classes))
		case External:
			want = len(c.Files)
		}
		if c.Target != want {
			return p.errorf("class %q: target %d, which should be %d in %s with a largest class of %d images",
				c.Name, c.Target, want, m.Spec.Name(), largest)
		}
		if want = min(c.Target, c.Available); len(c.Files) != want {
			return p.errorf("class %q: %d images realised, which should be %d", c.Name, len(c.Files), want)
		}
		if want == 0 && m.Spec.Type != External {
			return p.errorf("class %q has no image", c.Name)
		}
	}
	if m.Spec.Order.By == ByList { // the classes are the list
		m.Spec.Order.List = slices.Clone(names)
		if m.Spec.Order.Reverse {
			slices.Reverse(m.Spec.Order.List)
		}
		return nil
	}
	if m.Spec.Order.By == ByRelease { // only the dataset can tell
		return nil
	}
	order, err := m.Spec.Order.arrange(names, m.larger(byName))
	if err != nil {
		return err
	}
	for rank, name := range order {
		if names[rank] != name {
			p.at = starts[rank]
			return p.errorf("class %q is out of order: by %s, %q comes here", names[rank], m.Spec.Order.By, name)
		}
	}
	return nil
}

// larger compares classes by size: for imported splits the number of images in
// the split, then as for all the number in the dataset.
func (m *Manifest) larger(class map[ad.ClassName]Class) func(a, b ad.ClassName) int {
	return func(a, b ad.ClassName) int {
		if m.Spec.Type == External {
			if d := len(class[b].Files) - len(class[a].Files); d != 0 {
				return d
			}
		}
		return class[b].Available - class[a].Available
	}
}

func quote(s string) string { return strconv.Quote(abbreviate(s)) }

// abbreviate keeps errors about a wrong file readable.
func abbreviate(s string) string {
	if len(s) > 120 {
		return s[:120] + "..."
	}
	return s
}
