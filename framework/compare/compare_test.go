package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/stream"
)

var classes = []ad.ClassName{"nut", "bolt", "gear", "cog", "cam"}

// opened are the pixels of a result, by class.
type openedMemory map[ad.ClassName]named

func (o openedMemory) Class(name ad.ClassName) metric.Pixels { return o[name] }
func (o openedMemory) Close() error                          { return nil }

// named is memory with the IDs of a record's samples.
type named struct {
	memory
	ids []ad.SampleID
}

func (n named) ID(i int) ad.SampleID { return n.ids[i] }

// fake makes a result of a method whose scores are better the higher skill is: five
// classes of six images, whose last has an unknown truth.
func fake(t *testing.T, method ad.MethodName, seed uint64, skill float32) Result {
	t.Helper()
	p := metric.DefaultProtocol()
	p.Size = 16
	in := result.Inputs{Schema: result.Schema, Dataset: "sha256:data", Split: "sha256:split", Encoder: "sha256:pack", Method: string(method),
		Options: json.RawMessage(`{}`), Seed: seed, Protocol: p}
	r := &result.Record{Schema: result.Schema, Key: in.Key(), Inputs: in, Status: result.Done, Maps: &result.Maps{Kept: true},
		Cell: result.Cell{Dataset: "plant", Split: "exp100", Encoder: "bank", Method: method, Seed: seed}}
	px := openedMemory{}
	for k, name := range classes {
		s := stream.New(seed, string(method), string(name))
		m := random(s, 5)
		group := ad.High
		if k >= len(classes)/2 {
			group = ad.Low
		}
		c := result.Class{Name: name, Group: group}
		var images []metric.Image
		var ids []ad.SampleID
		for i := range 6 {
			sample := result.Sample{ID: ad.SampleID(fmt.Sprintf("%s/%d", name, i)), Class: name, Label: ad.Label(i % 2), Score: float32(s.IntN(5))}
			if i%2 == 1 {
				sample.Truth, sample.Score = ad.TruthMask, sample.Score+skill
			}
			if i == 5 {
				sample.Truth = ad.TruthUnknown
			} else {
				ids = append(ids, sample.ID)
			}
			r.Samples = append(r.Samples, sample)
			images = append(images, metric.Image{Score: sample.Score, Label: sample.Label})
		}
		for i := range m.scores {
			for j := range m.scores[i] {
				m.truth[i][j] *= uint8(i % 2)
				m.scores[i][j] += skill * float32(min(1, m.truth[i][j]))
			}
		}
		px[name] = named{m, ids}
		var err error
		if c.Metrics, err = metric.ImageMetrics(images); err != nil {
			t.Fatal(err)
		}
		c.Metrics[ad.PixelAUROC] = pixelAUROC(t, m)
		r.Classes = append(r.Classes, c)
	}
	return Result{Cell: r.Cell, Record: r, Open: func(context.Context) (Pixels, error) { return px, nil }}
}

