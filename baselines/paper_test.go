package baselines

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

func loadPaper(t testing.TB) *Paper {
	t.Helper()
	p, err := LoadPaper()
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	return p
}

func TestPaperFind(t *testing.T) {
	p := loadPaper(t)
	for _, c := range []struct {
		query Query
		want  string // "" for nothing
	}{
		{Query{"mvtec", "exp100", "ltad", ad.ImageAUROC, ""}, "0.8886 align-base LTAD paper, Table 3, exp100 Det., LTAD"},
		{Query{"mvtec", "exp100", "ltad", ad.ImageAUROC, ad.All}, "0.8886 align-base LTAD paper, Table 3, exp100 Det., LTAD"},
		{Query{"visa", "step500", "uniad", ad.PixelAUROC, ""}, "0.9503 efficientnet-b4 LTAD paper, Table 4, step500 Seg., UniAD"},
		{Query{"dagm", "exp200", "ltad/6.8", ad.PixelAUROC, ""}, "0.9616 align-base LTAD paper, Table 5, exp200 Seg., LTAD w/o SAD"},
		// Both of two tables have these.
		{Query{"mvtec", "step100", "ltad/6.8", ad.ImageAUROC, ""}, "0.8705 align-base LTAD paper, Table 6, 6.8, Detection All"},
		{Query{"mvtec", "step100", "uniad", ad.ImageAUROC, ""}, "0.8337 efficientnet-b4 LTAD paper, Table 3, step100 Det., UniAD, 1 note"},
		{Query{"mvtec", "step100", "uniad", ad.PixelAUROC, ""}, "0.9147 efficientnet-b4 LTAD paper, Table 3, step100 Seg., UniAD"},
		{Query{"mvtec", "step100", "uniad", ad.ImageAUROC, ad.Low}, "0.6779 efficientnet-b4 LTAD paper, Table 6, 6.1, Detection Low, 1 note"},
		{Query{"mvtec", "step100", "uniad/6.2", ad.PixelAUROC, ad.High}, "0.9599 align-base LTAD paper, Table 6, 6.2, Segmentation High"},
		{Query{"mvtec", "step100", "ltad/7.4", ad.ImageAUROC, ad.Low}, "0.7284 align-base LTAD paper, Table 7, 7.4 (LTAD), Detection Low"},
		{Query{"mvtec", "step100", "ltad/8.2", ad.PixelAUROC, ""}, "0.6983 align-base LTAD paper, Table 8, 8.2, Segmentation All, 1 note"},
		{Query{"mvtec", "step100", "ltad/9.flawless-broken", ad.ImageAUROC, ""}, "0.6563 align-base LTAD paper, Table 9, a flawless / a broken, AD"},
		// The paper lacks these.
		{Query{"mvtec", "step100", "ltad", ad.ImageAUROC, ad.High}, ""},
		{Query{"mvtec", "exp100", "ltad/6.3", ad.ImageAUROC, ""}, ""},
		{Query{"mvtec", "step100", "ltad/9.a-broken", ad.ImageAUROC, ad.Low}, ""},
		{Query{"dagm", "exp50", "ltad", ad.ImageAUROC, ""}, ""},
		{Query{"mvtec", "exp100", "ltad", ad.ImageAP, ""}, ""},
		{Query{"mvtec", "exp100", "patchcore", ad.ImageAUROC, ""}, ""},
		{Query{"synthetic", "exp100", "ltad", ad.ImageAUROC, ""}, ""},
		{Query{"mvtec", "exp100", "", ad.ImageAUROC, ""}, ""},
		{Query{}, ""},
	} {
		got := ""
		if f, ok := p.Find(c.query); ok {
			got = fmt.Sprintf("%v %s %s", f.Value, f.Encoder, f.Source())
			if n := len(f.Notes); n > 0 {
				got += fmt.Sprintf(", %d note", n)
			}
		}
		if got != c.want {
			t.Errorf("%+v\ngot  %s\nwant %s", c.query, got, c.want)
		}
	}
}

// smallPaper is a table that has all that a file can have.
const smallPaper = `schema: 1
source: {paper: P, arxiv: "1", table: 4, caption: C}
kind: visa
labels: [what]
columns:
  - {name: A}
  - {name: B, method: ltad, encoder: align-base}
rows:
  - {split: exp100, task: Det., labels: [x], values: [N/A, 12.30b]}
  - {name: s, split: step9, task: Seg., group: Low, labels: [y], values: [100.00, 0.00u]}
notes:
  - {rows: [s], columns: [B], text: T}
`

