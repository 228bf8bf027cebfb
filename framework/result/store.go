package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Store is a directory of results:
//
//	cells/KEY.json   one record per cell
//	maps/KEY.npy     its anomaly maps
//	logs/KEY.log     what its plugin logged
//	splits/NAME.txt  the manifests of the splits that were used
//	scratch/         of the cells that are running
//	checkpoints/KEY/ what the method of a cell that did not end has left to go on from
//	index/NAME.json  the cells of the last run of each configuration
//
// Files appear whole (written beside, then renamed), the record last: a cell
// without its record has not happened. Reading needs no lock; one process at a
// time may hold Lock to write.
type Store struct{ dir string }

// Open returns the store in dir, which need not exist yet.
func Open(dir string) *Store { return &Store{dir} }

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

func name(key ad.Digest) string { return strings.TrimPrefix(string(key), "sha256:") }

func (s *Store) cellPath(key ad.Digest) string {
	return filepath.Join(s.dir, "cells", name(key)+".json")
}

// MapsPath is where the anomaly maps of a cell are.
func (s *Store) MapsPath(key ad.Digest) string {
	return filepath.Join(s.dir, "maps", name(key)+".npy")
}

// CheckMaps reads the stored anomaly maps of a cell: an error of kind Data if they are
// not the ones that its record, which must have Maps, was made with.
func (s *Store) CheckMaps(r *Record) error {
	path := s.MapsPath(r.Key)
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.Data, "%w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fault.New(fault.System, "%s: %w", path, err)
	}
	if got := ad.Digest("sha256:" + hex.EncodeToString(h.Sum(nil))); got != r.Maps.Digest {
		return fault.New(fault.Data, "%s: damaged: its digest is %s, not %s", path, got, r.Maps.Digest)
	}
	return nil
}

// LogPath is where the log of a cell's plugin is.
func (s *Store) LogPath(key ad.Digest) string {
	return filepath.Join(s.dir, "logs", name(key)+".log")
}

// SplitPath is where a split's manifest is kept for people to read.
func (s *Store) SplitPath(dataset ad.DatasetName, split string) string {
	return filepath.Join(s.dir, "splits", string(dataset)+"-"+split+".txt")
}

// WorkDir is the scratch directory of a cell.
func (s *Store) WorkDir(key ad.Digest) string {
	return filepath.Join(s.dir, "scratch", name(key)[:16])
}

func (s *Store) checkpointDir(key ad.Digest) string {
	return filepath.Join(s.dir, "checkpoints", name(key))
}

// HasCheckpoint says whether a cell has something to go on from.
func (s *Store) HasCheckpoint(key ad.Digest) bool {
	return len(s.match(filepath.Join("checkpoints", name(key)), "*")) > 0
}

// Checkpoint makes the directory of a cell's checkpoints, unless it is there, and
// gives it. It is the cell's own by its key: changed inputs never meet it. It
// outlives the process, until DropCheckpoint, or until a Lock finds the cell done or
// the directory unused for a month.
func (s *Store) Checkpoint(key ad.Digest) (dir string, err error) {
	dir = s.checkpointDir(key)
	err = os.MkdirAll(dir, 0o777)
	if now := time.Now(); err == nil {
		err = os.Chtimes(dir, now, now)
	}
	if err != nil {
		return "", fault.New(fault.System, "cannot make the directory of checkpoints: %w", err)
	}
	return dir, nil
}

// DropCheckpoint removes a cell's checkpoint, if there is one, as a whole: if it is
// killed in the middle, no half of one is left to go on from.
func (s *Store) DropCheckpoint(key ad.Digest) error {
	gone := filepath.Join(s.dir, "scratch", name(key)+"-checkpoint")
	err := os.RemoveAll(gone)
	if err == nil {
		err = os.Rename(s.checkpointDir(key), gone)
	}
	if missing(err) {
		return nil
	}
	if err == nil {
		err = os.RemoveAll(gone)
	}
	if err != nil {
		return fault.New(fault.System, "cannot remove a checkpoint: %w", err)
	}
	return nil
}

// keepUnused is how long a checkpoint stays that no run goes on from: its cell may
// have changed for good, and that of a large network is a few hundred megabytes.
const keepUnused = 30 * 24 * time.Hour

