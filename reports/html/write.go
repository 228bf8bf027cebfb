package html

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/progress"
)

// list is the file of a report that lists its files, after its first line. What is not
// in it is somebody else's, and stays.
const (
	list      = "files.txt"
	firstLine = "Files of a report by ltadbench, which the next one in this place replaces:"
)

//go:embed assets
var assets embed.FS

// Check says whether a report may be written to dir: to a new directory, an empty one,
// or in place of another report. Errors are of kind System.
func Check(dir string) error {
	_, err := place(dir)
	return err
}

// place gives the absolute path of the report, links resolved.
func place(dir string) (string, error) {
	hint := "name a new directory, an empty one, or one with an earlier report"
	refuse := func(format string, args ...any) error {
		return fault.New(fault.System, "cannot write the report to "+dir+": "+format, args...).WithHint("%s", hint)
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", refuse("%w", err)
	}
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real
	}
	here, err := os.Getwd()
	if err == nil {
		here, err = filepath.EvalSymlinks(here)
	}
	if up, relErr := filepath.Rel(at, here); err == nil && relErr == nil && up != ".." && !strings.HasPrefix(up, ".."+string(filepath.Separator)) {
		return "", refuse("the working directory is in it")
	}
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", refuse("%w", err)
	case !info.IsDir():
		return "", refuse("it is a file")
	default:
		others, err := foreign(at)
		if err != nil {
			return "", refuse("%w", err)
		}
		if len(others) > 0 {
			return "", refuse("it holds %q, which is no part of a report", others[0])
		}
	}
	probe, err := os.MkdirTemp(filepath.Dir(at), ".ltadbench-*")
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil {
		hint = "name a directory in one that is there and that you may write to"
		return "", refuse("%w", err)
	}
	return at, nil
}

// foreign gives the files in dir that are not those of a report.
func foreign(dir string) (others []string, err error) {
	own := map[string]bool{list: true}
	text, err := os.ReadFile(filepath.Join(dir, list))
	if lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"); err == nil && lines[0] == firstLine {
		for _, name := range lines[1:] {
			own[name] = true
		}
	} else {
		own = nil
	}
	err = filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err == nil && !own[filepath.ToSlash(name)] {
			others = append(others, name)
		}
		return err
	})
	return others, err
}

// Write writes the report to the directory dir, whole or not at all; an earlier report
// there is replaced (see Check). The bytes depend on the page alone.
func Write(ctx context.Context, dir string, p Page, show progress.Reporter) error {
	at, err := place(dir)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp(filepath.Dir(at), ".ltadbench-*")
	if err != nil {
		return fault.New(fault.System, "cannot write the report: %w", err)
	}
	defer os.RemoveAll(stage) // fails once renamed
	if err := os.Chmod(stage, 0o755); err != nil {
		return fault.New(fault.System, "cannot write the report: %w", err)
	}
	w := &writer{ctx: ctx, dir: stage}
	if err := w.page(p, show); err != nil {
		return err
	}
	if err := replace(at, stage); err != nil {
		return fault.New(fault.System, "cannot write the report: %w", err)
	}
	return nil
}

// replace puts the directory stage in the place of what is there.
func replace(at, stage string) error {
	old := stage + ".old"
	err := os.Rename(at, old)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Rename(stage, at)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(stage, at); err != nil {
		return errors.Join(err, os.Rename(old, at))
	}
	return os.RemoveAll(old)
}

// writer writes files below a directory, and remembers them.
type writer struct {
	ctx   context.Context
	dir   string
	files []string
}

func (w *writer) page(p Page, show progress.Reporter) error {
	task := show.Start("HTML report")
	defer task.End("")
	total, done := 0, 0
	for _, s := range p.Gallery.Sheets {
		total += len(s.Rows)
	}
	for i, s := range p.Gallery.Sheets {
		for j, row := range s.Rows {
			if err := w.row(picturePath(i, j), row); err != nil {
				return err
			}
			done++
			task.Update(float64(done), float64(total), "gallery")
		}
	}
	for _, f := range p.Figures {
		if err := w.file(figurePath(f), f.SVG); err != nil {
			return err
		}
	}
	v := newView(p)
	data, err := v.data()
	if err != nil {
		return err
	}
	if err := w.file("assets/data.js", data); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		return fault.New(fault.Internal, "the report's page: %w", err)
	}
	if err := w.file("index.html", page.Bytes()); err != nil {
		return err
	}
	static, err := assets.ReadDir("assets")
	if err != nil {
		return fault.New(fault.Internal, "%w", err)
	}
	for _, e := range static {
		if ext := path.Ext(e.Name()); ext != ".css" && ext != ".js" {
			continue
		}
		text, err := assets.ReadFile("assets/" + e.Name())
		if err != nil {
			return fault.New(fault.Internal, "%w", err)
		}
		if err := w.file("assets/"+e.Name(), text); err != nil {
			return err
		}
	}
	slices.Sort(w.files)
	return w.file(list, []byte(firstLine+"\n"+strings.Join(w.files, "\n")+"\n"))
}

// row writes the pictures of a row of the gallery.
func (w *writer) row(base string, row Row) error {
	if err := w.picture(base+"image.png", row.Image); err != nil {
		return err
	}
	if row.Mask != nil {
		if err := w.picture(base+"mask.png", row.Mask); err != nil {
			return err
		}
	}
	for k, m := range row.Maps {
		if m.Level != nil {
			if err := w.picture(mapPath(base, k), m.Level); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) picture(name string, m image.Image) error {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return fault.New(fault.Internal, "%s: %w", name, err)
	}
	return w.file(name, b.Bytes())
}

func (w *writer) file(name string, data []byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	at := filepath.Join(w.dir, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(at), 0o777)
	if err == nil {
		err = os.WriteFile(at, data, 0o666)
	}
	if err != nil {
		return fault.New(fault.System, "cannot write the report: %w", err)
	}
	w.files = append(w.files, name)
	return nil
}
