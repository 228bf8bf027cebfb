package ort

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// Options say how Ensure goes about it.
type Options struct {
	// Path is the library that the user named, or "".
	Path string
	// Report, if not nil, is told from time to time how far the fetching is: done
	// of total bytes (0 of 0: not known) of what. Calls do not overlap; there is
	// none if the library is on the machine.
	Report func(done, total int64, what string)
}

func (o Options) report(done, total int64, what string) {
	if o.Report != nil {
		o.Report(done, total, what)
	}
}

// Ensure finds the library as Find does, or else fetches the pinned version into
// the cache. It may run in any number of processes at once. When ctx ends it
// returns soon, with an error of kind Canceled or Timeout, and leaves nothing
// half done. If all fails the error lists what was tried.
func Ensure(ctx context.Context, o Options) (Library, error) {
	l, tried, err := Find(o.Path)
	if !errors.Is(err, ErrNotFound) {
		return l, err
	}
	l, err = install(ctx, o, tried)
	if err != nil && ctx.Err() != nil {
		return Library{}, ended(ctx)
	}
	return l, err
}

func install(ctx context.Context, o Options, tried []Tried) (Library, error) {
	if len(pins[platform]) == 0 {
		return Library{}, notFound(append(tried, Tried{"packages", fmt.Errorf("none for %s", platform)}))
	}
	dir, err := cacheDir()
	if err != nil {
		return Library{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Library{}, noCache(err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		o.report(0, 0, "ONNX Runtime, which another process fetches")
		ok, err = lock.TryLockContext(ctx, 50*time.Millisecond)
	}
	if !ok {
		return Library{}, noCache(err)
	}
	defer lock.Close()
	if l, ok, _, err := findCached(); ok || err != nil {
		return l, err // another process was here first
	}
	// What processes that were killed left; the lock says that none is at work.
	old, _ := filepath.Glob(filepath.Join(dir, "fetch-*"))
	for _, d := range old {
		if err := os.RemoveAll(d); err != nil {
			return Library{}, noCache(err)
		}
	}
	for _, p := range pins[platform] {
		l, err := p.install(ctx, dir, o)
		if err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return Library{}, err
		}
		tried = append(tried, Tried{string(p.via), err})
	}
	return Library{}, notFound(tried)
}

func noCache(err error) error {
	return fault.New(fault.System, "cannot write to the cache: %w", err).WithHint("set LTADBENCH_CACHE to a directory on a disk with space")
}

// install fetches one package, takes the library out, checks it and moves it to
// its place in dir.
func (p pin) install(ctx context.Context, dir string, o Options) (Library, error) {
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return Library{}, err
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := p.watch(ctx, cancel, tmp, o)
	path, err := p.fetch(ctx, tmp)
	stalled := context.Cause(ctx)
	cancel(nil)
	<-done
	if err != nil {
		if stalled != nil {
			err = stalled
		}
		return Library{}, err
	}
	o.report(p.size, p.size, "checking "+string(p.via))
	f, err := os.Create(filepath.Join(tmp, "library"))
	if err != nil {
		return Library{}, err
	}
	defer f.Close()
	h := sha256.New()
	if err := extract(path, p.member, io.MultiWriter(f, h)); err != nil {
		return Library{}, fmt.Errorf("bad package: %w", err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if sum != p.sha256 {
		return Library{}, fmt.Errorf("checksum of %s is %s, expected %s: not installed", filepath.Base(p.member), sum, p.sha256)
	}
	if err := f.Chmod(0o755); err != nil {
		return Library{}, err
	}
	if err := f.Sync(); err != nil {
		return Library{}, err
	}
	place := filepath.Join(dir, p.cacheName())
	if err := os.Rename(f.Name(), place); err != nil {
		return Library{}, err
	}
	return Library{place, Version, "cache", sum}, nil
}

// stallLimit is how long a fetch may bring nothing; a test shortens it.
var stallLimit = 3 * time.Minute

// watch reports how much lies in dir until ctx ends, and ends ctx if nothing
// arrives for too long. Clients tell their progress in too many forms; the size
// of what they wrote is the same for all. The channel is closed at the end.
func (p pin) watch(ctx context.Context, cancel context.CancelCauseFunc, dir string, o Options) <-chan struct{} {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		last, since := int64(-1), time.Now()
		for {
			size := dirSize(dir)
			if size != last {
				last, since = size, time.Now()
			}
			if time.Since(since) > stallLimit {
				cancel(fmt.Errorf("nothing arrived for %s", stallLimit))
				return
			}
			o.report(min(size, p.size), p.size, string(p.via))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return finished
}

func dirSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // files come and go
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}
