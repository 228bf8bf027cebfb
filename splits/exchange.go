package splits

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Format is a way in which other projects write the list of their training images.
type Format string

// The formats of Import.
const (
	// JSONLines is UniAD's: an object a line with "filename" and, as far as they
	// are given, "label" (must be 0) and "clsname" (must be the dataset's class);
	// other keys have no meaning here.
	JSONLines Format = "jsonl"
	// List is one path a line; empty lines and lines that begin with # are skipped.
	List Format = "list"
	// PruneList is a List of the images to leave out of the full training set, as
	// TailedCore's prune_good.txt. (Its inject_defects.txt has no counterpart:
	// training images are normal here.)
	PruneList Format = "prune-list"
)

// maxReported bounds the problems that one import reports.
const maxReported = 20

// Import reads a training set that others chose from d. Paths are relative to the
// dataset's root. The classes are ranked by order, by default by their number of
// images in the split, then in the dataset, then by name; give the list of a
// published order where the halves of majority and minority would differ. Every
// class of d belongs to the split, also one without images. The error joins those
// of all lines (fault.Data with file and line): unknown paths, with the nearest
// there is; test images; anomalous images; repeated images; other classes.
func Import(d Dataset, format Format, file string, data []byte, order Order) (*Manifest, error) {
	if order.By == "" {
		order.By = BySize
	}
	if err := order.check(); err != nil {
		return nil, err
	}
	p, err := newPool(d)
	if err != nil {
		return nil, err
	}
	if err := d.checkDigest(); err != nil {
		return nil, err
	}
	in := importer{pool: p, file: file, line: map[ad.SampleID]int{}}
	for _, c := range d.Classes {
		in.known = append(in.known, p.train[c]...)
	}
	read := in.list
	switch format {
	case JSONLines:
		read = in.jsonLine
	case List, PruneList:
	default:
		return nil, fault.New(fault.Usage, "list format %q: want jsonl, list or prune-list", format)
	}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		n++
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			in.at = n
			read(line)
		}
	}
	if in.dropped > 0 {
		in.errs = append(in.errs, fault.New(fault.Data, "%d more problems", in.dropped).At(fault.Pos{File: file}))
	}
	if len(in.line) == 0 && len(in.errs) == 0 {
		in.errs = append(in.errs, fault.New(fault.Data, "no image is listed").At(fault.Pos{File: file}))
	}
	if len(in.errs) > 0 {
		return nil, errors.Join(in.errs...)
	}
	return in.manifest(d, order, format == PruneList)
}

type importer struct {
	pool    *pool
	known   []ad.SampleID
	file    string
	at      int                 // line
	line    map[ad.SampleID]int // of the images listed so far
	errs    []error
	dropped int
}

func (in *importer) fail(hint, format string, args ...any) {
	if len(in.errs) == maxReported {
		in.dropped++
		return
	}
	e := fault.New(fault.Data, format, args...).At(fault.Pos{File: in.file, Line: in.at})
	e.Hint = hint
	in.errs = append(in.errs, e)
}

func (in *importer) list(line string) {
	if !strings.HasPrefix(line, "#") {
		in.add(line)
	}
}

func (in *importer) jsonLine(line string) {
	var v struct {
		Filename *string       `json:"filename"`
		Label    *json.Number  `json:"label"`
		Class    *ad.ClassName `json:"clsname"`
	}
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		in.fail("", "not a JSON object with filename, label and clsname: %w", err)
		return
	}
	if v.Filename == nil {
		in.fail("", "no \"filename\"")
		return
	}
	if v.Label != nil && *v.Label != "0" {
		in.fail("", "image %q has label %s: training images are normal, label 0", abbreviate(*v.Filename), *v.Label)
		return
	}
	id, ok := in.add(*v.Filename)
	if class := in.pool.samples[id].Class; ok && v.Class != nil && *v.Class != class {
		in.fail("", "image %q is of class %q here, of class %q in the dataset", id, *v.Class, class)
	}
}

// add notes one listed image; ok says that it can be trained on.
func (in *importer) add(name string) (id ad.SampleID, ok bool) {
	id = ad.SampleID(path.Clean(name))
	if _, ok := in.pool.samples[id]; !ok && !strings.Contains(name, "/") { // a list made on Windows
		id = ad.SampleID(path.Clean(strings.ReplaceAll(name, `\`, "/")))
	}
	if kind, why := in.pool.unfit(id); kind != "" {
		hint := ""
		if kind == FileGone && len(in.errs) < maxReported {
			hint = suggest(string(id), in.known)
		}
		in.fail(hint, "image %s: %s", quote(name), why)
		return id, false
	}
	if first := in.line[id]; first != 0 {
		in.fail("", "image %q is already on line %d", id, first)
		return id, false
	}
	in.line[id] = in.at
	return id, true
}

func (in *importer) manifest(d Dataset, order Order, prune bool) (*Manifest, error) {
	m := &Manifest{Dataset: d.Name, Fingerprint: d.Digest, Spec: Spec{Type: External, Order: order}}
	classes := map[ad.ClassName]Class{}
	total := 0
	for _, name := range d.Classes {
		all := in.pool.train[name]
		files := slices.DeleteFunc(slices.Clone(all), func(id ad.SampleID) bool { return (in.line[id] != 0) == prune })
		classes[name] = Class{Name: name, Available: len(all), Target: len(files), Files: files}
		total += len(files)
	}
	if total == 0 {
		return nil, fault.New(fault.Data, "no image is left").At(fault.Pos{File: in.file})
	}
	ranked, err := order.arrange(d.Classes, m.larger(classes))
	if err != nil {
		return nil, err
	}
	for _, name := range ranked {
		m.Classes = append(m.Classes, classes[name])
	}
	return m, nil
}

// ExportJSONLines writes the split as UniAD's train.json, class by class.
func (m *Manifest) ExportJSONLines(w io.Writer) error {
	var b bytes.Buffer
	for _, c := range m.Classes {
		for _, f := range c.Files {
			fmt.Fprintf(&b, "{\"filename\": %s, \"label\": 0, \"label_name\": \"good\", \"clsname\": %s}\n", jsonText(string(f)), jsonText(string(c.Name)))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// jsonText is s as JSON, without the escapes that only HTML needs.
func jsonText(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// ExportList writes the split as a list of paths, class by class.
func (m *Manifest) ExportList(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s of %s, %s\n", m.Spec.Name(), m.Dataset, m.Digest())
	for _, f := range m.Files() {
		if strings.HasPrefix(string(f), "#") {
			f = "./" + f
		}
		fmt.Fprintln(&b, f)
	}
	_, err := w.Write(b.Bytes())
	return err
}
