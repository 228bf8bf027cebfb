package encoder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// world is a dataset of generated images, and what Extract did with it.
type world struct {
	Request
	opened   atomic.Int64
	mu       sync.Mutex
	warnings []string
}

// newWorld has train and test images; sample number i shows noise(i), but test
// image 1 shows the same as test image 0.
func newWorld(t testing.TB, train, test int) *world {
	orttest.Init(t)
	w := &world{}
	number := map[ad.SampleID]uint64{}
	for i := range train + test {
		s := ad.Sample{ID: ad.SampleID(fmt.Sprintf("test/broken/%03d.png", i)), Class: "c", Part: ad.Test}
		if i < train {
			s = ad.Sample{ID: ad.SampleID(fmt.Sprintf("train/good/%03d.png", i)), Class: "c", Part: ad.Train}
		}
		number[s.ID] = uint64(i)
		if i == train+1 {
			number[s.ID] = uint64(train)
		}
		w.Samples = append(w.Samples, s)
	}
	w.Request = Request{
		Pack: tinyPack(t), Options: Options{Threads: 2}, CacheDir: t.TempDir(), Dataset: "toys", Samples: w.Samples,
		Digest: func(s ad.Sample) (ad.Digest, error) {
			return ad.Digest(fmt.Sprintf("sha256:%064x", number[s.ID]*7919%101)), nil
		},
		Open: func(s ad.Sample) (*pixels.Image, error) {
			w.opened.Add(1)
			return noise(number[s.ID], 20, 20), nil
		},
		Warn: func(m string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.warnings = append(w.warnings, m)
		},
	}
	return w
}

// run extracts, and gives how many images were opened and the warnings.
func (w *world) run(t testing.TB) (s *Stored, opened int, warnings string) {
	t.Helper()
	w.opened.Store(0)
	w.warnings = nil
	s, err := Extract(context.Background(), w.Request)
	if err != nil {
		t.Fatal(fault.Format(err))
	}
	return s, int(w.opened.Load()), strings.Join(w.warnings, "\n")
}

// check compares the store with features computed one image at a time.
func (w *world) check(t testing.TB, s *Stored) {
	t.Helper()
	e := open(t, w.Pack, Options{Threads: 1})
	if s.Height != 4 || s.Width != 4 || s.Channels != 6 || s.Embedding != 3 {
		t.Fatalf("stored %+v", s)
	}
	for _, sample := range w.Samples {
		part, row, ok := s.Row(sample.ID)
		if !ok || part != sample.Part {
			t.Fatalf("%s is in %s row %d (%v)", sample.ID, part, row, ok)
		}
		files := s.Train
		if part == ad.Test {
			files = s.Test
		}
		img, err := w.Open(sample)
		if err != nil {
			t.Fatal(err)
		}
		f, err := e.Encode(context.Background(), []*pixels.Image{img})
		if err != nil {
			t.Fatal(err)
		}
		if s.DType == tensors.Float16 {
			for i, v := range f.Patches {
				if d := readRow(t, files.Patches, row)[i] - v; d > 2e-3 || d < -2e-3 {
					t.Fatalf("%s: as float16 off by %g", sample.ID, d)
				}
			}
		} else if !slices.Equal(readRow(t, files.Patches, row), f.Patches) {
			t.Fatalf("%s: other features in the store", sample.ID)
		}
		if !slices.Equal(readRow(t, files.Embedding, row), f.Embedding) {
			t.Fatalf("%s: another embedding in the store", sample.ID)
		}
		if w.Images {
			m, err := tensors.Open(files.Images)
			if err != nil {
				t.Fatal(err)
			}
			if n := m.RowLen(); n != 16*16*3 || !bytes.Equal(m.Uint8s()[row*n:][:n], w.Pack.resize(img).Pix) {
				t.Fatalf("%s: another image in the store", sample.ID)
			}
			m.Close()
		}
	}
}

func readRow(t testing.TB, path string, row int) []float32 {
	t.Helper()
	f, err := tensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := make([]float32, f.RowLen())
	f.ReadRows(out, row)
	return out
}

// contents maps the files of a store to their bytes, but for the lock and the
// times in the manifest.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != manifestFile && e.Name() != lockFile {
			files[e.Name()] = string(text)
		}
	}
	return files
}

