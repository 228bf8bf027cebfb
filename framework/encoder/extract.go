package encoder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Request asks for the features of a dataset.
type Request struct {
	Pack    *Pack
	Options Options
	// CacheDir is where stores are kept, in its directory features.
	CacheDir string
	// Dataset is the name for messages. It has no part in the key: the same images
	// under another name share a store.
	Dataset ad.DatasetName
	// Samples are all images of the dataset, both parts, each ID once.
	Samples []ad.Sample
	// Digest gives the hash of a sample's image file, and Open its pixels. Open is
	// called from several goroutines, once for each distinct image that has to be
	// computed; its errors should name the file.
	Digest func(ad.Sample) (ad.Digest, error)
	Open   func(ad.Sample) (*pixels.Image, error)
	// DType is that of the patch features, tensors.Float32 (also "") or
	// tensors.Float16.
	DType tensors.DType
	// Images asks for the images as well, at the size of the network's input.
	Images bool
	// Report, if not nil, is told from time to time how many images are done, of how
	// many; calls do not overlap. There is none if all is in the store.
	Report func(done, total int)
	// Warn, if not nil, is told in one line of anything odd that was mended.
	Warn func(message string)
}

// Stored are the features of a dataset, as files.
type Stored struct {
	Key   ad.Digest // of everything that determines the features
	Dir   string
	DType tensors.DType // of the patch features
	Made  string        // device and ONNX Runtime version that computed them
	// Height, Width and Channels of the patch features; Embedding is the length of
	// the embedding, 0 if the pack has none.
	Height, Width, Channels, Embedding int
	Train, Test                        Tables
	Cost                               Cost // of this call; zero if all was in the store

	places map[ad.SampleID]place
}

// Tables are the .npy files of one part, for package tensors or numpy to map.
// Identical images share a row.
type Tables struct {
	Rows      int
	Patches   string // [Rows, Height, Width, Channels] of DType
	Embedding string // float32 [Rows, Embedding]; "" if the pack has none
	Images    string // uint8 [Rows, input height, input width, 3]; "" unless asked for
}

// Row is where the features of a sample are; false for a sample that was not in
// the request.
func (s *Stored) Row(id ad.SampleID) (part ad.Part, row int, ok bool) {
	p, ok := s.places[id]
	return parts[p.part], p.row, ok
}

// Extract gives the features of a dataset, and computes those that are not in
// the store. If all are, it opens no session and needs no ONNX Runtime. It may be
// stopped at any time, by ctx or kill -9, and continues where it was; several
// processes may ask for the same store at once, and one of them computes. Memory in
// use does not depend on the number of images, apart from the list of samples.
//
// Every row in the store is read and compared with its checksum, each time: bits that
// rot, and pages that a crash of the machine left empty, keep a file's size and time.
// (It takes 0.2 s a gigabyte that is in the page cache, and else reads what the
// methods are about to read.) Rows that do not match are computed again, with a
// warning. A whole store is not written to, so that it may be on a read-only disk.
//
// Errors are of kind Data for an image that cannot be read, or whose features are
// not finite (both name the sample), System for a disk that is full or fails,
// and those of Open.
func Extract(ctx context.Context, q Request) (*Stored, error) {
	start := time.Now()
	x := &extraction{Request: q}
	switch q.DType {
	case "":
		x.DType = tensors.Float32
	case tensors.Float32, tensors.Float16:
	default:
		return nil, fault.New(fault.Config, "features of type %q", q.DType).WithHint("one of float16, float32")
	}
	encoder, err := q.Pack.Digest()
	if err != nil {
		return nil, err
	}
	if x.rows, err = plan(q.Samples, q.Digest); err != nil {
		return nil, err
	}
	s := x.describe(x.rows.key(encoder, x.DType))
	x.store = &store{dir: s.Dir}
	m := x.readManifest()
	whole, err := x.whole(ctx, m)
	if err == nil && whole {
		s.Made = m.Made
		return s, nil
	}
	if err == nil {
		err = x.complete(ctx, s)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, fault.New(fault.KindOf(ctx.Err()), "features of %s: stopped: %w", q.Dataset, context.Cause(ctx))
		}
		return nil, x.explain(err)
	}
	s.Cost = x.cost
	s.Cost.Wall = time.Since(start)
	return s, nil
}

