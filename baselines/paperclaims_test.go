package baselines_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/plugins"
	"github.com/ltadbench/ltadbench/splits"
)

// The claims of the paper's text, and of the facts known about its tables, recomputed
// from the numbers. What does not hold has a note.

// numbers gives the paper's numbers in hundredths of a percent, so that sums are exact.
type numbers struct {
	*testing.T
	tables map[int]baselines.PaperTable
}

func paper(t *testing.T) numbers {
	p, err := baselines.LoadPaper()
	if err != nil {
		t.Fatal(err)
	}
	n := numbers{t, map[int]baselines.PaperTable{}}
	for _, table := range p.Tables {
		n.tables[table.Table] = table
	}
	if len(n.tables) != 7 {
		t.Fatalf("%d tables", len(n.tables))
	}
	return n
}

const missing = -1

func (n numbers) parse(v baselines.PaperValue) int {
	if v.Text == "N/A" {
		return missing
	}
	x, err := strconv.Atoi(strings.Replace(v.Text, ".", "", 1))
	if err != nil {
		n.Fatal(err)
	}
	return x
}

// at is one number by the names of its row and column.
func (n numbers) at(table int, row, column string) int {
	n.Helper()
	t := n.tables[table]
	i := slices.IndexFunc(t.Rows, func(r baselines.PaperRow) bool { return r.Name == row })
	j := slices.IndexFunc(t.Columns, func(c baselines.PaperColumn) bool { return c.Name == column })
	if i < 0 || j < 0 {
		n.Fatalf("table %d has no %q, %q", table, row, column)
	}
	return n.parse(t.Rows[i].Values[j])
}

// noted checks that a note of the table, on the row if one is given, has the words.
func (n numbers) noted(table int, row string, words ...string) {
	n.Helper()
	for _, note := range n.tables[table].Notes {
		if row == "" && len(note.Rows) > 0 || row != "" && !slices.Contains(note.Rows, row) {
			continue
		}
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(note.Text, w) }) {
			return
		}
	}
	n.Errorf("table %d: no note on %q with %q", table, row, words)
}

func percent(hundredths int) string { return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100) }

// duel is a row of Tables 3 to 5.
type duel struct {
	table      int
	row        baselines.PaperRow
	best       int    // of the baselines
	who        string // has it
	alone, all int    // LTAD without and with its semantic module
}

func (n numbers) duels(tables ...int) []duel {
	var list []duel
	for _, number := range tables {
		t := n.tables[number]
		for _, row := range t.Rows {
			d := duel{table: number, row: row}
			for j, c := range t.Columns {
				switch x := n.parse(row.Values[j]); {
				case c.Of.Method == "ltad":
					d.all = x
				case c.Of.Method == "ltad/6.8":
					d.alone = x
				case x > d.best:
					d.best, d.who = x, c.Name
				}
			}
			list = append(list, d)
		}
	}
	return list
}

// Sections 6.1 and 6.2: "LTAD outperforms the baselines on 29 out of the 32 (90.6%)
// tasks", without its semantic module on 28 (87.5%); the module helps in 31 (96.9%).
func TestPaperWins(t *testing.T) {
	n := paper(t)
	var ltad, alone, helped int
	beatenBy := map[string]int{}
	duels := n.duels(3, 4, 5)
	for _, d := range duels {
		if d.all > d.best {
			ltad++
		} else {
			beatenBy[fmt.Sprintf("Table %d %s", d.table, d.who)]++
		}
		if d.alone > d.best {
			alone++
		}
		if d.all > d.alone {
			helped++
		}
	}
	if len(duels) != 32 || ltad != 29 || alone != 28 || helped != 31 {
		t.Errorf("of %d tasks: LTAD %d, without SAD %d, SAD helps %d", len(duels), ltad, alone, helped)
	}
	if len(beatenBy) != 2 || beatenBy["Table 3 RegAD"] != 2 || beatenBy["Table 3 UniAD"] != 1 {
		t.Errorf("LTAD is beaten by %v", beatenBy)
	}
	// "The gains of LTAD over the baselines are even larger for VisA and DAGM."
	gain := map[string]int{}
	for _, d := range duels {
		gain[fmt.Sprint(d.table, d.row.Of.Task)] += (d.all - d.best) * (24 / len(n.tables[d.table].Rows))
	}
	for _, task := range []ad.Task{ad.Detection, ad.Segmentation} {
		if m := gain[fmt.Sprint(3, task)]; m >= gain[fmt.Sprint(4, task)] || m >= gain[fmt.Sprint(5, task)] {
			t.Errorf("mean gains, as they compare: %v", gain)
		}
	}
}

