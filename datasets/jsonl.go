package datasets

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// jsonLists reads a root described by UniAD's JSON lines. Its classes are in the
// order in which the lists first name them.
func (s *scan) jsonLists(train, test string) error {
	lists := []struct {
		part ad.Part
		file string
		rows []jsonEntry
	}{{part: ad.Train, file: train}, {part: ad.Test, file: test}}
	var found []ad.ClassName
	seen := map[string]string{} // by image, its list
	for i := range lists {
		l := &lists[i]
		name := l.file
		if !filepath.IsAbs(name) {
			name = s.abs(name)
		}
		f, err := os.Open(name)
		if err != nil {
			return fault.New(fault.Data, "%s list: %w", l.part, plainPath(err)).At(fault.Pos{File: name}).
				WithHint("option %s_list is a path relative to the root, or an absolute one", l.part)
		}
		l.rows, err = parseLines(name, f)
		f.Close()
		if err != nil {
			return err
		}
		for _, row := range l.rows {
			if !slices.Contains(found, row.class) {
				found = append(found, row.class)
			}
			if before, twice := seen[row.image]; twice {
				return fault.New(fault.Data, "image %q is in %s already", row.image, before).At(fault.Pos{File: name, Line: row.line})
			}
			seen[row.image] = l.file
		}
	}
	if len(found) == 0 {
		return fault.New(fault.Data, "the lists %s and %s name no image", train, test).At(fault.Pos{File: s.root})
	}
	if s.classes = s.want; len(s.classes) == 0 {
		s.classes = found
	}
	for _, c := range s.classes {
		if !slices.Contains(found, c) {
			s.problem(ClassMissing, c, "", "class %q is in neither list", c).hint =
				fault.Suggest(c, found)
		}
	}
	for _, l := range lists {
		for _, row := range l.rows {
			if slices.Contains(s.classes, row.class) {
				s.jsonImage(l.part, l.file, row)
			}
		}
	}
	return nil
}

func (s *scan) jsonImage(part ad.Part, list string, row jsonEntry) {
	sample := ad.Sample{ID: ad.SampleID(row.image), Class: row.class, Part: part, Label: row.label, Defect: row.defect}
	switch {
	case !s.has(row.class, row.image):
		p := s.problem(FileMissing, row.class, row.image, "named by line %d of %s, but does not exist as a PNG, JPEG or BMP file", row.line, list)
		if at, err := filepath.Glob(filepath.Join(globQuote(s.root), "*", globQuote(filepath.FromSlash(row.image)))); err == nil && len(at) > 0 {
			p.hint = "did you mean root: " + strings.TrimSuffix(at[0], string(filepath.Separator)+filepath.FromSlash(row.image)) +
				"? the lists' own paths can be absolute"
		}
		return
	case row.label == ad.Normal:
	case part == ad.Train:
		s.dropped[row.class]++
		return
	case row.mask == "":
		sample.Truth = ad.TruthFull
	case !s.has(row.class, row.mask):
		s.problem(MaskMissing, row.class, row.image, "line %d of %s names the mask %q, which does not exist", row.line, list, row.mask)
		return
	default:
		sample.Truth, sample.Mask = ad.TruthMask, row.mask
	}
	s.add(sample)
}

// jsonEntry is one line of a UniAD list.
type jsonEntry struct {
	line        int
	class       ad.ClassName
	label       ad.Label
	defect      string
	image, mask string // slash-separated, relative to the root; mask may be empty
}

// parseLines reads UniAD's JSON lines, one object an image: filename, label (0
// normal, 1 anomalous), label_name, clsname, and maskname for anomalous images,
// without which every pixel counts as anomalous. Without clsname the class is the
// fourth component of filename from its end, as in UniAD (CLASS/test/DEFECT/NAME);
// other members are ignored.
func parseLines(name string, r io.Reader) ([]jsonEntry, error) {
	var rows []jsonEntry
	seen := map[string]int{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	line := 0
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Data, format, args...).At(fault.Pos{File: name, Line: line})
	}
	for in.Scan() {
		line++
		text := bytes.TrimSpace(bytes.TrimPrefix(in.Bytes(), []byte("\ufeff")))
		if len(text) == 0 {
			continue
		}
		if text[0] == '[' {
			return nil, bad("a JSON array, want one JSON object a line").WithHint("convert it with: jq -c '.[]'")
		}
		var v struct {
			Filename  string          `json:"filename"`
			Label     json.RawMessage `json:"label"`
			LabelName string          `json:"label_name"`
			Clsname   string          `json:"clsname"`
			Maskname  string          `json:"maskname"`
		}
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, bad("not a line of a UniAD list: %w", err).
				WithHint(`a line is {"filename": "CLASS/test/DEFECT/NAME.png", "label": 1, "clsname": "CLASS", "maskname": "..."}`)
		}
		row := jsonEntry{line: line, class: ad.ClassName(v.Clsname), defect: v.LabelName}
		switch string(v.Label) {
		case "0":
			if v.Maskname != "" {
				return nil, bad("label 0, normal, but with the mask %q", v.Maskname)
			}
		case "1":
			row.label = ad.Anomalous
			if row.defect == "" || row.defect == "good" {
				row.defect = "defective" // UniAD's own name for it
			}
		case "":
			return nil, bad(`no "label", want 0 (normal) or 1 (anomalous)`)
		default:
			return nil, bad("label is %s, want 0 or 1", v.Label)
		}
		if row.class == "" {
			parts := strings.Split(slashes(v.Filename), "/")
			if len(parts) < 4 || parts[len(parts)-4] == "" {
				return nil, bad("no clsname, and filename %q has no fourth component from its end to stand for it", v.Filename)
			}
			row.class = ad.ClassName(parts[len(parts)-4])
		}
		var err error
		if row.image, err = localPath(v.Filename); err != nil {
			return nil, bad("filename: %w", err)
		}
		if v.Maskname != "" {
			if row.mask, err = localPath(v.Maskname); err != nil {
				return nil, bad("maskname: %w", err)
			}
		}
		if before, twice := seen[row.image]; twice {
			return nil, bad("image %q is there twice, first in line %d", row.image, before)
		}
		seen[row.image] = line
		rows = append(rows, row)
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		line++
		return nil, bad("longer than a line of a UniAD list can be")
	case err != nil:
		return nil, bad("%w", err)
	}
	return rows, nil
}
