package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/compare"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
)

// storedRun is a RUN of the command line.
type storedRun struct {
	name    string
	store   *result.Store
	entries []result.Entry
	method  ad.MethodName // "": all
}

// findRuns finds what RUN_A and RUN_B name.
func (a *app) findRuns(b *config.Bench, names [2]string) (runs [2]*storedRun, err error) {
	own := &storedRun{store: a.store(b)}
	var none error // why there are no own results, if there are none
	own.entries, none = a.entries(b, own.store)
	for i, name := range names {
		if runs[i], err = a.findRun(b, name, *own, none); err != nil {
			return runs, err
		}
	}
	return runs, nil
}

func (a *app) findRun(b *config.Bench, name string, r storedRun, none error) (*storedRun, error) {
	r.name = name
	var methods []string
	for _, m := range b.Methods {
		methods = append(methods, string(m.Name))
	}
	if slices.Contains(methods, name) && none != nil {
		return nil, none
	}
	for _, e := range r.entries {
		if method := string(e.Cell.Method); !slices.Contains(methods, method) { // of an ablation
			methods = append(methods, method)
		}
	}
	if slices.Contains(methods, name) {
		return r.of(ad.MethodName(name))
	}
	dir, method := name, ""
	if at := strings.LastIndexByte(name, '@'); at >= 0 && !isDir(name) {
		dir, method = name[:at], name[at+1:]
	}
	if !isDir(dir) || dir != name && method == "" {
		e := fault.New(fault.Usage, "%q is no method of %s, no results directory, and no DIR@METHOD", name, b.File)
		e.Hint = fault.Suggest(name, methods)
		return nil, e
	}
	var err error
	r.store = result.Open(dir)
	if r.entries, err = a.entries(b, r.store); err != nil || method == "" {
		return &r, err
	}
	return r.of(ad.MethodName(method))
}

// of keeps the results of one method.
func (r *storedRun) of(method ad.MethodName) (*storedRun, error) {
	var methods []ad.MethodName
	var mine []result.Entry
	for _, e := range r.entries {
		if !slices.Contains(methods, e.Cell.Method) {
			methods = append(methods, e.Cell.Method)
		}
		if e.Cell.Method == method {
			mine = append(mine, e)
		}
	}
	if len(mine) == 0 {
		return nil, fault.New(fault.Data, "%s: no results of method %q", r.store.Dir(), method).
			WithHint("there are results of %s; `ltadbench run` makes others", joined(methods))
	}
	r.method, r.entries = method, mine
	return r, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ablations ends the name of a configuration's index of ablations.
const ablations = " (ablations)"

// entries are the cells of a configuration in a store, and those of its ablations: of
// this configuration, else of the one there that has its file's name, else of the only
// one there.
func (a *app) entries(b *config.Bench, s *result.Store) (entries []result.Entry, err error) {
	indexes, errs := s.Indexes()
	table := func(ix result.Index) string { return strings.TrimSuffix(ix.Config, ablations) }
	var names []string
	for _, ix := range indexes {
		if !slices.Contains(names, table(ix)) {
			names = append(names, table(ix))
		}
	}
	name, err := configName(b, s)
	if err != nil {
		return nil, err
	}
	name = strings.TrimSuffix(name, ablations)
	if !slices.Contains(names, name) {
		same := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return filepath.Base(n) != filepath.Base(name) })
		switch {
		case len(errs) > 0: // one of them may be the one
			return nil, errors.Join(errs...)
		case len(names) == 0:
			return nil, fault.New(fault.Data, "%s: no results of %s here yet", s.Dir(), filepath.Base(b.File)).
				WithHint("run `ltadbench run` with this configuration, or name the place of the results with --results DIR")
		case len(same) == 1:
			name = same[0]
		case len(names) == 1:
			name = names[0]
		default:
			return nil, fault.New(fault.Data, "%s: no results of %s here yet", s.Dir(), b.File).
				WithHint("there are results of %s: name one of them with -c FILE", strings.Join(names, ", "))
		}
		a.printf("%s: no results of %s; these are those of %s", s.Dir(), b.File, name)
	}
	for _, err := range errs {
		fmt.Fprintf(a.errOut, "ltadbench: warning: %s\n", fault.Format(err))
	}
	for _, ix := range indexes {
		if table(ix) == name {
			entries = append(entries, ix.Cells...)
		}
	}
	return entries, nil
}

// filter says which cells to compare: with crossed the methods of the two differ, and
// filters of methods say nothing.
func filter(b *config.Bench, only []string, crossed bool) (func(result.Cell) bool, error) {
	wanted, err := b.Select(only)
	if err != nil {
		return nil, err
	}
	if crossed {
		delete(wanted, "method")
	}
	return func(cell result.Cell) bool { return passes(wanted, cell) }, nil
}

// readRuns reads the records of the runs; problem says that some cannot be used. Of a
// store that both are in, each is read once.
func (a *app) readRuns(runs [2]*storedRun, keep func(result.Cell) bool, pixels *runner.PixelReader) (results [2][]compare.Result,
	problem, err error) {
	type read struct {
		*storedResults
		byKey map[ad.Digest]reports.Entry
	}
	stores := map[string]*read{}
	var problems []error
	for i, r := range runs {
		dir, err := realPath(r.store.Dir())
		if err != nil {
			return results, nil, err
		}
		if stores[dir] == nil {
			var all []result.Entry
			for _, other := range runs {
				if otherDir, err := realPath(other.store.Dir()); err == nil && otherDir == dir {
					all = append(all, slices.DeleteFunc(slices.Clone(other.entries), func(e result.Entry) bool {
						return !keep(e.Cell) || slices.Contains(all, e)
					})...)
				}
			}
			s := &read{a.read(r.store, all), map[ad.Digest]reports.Entry{}}
			for j, e := range s.entries {
				s.byKey[all[j].Key] = e
			}
			stores[dir] = s
			problems = append(problems, s.problem())
		}
		for _, e := range r.entries {
			if !keep(e.Cell) {
				continue
			}
			stored := stores[dir].byKey[e.Key]
			record := stored.Record
			results[i] = append(results[i], compare.Result{Cell: e.Cell, Record: record, Problem: stored.Problem,
				Open: func(ctx context.Context) (compare.Pixels, error) { return pixels.Open(ctx, r.store, record) }})
		}
	}
	return results, errors.Join(problems...), nil
}
