package encoder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// storeVersion is part of every key: stores of another layout are not read.
const storeVersion = "features/1"

// Files of a store beside its tables.
const (
	manifestFile = "manifest.json"
	journalFile  = "journal.jsonl"
	indexFile    = "index.jsonl"
	lockFile     = "lock"
)

// store is the directory of one dataset's features.
//
// Complete tables have their final names and an entry in the manifest, with the
// checksum of each row. A table in the making is
// called *.partial, and the journal has a line for each row in it, written after
// the row: what a killed process leaves is complete rows with lines, and at most a
// few rows without. Rows are believed only if they match their checksums, so that
// nothing need be flushed to the disk before the end.
type store struct {
	dir       string
	journal   *os.File
	journalMu sync.Mutex
}

// manifest is the content of manifest.json.
type manifest struct {
	Version string          `json:"version"`
	Key     ad.Digest       `json:"key"`
	Dataset ad.DatasetName  `json:"dataset"` // by the name it had when the store was made
	Encoder string          `json:"encoder"`
	Made    string          `json:"made"` // device and version of ONNX Runtime
	Tables  map[string]seal `json:"tables"`
}

// seal is what is known of a complete table.
type seal struct {
	Sums []uint32 `json:"crc32c"` // of each row
}

func (s seal) known(row int) (sum uint32, ok bool) { return s.Sums[row], true }

// entry is a line of the journal: a row that has been written. The first line
// has Made alone.
type entry struct {
	Made  string `json:"made,omitempty"`
	Table string `json:"table,omitempty"`
	Row   int    `json:"row"`
	Sum   uint32 `json:"crc32c"`
}

// readManifest gives the manifest; an empty one if there is none that can be
// read.
func (s *store) readManifest() manifest {
	var m manifest
	text, err := os.ReadFile(filepath.Join(s.dir, manifestFile))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Version != storeVersion {
		return manifest{}
	}
	return m
}

// seal records the table as it is.
func (m *manifest) seal(t *table) {
	if m.Tables == nil {
		m.Tables = map[string]seal{}
	}
	m.Tables[t.name()] = seal{t.sums}
}

// readJournal gives the rows that an interrupted extraction has written, by table
// and row, and what computed them.
func (s *store) readJournal() (written map[string]map[int]uint32, made string) {
	text, err := os.ReadFile(filepath.Join(s.dir, journalFile))
	if err != nil {
		return nil, ""
	}
	written = map[string]map[int]uint32{}
	for line := range bytes.Lines(text) {
		var e entry
		switch {
		case json.Unmarshal(line, &e) != nil:
			// The machine went down in the middle of a line.
		case e.Made != "":
			made = e.Made
		case written[e.Table] == nil:
			written[e.Table] = map[int]uint32{e.Row: e.Sum}
		default:
			written[e.Table][e.Row] = e.Sum
		}
	}
	return written, made
}

// begin starts a journal that has the good rows of all tables.
func (s *store) begin(made string, tables []*table) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	err := enc.Encode(entry{Made: made})
	for _, t := range tables {
		for row, ok := range t.good {
			if ok && err == nil {
				err = enc.Encode(entry{Table: t.name(), Row: row, Sum: t.sums[row]})
			}
		}
	}
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, journalFile)
	if err := replaceFile(path, text.Bytes()); err != nil {
		return err
	}
	s.journal, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	return err
}

// log adds a row that was written to the journal.
func (s *store) log(t *table, row int) error {
	line, err := json.Marshal(entry{Table: t.name(), Row: row, Sum: t.sums[row]})
	if err != nil {
		return err
	}
	s.journalMu.Lock()
	defer s.journalMu.Unlock()
	_, err = s.journal.Write(append(line, '\n'))
	return err
}

// end closes the journal.
func (s *store) end() {
	if s.journal != nil {
		s.journal.Close()
		s.journal = nil
	}
}

// removeJournal is for when the manifest has all.
func (s *store) removeJournal() error { return os.Remove(filepath.Join(s.dir, journalFile)) }

func (s *store) writeManifest(m manifest) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(s.dir, manifestFile), append(text, '\n'))
}

// writeIndex writes the list of rows: part, row and content of each. It has no
// names of samples, since those may say what is on an image.
func (s *store) writeIndex(r *rows) error {
	path := filepath.Join(s.dir, indexFile)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var text bytes.Buffer
	for part, images := range r.images {
		for row, d := range images {
			fmt.Fprintf(&text, "{\"part\":%q,\"row\":%d,\"image\":%q}\n", parts[part], row, d)
		}
	}
	return replaceFile(path, text.Bytes())
}

// replaceFile writes a file so that it is always there as a whole.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