// Lock makes the store's directories and takes the sole right to write, until
// unlock is called. Another process that holds it is an error. Scratch of a run
// that was killed is removed, and checkpoints that nobody needs.
func (s *Store) Lock() (unlock func(), err error) {
	for _, sub := range []string{"cells", "maps", "logs", "splits", "scratch", "index"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o777); err != nil {
			return nil, fault.New(fault.System, "cannot make the results directory: %w", err).
				WithHint("choose another place with --results DIR or output.results in bench.yaml")
		}
	}
	lock := flock.New(filepath.Join(s.dir, ".lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fault.New(fault.System, "%s: cannot lock: %w", lock.Path(), err).
			WithHint("choose a place that you may write to with --results DIR or output.results in bench.yaml")
	}
	if !ok {
		return nil, fault.New(fault.System, "%s: another ltadbench is writing results here", s.dir).
			WithHint("wait until it ends, or give this one another place with --results DIR")
	}
	if err := s.clean(); err != nil {
		lock.Unlock()
		return nil, err
	}
	return func() { lock.Unlock() }, nil
}

// clean removes what killed runs left: scratch, files half written, and maps
// whose record was never written.
func (s *Store) clean() error {
	leftovers := s.match("scratch", "*")
	for _, sub := range []string{"cells", "maps", "index"} {
		leftovers = append(leftovers, s.match(sub, "*.tmp*")...)
	}
	leftovers = append(leftovers, s.match("splits", ".*")...)
	for _, m := range s.match("maps", "*.npy") {
		key := ad.Digest("sha256:" + strings.TrimSuffix(filepath.Base(m), ".npy"))
		if _, err := os.Stat(s.cellPath(key)); errors.Is(err, fs.ErrNotExist) {
			leftovers = append(leftovers, m)
		}
	}
	for _, path := range leftovers {
		if err := os.RemoveAll(path); err != nil {
			return fault.New(fault.System, "cannot remove what an interrupted run left: %w", err)
		}
	}
	return s.cleanCheckpoints()
}

// cleanCheckpoints removes those of cells that are done, and old ones.
func (s *Store) cleanCheckpoints() error {
	for _, dir := range s.match("checkpoints", "*") {
		key := ad.Digest("sha256:" + filepath.Base(dir))
		info, err := os.Stat(dir)
		old := err == nil && time.Since(info.ModTime()) > keepUnused
		if r, err := s.Get(key); old || err == nil && r != nil && r.Status == Done {
			if err := s.DropCheckpoint(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// match gives the files of a subdirectory whose names match; the store's own path may
// hold what a pattern would take for a wildcard.
func (s *Store) match(sub, pattern string) (paths []string) {
	entries, _ := os.ReadDir(filepath.Join(s.dir, sub))
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			paths = append(paths, filepath.Join(s.dir, sub, e.Name()))
		}
	}
	return paths
}

// missing: there is no such file, nor can there be (part of the path is a file).
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Get reads a cell's record: nil if there is none. A record that cannot be read
// is an error of kind Data.
func (s *Store) Get(key ad.Digest) (*Record, error) {
	path := s.cellPath(key)
	text, err := os.ReadFile(path)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.System, "%w", err)
	}
	r, err := Decode(text)
	if err == nil && r.Key != key {
		err = fmt.Errorf("holds the record of %s", r.Key)
	}
	if err != nil {
		e := fault.New(fault.Data, "%s: not a record that can be used: %w", path, err)
		if errors.Is(err, errNewer) {
			return nil, e.WithHint("read it with the ltadbench that wrote it")
		}
		return nil, e.WithHint("delete the file; the next run computes this cell again")
	}
	return r, nil
}

// Foreign gives an error of kind Data for each file among the records that cannot be
// one, by its name. Their contents are read by Get alone.
func (s *Store) Foreign() (errs []error) {
	for _, path := range s.match("cells", "*") {
		key, isJSON := strings.CutSuffix(filepath.Base(path), ".json")
		if digest, err := hex.DecodeString(key); isJSON && err == nil && len(digest) == sha256.Size || strings.Contains(filepath.Base(path), ".tmp") {
			continue
		}
		errs = append(errs, fault.New(fault.Data, "%s: not a record: its name is not that of one, KEY.json", path).
			WithHint("move the file elsewhere; `ltadbench run` stores records itself"))
	}
	return errs
}

var errNewer = errors.New("is that of a newer ltadbench")

