package splits_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/splits"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// dataset makes one with the given sizes, "bottle 209 cable 224 ...", in MVTec's
// layout, with two test images and a training defect a class.
func dataset(name, sizes string) splits.Dataset {
	d := splits.Dataset{Name: ad.DatasetName(name), Digest: digest}
	words := strings.Fields(sizes)
	for i := 0; i < len(words); i += 2 {
		n, err := strconv.Atoi(words[i+1])
		if err != nil {
			panic(err)
		}
		class := ad.ClassName(words[i])
		d.Classes = append(d.Classes, class)
		add := func(part ad.Part, label ad.Label, file string) {
			d.Samples = append(d.Samples, ad.Sample{ID: ad.SampleID(string(class) + "/" + file), Class: class, Part: part, Label: label})
		}
		for k := range n {
			add(ad.Train, ad.Normal, fmt.Sprintf("train/good/%03d.png", k))
		}
		add(ad.Train, ad.Anomalous, "train/bad/000.png")
		add(ad.Test, ad.Normal, "test/good/000.png")
		add(ad.Test, ad.Anomalous, "test/bad/000.png")
	}
	return d
}

// The datasets of the paper; classes in the order of their release lists.
var (
	mvtec = dataset("mvtec", "zipper 240 metal_nut 220 hazelnut 391 bottle 209 pill 267 capsule 219 leather 245 wood 247 "+
		"grid 264 transistor 213 screw 320 cable 224 carpet 280 tile 230 toothbrush 60")
	visa = dataset("visa", "candle 900 capsules 542 cashew 450 chewinggum 453 fryum 450 macaroni1 900 macaroni2 900 "+
		"pcb1 904 pcb2 901 pcb3 905 pcb4 904 pipe_fryum 450")
	dagm = dataset("dagm", "Class1 496 Class2 509 Class3 509 Class4 493 Class5 505 Class6 492 Class7 1000 Class8 1000 Class9 1000 Class10 1000")
)

func sizes(m *splits.Manifest) (targets, realised []int, sum int) {
	for _, c := range m.Classes {
		targets, realised, sum = append(targets, c.Target), append(realised, len(c.Files)), sum+c.Target
	}
	return targets, realised, sum
}

func names(m *splits.Manifest) (names []string) {
	for _, c := range m.Classes {
		names = append(names, string(c.Name))
	}
	return names
}

func mustMake(t testing.TB, d splits.Dataset, s splits.Spec) *splits.Manifest {
	t.Helper()
	m, err := splits.Make(d, s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The targets by rank of every configuration of the paper.
func TestTargetsOfThePaper(t *testing.T) {
	for _, c := range []struct {
		d      splits.Dataset
		name   string
		factor float64
		want   string
		sum    int
	}{
		{mvtec, "exp100", 100, "391 281 202 145 104 75 54 39 28 20 14 10 7 5 3", 1378},
		{mvtec, "exp200", 200, "391 267 183 125 86 58 40 27 18 12 8 6 4 2 1", 1228},
		{visa, "exp100", 100, "905 595 391 257 169 111 73 48 31 20 13 9", 2622},
		{visa, "exp200", 200, "905 559 345 213 131 81 50 31 19 11 7 4", 2356},
		{visa, "exp500", 500, "905 514 292 166 94 53 30 17 9 5 3 1", 2089},
		{dagm, "exp50", 50, "1000 647 419 271 175 113 73 47 30 20", 2795},
		{dagm, "exp100", 100, "1000 599 359 215 129 77 46 27 16 10", 2478},
		{dagm, "exp200", 200, "1000 555 308 170 94 52 29 16 9 5", 2238},
		{dagm, "exp500", 500, "1000 501 251 125 63 31 15 7 3 2", 1998},
		{mvtec, "step100", 100, "391 391 391 391 391 391 391 3 3 3 3 3 3 3 3", 0},
		{mvtec, "step200", 200, "391 391 391 391 391 391 391 1 1 1 1 1 1 1 1", 0},
		{visa, "step100", 100, "905 905 905 905 905 905 9 9 9 9 9 9", 0},
		{visa, "step200", 200, "905 905 905 905 905 905 4 4 4 4 4 4", 0},
		{visa, "step500", 500, "905 905 905 905 905 905 1 1 1 1 1 1", 0},
		{dagm, "step50", 50, "1000 1000 1000 1000 1000 20 20 20 20 20", 0},
		{dagm, "step100", 100, "1000 1000 1000 1000 1000 10 10 10 10 10", 0},
		{dagm, "step200", 200, "1000 1000 1000 1000 1000 5 5 5 5 5", 0},
		{dagm, "step500", 500, "1000 1000 1000 1000 1000 2 2 2 2 2", 0},
	} {
		spec := splits.Spec{Type: splits.Type(strings.TrimRight(c.name, "0125")), Factor: c.factor}
		if spec.Name() != c.name {
			t.Errorf("name %s, want %s", spec.Name(), c.name)
		}
		targets, _, sum := sizes(mustMake(t, c.d, spec))
		if got := strings.Trim(fmt.Sprint(targets), "[]"); got != c.want {
			t.Errorf("%s %s: targets %s, want %s", c.d.Name, c.name, got, c.want)
		}
		if c.sum != 0 && sum != c.sum {
			t.Errorf("%s %s: %d images wanted, want %d", c.d.Name, c.name, sum, c.sum)
		}
	}
}

// What the datasets really yield, in several orders.
func TestRealisedCounts(t *testing.T) {
	for _, c := range []struct {
		d    splits.Dataset
		spec splits.Spec
		want string
		sum  int
	}{
		{mvtec, splits.Spec{Type: splits.Step, Factor: 100}, "391 320 280 267 264 247 245 3 3 3 3 3 3 3 3", 2038},
		{mvtec, splits.Spec{Type: splits.Step, Factor: 200}, "391 320 280 267 264 247 245 1 1 1 1 1 1 1 1", 2022},
		{mvtec, splits.Spec{Type: splits.Exp, Factor: 100}, "391 281 202 145 104 75 54 39 28 20 14 10 7 5 3", 1378},
		{dagm, splits.Spec{Type: splits.Exp, Factor: 100, Order: splits.Order{By: splits.ByRelease}}, "496 509 359 215 129 77 46 27 16 10", 1884},
		{dagm, splits.Spec{Type: splits.Exp, Factor: 100, Order: splits.Order{By: splits.ByRelease, Reverse: true}},
			"1000 599 359 215 129 77 46 27 16 10", 2478},
		{mvtec, splits.Spec{Type: splits.Full, Order: splits.Order{By: splits.ByName}}, "209 224 219 280 264 391 245 220 267 320 230 60 213 247 240", 3629},
	} {
		_, realised, _ := sizes(mustMake(t, c.d, c.spec))
		sum := 0
		for _, n := range realised {
			sum += n
		}
		if got := strings.Trim(fmt.Sprint(realised), "[]"); got != c.want || sum != c.sum {
			t.Errorf("%s %s: realised %s (%d), want %s (%d)", c.d.Name, c.spec.Name(), got, sum, c.want, c.sum)
		}
	}
}

// testdata/targets.py computed testdata/targets.txt in exact arithmetic, beside
// LDAM's float64 formula.
func TestTargetsAreExact(t *testing.T) {
	data, err := os.ReadFile("testdata/targets.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		largest, _ := strconv.Atoi(w[1])
		factor, _ := strconv.ParseFloat(w[2], 64)
		classes := fmt.Sprintf("c00 %d", largest)
		for i := range len(w) - 4 {
			classes += fmt.Sprintf(" c%02d 2", i+1)
		}
		targets, _, _ := sizes(mustMake(t, dataset("d", classes), splits.Spec{Type: splits.Type(w[0]), Factor: factor}))
		for rank, want := range w[3:] {
			if exact, _, _ := strings.Cut(want, "/"); strconv.Itoa(targets[rank]) != exact {
				t.Errorf("%s: rank %d has target %d, want %s", strings.TrimSpace(line), rank, targets[rank], exact)
			}
		}
	}
}

func TestOrders(t *testing.T) {
	d := dataset("d", "b 5 d 9 a 5 c 7 e 1")
	list := []ad.ClassName{"e", "a", "c", "d", "b"}
	for _, c := range []struct {
		order splits.Order
		want  string
		name  string
	}{
		{splits.Order{}, "d c a b e", "exp3"},
		{splits.Order{By: splits.BySize, Reverse: true}, "e b a c d", "exp3-reverse"},
		{splits.Order{By: splits.ByName}, "a b c d e", "exp3-name"},
		{splits.Order{By: splits.ByRelease}, "b d a c e", "exp3-release"},
		{splits.Order{By: splits.ByRelease, Reverse: true}, "e c a d b", "exp3-release-reverse"},
		{splits.Order{By: splits.ByList, List: list}, "e a c d b", "exp3-list"},
		{splits.Order{By: splits.ByList, List: list, Reverse: true}, "b d c a e", "exp3-list-reverse"},
	} {
		m := mustMake(t, d, splits.Spec{Type: splits.Exp, Factor: 3, Order: c.order})
		if got := strings.Join(names(m), " "); got != c.want || m.Spec.Name() != c.name {
			t.Errorf("%s: %s, want %s: %s", m.Spec.Name(), got, c.name, c.want)
		}
		for rank, k := range m.Classes { // 2 of 5 are the majority
			if want := map[bool]ad.Group{true: ad.High, false: ad.Low}[rank < 2]; m.Group(k.Name) != want {
				t.Errorf("%s: class %s of rank %d is %s", c.name, k.Name, rank, m.Group(k.Name))
			}
		}
		if back, err := splits.Parse("x", m.Bytes()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if again := mustMake(t, d, back.Spec); string(again.Bytes()) != string(m.Bytes()) {
			t.Errorf("%s: the manifest's spec makes another split", c.name)
		}
	}
}

// A changed draw would silently change every published number.
func TestManifestIsPinned(t *testing.T) {
	d := dataset("tiny set", "cable 6 bottle 12 zipper 9")
	m := mustMake(t, d, splits.Spec{Type: splits.Exp, Factor: 4, Seed: 7})
	want, err := os.ReadFile("testdata/tiny.split")
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Bytes()) != string(want) {
		t.Errorf("the manifest is\n%swant testdata/tiny.split:\n%s", m.Bytes(), want)
	}
	const sum = "sha256:faffc82a78e0cc3065a4685792b5c14983a0345123026524d8a82594f8903e52" // sha256sum testdata/tiny.split
	if m.Digest() != sum {
		t.Errorf("digest %s, want %s", m.Digest(), sum)
	}
}

func TestDrawDependsOnSeedAndClassAlone(t *testing.T) {
	files := func(m *splits.Manifest, c ad.ClassName) []ad.SampleID {
		return m.Classes[slices.IndexFunc(m.Classes, func(k splits.Class) bool { return k.Name == c })].Files
	}
	exp := splits.Spec{Type: splits.Exp, Factor: 100, Seed: 3}
	m := mustMake(t, mvtec, exp)

	shuffled := mvtec
	shuffled.Samples = slices.Clone(mvtec.Samples)
	slices.Reverse(shuffled.Samples)
	if string(mustMake(t, shuffled, exp).Bytes()) != string(m.Bytes()) {
		t.Error("the order of the samples changes the split")
	}
	// Other classes, another order and factor: of "tile" the first n of one permutation.
	few := dataset("few", "tile 230 alpha 300 omega 299")
	a := files(m, "tile")
	b := files(mustMake(t, few, splits.Spec{Type: splits.Step, Factor: 3, Seed: 3}), "tile")
	if len(a) == 0 || len(b) != 100 {
		t.Fatalf("%d and %d images of tile", len(a), len(b))
	}
	for _, f := range a {
		if !slices.Contains(b, f) {
			t.Errorf("%s is in the smaller draw only", f)
		}
	}
	other := exp
	other.Seed = 4
	if slices.Equal(files(mustMake(t, mvtec, other), "screw"), files(m, "screw")) {
		t.Error("another seed draws the same images")
	}
	// Each of 20 images is as likely as any: 4000 draws of 5; five standard deviations are 137.
	count := map[ad.SampleID]int{}
	pair := dataset("pair", "head 20 tail 20")
	for seed := range uint64(4000) {
		for _, f := range files(mustMake(t, pair, splits.Spec{Type: splits.Step, Factor: 4, Seed: seed}), "tail") {
			count[f]++
		}
	}
	for f, n := range count {
		if n < 1000-137 || n > 1000+137 {
			t.Errorf("%s drawn %d times of 4000, want about 1000", f, n)
		}
	}
}

func TestMakeErrors(t *testing.T) {
	twice := dataset("d", "a 3 b 3")
	twice.Samples = append(twice.Samples, twice.Samples[0])
	stray := dataset("d", "a 3 b 3")
	stray.Classes = stray.Classes[:1]
	stray.Classes = append(stray.Classes, "c")
	odd := dataset("d", "a 3 b 3")
	odd.Samples[0].ID = "a/train/good/x\ny.png"
	undigested := dataset("d", "a 3 b 3")
	undigested.Digest = ""
	ab := dataset("d", "apple 30 bread 3")
	list := func(l ...ad.ClassName) splits.Spec {
		return splits.Spec{Type: splits.Full, Order: splits.Order{By: splits.ByList, List: l}}
	}
	for _, c := range []struct {
		d    splits.Dataset
		s    splits.Spec
		kind fault.Kind
		want string
	}{
		{mvtec, splits.Spec{Type: splits.Exp, Factor: 0.5}, fault.Usage, `split exp: factor 0.5: want a number of at least 1`},
		{mvtec, splits.Spec{Type: "exq", Factor: 2}, fault.Usage, `split type "exq": want exp, step or full`},
		{mvtec, splits.Spec{Type: splits.Full, Factor: 2}, fault.Usage, `split full: factor 2: a full split keeps every image and takes no factor`},
		{mvtec, splits.Spec{Type: splits.Full, Order: splits.Order{By: "siz"}}, fault.Usage, `class order "siz": want size, name, release or a list of classes`},
		{mvtec, splits.Spec{Type: splits.Exp, Factor: 392}, fault.Config, `split exp392 of dataset "mvtec": class "toothbrush" would keep no image: 391 (the largest class) / 392 is below 1`},
		{dataset("one", "a 5"), splits.Spec{Type: splits.Step, Factor: 2}, fault.Config, `split step2 of dataset "one": one class alone cannot be imbalanced`},
		{ab, list("apple"), fault.Config, `class order: class "bread" of the dataset is not listed`},
		{ab, list("apple", "apple"), fault.Config, `class order: class "apple" is listed twice`},
		{ab, list("apple", "braed"), fault.Config, `class order: the dataset has no class "braed"`},
		{dataset("e", "a 5 b 0"), splits.Spec{Type: splits.Full}, fault.Data, `dataset "e": class "b" has no normal training image`},
		{twice, splits.Spec{Type: splits.Full}, fault.Data, `dataset "d": image "a/train/good/000.png" is there twice`},
		{stray, splits.Spec{Type: splits.Full}, fault.Data, `dataset "d": image "b/train/good/000.png" is of class "b", which is not a class of the dataset`},
		{odd, splits.Spec{Type: splits.Full}, fault.Data, `dataset "d": image path "a/train/good/x\ny.png": it has a control character`},
		{undigested, splits.Spec{Type: splits.Full}, fault.Data, `dataset "d": fingerprint "" is not "sha256:" and 64 hexadecimal digits`},
	} {
		_, err := splits.Make(c.d, c.s)
		if err == nil || err.Error() != c.want || fault.KindOf(err) != c.kind {
			t.Errorf("got %v\nwant %s: %s", err, c.kind, c.want)
		}
	}
	_, err := splits.Make(ab, list("apple", "braed"))
	var e *fault.Error
	if !errors.As(err, &e) || e.Hint != `nearest: "bread"` {
		t.Errorf("hint of %v", err)
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.split")
	for _, factor := range []float64{2, 2.5} {
		m := mustMake(t, mvtec, splits.Spec{Type: splits.Exp, Factor: factor, Seed: 1 << 63})
		if err := m.Write(file); err != nil {
			t.Fatal(err)
		}
		back, err := splits.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		if back.Digest() != m.Digest() || back.Spec.Factor != factor || back.Spec.Seed != 1<<63 {
			t.Errorf("read back as %s with seed %d", back.Spec.Name(), back.Spec.Seed)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left, want one", len(left))
	}
	m := mustMake(t, mvtec, splits.Spec{Type: splits.Full})
	if err := m.Write(filepath.Join(dir, "none", "a.split")); fault.KindOf(err) != fault.System {
		t.Errorf("a missing directory gives %v", err)
	}
	if _, err := splits.Read(filepath.Join(dir, "none")); fault.KindOf(err) != fault.Data {
		t.Errorf("a missing file gives %v", err)
	}
}
