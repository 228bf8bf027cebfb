package datasets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// scan gathers what the directories and lists of one root say.
type scan struct {
	ctx  context.Context
	root string
	want []ad.ClassName // the option "classes"; empty for all

	classes  []ad.ClassName // in release order
	samples  []ad.Sample
	dropped  map[ad.ClassName]int
	problems []Problem

	listings map[string]listing           // by directory; see list
	visaRows map[ad.ClassName][]visaEntry // of VisA's raw layout; nil for the prepared one
}

// add appends a sample; its class, part, label and truth must be set.
func (s *scan) add(sample ad.Sample) {
	if sample.Label == ad.Normal {
		sample.Defect = "good"
	}
	s.samples = append(s.samples, sample)
}

func (s *scan) problem(kind ProblemKind, class ad.ClassName, file, format string, args ...any) *Problem {
	s.problems = append(s.problems, Problem{Kind: kind, Class: class, Path: file, Message: fmt.Sprintf(format, args...)})
	return &s.problems[len(s.problems)-1]
}

func (s *scan) abs(rel string) string { return filepath.Join(s.root, filepath.FromSlash(rel)) }

func (s *scan) checkRoot() error {
	info, err := os.Stat(s.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Data, "no such directory").At(fault.Pos{File: s.root}).WithHint("set root to the directory that holds the dataset")
	case err != nil:
		return fault.New(fault.Data, "%w", err)
	case !info.IsDir():
		return fault.New(fault.Data, "not a directory").At(fault.Pos{File: s.root}).WithHint("unpack an archive first")
	}
	return nil
}

// listing is the content of one directory, sorted by name, without dot files.
type listing struct {
	dirs, images []string
	exists       bool
}

var imageTypes = map[string]bool{".png": true, ".jpg": true, ".jpeg": true, ".bmp": true}

// unread are images that a person would expect to be read.
var unread = map[string]bool{".tif": true, ".tiff": true, ".webp": true, ".gif": true, ".npy": true}

// list reads a directory once. One that does not exist is empty. What else keeps
// it from being read ends the scan, as an error of the class's reader would.
func (s *scan) list(class ad.ClassName, dir string) listing {
	if l, ok := s.listings[dir]; ok {
		return l
	}
	if s.listings == nil {
		s.listings = map[string]listing{}
	}
	var l listing
	entries, err := os.ReadDir(s.abs(dir))
	l.exists = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.problem(Unreadable, class, dir, "%v", plainPath(err))
	}
	others, example := 0, ""
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			if info, err := os.Stat(filepath.Join(s.abs(dir), name)); err == nil {
				mode = info.Mode()
			}
		}
		ext := strings.ToLower(path.Ext(name))
		switch {
		case mode.IsDir():
			l.dirs = append(l.dirs, name)
		case imageTypes[ext]:
			l.images = append(l.images, name)
		case unread[ext]:
			others++
			example = name
		}
	}
	if others > 0 {
		s.problem(FileUnsupported, class, dir, "%d files such as %q are neither PNG, JPEG nor BMP", others, example)
	}
	s.listings[dir] = l
	return l
}

// plainPath drops the operation and path from a file error.
func plainPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// layout reads a root that has a directory for each class.
func (s *scan) layout(l layout) error {
	found := classDirs(s.root, l)
	if len(found) == 0 {
		return s.wrongRoot(l)
	}
	s.classes = s.want
	if len(s.classes) == 0 {
		if s.classes = l.classes; s.classes == nil {
			s.classes = found
		}
		for _, c := range found {
			if l.classes != nil && !slices.Contains(l.classes, c) {
				s.problem(ClassUnknown, c, string(c), "%s has no class %q", l.title, c)
			}
		}
	}
	if l.lists != nil {
		if err := l.lists(s); err != nil {
			return err
		}
	}
	for _, c := range s.classes {
		if err := s.ctx.Err(); err != nil {
			return fault.New(fault.Canceled, "reading %s: %w", s.root, context.Cause(s.ctx))
		}
		if slices.Contains(found, c) {
			l.read(s, c)
			continue
		}
		p := s.problem(ClassMissing, c, string(c), "class %q is missing: no directory %s", c, alternatives(c, l.signs))
		switch {
		case l.classes == nil:
			p.hint = fault.Suggest(c, found)
		default:
			p.hint = fmt.Sprintf("the classes found are %s; to use a part of the dataset, name it in the option classes", join(found))
		}
	}
	return nil
}

// checkClasses reports classes that no method could be trained or tested on.
func (s *scan) checkClasses() {
	var seen = map[ad.ClassName][2]bool{}
	for _, sample := range s.samples {
		has := seen[sample.Class]
		if sample.Part == ad.Train {
			has[0] = true
		} else {
			has[1] = true
		}
		seen[sample.Class] = has
	}
	for _, c := range s.classes {
		if slices.ContainsFunc(s.problems, func(p Problem) bool { return p.Class == c && p.Kind.fatal() }) {
			continue // which is why
		}
		if has := seen[c]; !has[0] {
			s.problem(ClassEmpty, c, "", "class %q has no normal training images", c)
		} else if !has[1] {
			s.problem(ClassEmpty, c, "", "class %q has no test images", c)
		}
	}
}

// classDirs gives the directories of root that look like classes of the layout,
// sorted by name.
func classDirs(root string, l layout) []ad.ClassName {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil
	}
	var found []ad.ClassName
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && isClass(filepath.Join(root, e.Name()), l) {
			found = append(found, ad.ClassName(e.Name()))
		}
	}
	return found
}

// isClass is true also for a directory that cannot be looked into, so that reading it
// as a class says why: a class passed over would change every mean.
func isClass(dir string, l layout) bool {
	return slices.ContainsFunc(l.signs, func(sign string) bool {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(sign)))
		if err != nil {
			return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
		}
		return info.IsDir()
	})
}

// wrongRoot says what a root without any class should hold, and where the user
// may have meant: one or two levels deeper, or higher.
func (s *scan) wrongRoot(l layout) error {
	example := ad.ClassName("CLASS")
	if l.classes != nil {
		example = l.classes[0]
	}
	e := fault.New(fault.Data, "not %s: no class directories, such as %s", l.title, alternatives(example, l.signs)).
		At(fault.Pos{File: s.root})
	if parent := filepath.Dir(s.root); isClass(s.root, l) {
		return e.WithHint("this is the directory of one class: set root to %s", parent)
	}
	for _, pattern := range []string{"*", "*/*"} {
		dirs, err := filepath.Glob(filepath.Join(globQuote(s.root), pattern))
		if err != nil {
			continue
		}
		for _, dir := range dirs {
			if len(classDirs(dir, l)) > 0 {
				return e.WithHint("did you mean %s?", dir)
			}
		}
	}
	for _, kind := range Kinds() {
		other := layouts[kind]
		if len(other.classes) > 0 && isClass(filepath.Join(s.root, string(other.classes[0])), other) {
			return e.WithHint("this looks like %s: set kind to %q", other.title, kind)
		}
	}
	if _, err := os.Stat(s.abs("train.json")); err == nil && l.classes == nil {
		return e.WithHint(`if train.json is a list of images in UniAD's form, set the options train_list: train.json and test_list: test.json`)
	}
	return e.WithHint("set root to the directory that holds the class directories")
}

// alternatives names the directories of a class of which one is expected.
func alternatives(c ad.ClassName, signs []string) string {
	names := make([]string, len(signs))
	for i, sign := range signs {
		names[i] = string(c) + "/" + sign
	}
	return strings.Join(names, " or ")
}

func globQuote(name string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(name)
}
