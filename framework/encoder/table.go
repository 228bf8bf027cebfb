package encoder

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/tensors"
)

// partial is the ending of the name of a file that is not complete.
const partial = ".partial"

// castagnoli is the checksum of a row. It guards against damage, not malice.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// table is one .npy file of a store that is being completed. Rows may be written
// by several goroutines, each row by one.
type table struct {
	kind  kind
	part  int
	dtype tensors.DType
	shape []int
	path  string // of the complete file
	sums  []uint32
	good  []bool // rows that are there and right
	found bool   // the file was there under its final name
	sound bool   // and has the right header and size
	made  string // what computed the rows that were there
	f     *os.File
	head  tensors.Header
}

// kind says what a table holds.
type kind int

const (
	patchTable kind = iota
	embeddingTable
	imageTable
)

// fileName names the file of a part's table.
func (k kind) fileName(part int) string {
	return string(parts[part]) + [...]string{"", "-embedding", "-images"}[k] + ".npy"
}

func (t *table) name() string { return filepath.Base(t.path) }

// whole reports whether there is nothing to do.
func (t *table) whole() bool { return t.sound && t.missing() == 0 }

// missing is how many rows are not good.
func (t *table) missing() int {
	n := 0
	for _, ok := range t.good {
		if !ok {
			n++
		}
	}
	return n
}

// inspect looks for the table's file, complete or not, and compares its rows with
// the sums that known gives for a row.
func (t *table) inspect(ctx context.Context, known func(row int) (sum uint32, ok bool)) error {
	rows := t.shape[0]
	t.sound = false
	t.sums, t.good = make([]uint32, rows), make([]bool, rows)
	f, err := os.Open(t.path)
	if t.found = err == nil; errors.Is(err, fs.ErrNotExist) {
		f, err = os.Open(t.path + partial)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size := t.rowBytes()
	head, err := tensors.ReadHeader(f)
	if err != nil || head.DType != t.dtype || fmt.Sprint(head.Shape) != fmt.Sprint(t.shape) {
		return nil // not ours, or damaged: no row counts
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t.sound = t.found && info.Size() == head.FileSize()
	buf := make([]byte, size)
	for row := range rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		want, ok := known(row)
		if !ok {
			continue
		}
		_, err := f.ReadAt(buf, head.Offset+int64(row)*int64(size))
		if errors.Is(err, io.EOF) {
			return nil // cut short
		}
		if err != nil {
			return err
		}
		t.sums[row] = want
		t.good[row] = crc32.Checksum(buf, castagnoli) == want
	}
	return nil
}

func (t *table) rowBytes() int { return size(t.shape[1:]) * t.dtype.Size() }

// open makes the file ready for the rows that are not good, under its partial
// name, with the good rows in their places.
func (t *table) open() error {
	if t.found {
		if err := os.Rename(t.path, t.path+partial); err != nil {
			return err
		}
		t.found, t.sound = false, false
	}
	if t.missing() == t.shape[0] {
		// Another process may still map what is there, so that it must not shrink.
		if err := os.Remove(t.path + partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		w, err := tensors.Create(t.path+partial, t.dtype, t.shape...)
		if err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(t.path+partial, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	t.f = f
	if t.head, err = tensors.ReadHeader(f); err != nil {
		return err
	}
	return f.Truncate(t.head.FileSize())
}

// write puts a row in its place.
func (t *table) write(row int, data []byte) error {
	_, err := t.f.WriteAt(data, t.head.Offset+int64(row)*int64(len(data)))
	t.sums[row] = crc32.Checksum(data, castagnoli)
	return err
}

// finish puts the complete file in its place, if it is not there.
func (t *table) finish() error {
	if t.f == nil {
		return nil
	}
	err := t.f.Sync()
	if e := t.f.Close(); err == nil {
		err = e
	}
	t.f = nil
	if err != nil {
		return err
	}
	return os.Rename(t.path+partial, t.path)
}

// abandon closes the file of an interrupted extraction.
func (t *table) abandon() {
	if t.f != nil {
		t.f.Close()
		t.f = nil
	}
}
