// Package synthetic generates data in the manner of DAGM 2007: grey pictures of
// industrial textures, some with a defect, written in DAGM's own layout so that
// the DAGM loader reads them. It is the data of the default benchmark, which needs
// no download.
//
// Each class is one of the texture families that Families lists. Normal images of
// a class differ in position, angle, scale, waviness, light and camera noise. A
// family has its own kinds of defects; a third of the defects each are easy,
// middling and hard to see. An image is drawn from a stream of its own, named by
// seed, family, part, label and number, so it does not change when another class
// or more images are asked for.
//
// The layout, beside Info at the root:
//
//	ClassN/{Train,Test}/NNNN.PNG             8-bit grey
//	ClassN/{Train,Test}/Label/NNNN_label.PNG 0 or 255, for defective images only
//	ClassN/{Train,Test}/Label/Labels.txt     DAGM's list
//
// As in DAGM, numbers run through both parts of a class, first Test, and
// normal and defective images are mixed.
//
// The files are the same bytes on every machine, with any number of workers and
// any version of Go: pictures are computed in integers (fixed.go) and stored
// without compression (png.go). A test holds their hash.
package synthetic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Version names the generator. It must change whenever a byte of any file would.
const Version = "synthetic/1"

// Info is the file at the root of a generated dataset that says, in JSON, how it
// was made. It is written for people; nothing reads it.
const Info = "synthetic.json"

// info is the content of Info, and what the name of a cached dataset is the hash of.
func info(o Options) []byte {
	text, err := json.MarshalIndent(struct {
		Version string  `json:"version"`
		Options Options `json:"options"`
	}{Version, o}, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(text, '\n')
}

// Generate writes the dataset to the directory dir, which must not exist or be
// empty. It works in parallel on GOMAXPROCS images, beside dir, and renames the
// finished whole: dir never holds a part of a dataset. If report is not nil, it is
// called after each image, by one goroutine at a time, with the number of images
// done and their total. Cancelling ctx stops it and leaves nothing behind.
func Generate(ctx context.Context, dir string, o Options, report func(done, total int)) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return fault.New(fault.System, "synthetic: %w", err)
	}
	switch entries, err := os.ReadDir(dir); {
	case err == nil && len(entries) > 0:
		return fault.New(fault.Usage, "synthetic: %s is not empty", dir).WithHint("name a directory that does not exist yet")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.System, "synthetic: %w", err)
	}
	parent, base := filepath.Split(dir)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fault.New(fault.System, "synthetic: %w", err)
	}
	temporary, err := os.MkdirTemp(parent, base+temporaryInfix+"*")
	if err != nil {
		return fault.New(fault.System, "synthetic: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(temporary); e != nil && err == nil {
			err = fault.New(fault.System, "synthetic: %w", e)
		}
	}()
	// MkdirTemp's directory is private; the one inside it has the usual mode.
	whole := filepath.Join(temporary, base)
	if err := write(ctx, whole, o, report); err != nil {
		if ctx.Err() != nil {
			return fault.New(fault.Canceled, "synthetic: stopped while generating %s: %w", dir, context.Cause(ctx))
		}
		return fault.New(fault.System, "synthetic: %w", err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.System, "synthetic: %w", err)
	}
	if err := os.Rename(whole, dir); err != nil {
		return fault.New(fault.System, "synthetic: %w", err)
	}
	return nil
}

const temporaryInfix = ".tmp-"

// write writes all files of the dataset to root.
func write(ctx context.Context, root string, o Options, report func(done, total int)) error {
	images := plan(o)
	for _, dir := range directories(o) {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	done := 0
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range images {
		if running.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := p.write(running, root, o); err != nil {
				return err
			}
			if report != nil {
				mu.Lock()
				defer mu.Unlock()
				done++
				report(done, len(images))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for name, text := range lists(images) {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o666); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, Info), info(o), 0o666)
}

// Ensure gives the root of the dataset in the cache: cacheDir/synthetic and a
// directory named by the hash of Version and the options. It generates the dataset
// unless it is there, whole, already; report is as for Generate, and is not called
// then. Several processes may call it at once: one generates, the others wait for
// it, or for ctx.
func Ensure(ctx context.Context, cacheDir string, o Options, report func(done, total int)) (root string, err error) {
	if err := o.validate(); err != nil {
		return "", err
	}
	sum := sha256.Sum256(info(o))
	root = filepath.Join(cacheDir, "synthetic", hex.EncodeToString(sum[:]))
	if whole(root, o) {
		return root, nil
	}
	if err := os.MkdirAll(filepath.Dir(root), 0o777); err != nil {
		return "", fault.New(fault.System, "synthetic: %w", err)
	}
	// The lock file stays: a process that removed it would take it from under one
	// that waits.
	lock := flock.New(root + ".lock")
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		if ctx.Err() != nil {
			return "", fault.New(fault.Canceled, "synthetic: stopped while another process generates %s: %w", root, context.Cause(ctx))
		}
		return "", fault.New(fault.System, "synthetic: cannot lock %s.lock: %w", root, err)
	}
	defer lock.Close()
	if whole(root, o) {
		return root, nil
	}
	// What is there was left by a process that was killed, or is damaged.
	entries, err := os.ReadDir(filepath.Dir(root))
	if err != nil {
		return "", fault.New(fault.System, "synthetic: %w", err)
	}
	prefix := filepath.Base(root) + temporaryInfix
	for _, e := range entries {
		if name := e.Name(); name != filepath.Base(root) && !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(filepath.Dir(root), e.Name())); err != nil {
			return "", fault.New(fault.System, "synthetic: cannot remove a damaged dataset: %w", err)
		}
	}
	if err := Generate(ctx, root, o, report); err != nil {
		return "", err
	}
	return root, nil
}

// whole reports whether all files of the dataset are there with their lengths,
// which are known beforehand; a crash of the machine may leave short ones.
func whole(root string, o Options) bool {
	has := func(name string, length int) bool {
		found, err := os.Stat(filepath.Join(root, name))
		return err == nil && found.Mode().IsRegular() && found.Size() == int64(length)
	}
	images := plan(o)
	for _, p := range images {
		if !has(p.file(), pngSize(o.Size)) || p.defective() && !has(p.maskFile(), pngSize(o.Size)) {
			return false
		}
	}
	for name, text := range lists(images) {
		if !has(name, len(text)) {
			return false
		}
	}
	return has(Info, len(info(o)))
}
