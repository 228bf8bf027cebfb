package main

import (
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
)

// storedResults are results read for a command that shows them.
type storedResults struct {
	store   *result.Store
	entries []reports.Entry // those that cannot be read have no record
	bad     []string        // what is wrong with result files that cannot be used; each was warned of
}

// problem is the error with which a command ends that has shown what it could, but
// not all: nothing is dropped in silence.
func (s *storedResults) problem() error {
	if len(s.bad) == 0 {
		return nil
	}
	files := "file"
	if len(s.bad) > 1 {
		files = "files"
	}
	return fault.New(fault.Data, "%s: %d result %s left out, as warned above", s.store.Dir(), len(s.bad), files)
}

// stored reads the results of the configuration's last run, of the cells that pass
// the filters, in its order. That there are none is an error.
func (a *app) stored(b *config.Bench, only []string) (*storedResults, error) {
	store := a.store(b)
	index, err := a.index(b, store)
	if err != nil {
		return nil, err
	}
	cells, err := b.Filter(only)
	if err != nil {
		return nil, err
	}
	keys := map[result.Cell]ad.Digest{}
	for _, e := range index {
		keys[e.Cell] = e.Key
	}
	var chosen []result.Entry
	for _, c := range cells {
		cell := runner.CellOf(c)
		if key := keys[cell]; key != "" {
			chosen = append(chosen, result.Entry{Cell: cell, Key: key})
		}
	}
	if len(chosen) == 0 {
		return nil, fault.New(fault.Data, "%s: no results of %s for the cells that are asked for, of %d others", store.Dir(), b.File, len(index)).
			WithHint("run `ltadbench run` with the same flags first")
	}
	return a.read(store, chosen), nil
}

// index lists the cells of the configuration's last run. A directory that --results names
// may have been moved here from elsewhere, where the configuration had another path.
func (a *app) index(b *config.Bench, store *result.Store) ([]result.Entry, error) {
	if a.results != "" {
		return a.entries(b, store)
	}
	name, err := configName(b, store)
	if err != nil {
		return nil, err
	}
	index, err := store.Index(name)
	return index.Cells, err
}

// warn tells of a result file that cannot be used.
func (a *app) warn(s *storedResults, err error) {
	s.bad = append(s.bad, err.Error())
	a.printf("ltadbench: warning: %s", fault.Format(err))
}

// read reads the records of entries of an index. It warns of those that cannot be
// read, and of files beside them that are no records.
func (a *app) read(store *result.Store, index []result.Entry) *storedResults {
	s := &storedResults{store: store}
	for _, e := range index {
		entry := reports.Entry{Cell: e.Cell}
		var err error
		if entry.Record, err = store.Get(e.Key); err != nil {
			a.warn(s, err)
			entry.Problem = "its stored record cannot be used"
		}
		s.entries = append(s.entries, entry)
	}
	for _, err := range store.Foreign() {
		a.warn(s, err)
	}
	return s
}