// extraction is a Request at work.
type extraction struct {
	Request
	*rows
	*store
	tables []*table
	key    ad.Digest

	mu   sync.Mutex
	cost Cost
}

// describe names the files of the store and makes the tables for them.
func (x *extraction) describe(key ad.Digest) *Stored {
	x.key = key
	p := x.Pack
	s := &Stored{
		Key: key, Dir: filepath.Join(x.CacheDir, "features", string(key[len("sha256:"):][:32])), DType: x.DType,
		Height: p.Grid.Height, Width: p.Grid.Width, Channels: p.Channels(), places: x.places,
	}
	if p.Embedding.Output != "" {
		s.Embedding = p.Embedding.Channels
	}
	for part, out := range []*Tables{&s.Train, &s.Test} {
		out.Rows = len(x.images[part])
		add := func(k kind, dtype tensors.DType, shape ...int) string {
			t := &table{kind: k, part: part, dtype: dtype, shape: append([]int{out.Rows}, shape...),
				path: filepath.Join(s.Dir, k.fileName(part))}
			x.tables = append(x.tables, t)
			return t.path
		}
		out.Patches = add(patchTable, x.DType, s.Height, s.Width, s.Channels)
		if s.Embedding > 0 {
			out.Embedding = add(embeddingTable, tensors.Float32, s.Embedding)
		}
		if x.Images {
			out.Images = add(imageTable, tensors.Uint8, p.Input.Height, p.Input.Width, 3)
		}
	}
	return s
}

// complete makes all tables complete, alone on the machine.
func (x *extraction) complete(ctx context.Context, s *Stored) error {
	if err := os.MkdirAll(x.dir, 0o777); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(x.dir, lockFile))
	if ok, err := lock.TryLock(); err != nil {
		return err
	} else if !ok {
		x.warn("waiting for another process that computes them")
		if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	defer lock.Close()
	m := x.readManifest() // another process may have been here first
	if whole, err := x.whole(ctx, m); err != nil || whole {
		s.Made = m.Made
		return err
	}
	if err := x.inspect(ctx, m); err != nil {
		return err
	}
	encoder, made, err := x.encoder(ctx)
	if err != nil {
		return err
	}
	if encoder != nil {
		defer encoder.Close()
	}
	s.Made = made
	if err := x.fill(ctx, encoder, made); err != nil {
		return err
	}
	m = manifest{storeVersion, x.key, x.Dataset, x.Pack.Name, made, m.Tables}
	for _, t := range x.tables {
		m.seal(t)
	}
	if err := x.writeManifest(m); err != nil {
		return err
	}
	return x.removeJournal()
}

// encoder opens the pack if features have to be computed, and gives the words
// that say what computes them. Rows that something else has computed are dropped,
// so that a store is all of one piece.
func (x *extraction) encoder(ctx context.Context) (e *Encoder, made string, err error) {
	missing, mixed := 0, false
	for _, t := range x.tables {
		if t.kind == imageTable {
			continue
		}
		missing += t.missing()
		if t.missing() < t.shape[0] {
			mixed = mixed || made != "" && made != t.made
			made = t.made
		}
	}
	if missing == 0 && !mixed {
		return nil, made, nil
	}
	if e, err = Open(ctx, x.Pack, x.Options); err != nil {
		return nil, "", err
	}
	lib, _ := ort.Loaded()
	device, _, _ := strings.Cut(e.Device(), ":")
	made = fmt.Sprintf("%s, ONNX Runtime %s", device, lib.Version)
	dropped := ""
	for _, t := range x.tables {
		if t.kind != imageTable && t.made != made && t.missing() < t.shape[0] {
			dropped = t.made
			clear(t.good)
		}
	}
	if dropped != "" {
		x.warn("rows computed by %q are not mixed with those of %q: computing all again", dropped, made)
	}
	return e, made, nil
}