func TestExtract(t *testing.T) {
	w := newWorld(t, 6, 5)
	var reports []int
	w.Report = func(done, total int) {
		if total != 10 {
			t.Errorf("%d images in all", total)
		}
		reports = append(reports, done)
	}
	s, opened, warnings := w.run(t)
	w.check(t, s)
	if opened != 10 || warnings != "" || !slices.Equal(reports, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) || s.Cost.Images != 10 {
		t.Errorf("opened %d images, reported %v, warned %q, cost %+v", opened, reports, warnings, s.Cost)
	}
	if s.Train.Rows != 6 || s.Test.Rows != 4 || s.Train.Images != "" {
		t.Errorf("%+v", s)
	}
	// Nothing in the directory names a sample, and rows are not in its order.
	for name, text := range contents(t, s.Dir) {
		if strings.Contains(text, "broken") || strings.Contains(text, "good") {
			t.Errorf("%s names samples", name)
		}
	}
	inOrder := true
	for i, sample := range w.Samples[:6] {
		_, row, _ := s.Row(sample.ID)
		inOrder = inOrder && row == i
	}
	if inOrder {
		t.Error("rows are in the order of the samples")
	}
	if _, _, ok := s.Row("nobody"); ok {
		t.Error("a sample that is not there has a row")
	}

	// The second time there is no session: this device does not exist.
	first := contents(t, s.Dir)
	w.Options.Device = "cuda:63"
	w.Dataset, w.Report = "renamed", func(int, int) { t.Error("reported") }
	again, opened, _ := w.run(t)
	if opened != 0 || again.Key != s.Key || again.Made != s.Made || !strings.HasPrefix(s.Made, "cpu, ONNX Runtime ") {
		t.Errorf("second time: opened %d, %+v", opened, again)
	}
	if second := contents(t, s.Dir); fmt.Sprint(second) != fmt.Sprint(first) {
		t.Error("second time: files changed")
	}

	// Images can be added, still with no session.
	w.Images, w.Report = true, nil
	s, opened, _ = w.run(t)
	if opened != 10 {
		t.Errorf("adding images opened %d", opened)
	}
	w.check(t, s)
	// Other workers give the same bytes elsewhere.
	w.CacheDir, w.Options = t.TempDir(), Options{Threads: 5}
	other, _, _ := w.run(t)
	if fmt.Sprint(contents(t, other.Dir)) != fmt.Sprint(contents(t, s.Dir)) {
		t.Error("five workers write other bytes than two")
	}
}

func TestExtractFloat16(t *testing.T) {
	w := newWorld(t, 2, 2)
	full, _, _ := w.run(t)
	w.DType = tensors.Float16
	s, _, _ := w.run(t)
	if s.Key == full.Key || s.DType != tensors.Float16 {
		t.Errorf("float16 has the key %s, float32 %s", s.Key, full.Key)
	}
	w.check(t, s)
	w.Pack.Input.Scale = 1e6
	_, err := Extract(context.Background(), w.Request)
	if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "float16's range") || !strings.Contains(err.Error(), ".png") {
		t.Errorf("beyond float16: %v", err)
	}
}

// An extraction stopped at any row continues there, and the result is the same.
func TestExtractResumes(t *testing.T) {
	w := newWorld(t, 8, 7)
	s, _, _ := w.run(t)
	want := fmt.Sprint(contents(t, s.Dir))
	for _, stopAt := range []int64{1, 5, 11} {
		w.CacheDir = t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		q, whole := w.Request, w.Request.Open
		q.Options.Threads = 1
		w.opened.Store(0)
		q.Open = func(s ad.Sample) (*pixels.Image, error) {
			if w.opened.Load() == stopAt {
				cancel()
			}
			return whole(s)
		}
		start := time.Now()
		_, err := Extract(ctx, q)
		if fault.KindOf(err) != fault.Canceled || time.Since(start) > time.Second {
			t.Fatalf("stopped after %s: %v", time.Since(start), err)
		}
		// What kill -9 and a crash may leave: a line cut short, a row not written.
		dir := filepath.Join(w.CacheDir, "features")
		entries, _ := os.ReadDir(dir)
		journal := filepath.Join(dir, entries[0].Name(), journalFile)
		f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "{\"table\":\"train.npy\",\"row\":7,\"crc32c\":12}\n{\"table\":\"test.npy\",\"row\":99,\"crc32c\":1}\n{\"table\":\"tr")
		f.Close()

		s, opened, warnings := w.run(t)
		if done := 14 - opened; int64(done) > stopAt || int64(done) < stopAt-1 {
			t.Errorf("stopped at %d: %d images were opened again", stopAt, opened)
		}
		if got := fmt.Sprint(contents(t, s.Dir)); got != want || warnings != "" {
			t.Errorf("stopped at %d: the result differs (warnings %q)", stopAt, warnings)
		}
	}
}

func TestExtractMendsDamage(t *testing.T) {
	w := newWorld(t, 5, 4)
	w.Images = true
	s, _, _ := w.run(t)
	want := fmt.Sprint(contents(t, s.Dir))
	head := 128 // bytes of a header
	edit := func(path string, f func([]byte) []byte) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, f(text), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		damage  func()
		opened  int
		warning string
	}{
		{"touched", func() {
			later := time.Now().Add(time.Hour)
			if err := os.Chtimes(s.Train.Patches, later, later); err != nil {
				t.Fatal(err)
			}
		}, 0, ""},
		{"a bit", func() { edit(s.Train.Patches, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }) }, 1, "1 of 5 rows of train.npy are damaged"},
		{"two images", func() {
			edit(s.Test.Images, func(b []byte) []byte { b[head] ^= 1; b[len(b)-1] ^= 1; return b })
		}, 2, "2 of 3 rows of test-images.npy are damaged"},
		{"cut short", func() { edit(s.Test.Patches, func(b []byte) []byte { return b[:len(b)-400] }) }, 2, "2 of 3 rows of test.npy are damaged"},
		{"too long", func() { edit(s.Test.Patches, func(b []byte) []byte { return append(b, 1, 2, 3) }) }, 0, ""},
		{"header", func() { edit(s.Test.Embedding, func(b []byte) []byte { b[20] = 'x'; return b }) }, 3, "3 of 3 rows of test-embedding.npy are damaged"},
		{"deleted", func() { os.Remove(s.Train.Embedding) }, 5, "train-embedding.npy is missing"},
		{"manifest", func() { edit(filepath.Join(s.Dir, manifestFile), func(b []byte) []byte { return b[:40] }) }, 8, ""},
	} {
		c.damage()
		_, opened, warnings := w.run(t)
		if opened != c.opened || !strings.Contains(warnings, c.warning) || (c.warning == "") != (warnings == "") {
			t.Errorf("%s: opened %d images, want %d; warned %q", c.name, opened, c.opened, warnings)
		}
		if got := fmt.Sprint(contents(t, s.Dir)); got != want {
			t.Errorf("%s: not as it was", c.name)
		}
		if _, opened, _ := w.run(t); opened != 0 {
			t.Errorf("%s: %d images opened after it was mended", c.name, opened)
		}
	}

	// So does damage that keeps size and time.
	info, err := os.Stat(s.Train.Patches)
	if err != nil {
		t.Fatal(err)
	}
	edit(s.Train.Patches, func(b []byte) []byte { b[head+5] ^= 4; return b })
	if err := os.Chtimes(s.Train.Patches, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if _, opened, warnings := w.run(t); opened != 1 || !strings.Contains(warnings, "1 of 5 rows of train.npy") {
		t.Errorf("size and time as before: opened %d, warned %q", opened, warnings)
	}
	if got := fmt.Sprint(contents(t, s.Dir)); got != want {
		t.Error("size and time as before: not as it was")
	}
}

// A whole store is only read: here, by root too, nothing could lock it.
func TestExtractOnlyReadsWhole(t *testing.T) {
	w := newWorld(t, 3, 2)
	s, _, _ := w.run(t)
	lock := filepath.Join(s.Dir, lockFile)
	if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o555), os.Chtimes(s.Test.Patches, time.Now(), time.Now())); err != nil {
		t.Fatal(err)
	}
	if _, opened, warnings := w.run(t); opened != 0 || warnings != "" {
		t.Errorf("opened %d, warned %q", opened, warnings)
	}
	if err := os.Truncate(s.Test.Patches, 200); err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(t.Context(), w.Request); fault.KindOf(err) != fault.System {
		t.Errorf("a damaged store that cannot be locked: %v", err)
	}
}

// Rows computed on another device or library are not mixed in.
func TestExtractIsOfOnePiece(t *testing.T) {
	w := newWorld(t, 3, 2)
	s, _, _ := w.run(t)
	manifest := filepath.Join(s.Dir, manifestFile)
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, bytes.Replace(text, []byte(`"made":"cpu`), []byte(`"made":"cuda`), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	if s, opened, _ := w.run(t); opened != 0 || !strings.HasPrefix(s.Made, "cuda") {
		t.Errorf("a whole store made elsewhere: opened %d, made by %q", opened, s.Made)
	}
	if err := os.Truncate(s.Train.Patches, 200); err != nil {
		t.Fatal(err)
	}
	s, opened, warnings := w.run(t)
	if opened != 4 || !strings.HasPrefix(s.Made, "cpu") || !strings.Contains(warnings, "not mixed") {
		t.Errorf("a damaged store made elsewhere: opened %d, made by %q, warned %q", opened, s.Made, warnings)
	}
	w.check(t, s)
}

func TestExtractTogether(t *testing.T) {
	w := newWorld(t, 10, 6)
	w.Images = true
	var all sync.WaitGroup
	results := make([]*Stored, 4)
	for i := range results {
		all.Go(func() {
			s, err := Extract(context.Background(), w.Request)
			if err != nil {
				t.Error(err)
			}
			results[i] = s
		})
	}
	all.Wait()
	if n := w.opened.Load(); n != 15 {
		t.Errorf("four at once opened %d images", n)
	}
	for _, s := range results {
		if s == nil || s.Key != results[0].Key || s.Made == "" {
			t.Errorf("results differ: %+v", s)
		}
	}
	w.check(t, results[0])
	// One that waits for another process stops when told.
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := os.Remove(results[0].Test.Patches); err != nil {
		t.Fatal(err)
	}
	release := lockStore(t, results[0].Dir)
	defer release()
	if _, err := Extract(ctx, w.Request); fault.KindOf(err) != fault.Timeout {
		t.Errorf("while another process computes: %v", err)
	}
}

func lockStore(t *testing.T, dir string) func() {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

func TestExtractFails(t *testing.T) {
	w := newWorld(t, 3, 3)
	whole := w.Open
	bad := w.Samples[4].ID
	w.Open = func(s ad.Sample) (*pixels.Image, error) {
		if s.ID == w.Samples[3].ID { // shows the same; whichever is taken
			s.ID = bad
		}
		if s.ID == bad {
			return nil, fault.New(fault.Data, "damaged png image")
		}
		return whole(s)
	}
	_, err := Extract(context.Background(), w.Request)
	if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), `image "test/broken/003.png" of toys: damaged png image`) {
		t.Errorf("unreadable image: %v", err)
	}

	w.Open = whole
	w.Pack.files, w.Pack.model = nil, func() ([]byte, error) { return tinyNetwork(t, true), nil }
	w.Pack.Input.Mean = [3]float64{100. / 255, 0.9, 0.9}
	w.Pack.Input.Scale, w.Pack.Input.Std = 1./255, [3]float64{1, 1, 1}
	w.Open = func(s ad.Sample) (*pixels.Image, error) {
		img := noise(1, 16, 16)
		for i := range img.Pix {
			img.Pix[i] = 10
		}
		if s.ID == "train/good/001.png" {
			img.Pix[0] = 100
		}
		return img, nil
	}
	_, err = Extract(context.Background(), w.Request)
	if fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), `image "train/good/001.png" of toys: encoder "tiny" gives NaN or infinity`) {
		t.Errorf("infinite feature: %v", err)
	}

	x := &extraction{Request: w.Request, tables: []*table{{dtype: tensors.Float32, shape: []int{1000, 1000, 10}}}}
	err = x.explain(&os.PathError{Op: "write", Path: "train.npy.partial", Err: syscall.ENOSPC})
	if text := fault.Format(err); fault.KindOf(err) != fault.System || !errors.Is(err, syscall.ENOSPC) ||
		!strings.Contains(text, "no space left on device") || !strings.Contains(text, "need 39 MB in all; set LTADBENCH_CACHE") {
		t.Errorf("full disk: %s", text)
	}
}
