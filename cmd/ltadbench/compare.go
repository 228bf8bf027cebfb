package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/compare"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/runner"
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
			if err := checkOutput("output", to, false); err != nil {
				return err
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
				err = writeOutput(to, text.Bytes())
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
	c.Flags().StringVarP(&format, "format", "f", "table", strings.Join(paired.Formats, ", "))
	c.Flags().StringVarP(&to, "output", "o", "", "write to this file")
	c.Flags().StringArrayVar(&only, "only", nil, onlyHelp)
	return c
}

// compareOptions checks the flags.
func compareOptions(o *compare.Options, metrics []string, format string) error {
	if len(metrics) > 0 {
		var err error
		if o.Metrics, err = oneOf("metrics", metrics, ad.Metrics); err != nil {
			return err
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
