package datasets

import (
	"path"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
)

func (s *scan) mvtecClass(c ad.ClassName) { s.mvtecLike(c, true) }

// folderClass reads a class that may have image labels only.
func (s *scan) folderClass(c ad.ClassName) {
	s.mvtecLike(c, s.list(c, string(c)+"/ground_truth").exists)
}

// mvtecLike reads CLASS/train/good, CLASS/test/DEFECT and, if masks is set,
// CLASS/ground_truth/DEFECT.
func (s *scan) mvtecLike(c ad.ClassName, masks bool) {
	train := string(c) + "/train"
	s.ignored(c, train)
	for _, name := range s.list(c, train).dirs {
		if name != "good" && !s.misspelt(c, train, name) {
			s.dropped[c] += len(s.list(c, train+"/"+name).images)
		}
	}
	normal := s.list(c, train+"/good")
	if !normal.exists {
		s.problem(FileMissing, c, train+"/good", "no such directory: normal training images are expected there")
	}
	for _, image := range normal.images {
		s.add(ad.Sample{ID: ad.SampleID(train + "/good/" + image), Class: c, Part: ad.Train})
	}
	test := string(c) + "/test"
	s.ignored(c, test)
	for _, defect := range s.list(c, test).dirs {
		if s.misspelt(c, test, defect) {
			continue
		}
		dir := test + "/" + defect
		images := s.list(c, dir).images
		if defect == "good" {
			for _, image := range images {
				s.add(ad.Sample{ID: ad.SampleID(dir + "/" + image), Class: c, Part: ad.Test})
			}
			continue
		}
		truths := s.newMaskDir(c, string(c)+"/ground_truth/"+defect)
		for _, image := range images {
			sample := ad.Sample{ID: ad.SampleID(dir + "/" + image), Class: c, Part: ad.Test,
				Label: ad.Anomalous, Defect: defect, Truth: ad.TruthUnknown}
			if masks {
				mask, twin, ok := truths.take(image)
				if twin != "" {
					s.problem(LabelConflict, c, dir+"/"+image, "its mask %s is that of %s/%s, too", mask, dir, twin)
					continue
				}
				if !ok {
					s.problem(MaskMissing, c, dir+"/"+image, "no mask %s/%s_mask.png", truths.dir, stem(image))
					continue
				}
				sample.Truth, sample.Mask = ad.TruthMask, mask
			}
			s.add(sample)
		}
		truths.reportUnused()
	}
	for _, defect := range s.list(c, string(c)+"/ground_truth").dirs {
		if defect != "good" && !slices.Contains(s.list(c, test).dirs, defect) {
			s.problem(MaskUnused, c, string(c)+"/ground_truth/"+defect, "no directory %s/%s", test, defect)
		}
	}
}

// misspelt reports a directory called "Good": its normal images would count as
// defective.
func (s *scan) misspelt(c ad.ClassName, parent, name string) bool {
	if name == "good" || !strings.EqualFold(name, "good") {
		return false
	}
	s.problem(LabelConflict, c, parent+"/"+name, "normal images are expected in a directory called good").hint =
		"rename it to good"
	return true
}

// ignored reports images beside the directories of a part, or in directories within
// those.
func (s *scan) ignored(c ad.ClassName, part string) {
	dirs := []string{part}
	for _, kind := range s.list(c, part).dirs {
		for _, deeper := range s.list(c, part+"/"+kind).dirs {
			dirs = append(dirs, part+"/"+kind+"/"+deeper)
		}
	}
	for _, dir := range dirs {
		if images := s.list(c, dir).images; len(images) > 0 {
			s.problem(FileIgnored, c, dir, "%d images such as %q are not read: the layout has images in %s/KIND alone", len(images), images[0], part)
		}
	}
}

// maskDir finds masks by the names of their images.
type maskDir struct {
	s      *scan
	class  ad.ClassName
	dir    string
	byStem map[string]string
	used   map[string]string // by mask, its image
}

func (s *scan) newMaskDir(c ad.ClassName, dir string) *maskDir {
	m := &maskDir{s, c, dir, map[string]string{}, map[string]string{}}
	for _, name := range s.list(c, dir).images {
		m.byStem[stem(name)] = name
	}
	return m
}

// take gives the path of the mask of an image: NAME_mask.EXT, or NAME.EXT; twin is
// the image that has taken it already, if one has.
func (m *maskDir) take(image string) (mask, twin string, ok bool) {
	for _, name := range []string{stem(image) + "_mask", stem(image)} {
		if file, ok := m.byStem[name]; ok {
			twin = m.used[file]
			m.used[file] = image
			return m.dir + "/" + file, twin, true
		}
	}
	return "", "", false
}

func (m *maskDir) reportUnused() {
	for _, name := range m.s.list(m.class, m.dir).images {
		if m.used[name] == "" {
			m.s.problem(MaskUnused, m.class, m.dir+"/"+name, "mask of no image")
		}
	}
}

// stem is the name of a file without its extension.
func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }
