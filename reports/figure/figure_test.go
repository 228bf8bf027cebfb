package figure

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/internal/golden"
	"github.com/ltadbench/ltadbench/reports"
)

// plant are the classes of the tests' dataset; the last has no anomalous images, and
// one has a name that XML and PDF must not take for markup.
var plant = []ad.ClassName{"bolt", `<nut> & "washer" ± é`, "zip"}

// record makes a finished cell whose scores are the better the larger skill is.
func record(t testing.TB, c result.Cell, digest ad.Digest, classes []ad.ClassName, skill float64) reports.Entry {
	t.Helper()
	r := &result.Record{Cell: c, Status: result.Done, Means: map[ad.Group]map[ad.Metric]metric.Mean{}}
	r.Inputs = result.Inputs{Schema: 1, Dataset: "sha256:aa", Split: digest, Seed: c.Seed, Protocol: metric.DefaultProtocol()}
	rand := stream.New(c.Seed+100*c.SplitSeed, "figure", string(c.Method), c.Split)
	byClass := map[ad.ClassName]map[ad.Metric]metric.Value{}
	var order []ad.ClassName
	for i, name := range classes {
		k := result.Class{Name: name, Train: 40 >> i, Normal: 12, Anomalous: 9, Group: ad.Low}
		if i < len(classes)/2 {
			k.Group = ad.High
		}
		if i == len(classes)-1 {
			k.Anomalous = 0
		}
		var images []metric.Image
		for n := range k.Normal + k.Anomalous {
			label := ad.Normal
			score := 2 * (rand.Float64() + rand.Float64() - 1)
			if n >= k.Normal {
				label = ad.Anomalous
				score += skill
			}
			s := result.Sample{ID: ad.SampleID(fmt.Sprint(name, n)), Class: name, Label: label, Score: float32(math.Round(score*16) / 16)}
			r.Samples = append(r.Samples, s)
			images = append(images, metric.Image{ID: s.ID, Score: s.Score, Label: s.Label})
		}
		var err error
		if k.Metrics, err = metric.ImageMetrics(images); err != nil {
			t.Fatal(err)
		}
		k.Metrics[ad.PixelAUROC] = nil
		r.Classes = append(r.Classes, k)
		byClass[name] = k.Metrics
		order = append(order, name)
	}
	var err error
	if r.Means, err = metric.Means(byClass, metric.Halve(order)); err != nil {
		t.Fatal(err)
	}
	return reports.Entry{Cell: c, Record: r}
}

func cell(split string, method ad.MethodName, splitSeed uint64) result.Cell {
	return result.Cell{Dataset: "plant", Split: split, SplitSeed: splitSeed, Encoder: "bank", Method: method}
}

// input has all that figures tell apart: factors, both orders, several seeds, all
// images, a failed method, presets.
func input(t testing.TB) Input {
	in := Input{
		Names:     map[ad.MethodName]string{"ours": "Ours <1>"},
		Splits:    map[string]Split{"full": {Type: "full"}},
		Available: map[ad.Digest]map[ad.ClassName]int{"sha256:exp4-0": {plant[0]: 40, plant[1]: 36, plant[2]: 30}},
		Metrics:   []ad.Metric{ad.ImageAUROC},
	}
	for _, s := range []Split{{"exp", 2, "size", false}, {"exp", 4, "size", false}, {"exp", 4, "size", true}, {"step", 4, "size", false}, {"exp", 2, "size", true}} {
		name := fmt.Sprintf("%s%v", s.Type, s.Factor)
		if s.Reverse {
			name += "-reverse"
		}
		in.Splits[name] = s
		for seed := range uint64(2) {
			for i, m := range []ad.MethodName{"random", "ours"} {
				in.Entries = append(in.Entries, record(t, cell(name, m, seed), ad.Digest(fmt.Sprintf("sha256:%s-%d", name, seed)), plant, 1.3*float64(i)))
			}
		}
	}
	hang := record(t, cell("exp4", "hang", 0), "sha256:exp4-0", plant, 0)
	hang.Record = &result.Record{Status: result.Failed, Failure: &result.Failure{Kind: fault.Timeout}, Inputs: hang.Record.Inputs}
	in.Entries = append(in.Entries, record(t, cell("full", "ours", 0), "sha256:full", plant, 2), hang)
	for i, name := range []string{"1", "2"} {
		m := ad.MethodName("ours/6." + name)
		in.Presets = append(in.Presets, reports.Preset{Name: "6." + name, Method: m, Table: "Table 6: reconstruction",
			Columns: []reports.Label{{Name: "VAE", Value: []string{"no", "yes"}[i]}}})
	}
	return in
}

// one draws the only figure of a kind on a split, or of the only one.
func one(t testing.TB, in Input, kind, name string) *Figure {
	t.Helper()
	figs, skipped, err := Draw(t.Context(), in, []string{kind})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range figs {
		if names = append(names, f.Name()); f.Name() == name {
			return f
		}
	}
	t.Fatalf("no figure %s among %q; skipped %q", name, names, skipped)
	return nil
}

func small(t testing.TB) map[string]*Figure {
	in := input(t)
	out := map[string]*Figure{
		Distribution: one(t, in, Distribution, "distribution-plant-exp4"),
		Imbalance:    one(t, in, Imbalance, "imbalance-plant-image_auroc"),
		ROC:          one(t, in, ROC, "roc-plant-exp4"),
		PR:           one(t, in, PR, "pr-plant-exp4"),
		Scores:       one(t, in, Scores, "scores-plant-exp4-ours"),
	}
	in.Entries = nil
	for i, p := range in.Presets {
		for seed := range uint64(2) {
			in.Entries = append(in.Entries, record(t, cell("exp4", p.Method, seed), "sha256:exp4-0", plant, float64(i)-0.2))
		}
	}
	out[Ablation] = one(t, in, Ablation, "ablation-plant-exp4-table-6-image_auroc")
	return out
}

func TestGolden(t *testing.T) {
	figs := small(t)
	for _, kind := range Kinds {
		got, err := figs[kind].Encode("svg")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("<!-- %s -->\n", strings.ReplaceAll(figs[kind].Caption(), "--", "–"))...)
		golden.Check(t, "testdata/"+kind+".svg", got)
	}
}

// The same results give the same bytes, and files that their formats' readers take.
func TestFormats(t *testing.T) {
	first, second := small(t), small(t)
	for _, kind := range Kinds {
		for _, format := range Formats {
			want, err := first[kind].Encode(format)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []*Figure{first[kind], second[kind]} {
				if got, err := f.Encode(format); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s as %s: other bytes the next time (%v)", kind, format, err)
				}
			}
			width, height := first[kind].Size()
			switch format {
			case "svg":
				texts := 0
				for dec := xml.NewDecoder(bytes.NewReader(want)); ; {
					token, err := dec.Token()
					if err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("%s: %v", kind, err)
					}
					if e, ok := token.(xml.StartElement); ok && e.Name.Local == "text" {
						texts++
					}
				}
				if texts < 8 || bytes.Contains(want, []byte("xlink")) || bytes.Contains(want, []byte(` id="`)) {
					t.Errorf("%s: %d texts, or something that cannot be embedded", kind, texts)
				}
			case "png":
				img, err := png.Decode(bytes.NewReader(want))
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				if got := img.Bounds().Dx(); math.Abs(float64(got)-width*DPI) > 1 || !bytes.Contains(want[:60], []byte("pHYs")) {
					t.Errorf("%s: %d pixels for %.2f inches", kind, got, width)
				}
			case "pdf":
				size := fmt.Sprintf("/MediaBox [0 0 %.2f %.2f]", width*72, height*72)
				if !bytes.HasPrefix(want, []byte("%PDF-")) || !bytes.Contains(want, []byte("D:19700101000000")) || !bytes.Contains(want, []byte(size)) {
					t.Errorf("%s: no PDF of %s", kind, size)
				}
			}
		}
	}
	if _, err := first[ROC].Encode("gif"); fault.KindOf(err) != fault.Usage || !strings.Contains(fault.Format(err), "svg, pdf, png") {
		t.Errorf("format gif: %v", err)
	}
}

func TestCurvesAgainstScikitLearn(t *testing.T) {
	text, err := os.ReadFile("testdata/curves.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name                        string
		Labels                      []int
		Scores                      []float32
		FPR, TPR, Recall, Precision []float64
		Histograms                  []struct {
			Edges             []float64
			Normal, Anomalous []int
		}
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		var samples []result.Sample
		for i, s := range c.Scores {
			samples = append(samples, result.Sample{Label: ad.Label(c.Labels[i]), Score: s})
		}
		for _, curve := range []struct {
			name   string
			points []point
			x, y   []float64
		}{{"ROC", rocCurve(samples), c.FPR, c.TPR}, {"precision-recall", prCurve(samples), c.Recall, c.Precision}} {
			if len(curve.points) != len(curve.x) {
				t.Errorf("%s, %s: %d points, want %d", c.Name, curve.name, len(curve.points), len(curve.x))
				continue
			}
			for i, p := range curve.points {
				if math.Abs(p.x-curve.x[i]) > 1e-12 || math.Abs(p.y-curve.y[i]) > 1e-12 {
					t.Errorf("%s, %s: point %d is %v, want %v %v", c.Name, curve.name, i, p, curve.x[i], curve.y[i])
				}
			}
		}
		for _, h := range c.Histograms {
			normal, anomalous := histogram(samples, ad.Normal, h.Edges), histogram(samples, ad.Anomalous, h.Edges)
			if !slices.Equal(normal, h.Normal) || !slices.Equal(anomalous, h.Anomalous) {
				t.Errorf("%s: bins %v have %v and %v, want %v and %v", c.Name, h.Edges, normal, anomalous, h.Normal, h.Anomalous)
			}
		}
	}
}

func TestUndefined(t *testing.T) {
	figs := small(t)
	for _, kind := range []string{ROC, PR} {
		svg, err := figs[kind].Encode("svg")
		if err != nil || !bytes.Contains(svg, []byte("no anomalous test images")) {
			t.Errorf("%s: the empty panel does not say why (%v)", kind, err)
		}
	}
}

func TestSkippedAndErrors(t *testing.T) {
	in := input(t)
	in.Metrics = []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}
	_, skipped, err := Draw(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(skipped, "\n")
	for _, want := range []string{"plant, exp4: hang failed", "imbalance: plant: one factor of step, 4",
		"distribution: plant, exp4: pixel_auroc is defined for no class and method", "ablation: plant, exp4: no results of Table 6"} {
		if !strings.Contains(all, want) {
			t.Errorf("skipped does not say %q:\n%s", want, all)
		}
	}
	for name, bad := range map[string]func(in *Input) []string{
		"kind":   func(*Input) []string { return []string{"pie"} },
		"method": func(in *Input) []string { in.Methods = []ad.MethodName{"ours", "their"}; return nil },
		"twice":  func(in *Input) []string { in.Methods = []ad.MethodName{"ours", "ours"}; return nil },
		"metric": func(in *Input) []string { in.Metrics = []ad.Metric{"auroc"}; return nil },
	} {
		in := input(t)
		kinds := bad(&in)
		if _, _, err := Draw(t.Context(), in, kinds); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v, want an error of kind usage", name, err)
		}
	}
	if figs, _, err := Draw(t.Context(), Input{}, Kinds); err != nil || len(figs) > 0 {
		t.Errorf("of nothing: %d figures, %v", len(figs), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Draw(ctx, input(t), nil); fault.KindOf(err) != fault.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// Records come from files that others may have written: whatever they hold, figures
// are drawn or left out.
func TestOddRecords(t *testing.T) {
	big := float32(math.MaxFloat32)
	for name, change := range map[string]func(r *result.Record){
		"no classes":   func(r *result.Record) { r.Classes = nil },
		"no samples":   func(r *result.Record) { r.Samples = nil },
		"no means":     func(r *result.Record) { r.Means = nil },
		"one class":    func(r *result.Record) { r.Classes = r.Classes[:1] },
		"equal scores": func(r *result.Record) { each(r, func(s *result.Sample) { s.Score = 3 }) },
		"huge scores":  func(r *result.Record) { each(r, func(s *result.Sample) { s.Score *= big }) },
		"equal, huge":  func(r *result.Record) { each(r, func(s *result.Sample) { s.Score = big }) },
		"infinite":     func(r *result.Record) { each(r, func(s *result.Sample) { s.Score = float32(math.Inf(1)) }) },
		"other labels": func(r *result.Record) { each(r, func(s *result.Sample) { s.Label = ad.Normal }) },
		"odd classes": func(r *result.Record) {
			r.Classes[0].Name = "\x00\xff" + ad.ClassName(strings.Repeat("長い😀", 99))
		},
		"negative":      func(r *result.Record) { r.Classes[0].Train, r.Classes[1].Normal = -5, -9 },
		"overflow":      func(r *result.Record) { r.Classes[0].Train, r.Classes[1].Train = math.MaxInt, math.MinInt },
		"metric is odd": func(r *result.Record) { x := math.MaxFloat64; r.Classes[0].Metrics[ad.ImageAUROC] = &x },
	} {
		in := input(t)
		in.Methods = []ad.MethodName{"ours"}
		for _, e := range in.Entries {
			if e.Record.Status == result.Done {
				change(e.Record)
			}
		}
		figs, _, err := Draw(t.Context(), in, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		seen := map[string]bool{}
		for _, f := range figs {
			if seen[f.Kind()] {
				continue
			}
			seen[f.Kind()] = true
			for _, format := range []string{"svg", "pdf"} { // PNGs take their time
				if data, err := f.Encode(format); err != nil || bytes.Contains(data, []byte("NaN")) && format == "svg" {
					t.Errorf("%s: %s as %s: %v", name, f.Name(), format, err)
				}
			}
		}
	}
}

func each(r *result.Record, f func(*result.Sample)) {
	for i := range r.Samples {
		f(&r.Samples[i])
	}
}

// Numbers that a figure shows.
func TestValues(t *testing.T) {
	for _, m := range ad.Metrics {
		if metricNames[m] == "" {
			t.Errorf("%s has no name on axes", m)
		}
	}
	in := input(t)
	d, err := newDrawing(in)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(d.configs, func(c *config) bool { return c.split == "exp4" })
	c := d.configs[at]
	methods := d.methods(c)
	p := distributionPlot{classes: c.classes(methods), methods: methods, full: d.onFull(c, methods)}
	v, _ := p.metric(ad.ImageAUROC)
	a, b := *methods[1].records[0].Classes[0].Metrics[ad.ImageAUROC], *methods[1].records[1].Classes[0].Metrics[ad.ImageAUROC]
	if got, want := v.here[1][0], (stat{50 * (a + b), 100 * math.Abs(a-b) / math.Sqrt2, 2}); math.Abs(got.mean-want.mean) > 1e-9 || math.Abs(got.std-want.std) > 1e-9 || got.n != 2 {
		t.Errorf("class 1 of ours: %v, want %v", got, want)
	}
	if v.here[1][2].n != 0 || v.full[0] != nil || len(v.full[1]) != 3 {
		t.Errorf("undefined class %v; on all images: %v", v.here[1][2], v.full)
	}
	if got := d.available(c, p.classes); !slices.Equal(got, []int{40, 36, 30}) {
		t.Errorf("available %v", got)
	}
	panel := d.factors("exp", ad.ImageAUROC, func(*config) bool { return true })
	if len(panel.lines) != 4 || !panel.lines[1].reverse || len(panel.lines[3].at) != 2 || panel.lines[3].at[0].factor != 2 || panel.lines[3].at[1].n != 2 {
		t.Errorf("lines against the factor: %+v", panel.lines)
	}
	// The area under what is drawn is the metric that stands beside it.
	for _, k := range p.classes[:2] {
		r := methods[1].records[0]
		points, area := rocCurve(r.SamplesOf(k.Name)), 0.0
		for i := 1; i < len(points); i++ {
			area += (points[i].x - points[i-1].x) * (points[i].y + points[i-1].y) / 2
		}
		if want := *ofClass(k.Name, ad.ImageAUROC)(r); math.Abs(area-want) > 1e-12 {
			t.Errorf("%s: area %v under the ROC curve, AUROC %v", k.Name, area, want)
		}
		line, ap := steps(prCurve(r.SamplesOf(k.Name))), 0.0
		for i := 1; i < len(line); i++ {
			ap += (line[i].x - line[i-1].x) * line[i].y
		}
		if want := *ofClass(k.Name, ad.ImageAP)(r); math.Abs(ap-want) > 1e-12 {
			t.Errorf("%s: area %v under the precision-recall steps, AP %v", k.Name, ap, want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		n         int
		round     bool
		want      string
	}{
		{0, 100, 5, false, "0 20 40 60 80 100"},
		{0, 1, 2, false, "0.0 0.5 1.0"},
		{27.8, 97.5, 5, true, "20 40 60 80 100"},
		{99.2, 99.9, 5, true, "99.2 99.4 99.6 99.8 100.0"},
		{-0.3, 0.3, 4, false, "-0.2 0.0 0.2"},
		{3, 3, 4, false, "2.9 3.0 3.1"},
		{5, math.Inf(1), 4, true, ""},
		{1e12, 1e12 + 1e-3, 2, false, "9.5e+11 1e+12 1.05e+12"},
		{2e7, 2e7 + 400, 2, false, "2e+07 2.00002e+07 2.00004e+07"},
		{0, 1e7, 4, false, "0 2.5e+06 5e+06 7.5e+06 1e+07"},
	} {
		if got := strings.Join(linear(c.low, c.high, c.n, c.round).labels(), " "); got != c.want {
			t.Errorf("ticks of %v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}