// Table 2 has 18 configurations, of which two of DAGM have no rows.
func TestPaperConfigurations(t *testing.T) {
	n := paper(t)
	var absent []string
	found := map[string]bool{}
	rows := 0
	for _, number := range []int{3, 4, 5} {
		for _, row := range n.tables[number].Rows {
			found[n.tables[number].Of.Kind+" "+row.Of.Split+" "+string(row.Of.Task)] = true
			rows++
		}
	}
	total := 0
	for kind, factors := range map[string][]int{"mvtec": {100, 200}, "visa": {100, 200, 500}, "dagm": {50, 100, 200, 500}} {
		for _, factor := range factors {
			for _, form := range []string{"exp", "step"} {
				total++
				split := fmt.Sprintf("%s %s%d ", kind, form, factor)
				if !found[split+"Det."] || !found[split+"Seg."] {
					absent = append(absent, split)
				}
			}
		}
	}
	if want := []string{"dagm exp50 ", "dagm step50 "}; total != 18 || rows != 2*(18-2) || !slices.Equal(absent, want) {
		t.Errorf("of %d configurations, %d rows, these are absent: %q", total, rows, absent)
	}
	n.noted(5, "", "exp50", "step50")
}

// RegAD needs two images of each class, so it is N/A where a split leaves a class with
// one, and only there; this shows that the sizes of classes are cut off, not rounded.
func TestPaperNotApplicable(t *testing.T) {
	n := paper(t)
	largest := map[string]int{"mvtec": 391, "visa": 905, "dagm": 1000} // Table 2
	classes := map[string]int{"mvtec": 15, "visa": 12, "dagm": 10}
	smallest := map[string]int{}
	for _, d := range n.duels(3, 4, 5) {
		kind, split := n.tables[d.table].Of.Kind, d.row.Of.Split
		least, ok := smallest[kind+split]
		if !ok {
			least = smallestClass(t, classes[kind], largest[kind], split)
			smallest[kind+split] = least
		}
		for j, v := range d.row.Values {
			var want bool
			switch n.tables[d.table].Columns[j].Name {
			case "RegAD":
				want = least == 1
			case "Cut & Paste":
				want = d.row.Of.Task == ad.Segmentation
			}
			if (v.Text == "N/A") != want {
				t.Errorf("table %d, %s: %s is %s, with %d images in the smallest class", d.table, d.row.Name, n.tables[d.table].Columns[j].Name, v.Text, least)
			}
		}
	}
}

func smallestClass(t *testing.T, classes, size int, split string) int {
	t.Helper()
	d := splits.Dataset{Name: "d", Digest: ad.Digest("sha256:" + strings.Repeat("0", 64))}
	for c := range classes {
		name := ad.ClassName(fmt.Sprintf("class%02d", c))
		d.Classes = append(d.Classes, name)
		for i := range size {
			d.Samples = append(d.Samples, ad.Sample{ID: ad.SampleID(fmt.Sprintf("%s/%d.png", name, i)), Class: name, Part: ad.Train})
		}
	}
	form := strings.TrimRight(split, "0123456789")
	factor, err := strconv.ParseFloat(strings.TrimPrefix(split, form), 64)
	if err != nil {
		t.Fatal(err)
	}
	m, err := splits.Make(d, splits.Spec{Type: splits.Type(form), Factor: factor})
	if err != nil {
		t.Fatal(err)
	}
	return len(m.Classes[len(m.Classes)-1].Files)
}