// fill computes the missing rows of all tables, and gives complete tables their
// names.
func (x *extraction) fill(ctx context.Context, e *Encoder, made string) (err error) {
	if err := x.writeIndex(x.rows); err != nil {
		return err
	}
	if err := x.begin(made, x.tables); err != nil {
		return err
	}
	defer x.end()
	for _, t := range x.tables {
		if t.whole() {
			continue
		}
		defer t.abandon()
		if err := t.open(); err != nil {
			return err
		}
	}
	if err := x.work(ctx, e); err != nil {
		return err
	}
	for _, t := range x.tables {
		if err := t.finish(); err != nil {
			return err
		}
	}
	return nil
}

// work computes the missing rows, Options.Threads at a time.
func (x *extraction) work(ctx context.Context, e *Encoder) error {
	type job struct {
		part, row int
		tables    []*table // those that miss the row
	}
	var jobs []job
	total := 0
	for part := range parts {
		total += len(x.images[part])
		for row := range x.images[part] {
			j := job{part: part, row: row}
			for _, t := range x.tables {
				if t.part == part && !t.good[row] {
					j.tables = append(j.tables, t)
				}
			}
			if len(j.tables) > 0 {
				jobs = append(jobs, j)
			}
		}
	}
	done := total - len(jobs)
	if x.Report != nil && len(jobs) > 0 {
		x.Report(done, total)
	}
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(x.Options.threads())
	for _, j := range jobs {
		if running.Err() != nil {
			break
		}
		group.Go(func() error {
			var cost Cost
			if err := x.compute(running, e, x.sample[j.part][j.row], j.row, j.tables, &cost); err != nil {
				return err
			}
			x.mu.Lock()
			defer x.mu.Unlock()
			x.cost.add(cost)
			if done++; x.Report != nil {
				x.Report(done, total)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// compute computes one image and writes its row of the tables.
func (x *extraction) compute(ctx context.Context, e *Encoder, s ad.Sample, row int, tables []*table, cost *Cost) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	start := time.Now()
	img, err := x.Open(s)
	if err != nil {
		return fault.New(fault.KindOf(err), "image %q of %s: %w", s.ID, x.Dataset, err)
	}
	decoded := time.Now()
	img = x.Pack.resize(img)
	cost.Images, cost.Decode, cost.Resize = 1, decoded.Sub(start), time.Since(decoded)

	p := x.Pack
	var features, embedding []float32
	for _, t := range tables {
		if t.kind != imageTable && features == nil {
			features = make([]float32, p.Grid.Height*p.Grid.Width*p.Channels())
			embedding = make([]float32, p.Embedding.Channels)
			if err := e.encode(ctx, img, features, embedding, cost); err != nil {
				return fault.New(fault.KindOf(err), "image %q of %s: %w", s.ID, x.Dataset, err)
			}
		}
	}
	encoded := time.Now()
	for _, t := range tables {
		data, ok := img.Pix, true
		switch t.kind {
		case patchTable:
			data, ok = floats(features, t.dtype == tensors.Float16)
		case embeddingTable:
			data, _ = floats(embedding, false)
		}
		if !ok {
			return fault.New(fault.Config, "image %q of %s: a feature of encoder %q is outside float16's range", s.ID, x.Dataset, p.Name).
				WithHint("store the features of this encoder as float32")
		}
		if err := t.write(row, data); err != nil {
			return err
		}
		if err := x.log(t, row); err != nil {
			return err
		}
	}
	cost.Write += time.Since(encoded)
	return nil
}

func (x *extraction) warn(format string, args ...any) {
	if x.Warn != nil {
		x.Warn(fmt.Sprintf("features of %s by encoder %s: ", x.Dataset, x.Pack.Name) + fmt.Sprintf(format, args...))
	}
}

// explain makes an error of the disk one that a person understands.
func (x *extraction) explain(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	e := fault.New(fault.System, "features of %s by encoder %s: %w", x.Dataset, x.Pack.Name, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		need := 0
		for _, t := range x.tables {
			need += t.shape[0] * t.rowBytes()
		}
		return e.WithHint("the features need %d MB in all; set %s to a directory on a disk with more space, or store them as float16; finished rows are kept",
			need>>20+1, home.CacheEnv)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return e.WithHint("the cache does not have all features, whole, and cannot be written to; set %s to another directory", home.CacheEnv)
	}
	return e
}
