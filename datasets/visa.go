package datasets

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// visaCSV is the file that splits VisA for one-class training.
const visaCSV = "split_csv/1cls.csv"

// visaList reads the split of the raw layout; the prepared one has none.
func (s *scan) visaList() error {
	f, err := os.Open(s.abs(visaCSV))
	if errors.Is(err, fs.ErrNotExist) {
		for _, c := range s.classes {
			if _, err := os.Stat(s.abs(string(c) + "/Data/Images")); err == nil {
				return fault.New(fault.Data, "VisA as downloaded (%s/Data/Images), but without %s, which says what is trained on", c, visaCSV).
					At(fault.Pos{File: s.root}).WithHint("copy the directory split_csv of VisA's archive, or of amazon-science/spot-diff, into the root")
			}
		}
		return nil
	}
	if err != nil {
		return fault.New(fault.Data, "%w", err)
	}
	defer f.Close()
	rows, err := parseVisA(s.abs(visaCSV), f)
	if err != nil {
		return err
	}
	s.visaRows = map[ad.ClassName][]visaEntry{}
	for _, row := range rows {
		s.visaRows[row.class] = append(s.visaRows[row.class], row)
	}
	return nil
}

// visaClass reads one class, in either layout.
func (s *scan) visaClass(c ad.ClassName) {
	if info, err := os.Stat(s.abs(string(c) + "/train/good")); err == nil && info.IsDir() {
		s.mvtecLike(c, true)
		return
	}
	for _, row := range s.visaRows[c] {
		if !s.has(c, row.image) {
			s.problem(FileMissing, c, row.image, "named by line %d of %s, but does not exist", row.line, visaCSV)
			continue
		}
		sample := ad.Sample{ID: ad.SampleID(row.image), Class: c, Part: row.part, Label: row.label}
		switch {
		case row.label == ad.Normal:
			s.add(sample)
		case row.part == ad.Train:
			s.dropped[c]++
		case row.mask == "" || !s.has(c, row.mask):
			s.problem(MaskMissing, c, row.image, "line %d of %s names the mask %q, which does not exist", row.line, visaCSV, row.mask)
		default:
			sample.Defect, sample.Truth, sample.Mask = "anomaly", ad.TruthMask, row.mask
			s.add(sample)
		}
	}
}

// has tells whether an image file exists, by the listing of its directory.
func (s *scan) has(c ad.ClassName, file string) bool {
	_, ok := slices.BinarySearch(s.list(c, path.Dir(file)).images, path.Base(file))
	return ok
}

// visaEntry is one row of VisA's split file.
type visaEntry struct {
	line        int
	class       ad.ClassName
	part        ad.Part
	label       ad.Label
	image, mask string // slash-separated, relative to the root; mask may be empty
}

// parseVisA reads a split file of VisA: comma-separated with a header, object,
// split (train or test), label (normal or anomaly), image, mask.
func parseVisA(name string, r io.Reader) ([]visaEntry, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	at := func(line int) fault.Pos { return fault.Pos{File: name, Line: line} }
	wrap := func(err error) error {
		var p *csv.ParseError
		if errors.As(err, &p) {
			return fault.New(fault.Data, "%w", p.Err).At(fault.Pos{File: name, Line: p.Line, Col: p.Column})
		}
		return fault.New(fault.Data, "%w", err).At(at(0))
	}
	header, err := in.Read()
	if err == io.EOF {
		return nil, fault.New(fault.Data, "empty file").At(at(0))
	}
	if err != nil {
		return nil, wrap(err)
	}
	columns := []string{"object", "split", "label", "image", "mask"}
	index := make([]int, len(columns))
	for i, column := range columns {
		if index[i] = slices.IndexFunc(header, func(h string) bool {
			return strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")) == column
		}); index[i] < 0 {
			return nil, fault.New(fault.Data, "no column %q in the header, want %s", column, strings.Join(columns, ",")).At(at(1))
		}
	}
	var rows []visaEntry
	seen := map[string]int{}
	for {
		record, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, wrap(err)
		}
		line, _ := in.FieldPos(0)
		cell := func(i int) string { return strings.TrimSpace(record[index[i]]) }
		row := visaEntry{line: line, class: ad.ClassName(cell(0)), image: cell(3), mask: cell(4)}
		if row.class == "" {
			return nil, fault.New(fault.Data, "no object").At(at(line))
		}
		switch row.part = ad.Part(cell(1)); row.part {
		case ad.Train, ad.Test:
		default:
			return nil, fault.New(fault.Data, `split is %q, want "train" or "test"`, row.part).At(at(line))
		}
		switch cell(2) {
		case "normal":
		case "anomaly":
			row.label = ad.Anomalous
		default:
			return nil, fault.New(fault.Data, `label is %q, want "normal" or "anomaly"`, cell(2)).At(at(line))
		}
		if row.image, err = localPath(row.image); err != nil {
			return nil, fault.New(fault.Data, "image: %w", err).At(at(line))
		}
		if row.mask != "" {
			if row.mask, err = localPath(row.mask); err != nil {
				return nil, fault.New(fault.Data, "mask: %w", err).At(at(line))
			}
		}
		if before, twice := seen[row.image]; twice {
			return nil, fault.New(fault.Data, "image %q is there twice, first in line %d", row.image, before).At(at(line))
		}
		seen[row.image] = line
		rows = append(rows, row)
	}
	return rows, nil
}

// localPath cleans the path of a list, which must stay below the root. Lists made on
// Windows have backslashes and no slash.
func localPath(name string) (string, error) {
	clean := path.Clean(slashes(name))
	switch {
	case name == "":
		return "", errors.New("it is missing")
	case path.IsAbs(clean) || len(clean) > 2 && clean[1:3] == ":/":
		return "", fmt.Errorf("path %q is absolute, want one relative to the root", name)
	case clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(clean, "\x00"):
		return "", fmt.Errorf("path %q is not below the root", name)
	}
	return clean, nil
}

func slashes(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return strings.ReplaceAll(name, `\`, "/")
}