// Of 15 classes 7 are High and 8 Low: All is the mean over all within what rounding
// does, in each row of Tables 6 to 8. The other way round it is in none.
func TestPaperGroups(t *testing.T) {
	n := paper(t)
	off := func(all, a, b, high int) int {
		x := 15*all - high*a - (15-high)*b
		return max(x, -x)
	}
	const rounding = 15 // each number is within 1/2, so the difference within (15+7+8)/2
	rows := 0
	for _, number := range []int{6, 7, 8} {
		for _, row := range n.tables[number].Rows {
			for j := 0; j < len(row.Values); j += 3 {
				for k, g := range []ad.Group{ad.All, ad.High, ad.Low} {
					if n.tables[number].Columns[j+k].Of.Group != g {
						t.Fatalf("table %d: columns %v", number, n.tables[number].Columns)
					}
				}
				all, a, b := n.parse(row.Values[j]), n.parse(row.Values[j+1]), n.parse(row.Values[j+2])
				if off(all, a, b, 7) > rounding || off(all, a, b, 8) <= rounding {
					t.Errorf("table %d, %s: All %d, High %d, Low %d: 7/8 is off by %d, 8/7 by %d (in 1/1500 of a percent)",
						number, row.Name, all, a, b, off(all, a, b, 7), off(all, a, b, 8))
				}
				rows++
			}
		}
	}
	if rows != 30 {
		t.Errorf("%d triples", rows)
	}
	// Table 3 has another number for 6.1, which does not fit.
	other := n.at(3, "step100 Det.", "UniAD")
	if own := n.at(6, "6.1", "Detection All"); own == other ||
		off(other, n.at(6, "6.1", "Detection High"), n.at(6, "6.1", "Detection Low"), 7) <= rounding {
		t.Errorf("UniAD on step100: %d and %d", other, own)
	}
	n.noted(3, "step100 Det.", percent(other), "82.63", "6.1")
	n.noted(6, "6.1", percent(other), "82.63")
}

// What two tables have, they have alike, but for UniAD's detection (TestPaperGroups).
func TestPaperTablesAgree(t *testing.T) {
	n := paper(t)
	for _, c := range [][2]place{
		{{6, "6.1", "Segmentation All"}, {3, "step100 Seg.", "UniAD"}},
		{{6, "6.8", "Detection All"}, {3, "step100 Det.", "LTAD w/o SAD"}},
		{{6, "6.8", "Segmentation All"}, {3, "step100 Seg.", "LTAD w/o SAD"}},
		{{7, "7.4 (LTAD)", "Detection All"}, {9, "a / a broken", "AD"}},
		{{7, "7.4 (LTAD)", "Segmentation All"}, {9, "a / a broken", "AS"}},
	} {
		if a, b := n.at(c[0].table, c[0].row, c[0].column), n.at(c[1].table, c[1].row, c[1].column); a != b {
			t.Errorf("%+v: %d, %d", c, a, b)
		}
	}
	for _, c := range n.tables[7].Columns {
		if a, b := n.at(7, "7.4 (LTAD)", c.Name), n.at(8, "8.3 (LTAD)", c.Name); a != b {
			t.Errorf("7.4, 8.3: %s %d, %d", c.Name, a, b)
		}
	}
}

type place struct {
	table       int
	row, column string
}

// RegAD on DAGM: "trained on all classes" of each training set, yet constant.
func TestPaperRegADOnDAGM(t *testing.T) {
	n := paper(t)
	count := map[int]int{}
	for _, d := range n.duels(5) {
		count[n.at(5, d.row.Name, "RegAD")]++
	}
	if len(count) != 3 || count[8486] != 6 || count[9029] != 5 || n.at(5, "step100 Seg.", "RegAD") != 9028 {
		t.Errorf("%v", count)
	}
	if notes := n.tables[5].Notes; !slices.ContainsFunc(notes, func(note baselines.PaperNote) bool {
		return slices.Equal(note.Columns, []string{"RegAD"}) && strings.Contains(note.Text, "same numbers in all six")
	}) {
		t.Errorf("no note in %+v", notes)
	}
}

