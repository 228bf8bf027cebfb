package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/compare"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/paired"
)

func (a *app) compareCommand() *cobra.Command {
	o := compare.Options{Metrics: []ad.Metric{ad.ImageAUROC, ad.PixelAUROC}}
	var metrics, only []string
	var format, to string
	c := &cobra.Command{
		Use:   "compare RUN_A RUN_B",
		Short: "say whether one method, or one run, is better than another, and how sure that is",
		Long: `compare pairs stored results of A and B that differ in nothing else and prints, for each
dataset, split and encoder, the differences B - A by class and group of classes (means
over the seeds that both have), with

  - a sign test and a permutation test over the classes,
  - a confidence interval by bootstrap over the test images, the same resamples for A and
    B. AUROC is computed exactly for each, that of pixels too, which needs the maps and
    the masks; AP and F1-max of pixels and AUPRO have no interval.

It runs no method. A RUN is

  METHOD       a method's results of this configuration (also one of --ablate: ltad/6.3)
  DIR          all results in a results directory; those of equal cells are paired
  DIR@METHOD   a method's results in a results directory

Of a directory, the results are those of this configuration, as seen from there; else those
of the one configuration there of the same file name; else those of the only one there.
Write ./NAME for a directory that is called like a method.

Results of other data, splits or protocols are not comparable: exit status 5. Cells
without a result are named and left out; so are damaged ones, with exit status 1.`,
		Example: `  ltadbench compare uniad ltad
  ltadbench compare runs-old runs --metrics image_auroc,image_ap
  ltadbench compare runs-old@ltad ltad --only split=exp100 --format json -o ltad.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := compareOptions(&o, metrics, format); err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Dir(to)); to != "" && err != nil { // known before the work
				return fault.New(fault.Usage, "--output: %w", err)
			}
			b, err := a.load()
			if err != nil {
				return err
			}
			report, problem, err := a.compare(c.Context(), b, [2]string(args), only, o)
			if err != nil {
				return err
			}
			a.close()
			if format == "csv" { // which has no place for them
				for _, configuration := range report.Configurations {
					for _, line := range slices.Concat(configuration.LeftOut, configuration.Problems) {
						fmt.Fprintf(a.errOut, "ltadbench: warning: left out: %s\n", line)
					}
				}
			}
			var text bytes.Buffer
			if err := report.Write(&text, format); err != nil {
				return err
			}
			if to != "" {
				err = result.WriteFile(to, text.Bytes())
			} else {
				_, err = a.out.Write(text.Bytes())
			}
			return cmp.Or(err, problem)
		},
	}
	c.Flags().StringSliceVar(&metrics, "metrics", nil, "metrics to compare, of "+joined(ad.Metrics)+" (default: "+joined(o.Metrics)+")")
	c.Flags().IntVar(&o.Resamples, "resamples", 2000, "of the bootstrap; 0: no intervals")
	c.Flags().Float64Var(&o.Confidence, "confidence", 0.95, "of the intervals")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "of the bootstrap")
	c.Flags().StringVar(&format, "format", "table", strings.Join(paired.Formats, ", "))
	c.Flags().StringVarP(&to, "output", "o", "", "write to this file")
	c.Flags().StringArrayVar(&only, "only", nil, onlyHelp)
	return c
}

// compareOptions checks the flags.
func compareOptions(o *compare.Options, metrics []string, format string) error {
	if len(metrics) > 0 {
		o.Metrics = nil
	}
	for _, m := range metrics {
		if !slices.Contains(ad.Metrics, ad.Metric(m)) {
			return fault.New(fault.Usage, "--metrics %q is not one of %s", m, joined(ad.Metrics))
		}
		if !slices.Contains(o.Metrics, ad.Metric(m)) {
			o.Metrics = append(o.Metrics, ad.Metric(m))
		}
	}
	switch {
	case !slices.Contains(paired.Formats, format):
		return fault.New(fault.Usage, "--format %q is not one of %s", format, strings.Join(paired.Formats, ", "))
	case o.Resamples != 0 && (o.Resamples < 100 || o.Resamples > 1_000_000):
		return fault.New(fault.Usage, "--resamples %d: want 100 to 1000000, or 0 for no intervals", o.Resamples)
	case !(o.Confidence > 0 && o.Confidence < 1):
		return fault.New(fault.Usage, "--confidence %v: want more than 0 and less than 1, such as 0.95", o.Confidence)
	}
	return nil
}

// compare compares two runs. The problem is that something is damaged, which the
// report names.
func (a *app) compare(ctx context.Context, b *config.Bench, names [2]string, only []string, o compare.Options) (r *paired.Report,
	problem, err error) {
	runs, err := a.findRuns(b, names)
	if err != nil {
		return nil, nil, err
	}
	crossed := runs[0].method != ""
	if crossed != (runs[1].method != "") {
		whole, one := runs[0], runs[1]
		if crossed {
			whole, one = one, whole
		}
		return nil, nil, fault.New(fault.Usage, "%s is all results of a directory and %s those of one method", whole.name, one.name).
			WithHint("name the method: %s@%s", whole.name, one.method)
	}
	cache, err := home.CacheDir()
	if err != nil {
		return nil, nil, err
	}
	pixels := runner.NewPixelReader(runner.Setup{Bench: b, CacheDir: cache, Threads: runtime.GOMAXPROCS(0), Show: a.console})
	defer pixels.Close()
	keep, err := filter(b, only, crossed)
	if err != nil {
		return nil, nil, err
	}
	results, bad, err := a.readRuns(runs, keep, pixels)
	if err != nil {
		return nil, nil, err
	}
	matched, err := compare.Match(results[0], results[1], crossed)
	if err != nil {
		return nil, nil, err
	}
	task := a.Start("compare")
	defer task.End("")
	o.Workers = runtime.GOMAXPROCS(0)
	o.Update = func(done, total int, what string) { task.Update(float64(done), float64(total), what) }
	comparison, err := compare.Run(ctx, matched, o)
	if err != nil {
		return nil, nil, err
	}
	damaged := 0
	for _, c := range comparison.Configurations {
		damaged += len(c.Problems)
	}
	if damaged > 0 {
		bad = cmp.Or(bad, error(fault.New(fault.Data, "not all could be compared: %d left out, as said above", damaged)))
	}
	return &paired.Report{Schema: paired.Schema, A: names[0], B: names[1], Comparison: comparison, Decimals: b.Output.Decimals}, bad, nil
}

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
	if !slices.Contains(names, name) {
		same := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return filepath.Base(n) != filepath.Base(name) })
		switch {
		case len(errs) > 0: // one of them may be the one
			return nil, errors.Join(errs...)
		case len(names) == 0:
			return nil, fault.New(fault.Data, "%s: no results here yet", s.Dir()).
				WithHint("run `ltadbench run` first, or name another directory of results")
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

// filter says which cells to compare: with crossed the methods of the two differ.
func filter(b *config.Bench, only []string, crossed bool) (func(result.Cell) bool, error) {
	if len(only) == 0 {
		return func(result.Cell) bool { return true }, nil
	}
	cells, err := b.Filter(only)
	if err != nil {
		return nil, err
	}
	return func(cell result.Cell) bool {
		return slices.ContainsFunc(cells, func(c config.Cell) bool {
			wanted := runner.CellOf(c)
			if crossed {
				wanted.Method = cell.Method
			}
			return wanted == cell
		})
	}, nil
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
