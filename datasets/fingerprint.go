package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Fingerprint identifies what a dataset says and holds.
type Fingerprint struct {
	// Digest is the SHA-256 over the samples in order of ID: path, class, part,
	// label, kind of defect, and the digests of image and mask. It is the same for
	// the same data on every machine, wherever the root is and under whatever name
	// or kind it was opened; the order of the classes has no part in it.
	Digest ad.Digest
	// Files gives the SHA-256 of each image and mask by its path relative to the root.
	Files map[string]ad.Digest
}

// Fingerprint hashes the images and masks of the dataset, in parallel. Digests are
// kept in the cache directory and taken from there for files whose size, modification
// time and, on Linux, change time are as they were: the modification time alone
// misses a file that was moved, restored or copied with its time over one of the
// same size. Cancelling ctx stops it; what was hashed until then is kept.
func (d *Dataset) Fingerprint(ctx context.Context, env Env) (*Fingerprint, error) {
	files := d.files()
	known := openDigests(env.CacheDir, d.Root)
	digests := make([]ad.Digest, len(files))
	err := parallel(ctx, len(files), env.Report, "hashing "+string(d.Name), func(i int) error {
		var err error
		digests[i], err = known.digest(files[i], d.Path(files[i]))
		return err
	})
	if saveErr := known.save(); err == nil {
		err = saveErr
	}
	if err != nil {
		return nil, err
	}
	fp := &Fingerprint{Files: make(map[string]ad.Digest, len(files))}
	for i, file := range files {
		fp.Files[file] = digests[i]
	}
	h := sha256.New()
	fmt.Fprintln(h, "ltadbench dataset 1")
	for _, s := range d.Samples {
		// The numbers of ad.Label and ad.Truth are fixed; quoting, in ASCII, keeps fields apart.
		fmt.Fprintf(h, "%+q %+q %s %d %+q %d %s %+q %s\n", s.ID, s.Class, s.Part, s.Label, s.Defect, s.Truth,
			fp.Files[string(s.ID)], s.Mask, fp.Files[s.Mask])
	}
	fp.Digest = digestOf(h.Sum(nil))
	return fp, nil
}

// files lists the images and masks, sorted, each once.
func (d *Dataset) files() []string {
	set := map[string]bool{}
	for _, s := range d.Samples {
		set[string(s.ID)] = true
		if s.Mask != "" {
			set[s.Mask] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func digestOf(sum []byte) ad.Digest { return ad.Digest("sha256:" + hex.EncodeToString(sum)) }

// knownDigest is what was found of a file earlier.
type knownDigest struct {
	Size   int64     `json:"size"`
	MTime  int64     `json:"mtime_ns"`
	CTime  int64     `json:"ctime_ns"`
	Digest ad.Digest `json:"digest"`
}

// digests are the known digests of one root's files.
type digests struct {
	file  string // "" to remember nothing
	mu    sync.Mutex
	known map[string]knownDigest
	added bool
}

// openDigests reads the known digests. A file that is missing or damaged only
// means that nothing is known.
func openDigests(cacheDir, root string) *digests {
	d := &digests{known: map[string]knownDigest{}}
	if cacheDir == "" {
		return d
	}
	sum := sha256.Sum256([]byte(root))
	d.file = filepath.Join(cacheDir, "fingerprints", hex.EncodeToString(sum[:16])+".json")
	if text, err := os.ReadFile(d.file); err == nil && json.Unmarshal(text, &d.known) != nil {
		d.known = map[string]knownDigest{}
	}
	return d
}

// settled is how old a modification time must be before it is trusted: within the
// clock's granularity a file may change again and keep its time and size.
const settled = 2 * time.Second

func (d *digests) digest(name, file string) (ad.Digest, error) {
	start := time.Now()
	info, err := os.Stat(file)
	if err != nil {
		return "", fault.New(fault.Data, "%w", err)
	}
	now := knownDigest{Size: info.Size(), MTime: info.ModTime().UnixNano(), CTime: changeTime(info)}
	d.mu.Lock()
	k, ok := d.known[name]
	d.mu.Unlock()
	if now.Digest = k.Digest; ok && k == now && len(k.Digest) == len("sha256:")+2*sha256.Size {
		return k.Digest, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fault.New(fault.Data, "%w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", fault.New(fault.Data, "%w", err)
	}
	if n != now.Size {
		return "", fault.New(fault.Data, "%s: changed while it was read", file)
	}
	now.Digest = digestOf(h.Sum(nil))
	if start.Sub(info.ModTime()) > settled {
		d.mu.Lock()
		d.known[name], d.added = now, true
		d.mu.Unlock()
	}
	return now.Digest, nil
}

// save writes the known digests, if there are new ones, all at once.
func (d *digests) save() error {
	if d.file == "" || !d.added {
		return nil
	}
	text, err := json.Marshal(d.known)
	if err == nil {
		err = writeFile(d.file, text)
	}
	if err != nil {
		return fault.New(fault.System, "keeping digests: %w", err)
	}
	return nil
}

// writeFile writes a whole file under a temporary name, then renames it.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// parallel calls work(0), ..., work(n-1) on all CPUs. After the first error no work
// is begun; of several errors the one of the lowest index is returned, and if ctx
// is cancelled, that.
func parallel(ctx context.Context, n int, report func(done, total int, what string), what string, work func(i int) error) error {
	var next, failed atomic.Int64
	failed.Store(int64(n))
	errs := make([]error, n)
	var mu sync.Mutex
	done := 0
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= n || int64(i) > failed.Load() {
					return
				}
				if errs[i] = work(i); errs[i] != nil {
					failed.Store(int64(i))
					return
				}
				if report != nil {
					mu.Lock()
					done++
					report(done, n, what)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return fault.New(fault.Canceled, "%s: %w", what, context.Cause(ctx))
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