// Of several mistakes this looks at the first.
func TestPaperErrors(t *testing.T) {
	if _, err := parsePaperTable("t.yaml", []byte(smallPaper)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"schema: 1", "schema: 2", `t.yaml:1:9: schema 2 is not known; this program reads 1`},
		{"kind: visa\n", "", `t.yaml:8:5: row "exp100 Det.", column "A": no kind`},
		{"kind: visa", "kind: tiny", `t.yaml:3:7: kind: "tiny" is not mvtec, visa or dagm`},
		{"kind: visa", "kin: visa", `t.yaml:3:1: unknown key "kin"`},
		{"kind: visa", "kind: visa\nkind: visa", `t.yaml:4:1: key "kind" is there twice`},
		{"kind: visa", "kind: visa\nsplit: exp100", `t.yaml:10:5: row "exp100 Det.", column "A": split is said twice`},
		{"kind: visa", "kind: &k visa\nsplit: *k", `t.yaml:4:8: split: want text, got an alias (write the value out)`},
		{"table: 4", "table: four", `t.yaml:2:39: table: want a whole number, got "four"`},
		{"caption: C", "title: C", `t.yaml:2:42: source: unknown key "title"`},
		{"name: A", "name: B", `t.yaml:7:5: column "B" is there twice, first in line 6`},
		{"method: ltad", "method: LTAD", `t.yaml:7:23: method: "LTAD" is not a method such as ltad, or a preset such as ltad/6.8`},
		{"name: A", "name: A, method: ltad", `t.yaml:9:60: row "exp100 Det.", column "B": ltad of exp100 Det. All is there twice, first in line 9`},
		{"split: exp100", "split: exp0", `t.yaml:9:13: split: "exp0" is not a split such as exp100 or step100`},
		{"split: exp100, task: Det.", "name: q, split: exp100", `t.yaml:9:5: row "q", column "A": no task`},
		{"split: exp100, task: Det., ", "", `t.yaml:9:5: rows: want a name, or a split and a task`},
		{"name: s", "name: exp100 Det.", `t.yaml:10:5: row "exp100 Det." is there twice, first in line 9`},
		{"labels: [x]", "labels: [x, y]", `t.yaml:9:5: row "exp100 Det.": 2 labels, but the table has 1`},
		{"[N/A, 12.30b]", "[N/A]", `t.yaml:9:54: row "exp100 Det.": 1 values, but the table has 2 columns`},
		{", values: [N/A, 12.30b]", "", `t.yaml:9:5: rows: no key "values"`},
		{"12.30b", "12.3", `t.yaml:9:60: values: want a number as printed, got "12.3"`},
		{"12.30b", "12.30x", `t.yaml:9:60: values: want a number as printed, got "12.30x"`},
		{"12.30b", "[1]", `t.yaml:9:60: values: want a number as printed, got a list`},
		{"12.30b", "~", `t.yaml:9:60: values: want a number as printed, got nothing`},
		{"[N/A, 12.30b]", "[]", `t.yaml:9:54: row "exp100 Det.": 0 values, but the table has 2 columns`},
		{"rows:", "row?: []\nrows:", `t.yaml:8:1: unknown key "row?"`},
		{"notes:", "notes?: []\nnotes:", `t.yaml:11:1: unknown key "notes?"`},
		{"12.30b", "100.01", `t.yaml:9:60: 100.01 is not within 0 to 100`},
		{"12.30b", "-0.01", `t.yaml:9:60: -0.01 is not within 0 to 100`},
		{"rows: [s]", "rows: [r]", `t.yaml:12:13: rows: "r" is unknown`},
		{", text: T", "", `t.yaml:12:5: notes: no key "text"`},
		{"notes:", "---\nnotes:", "t.yaml:1:1: more than one YAML document, or text after the first"},
		{"rows:", "rows: [", "t.yaml:8: not YAML: did not find expected node content"},
		{smallPaper, "", "t.yaml: an empty file is no table of the paper"},
		{smallPaper, "[]", `t.yaml:1:1: want a mapping, got a list`},
	} {
		text := strings.Replace(smallPaper, c.old, c.new, 1)
		if text == smallPaper {
			t.Errorf("%q is not in the table", c.old)
		}
		_, err := parsePaperTable("t.yaml", []byte(text))
		if err == nil || strings.Split(err.Error(), "\n")[0] != c.want || fault.KindOf(err) != fault.Data {
			t.Errorf("%q for %q:\ngot  %v\nwant %s", c.new, c.old, err, c.want)
		}
	}

	file := &fstest.MapFile{Data: []byte(smallPaper)}
	_, err := readPaper(fstest.MapFS{"paper/a.yaml": file, "paper/b.yaml": file})
	if want := "baselines/paper/b.yaml:2:39: table 4 is there twice, first in baselines/paper/a.yaml:2:39"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Whatever is accepted is complete: Find gives each number that has a counterpart.
func FuzzPaper(f *testing.F) {
	f.Add([]byte(smallPaper))
	for _, s := range []string{"", "{", "# x", "a: &x [*x]", "1: 2\n<<: {a: b}", "schema: ~\nrows: {}\ncolumns: [[]]", "--- a\n--- b"} {
		f.Add([]byte(s))
	}
	files, err := fs.Glob(paperFiles, "paper/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(paperFiles, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := parsePaperTable("t.yaml", text)
		if err != nil {
			if fault.KindOf(err) != fault.Data {
				t.Fatalf("kind %s: %v", fault.KindOf(err), err)
			}
			return
		}
		p := &Paper{Tables: []PaperTable{*table}}
		for i, row := range table.Rows {
			for j := range table.Columns {
				of, _ := table.scope(i, j)
				q := Query{Kind: of.Kind, Split: of.Split, Method: of.Method, Metric: ad.ImageAUROC, Group: of.Group}
				if of.Task == ad.Segmentation {
					q.Metric = ad.PixelAUROC
				}
				want, ok := row.Values[j].Fraction()
				if got, found := p.Find(q); found != (ok && of.Method != "") || found && (got.Value != want || want < 0 || want > 1) {
					t.Fatalf("%+v: %+v %v, want %v %v", q, got, found, want, ok)
				}
			}
		}
	})
}
