package datasets

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// dagmDefect is Sample.Defect of DAGM's defective images: it names no kinds.
const dagmDefect = "defect"

// dagmClass reads ClassN/{Train,Test}.
func (s *scan) dagmClass(c ad.ClassName) {
	for _, p := range []struct {
		part ad.Part
		dir  string
	}{{ad.Train, string(c) + "/Train"}, {ad.Test, string(c) + "/Test"}} {
		s.dagmPart(c, p.part, p.dir)
	}
}

func (s *scan) dagmPart(c ad.ClassName, part ad.Part, dir string) {
	images := s.list(c, dir)
	truths := dir + "/Label"
	switch {
	case !images.exists:
		s.problem(FileMissing, c, dir, "no such directory").hint = dagmHint
		return
	case !s.list(c, truths).exists:
		s.problem(FileMissing, c, truths, "no such directory: nothing tells defective images apart").hint = dagmHint
		return
	}
	masks := map[string]string{} // by stem of the image, lower case
	for _, name := range s.list(c, truths).images {
		masks[strings.TrimSuffix(fold(stem(name)), "_label")] = name
	}
	rows, listed, err := s.dagmLabels(truths + "/Labels.txt")
	if err != nil {
		s.problem(Unreadable, c, truths+"/Labels.txt", "%v", err)
		return
	}
	used := map[string]bool{}
	for _, image := range images.images {
		file := dir + "/" + image
		key := fold(stem(image))
		mask, hasMask := masks[key]
		used[mask] = true
		row, inList := rows[key]
		delete(rows, key)
		defective := hasMask
		if listed {
			switch defective = row.defective; {
			case !inList:
				s.problem(FileUnlisted, c, file, "not in %s/Labels.txt, which gives the label", truths)
				continue
			case hasMask && !row.defective:
				s.problem(LabelConflict, c, file, "line %d of %s/Labels.txt calls it normal, but there is %s/%s", row.line, truths, truths, mask)
				continue
			case row.defective && !hasMask:
				s.problem(MaskMissing, c, file, "line %d of %s/Labels.txt calls it defective, but there is no %s/%s_label%s",
					row.line, truths, truths, stem(image), path.Ext(image))
				continue
			}
		}
		switch sample := (ad.Sample{ID: ad.SampleID(file), Class: c, Part: part}); {
		case !defective:
			s.add(sample)
		case part == ad.Train:
			s.dropped[c]++
		default:
			sample.Label, sample.Defect, sample.Truth, sample.Mask = ad.Anomalous, dagmDefect, ad.TruthMask, truths+"/"+mask
			s.add(sample)
		}
	}
	missing := slices.SortedFunc(maps.Values(rows), func(a, b labelEntry) int { return cmp.Compare(a.line, b.line) })
	for _, row := range missing {
		s.problem(FileMissing, c, dir+"/"+row.image, "named by line %d of %s/Labels.txt, but does not exist", row.line, truths)
	}
	for _, name := range s.list(c, truths).images {
		if !used[name] {
			s.problem(MaskUnused, c, truths+"/"+name, "label image of no image")
		}
	}
}

const dagmHint = "expected are the ten classes of DAGM 2007 with Class1/Train/0576.PNG, Class1/Train/Label/Labels.txt and " +
	"Class1/Train/Label/0595_label.PNG; the package of six classes with Class1_def is another one"

// dagmLabels reads a Labels.txt into rows by the stem of the image in lower case;
// listed is false if there is none.
func (s *scan) dagmLabels(file string) (rows map[string]labelEntry, listed bool, err error) {
	f, err := os.Open(s.abs(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, plainPath(err)
	}
	defer f.Close()
	list, err := parseLabels(f)
	if err != nil {
		return nil, false, err
	}
	rows = make(map[string]labelEntry, len(list))
	for _, row := range list {
		rows[fold(stem(row.image))] = row
	}
	return rows, true, nil
}

// fold makes names comparable between copies of DAGM that differ in case.
func fold(name string) string { return strings.ToLower(name) }

// labelEntry is one row of DAGM's Labels.txt.
type labelEntry struct {
	line      int
	image     string // a file name, such as 0576.PNG
	defective bool
}

// parseLabels reads DAGM's Labels.txt: a first line of one cell, then one line an
// image with the cells number, flag (1: defective), image, 0, and the label image,
// which is 0 or left out for normal images. Cells are separated by tabs.
func parseLabels(r io.Reader) ([]labelEntry, error) {
	var rows []labelEntry
	seen := map[string]int{}
	bad := func(line int, format string, args ...any) error {
		return fault.New(fault.Data, "line %d: %w", line, fmt.Errorf(format, args...))
	}
	in := bufio.NewScanner(r)
	line := 0
	for in.Scan() {
		line++
		cells := strings.Fields(in.Text())
		if len(cells) == 0 || line == 1 && len(cells) == 1 {
			continue
		}
		if len(cells) < 3 || len(cells) > 5 {
			return nil, bad(line, "%d cells, want number, flag, image, 0, label image", len(cells))
		}
		flag, err := strconv.ParseUint(cells[1], 10, 1)
		if err != nil {
			return nil, bad(line, "flag is %q, want 0 or 1", cells[1])
		}
		row := labelEntry{line, cells[2], flag == 1}
		if strings.ContainsAny(row.image, "/\\\x00") || stem(row.image) == "" {
			return nil, bad(line, "image %q is not a file name", row.image)
		}
		if named := len(cells) == 5 && cells[4] != "0"; named && !row.defective {
			return nil, bad(line, "image %q is flagged normal but has the label image %q", row.image, cells[4])
		}
		key := fold(stem(row.image))
		if before, twice := seen[key]; twice {
			return nil, bad(line, "image %q is there twice, first in line %d", row.image, before)
		}
		seen[key] = line
		rows = append(rows, row)
	}
	if err := in.Err(); err != nil {
		return nil, bad(line+1, "%w", err)
	}
	return rows, nil
}