// Section 6.2 on Tables 6 to 9: what it says of All.
func TestPaperAblations(t *testing.T) {
	n := paper(t)
	both := func(table int, row string) [2]int {
		if table == 9 {
			return [2]int{n.at(9, row, "AD"), n.at(9, row, "AS")}
		}
		return [2]int{n.at(table, row, "Detection All"), n.at(table, row, "Segmentation All")}
	}
	gain := func(table int, row, over string, det, seg int) {
		t.Helper()
		a, b := both(table, row), both(table, over)
		if a[0]-b[0] != det || a[1]-b[1] != seg {
			t.Errorf("%s over %s: %d, %d", row, over, a[0]-b[0], a[1]-b[1])
		}
	}
	better := func(table int, row string, than ...string) {
		t.Helper()
		for _, other := range than {
			if a, b := both(table, row), both(table, other); a[0] <= b[0] || a[1] <= b[1] {
				t.Errorf("%s is %v, %s %v", row, a, other, b)
			}
		}
	}
	gain(6, "6.2", "6.1", 238, 144) // "by 2.38% and 1.44%"
	gain(6, "6.8", "6.3", 257, 60)  // "by 2.57% (0.6%)"
	better(6, "6.4", "6.5")         // 6.5 "underperforms all other experiments, where s_c is a learned pseudo class name"
	better(6, "6.6", "6.5", "6.7")
	better(6, "6.7", "6.5")
	better(6, "6.8", "6.1", "6.2", "6.3", "6.4", "6.5", "6.6", "6.7") // "all methods underperform LTAD (expID 6.8)"
	better(7, "7.4 (LTAD)", "7.1", "7.2", "7.3")
	better(8, "8.3 (LTAD)", "8.1", "8.2")
	// "Jointly using 2 anomaly scores ... outperforms using either."
	joint := [2]int{n.at(3, "step100 Det.", "LTAD"), n.at(3, "step100 Seg.", "LTAD")}
	for _, single := range [][2]int{both(6, "6.8"), both(7, "7.4 (LTAD)")} {
		if joint[0] <= single[0] || joint[1] <= single[1] {
			t.Errorf("joint %v, single %v", joint, single)
		}
	}

	// "Mean pooling is better than no layer aware projection", and "even less effective":
	// each in one task.
	mixed := func(table int, row, over, note string, holds, fails int) {
		t.Helper()
		a, b := both(table, row), both(table, over)
		if a[holds] <= b[holds] || a[fails] >= b[fails] {
			t.Errorf("%s is %v, %s %v", row, a, over, b)
		}
		n.noted(table, note, percent(a[0]), percent(b[0]), percent(a[1]), percent(b[1]))
	}
	mixed(7, "7.2", "7.1", "7.2", 1, 0)
	mixed(8, "8.1", "8.2", "8.2", 0, 1)

	// "(a, a broken) and (a, a defective) outperform all others": by the sum alone.
	broken, defective := both(9, "a / a broken"), both(9, "a / a defective")
	above := func(k, x int) (rank int) {
		for _, row := range n.tables[9].Rows {
			if n.parse(row.Values[k]) >= x {
				rank++
			}
		}
		return rank
	}
	for _, row := range n.tables[9].Rows {
		sum := n.parse(row.Values[0]) + n.parse(row.Values[1])
		if own := row.Name == "a / a broken" || row.Name == "a / a defective"; !own && (sum >= broken[0]+broken[1] || sum >= defective[0]+defective[1]) {
			t.Errorf("%s: sum %d", row.Name, sum)
		}
	}
	if ranks := [4]int{above(0, broken[0]), above(1, defective[1]), above(0, defective[0]), above(1, broken[1])}; ranks != [4]int{1, 1, 4, 5} {
		t.Errorf("ranks %v", ranks)
	}
	n.noted(9, "a / a defective", "fourth in AD", "fifth in AS", "sum")
}

