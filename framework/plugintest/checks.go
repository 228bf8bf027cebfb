package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// checks are all checks, in the order in which they run.
var checks = []check{
	{"describe", "it starts and describes itself: name, version, summary, and options that all have defaults and descriptions",
		"correct what Describe returns; plugin.Schema makes a complete schema from a struct", describe},
	{"predict before fit", "a call that comes too early is an error, and the process lives on",
		"return an error from Predict until Fit or Load has succeeded", predictBeforeFit},
	{"fit and predict", "it learns three classes and answers for each test image once, with finite scores and maps of one size",
		"see the error: it names the image", fitAndPredict},
	{"predict again", "a second Predict gives valid answers, the same ones if the method is deterministic",
		"do not change the fitted state in Predict; draw random numbers from the seed, afresh in each call", predictAgain},
	{"one image", "Predict works for a single image", "do not assume a batch of a certain size", oneImage},
	{"order", "the order of test images does not matter (noted, not required)", "", order},
	{"determinism", "the same inputs, options and seed give the same bytes in another process, if it claims so",
		"seed every generator from Session.Seed, make sums independent of threads, or set Deterministic to false", determinism},
	{"save and load", "another process that loads what was saved answers the same, if it claims so",
		"Save everything that Predict uses, options included", saveAndLoad},
	{"resume", "a Fit that was killed goes on from its checkpoint, in another process, to the same state, if it claims so",
		"checkpoint all that Fit depends on: weights, the optimiser's state, the place in the schedule and in every stream", resume},
	{"wrong options", "options of wrong types and unknown ones are refused with an error",
		"give each property of the schema its type; decode options strictly, as plugin.DecodeOptions does", wrongOptions},
	{"class without images", "a class that has no training image is no obstacle, and its test images get answers",
		"long-tailed training sets have such classes: fall back on the other classes' model", emptyClass},
	{"class with one image", "a class with one training image is no obstacle",
		"long-tailed training sets have such classes: regularise what needs more samples, such as covariances", oneImageClass},
	{"float16 features", "features may be stored as float16", "read features by Samples.Feature, or widen them", halfFeatures},
	{"cancel fit", "Fit stops soon after it is cancelled",
		"look at ctx in the training loop (in Python: the SDK's check)", cancelFit},
	{"cancel predict", "Predict stops soon after it is cancelled",
		"look at ctx between images, and return the error of emit", cancelPredict},
	{"end", "the process ends within two seconds of being asked",
		"leave no thread or child behind that keeps the process alive", end},
}

func describe(ctx context.Context, t T, s *suite) {
	p, err := s.start(ctx)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer p.Close(ctx)
	info := p.Describe()
	t.Logf("%s %s, %d options", info.Name, info.Version, len(properties(info)))
	if info.Summary == "" {
		t.Errorf("the summary is empty")
	}
	for _, name := range slices.Sorted(maps.Keys(properties(info))) {
		if properties(info)[name].Description == "" {
			t.Errorf("option %q has no description", name)
		}
	}
	if _, err := s.session(p); err != nil {
		t.Errorf("the options for this check are wrong: %s", fault.Format(err))
	}
}

// property is what checks read of an option's schema.
type property struct {
	Description string          `json:"description"`
	Default     json.RawMessage `json:"default"`
}

// properties are the options of a method; the host has compiled the schema.
func properties(info plugin.Info) map[string]property {
	var schema struct {
		Properties map[string]property `json:"properties"`
	}
	_ = json.Unmarshal(info.Options, &schema)
	return schema.Properties
}

func predictBeforeFit(ctx context.Context, t T, s *suite) {
	p, err := s.start(ctx)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer p.Close(ctx)
	_, err = p.Predict(ctx, s.normal.test, s.answersDir(), nil)
	switch fault.KindOf(err) {
	case fault.Method, fault.Protocol, fault.Answer:
	default:
		t.Errorf("predict before fit: want an error of the method, got %s", show(err))
	}
}

func show(err error) string {
	if err == nil {
		return "none"
	}
	return fault.Format(err)
}

func fitAndPredict(_ context.Context, t T, s *suite) {
	p, got := s.fitted(t)
	info := p.Describe()
	if info.Maps {
		t.Logf("maps of %d x %d for features of %d x %d", got.H, got.W, gridH, gridW)
	}
	scores := got.Scores
	if scores == nil {
		read, err := maxima(got.Maps)
		if err != nil {
			t.Fatalf("%v", err)
		}
		scores = read
	}
	won, pairs := 0.0, 0.0
	for i, a := range s.normal.anomalous {
		for j, b := range s.normal.anomalous {
			if !a || b {
				continue
			}
			pairs++
			switch {
			case scores[i] > scores[j]:
				won++
			case scores[i] == scores[j]:
				won += 0.5
			}
		}
	}
	t.Logf("image AUROC on planted anomalies %.2f (for orientation; near 0 means that the sign is wrong)", won/pairs)
}