// Decode reads a record's JSON form and checks that it is whole: a known schema, a
// key that is the hash of the inputs, and a known status.
func Decode(text []byte) (*Record, error) {
	// The schema comes first: a newer one may have fields that this one has not.
	var version struct {
		Schema *int `json:"schema"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, err
	}
	switch {
	case version.Schema == nil:
		return nil, errors.New("not a record of ltadbench: it has no schema")
	case *version.Schema > Schema:
		return nil, fmt.Errorf("schema %d %w; this one reads %d", *version.Schema, errNewer, Schema)
	case *version.Schema != Schema:
		return nil, fmt.Errorf("schema %d, this ltadbench reads %d", *version.Schema, Schema)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var r Record
	if err := dec.Decode(&r); err != nil {
		return nil, err
	}
	switch {
	case r.Key != r.Inputs.Key():
		return nil, fmt.Errorf("key %s is not that of its inputs", r.Key)
	case r.Status != Done && r.Status != Failed, r.Status == Failed && r.Failure == nil:
		return nil, fmt.Errorf("status %q is not whole", r.Status)
	}
	return &r, nil
}

// Put stores the record, replacing the cell's earlier one.
func (s *Store) Put(r *Record) error { return writeJSON(s.cellPath(r.Key), r) }

// Index lists the cells of a configuration's last run.
type Index struct {
	Schema int     `json:"schema"`
	Config string  `json:"config"` // its file's path as seen from the store, or another name for it
	Cells  []Entry `json:"cells"`
}

// Entry ties a cell's name to the key it had.
type Entry struct {
	Cell Cell      `json:"cell"`
	Key  ad.Digest `json:"key"`
}

func (s *Store) indexPath(config string) string {
	sum := sha256.Sum256([]byte(config))
	base := strings.TrimSuffix(filepath.Base(config), filepath.Ext(config))
	base = strings.ToValidUTF8(base[:min(len(base), 64)], "")
	return filepath.Join(s.dir, "index", fmt.Sprintf("%s-%x.json", base, sum[:4]))
}

// PutIndex records which cells the run of a configuration consists of.
func (s *Store) PutIndex(ix Index) error {
	ix.Schema = Schema
	return writeJSON(s.indexPath(ix.Config), ix)
}

// Index reads the cells of the configuration's last run.
func (s *Store) Index(config string) (Index, error) {
	path := s.indexPath(config)
	text, err := os.ReadFile(path)
	if missing(err) {
		return Index{}, fault.New(fault.Data, "%s: no results of %s here yet", s.dir, filepath.Base(config)).
			WithHint("run `ltadbench run` with this configuration, or name the place of the results with --results DIR")
	}
	var ix Index
	if err == nil {
		if err = json.Unmarshal(text, &ix); err == nil && ix.Schema != Schema {
			err = fmt.Errorf("schema %d, this ltadbench reads %d", ix.Schema, Schema)
		}
	}
	if err != nil {
		return Index{}, fault.New(fault.Data, "%s: %w", path, err).
			WithHint("run `ltadbench run`; it finds the finished cells and writes the index again")
	}
	return ix, nil
}

// Indexes reads the indexes of all configurations, by the names of their files. For
// each that cannot be read there is an error of kind Data.
func (s *Store) Indexes() (list []Index, errs []error) {
	for _, path := range s.match("index", "*.json") {
		var ix Index
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &ix)
		}
		switch {
		case err != nil:
			errs = append(errs, fault.New(fault.Data, "%s: not an index that can be used: %w", path, err).
				WithHint("run `ltadbench run`; it finds the finished cells and writes the index again"))
		case ix.Schema != Schema:
			errs = append(errs, fault.New(fault.Data, "%s: schema %d, this ltadbench reads %d", path, ix.Schema, Schema))
		default:
			list = append(list, ix)
		}
	}
	return list, errs
}

// Earlier gives the keys that a cell of this name had in the last run of any
// configuration. Indexes that cannot be read are passed over.
func (s *Store) Earlier(cell Cell) []ad.Digest {
	var keys []ad.Digest
	for _, f := range s.match("index", "*.json") {
		var ix Index
		if text, err := os.ReadFile(f); err != nil || json.Unmarshal(text, &ix) != nil || ix.Schema != Schema {
			continue
		}
		for _, e := range ix.Cells {
			if e.Cell == cell {
				keys = append(keys, e.Key)
			}
		}
	}
	return keys
}

// WriteFile writes a file whole or not at all: beside its place, then renamed.
func WriteFile(path string, data []byte) error {
	half := fmt.Sprintf("%s.tmp%d", path, rand.Uint64())
	f, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err // the name is none that anybody knows
		}
		return fault.New(fault.System, "%s: cannot write: %w", path, err).WithHint("write to a place that you may write to")
	}
	defer os.Remove(half) // fails once renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(half, path)
	}
	if err != nil {
		return fault.New(fault.System, "%s: cannot write: %w", path, err).
			WithHint("if the disk is full, free some space and run again: finished cells are kept")
	}
	return nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fault.New(fault.Internal, "%s: %w", path, err)
	}
	return WriteFile(path, append(text, '\n'))
}