// The text's gains on DAGM, 9.1 (5.9) at least over the baselines and 1.62 (1.01) of
// SAD on average, are not those of Table 5, which the notes have.
func TestPaperGainsOnDAGM(t *testing.T) {
	n := paper(t)
	for task, said := range map[ad.Task]struct{ least, sad int }{ad.Detection: {910, 162}, ad.Segmentation: {590, 101}} {
		least, most, sad, rows := math.MaxInt, 0, 0, 0
		for _, d := range n.duels(5) {
			if d.row.Of.Task == task {
				least, most = min(least, d.all-d.best), max(most, d.all-d.best)
				sad += d.all - d.alone
				rows++
			}
		}
		mean := (2*sad + rows) / (2 * rows)
		if said.least == least || mean == said.sad {
			t.Errorf("%s: the text is right: %d, %d", task, least, mean)
		}
		n.noted(5, "", percent(least), percent(most), strings.TrimSuffix(percent(said.least), "0"))
		n.noted(5, "", percent(mean), percent(said.sad))
	}
}

// The paper's marks are those of the best and second best; a note says which one is
// not underlined.
func TestPaperMarks(t *testing.T) {
	n := paper(t)
	check := func(table int, where string, values []baselines.PaperValue, second bool) {
		t.Helper()
		var sorted []int
		for _, v := range values {
			sorted = append(sorted, n.parse(v))
		}
		slices.SortFunc(sorted, func(a, b int) int { return b - a })
		for _, v := range values {
			x := n.parse(v)
			best, next := x == sorted[0], second && x == sorted[1]
			if v.Best == best && v.Second == next {
				continue
			}
			forgotten := next && !v.Second && !v.Best
			if !forgotten || !slices.ContainsFunc(n.tables[table].Notes, func(note baselines.PaperNote) bool {
				return strings.Contains(note.Text, where) && strings.Contains(note.Text, "not underlined")
			}) {
				t.Errorf("table %d, %s: %+v among %v", table, where, v, sorted)
			}
		}
	}
	for _, d := range n.duels(3, 4, 5) {
		check(d.table, d.row.Name, d.row.Values, true)
	}
	for _, number := range []int{6, 7, 8, 9} {
		for j, c := range n.tables[number].Columns {
			var values []baselines.PaperValue
			for _, row := range n.tables[number].Rows {
				values = append(values, row.Values[j])
			}
			check(number, c.Name, values, false)
		}
	}
}

// Each preset that the methods have for a table has its row there, and each
// counterpart that a number names exists. Encoders are known where counterparts are.
func TestPaperCounterparts(t *testing.T) {
	n := paper(t)
	presets := map[string]int{} // to the number of the table
	for name, create := range plugins.Builtin() {
		presets[name] = 0
		for _, p := range create().Describe().Presets {
			var table int
			if _, err := fmt.Sscanf(p.Table, "Table %d:", &table); err == nil {
				presets[name+"/"+p.Name] = table
			}
		}
	}
	found := map[string]map[int]bool{}
	for number, table := range n.tables {
		for _, row := range table.Rows {
			for _, c := range table.Columns {
				method, encoder := c.Of.Method+row.Of.Method, table.Of.Encoder+c.Of.Encoder+row.Of.Encoder
				want := "align-base"
				switch method {
				case "":
					want = ""
				case "uniad":
					want = "efficientnet-b4"
				}
				if encoder != want {
					t.Errorf("table %d, %s, %s: %q with encoder %q", number, row.Name, c.Name, method, encoder)
				}
				if _, ok := presets[method]; method != "" && !ok {
					t.Errorf("table %d, %s: no method or preset %q", number, row.Name, method)
				}
				if found[method] == nil {
					found[method] = map[int]bool{}
				}
				found[method][number] = true
			}
		}
	}
	for name, table := range presets {
		if table > 0 && !found[name][table] {
			t.Errorf("table %d has no row for %s", table, name)
		}
	}
}
