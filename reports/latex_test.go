package reports_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// texPages has every LaTeX golden file on a page of its own, in a document with no more
// than the package that the files ask for.
func texPages(t *testing.T) string {
	files, err := filepath.Glob("testdata/*.tex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files of LaTeX: %v", err)
	}
	var b strings.Builder
	b.WriteString("\\documentclass{article}\n\\usepackage[a4paper,landscape,margin=1cm]{geometry}\n\\usepackage{booktabs}\n\\begin{document}\n")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\\clearpage\n", text)
	}
	b.WriteString("\\end{document}\n")
	return b.String()
}

// The golden files, which hold every mark, note, symbol and layout that there is, must
// compile as they are. It needs pdflatex, of Debian's texlive-latex-recommended.
func TestLaTeXCompiles(t *testing.T) {
	latex, err := exec.LookPath("pdflatex")
	if err != nil {
		t.Skip("no pdflatex here")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.tex"), []byte(texPages(t)), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), latex, "-interaction=nonstopmode", "-halt-on-error", "all.tex")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, bad := range []string{"Overfull", "undefined", "multiply defined", "Missing character"} {
		if bytes.Contains(out, []byte(bad)) {
			t.Errorf("%s in\n%s", bad, out)
		}
	}
	if keep := os.Getenv("LTADBENCH_KEEP_PDF"); keep != "" {
		pdf, err := os.ReadFile(filepath.Join(dir, "all.pdf"))
		if err == nil {
			err = os.WriteFile(keep, pdf, 0o666)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