// maxima is the largest value of each map.
func maxima(path string) ([]float32, error) {
	f, err := tensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make([]float32, f.Rows())
	for i := range out {
		out[i] = slices.Max(f.Float32s()[i*f.RowLen():][:f.RowLen()])
	}
	return out, nil
}

func predictAgain(ctx context.Context, t T, s *suite) {
	p, first := s.fitted(t)
	second, err := p.Predict(ctx, s.normal.test, s.answersDir(), nil)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	if !p.Describe().Deterministic {
		t.Logf("answers not compared: the method does not claim to be deterministic")
		return
	}
	same(t, first, second)
}

func oneImage(ctx context.Context, t T, s *suite) {
	p, _ := s.fitted(t)
	one := s.normal.test
	one.Samples = one.Samples[:1]
	if _, err := p.Predict(ctx, one, s.answersDir(), nil); err != nil {
		t.Errorf("%s", fault.Format(err))
	}
}

func order(ctx context.Context, t T, s *suite) {
	p, first := s.fitted(t)
	n := len(s.normal.test.Samples)
	perm := stream.New(2, "plugintest", "perm").Perm(n)
	shuffled := s.normal.test
	shuffled.Samples = make([]host.Sample, n)
	shuffled.Name = func(i int) string { return s.normal.test.Name(perm[i]) }
	for i, from := range perm {
		shuffled.Samples[i] = s.normal.test.Samples[from]
	}
	second, err := p.Predict(ctx, shuffled, s.answersDir(), nil)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	a, err := values(first)
	b, err2 := values(second)
	if err != nil || err2 != nil {
		t.Fatalf("answers: %v, %v", err, err2)
	}
	low, high, worst := math.Inf(1), math.Inf(-1), 0.0
	for i, from := range perm {
		for k := range b[i] {
			x, y := float64(a[from][k]), float64(b[i][k])
			low, high, worst = min(low, x), max(high, x), max(worst, math.Abs(x-y))
		}
	}
	switch {
	case worst == 0:
		t.Logf("the same numbers in another order")
	case worst <= 1e-4*(high-low):
		t.Logf("the same numbers in another order, up to rounding (%.1e of their range)", worst/(high-low))
	default:
		t.Logf("note: answers depend on the order of the images, by up to %.1e of their range; seed and order are part of a result, so this is allowed", worst/(high-low))
	}
}

// values are all numbers that the answers hold for each sample.
func values(a host.Answers) ([][]float32, error) {
	out := make([][]float32, len(a.Scores))
	if a.Maps != "" {
		f, err := tensors.Open(a.Maps)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		out = make([][]float32, f.Rows())
		for i := range out {
			out[i] = make([]float32, f.RowLen())
			f.ReadRows(out[i], i)
		}
	}
	for i, v := range a.Scores {
		out[i] = append(out[i], v)
	}
	return out, nil
}

// same fails unless two answers for the same samples are equal, byte for byte.
func same(t T, a, b host.Answers) {
	t.Helper()
	for i := range a.Scores {
		if math.Float32bits(a.Scores[i]) != math.Float32bits(b.Scores[i]) {
			t.Errorf("the score of sample %d was %v and is now %v", i, a.Scores[i], b.Scores[i])
			break
		}
	}
	if a.Maps == "" {
		return
	}
	x, err := os.ReadFile(a.Maps)
	y, err2 := os.ReadFile(b.Maps)
	switch {
	case err != nil || err2 != nil:
		t.Fatalf("maps: %v, %v", err, err2)
	case !bytes.Equal(x, y):
		t.Errorf("the maps differ")
	}
}

func determinism(ctx context.Context, t T, s *suite) {
	p, first := s.fitted(t)
	if !p.Describe().Deterministic {
		t.Skipf("the method does not claim to be deterministic")
	}
	same(t, first, s.fitAndAnswer(ctx, t, s.normal))
}

// fitAndAnswer does the whole of a cell in a process of its own.
func (s *suite) fitAndAnswer(ctx context.Context, t T, d *dataset) host.Answers {
	t.Helper()
	p, err := s.fit(ctx, d)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer p.Close(ctx)
	got, err := p.Predict(ctx, d.test, s.answersDir(), nil)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	return got
}

func saveAndLoad(ctx context.Context, t T, s *suite) {
	p, first := s.fitted(t)
	if !p.Describe().SaveLoad {
		t.Skipf("the method does not claim to save and load")
	}
	state := filepath.Join(s.dir, "state")
	if err := p.Save(ctx, state); err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	q, err := s.start(ctx)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer q.Close(ctx)
	session, err := s.session(q)
	if err == nil {
		err = q.Load(ctx, session, state)
	}
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	got, err := q.Predict(ctx, s.normal.test, s.answersDir(), nil)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	if !p.Describe().Deterministic {
		t.Logf("answers not compared: the method does not claim to be deterministic")
		return
	}
	same(t, first, got)
}