func run(t *testing.T, a, b []Result, crossed bool, workers int) *Comparison {
	t.Helper()
	matched, err := Match(a, b, crossed)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Run(context.Background(), matched, Options{Metrics: ad.Metrics[:3], Resamples: 100, Confidence: 0.9, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func runs(t *testing.T) (a, b []Result) {
	for seed := range uint64(2) {
		a, b = append(a, fake(t, "weak", seed, 0)), append(b, fake(t, "strong", seed, 3))
	}
	return a, b
}

func TestBetterIsShown(t *testing.T) {
	a, b := runs(t)
	c := run(t, a, b, true, 1)
	again, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if four, err := json.Marshal(run(t, a, b, true, 4)); err != nil || string(four) != string(again) {
		t.Errorf("with four workers: %v, %s\nwith one: %s", err, four, again)
	}
	if len(c.Configurations) != 1 || len(c.Configurations[0].Pairs) != 2 || c.Tests != 9 || len(c.Configurations[0].Problems) > 0 {
		t.Fatalf("%s", again)
	}
	rows := c.Configurations[0].Rows
	if len(rows) != 3*(3+len(classes)) {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		if r.Interval == nil || *r.Difference < r.Interval.Low || *r.Difference > r.Interval.High {
			t.Errorf("%s %s %s: %v in %+v", r.Metric, r.Group, r.Class, *r.Difference, r.Interval)
		}
		// One of the two anomalous images whose pixels are known has no anomalous pixel.
		if (r.Interval.Resamples < 100) != (r.Metric == ad.PixelAUROC) {
			t.Errorf("%s %s %s: %d resamples", r.Metric, r.Group, r.Class, r.Interval.Resamples)
		}
		if r.Class != "" {
			if r.Sign != nil || r.Permutation != nil {
				t.Errorf("%s: a test over one class", r.Class)
			}
			continue
		}
		if r.Verdict != BetterB || r.Sign.B != r.Of || r.Permutation.P != math.Ldexp(1, 1-r.Of) || *r.Holm < r.Permutation.P {
			t.Errorf("%s %s: %+v, %+v, %+v", r.Metric, r.Group, r, r.Sign, r.Permutation)
		}
	}
	// The other way round all is the same with the sign changed.
	for i, r := range run(t, b, a, true, 2).Configurations[0].Rows {
		if *r.Difference != -*rows[i].Difference || math.Abs(r.Interval.Low+rows[i].Interval.High) > 1e-12 {
			t.Errorf("%s %s %s: %+v the other way round, and %+v", r.Metric, r.Group, r.Class, r.Interval, rows[i].Interval)
		}
	}
	// And nothing is different from itself.
	for _, r := range run(t, a, a, false, 2).Configurations[0].Rows {
		if *r.Difference != 0 || r.Interval.Low != 0 || r.Interval.High != 0 || r.Verdict != Neither || r.Class == "" && (r.Sign.P != 1 || r.Permutation.P != 1) {
			t.Errorf("itself: %+v", r)
		}
	}
}

// What cannot be used costs its own interval, and is named.
func TestWhatIsMissingIsNamed(t *testing.T) {
	change := func(do func(r *Result)) ([]Result, []Result) {
		a, b := runs(t)
		do(&b[1])
		return a, b
	}
	for _, c := range []struct {
		name       string
		do         func(r *Result)
		pairs      int
		problem    string // part of the one problem
		note       string
		left       string
		pixelRows  int // rows of pixel AUROC with an interval, of 8
		imageUnits int // and those of image AUROC
	}{
		{"whole", func(*Result) {}, 2, "", "", "", 8, 8},
		{"maps not kept", func(r *Result) { r.Record.Maps.Kept = false }, 2, "", "were not kept", "", 0, 8},
		{"maps damaged", func(r *Result) {
			r.Open = func(context.Context) (Pixels, error) { return nil, errors.New("x.npy: damaged") }
		}, 2, "x.npy: damaged", "", "", 0, 8},
		{"maps of other images", func(r *Result) {
			r.Open = func(context.Context) (Pixels, error) { return openedMemory{}, nil }
		}, 2, "not those of the record", "", "", 0, 8},
		{"a number changed", func(r *Result) {
			v := 0.123
			r.Record.Classes[4].Metrics[ad.ImageAUROC] = &v
		}, 2, "the stored 0.123 of plant/exp100/bank/strong/seed1", "", "", 8, 5},
		{"a metric undefined", func(r *Result) { r.Record.Classes[4].Metrics[ad.PixelAUROC] = nil }, 2, "", "not defined in all results for cam", "", 7, 8},
		{"failed", func(r *Result) {
			r.Record.Status, r.Record.Failure = result.Failed, &result.Failure{Kind: fault.Crash, Message: "out of luck\nmore"}
		}, 1, "", "", "seed1 failed (crash): out of luck", 8, 8},
		{"no record", func(r *Result) { r.Record = nil }, 1, "", "", "has no result", 8, 8},
		{"damaged record", func(r *Result) { r.Record, r.Problem = nil, "cannot be used" }, 1, "cannot be used", "", "", 8, 8},
		{"other images", func(r *Result) { r.Record.Samples[3].Label = ad.Normal }, 1, "do not list the same images", "", "", 8, 8},
		{"another encoder", func(r *Result) { r.Record.Inputs.Encoder = "sha256:other" }, 2, "", "is not the same for both", "", 8, 8},
		{"groups differ", func(r *Result) { r.Record.Classes[0].Group = ad.Low }, 2, "", "no High and Low", "", 6, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := change(c.do)
			got := run(t, a, b, true, 2).Configurations[0]
			if len(got.Pairs) != c.pairs {
				t.Errorf("%d pairs, want %d", len(got.Pairs), c.pairs)
			}
			for _, said := range []struct {
				what string
				got  []string
				want string
			}{{"problems", got.Problems, c.problem}, {"notes", got.Notes, c.note}, {"left out", got.LeftOut, c.left}} {
				text := strings.Join(said.got, "\n")
				if said.want == "" && text != "" || !strings.Contains(text, said.want) {
					t.Errorf("%s: %q, want %q", said.what, text, said.want)
				}
			}
			with := map[ad.Metric]int{}
			for _, r := range got.Rows {
				if r.Interval != nil {
					with[r.Metric]++
				}
			}
			if with[ad.PixelAUROC] != c.pixelRows || with[ad.ImageAUROC] != c.imageUnits {
				t.Errorf("intervals: %v", with)
			}
		})
	}
}

func TestNotComparable(t *testing.T) {
	for what, change := range map[string]func(in *result.Inputs){
		"the data differ (data and other)":    func(in *result.Inputs) { in.Dataset = "sha256:other" },
		"the splits differ (split and other)": func(in *result.Inputs) { in.Split = "sha256:other" },
		"the protocols differ (size:16 and size:32, image_score:max_avgpool16 and image_score:max)": func(in *result.Inputs) { in.Protocol.Size, in.Protocol.ImageScore = 32, metric.MaxPixel },
	} {
		a, b := runs(t)
		change(&b[1].Record.Inputs)
		_, err := Match(a, b, true)
		if fault.KindOf(err) != fault.NotComparable || !strings.HasSuffix(err.Error(), "seed1 are not comparable: "+what) {
			t.Errorf("%v, want %s", err, what)
		}
	}
	// Alike in each pair, but not from pair to pair.
	a, b := runs(t)
	a[1].Record.Inputs.Protocol.Size, b[1].Record.Inputs.Protocol.Size = 32, 32
	if _, err := Match(a, b, true); fault.KindOf(err) != fault.NotComparable || !strings.Contains(err.Error(), "cannot be averaged") {
		t.Errorf("two protocols in one mean: %v", err)
	}
	// Seeds may have splits of their own.
	a, b = runs(t)
	a[1].Record.Inputs.Split, b[1].Record.Inputs.Split = "sha256:second", "sha256:second"
	if _, err := Match(a, b, true); err != nil {
		t.Error(err)
	}
	// Nothing in common.
	b[0].Cell.Dataset, b[1].Cell.Dataset = "other", "other"
	if _, err := Match(a, b, true); fault.KindOf(err) != fault.Data {
		t.Errorf("nothing in common: %v", err)
	}
	for _, b := range [][]Result{nil, a} {
		if _, err := Match(nil, b, true); fault.KindOf(err) != fault.Data {
			t.Errorf("nothing at all: %v", err)
		}
		if _, err := Match(b, nil, true); fault.KindOf(err) != fault.Data {
			t.Errorf("nothing at all: %v", err)
		}
	}
}

// Cells that only one of the runs has are named.
func TestLeftOut(t *testing.T) {
	a, b := runs(t)
	b[0].Cell.Split = "step100"
	matched, err := Match(a, b, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"plant/exp100/bank/weak/seed0: B has no such cell", "plant/step100/bank/strong/seed0: A has no such cell"}
	if len(matched) != 1 || matched[0].MethodB != "strong" || strings.Join(matched[0].LeftOut, "\n") != strings.Join(want, "\n") {
		t.Errorf("%+v", matched)
	}
}

func TestManyClasses(t *testing.T) {
	// 24 differences of which 2 are negative and small; p is about 2^-22, below what
	// draws can show.
	var d []float64
	for i := range 24 {
		d = append(d, 0.1+float64(i)/1000)
	}
	d[3], d[9] = -0.001, -0.002
	p := PermutationTest(d, stream.New(0, "test"))
	if p.Draws != draws || p.P != 1.0/(1+draws) {
		t.Errorf("%+v", p)
	}
	// As many either way: the statistic is in the middle of its distribution.
	for i := range d {
		d[i] = float64(2*(i%2) - 1)
	}
	if p := PermutationTest(d, stream.New(0, "test")); p.P != 1 {
		t.Errorf("%+v", p)
	}
	// One p-value on both sides of the limit: of 20 classes, and of those and four without
	// a difference.
	s := stream.New(1, "test")
	exact := make([]float64, 20)
	for i := range exact {
		exact[i] = s.Float64() - 0.4
	}
	enumerated := PermutationTest(exact, nil)
	drawn := PermutationTest(append(exact, 0, 0, 0, 0), stream.New(0, "test"))
	if enumerated.Draws != 0 || math.Abs(enumerated.P-drawn.P) > 4*math.Sqrt(enumerated.P/draws) {
		t.Errorf("enumerated %+v, drawn %+v", enumerated, drawn)
	}
	// R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if got := Holm([]float64{0.01, 0.04, 0.03, 0.005})[i]; math.Abs(got-want) > 1e-15 {
			t.Errorf("Holm %d: %v, want %v", i, got, want)
		}
	}
}

func TestRunStops(t *testing.T) {
	a, b := runs(t)
	matched, err := Match(a, b, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := Options{Metrics: ad.Metrics, Resamples: 100, Confidence: 0.9, Workers: 2, Update: func(int, int, string) { cancel() }}
	if _, err := Run(ctx, matched, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
