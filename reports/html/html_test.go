package html_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/progress"
	own "github.com/ltadbench/ltadbench/reports/html"
)

func write(t *testing.T, dir string, p own.Page) {
	t.Helper()
	if err := own.Write(t.Context(), dir, p, progress.None); err != nil {
		t.Fatal(err)
	}
}

// tree gives the files below a directory and what is in them.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// attributes lists the page's elements and their attributes.
func attributes(t *testing.T, page string, visit func(n *html.Node, get func(string) string)) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			visit(n, func(name string) string {
				at := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
				if at < 0 {
					return ""
				}
				return n.Attr[at].Val
			})
		}
	}
}

// Everything that the page refers to is there, nothing is there twice, and texts are
// texts.
func TestPageIsWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	write(t, dir, page(200))
	files := tree(t, dir)
	if listed := strings.Fields(strings.SplitN(files["files.txt"], "\n", 2)[1]); len(listed) != len(files)-1 {
		t.Errorf("files.txt lists %d of %d files", len(listed), len(files)-1)
	}
	script := files["assets/data.js"]
	var data struct {
		Numbers map[string]struct {
			Cells []struct{ Cell int }
		}
		Cells []struct{ Name, Key, Command string }
	}
	if err := json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(script, "window.ltadbench = "), ";\n")), &data); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(script, "<") {
		t.Error("data.js could end its script")
	}
	for id, n := range data.Numbers {
		for _, c := range n.Cells {
			if c.Cell >= len(data.Cells) || data.Cells[c.Cell].Command == "" {
				t.Errorf("number %s is of no cell: %d", id, c.Cell)
			}
		}
	}
	ids := map[string]bool{}
	var links []string
	numbers := map[string]bool{}
	elements := map[string]int{}
	attributes(t, files["index.html"], func(n *html.Node, get func(string) string) {
		elements[n.Data]++
		if id := get("id"); id != "" {
			if ids[id] {
				t.Errorf("id %s is there twice", id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has %s=%s", n.Data, a.Key, a.Val)
			}
		}
		for _, name := range []string{"href", "src"} {
			to := get(name)
			switch {
			case to == "" || to == "data:,":
			case strings.HasPrefix(to, "#"):
				links = append(links, to[1:])
			case files[to] == "":
				t.Errorf("<%s %s=%q> leads nowhere", n.Data, name, to)
			}
		}
		for _, name := range []string{"aria-labelledby", "aria-describedby", "for"} {
			if to := get(name); to != "" {
				links = append(links, to)
			}
		}
		if id := get("data-n"); id != "" {
			numbers[id] = true
			if _, ok := data.Numbers[id]; !ok {
				t.Errorf("nothing is behind number %s", id)
			}
		}
		if n.Data == "img" && (get("width") == "" || get("height") == "") {
			t.Errorf("%s moves what follows when it is loaded", get("src"))
		}
	})
	for _, to := range links {
		if !ids[to] {
			t.Errorf("#%s leads nowhere", to)
		}
	}
	if len(numbers) != len(data.Numbers) {
		t.Errorf("%d numbers in the page, %d in the data", len(numbers), len(data.Numbers))
	}
	if elements["h1"] != 1 || elements["main"] != 1 || elements["caption"] != elements["table"] {
		t.Errorf("landmarks: %v", elements)
	}
	if got := strings.Count(files["index.html"], "<script"); got != elements["script"] {
		t.Errorf("%d scripts are text, %d elements", got, elements["script"])
	}
}

func TestSameBytes(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	write(t, a, page(12))
	write(t, b, page(12))
	one, other := tree(t, a), tree(t, b)
	if len(one) != len(other) {
		t.Errorf("%d and %d files", len(one), len(other))
	}
	for name, text := range one {
		if text != other[name] {
			t.Errorf("%s differs", name)
		}
	}
}

func TestReplacesOnlyReports(t *testing.T) {
	root := t.TempDir()
	put := func(name string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("precious"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "earlier"), page(12))
	write(t, filepath.Join(root, "mixed"), page(12))
	put("file")
	put("foreign/deep/notes.md")
	put("mixed/gallery/mine.png")
	put("claims/files.txt")
	put("claims/thesis.tex")
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "empty"), 0o777), os.Symlink("earlier", filepath.Join(root, "link"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	before := tree(t, root)
	for dir, want := range map[string]string{
		"file":         "it is a file",
		"foreign":      `it holds "deep/notes.md"`,
		"mixed":        `it holds "gallery/mine.png"`,
		"claims":       `it holds "files.txt"`,
		".":            "the working directory is in it",
		"..":           "the working directory is in it",
		"nowhere/here": "no such file",
		"file/in":      "not a directory",
	} {
		for _, err := range []error{own.Check(dir), own.Write(t.Context(), dir, page(12), progress.None)} {
			if fault.KindOf(err) != fault.System || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", dir, err, want)
			}
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := own.Write(stopped, "earlier", page(12), progress.None); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if after := tree(t, root); len(after) != len(before) {
		t.Errorf("%d files before, %d after refusals", len(before), len(after))
	}
	small := page(12)
	small.Gallery, small.Figures = own.Gallery{}, nil
	for _, dir := range []string{"empty", "earlier", "link", "new"} {
		write(t, dir, small)
		files := tree(t, filepath.Join(root, dir))
		if _, old := files["figures/curve-..-of.svg"]; old || !bytes.Contains([]byte(files["index.html"]), []byte("<h1>")) {
			t.Errorf("%s: %d files", dir, len(files))
		}
	}
	if info, err := os.Lstat("link"); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	if left, _ := filepath.Glob(".ltadbench-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