func wrongOptions(ctx context.Context, t T, s *suite) {
	p, err := s.start(ctx)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer p.Close(ctx)
	info := p.Describe()
	names := slices.Sorted(maps.Keys(properties(info)))
	for _, name := range names {
		// No option is an object of this kind.
		given := fmt.Appendf(nil, `{%q: {"no such": "value"}}`, name)
		if _, err := host.CompleteOptions(info, given, ""); err == nil {
			t.Errorf("the schema accepts any value for option %q", name)
		}
	}
	session, err := s.session(p)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	if len(names) == 0 {
		return // the host refuses every option, so the method need not look
	}
	var options map[string]json.RawMessage
	if err := json.Unmarshal(session.Options, &options); err != nil {
		t.Fatalf("options: %v", err)
	}
	options["no_such_option"] = json.RawMessage("1")
	if session.Options, err = json.Marshal(options); err != nil {
		t.Fatalf("options: %v", err)
	}
	err = p.Fit(ctx, session, s.normal.train)
	switch fault.KindOf(err) {
	case fault.Config, fault.Method:
		t.Logf("an unknown option gives: %v", err)
	default:
		t.Errorf("fit with an unknown option: want an error of the method, got %s", show(err))
	}
}

func emptyClass(ctx context.Context, t T, s *suite)    { s.counts(ctx, t, "empty", []int{10, 6, 0}) }
func oneImageClass(ctx context.Context, t T, s *suite) { s.counts(ctx, t, "single", []int{10, 6, 1}) }

// counts runs the method on another number of training images per class.
func (s *suite) counts(ctx context.Context, t T, name string, count []int) {
	t.Helper()
	d, err := newDataset(filepath.Join(s.dir, name), count, false)
	if err != nil {
		t.Fatalf("data: %v", err)
	}
	s.fitAndAnswer(ctx, t, d)
}

func halfFeatures(ctx context.Context, t T, s *suite) {
	p, _ := s.fitted(t)
	if !slices.Contains(p.Describe().Needs, plugin.Features) {
		t.Skipf("the method does not need features")
	}
	d, err := newDataset(filepath.Join(s.dir, "half"), []int{10, 6, 5}, true)
	if err != nil {
		t.Fatalf("data: %v", err)
	}
	s.fitAndAnswer(ctx, t, d)
}

func cancelFit(ctx context.Context, t T, s *suite) {
	p, err := s.start(ctx)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer p.Close(ctx)
	session, err := s.session(p)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	fitCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	session.Report = func(float64, float64, string) { cancel() } // in the middle
	stop := time.AfterFunc(time.Second, cancel)
	defer stop.Stop()
	err = p.Fit(fitCtx, session, s.normal.train)
	cancel()
	cancelled(ctx, t, s, p, err)
}

func cancelPredict(ctx context.Context, t T, s *suite) {
	p, err := s.fit(ctx, s.normal)
	if err != nil {
		t.Fatalf("%s", fault.Format(err))
	}
	defer p.Close(ctx)
	predictCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := time.AfterFunc(time.Second, cancel)
	defer stop.Stop()
	_, err = p.Predict(predictCtx, s.normal.test, s.answersDir(), func(int, int) { cancel() })
	cancel()
	cancelled(ctx, t, s, p, err)
}

// cancelled checks that a method has stopped after a call that ended with err: it
// serves one call at a time, so that it answers the next one only then. It closes p.
func cancelled(ctx context.Context, t T, s *suite, p *host.Process, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Logf("it was done before it could be cancelled")
		return
	case fault.KindOf(err) != fault.Canceled:
		t.Fatalf("%s", fault.Format(err))
	}
	begin := time.Now()
	next, cancel := context.WithTimeout(ctx, s.stopSoon)
	defer cancel()
	_, err = p.Predict(next, s.normal.test, s.answersDir(), nil)
	switch kind := fault.KindOf(err); {
	case err != nil && kind == fault.Crash:
		t.Errorf("%s", fault.Format(err))
	case err != nil && kind == fault.Timeout:
		t.Errorf("it still runs %s after it was cancelled", s.stopSoon)
	default:
		took := time.Since(begin)
		// A server of several threads answers although the cancelled call still runs in
		// one of them. That one keeps its process from ending.
		if err := p.Close(ctx); err != nil {
			t.Errorf("it answers after it was cancelled, but still runs: %s", fault.Format(err))
			return
		}
		t.Logf("it stopped within %s", took.Round(time.Millisecond))
	}
}

func end(ctx context.Context, t T, s *suite) {
	p, _ := s.fitted(t)
	if err := p.Close(ctx); err != nil {
		t.Errorf("%s", fault.Format(err))
	}
}
