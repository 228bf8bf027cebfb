package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/runner"
)

func (a *app) reportCommand() *cobra.Command {
	var v view
	var only []string
	c := &cobra.Command{
		Use:   "report",
		Short: "write tables from stored results; run nothing",
		Long: `report writes tables of the last run from its stored results, in one of these layouts:

  comparison  a row for each config, task and group of classes; a column for each method
  ablation    a row for each preset (with --ablate) or method; All, High and Low of each
              task as columns
  per-class   a row for each class, and the means below
  grid        the two columns of an ablation table as rows and columns

as a table for the terminal, markdown, latex (needs the booktabs package alone), csv,
json or html. CSV and JSON hold the numbers as fractions of 1 with all their digits, and the keys of
the records behind them; reports/FORMATS.md in the source describes them. The same
results give the same bytes. Numbers that failed or are undefined have footnotes. A
stored file that cannot be used is named and left out, and the exit status is 1.

With --ablate it is the ablation tables of all runs with it, in which presets that never
ran have no row. --published puts the numbers of LTAD's paper beside those of the same
dataset, imbalance and method.

--format html writes a directory of pages that opens from disk, in a browser, without
network: tables of all layouts, sorted and filtered as you like; figures; a gallery of
anomaly maps with a threshold to move; behind each number the cells it comes from, with
all their inputs and the command that computes them again; what failed, with its log. An
earlier report in DIR is replaced; other files there are not touched, they are an error.`,
		Example: `  ltadbench report
  ltadbench report -f latex -o table.tex --methods uniad,ltad --names uniad=UniAD,ltad=LTAD
  ltadbench report -f html -o site
  ltadbench report --layout per-class --only split=exp100
  ltadbench report -f csv --classes All,High,Low --metrics image_auroc,pixel_aupro
  ltadbench report --ablate ltad=9 --layout grid`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, o, err := a.loadFor(c, &v)
			if err != nil {
				return err
			}
			s, err := a.stored(b, only)
			if err != nil {
				return err
			}
			if v.format == htmlFormat {
				err = a.showHTML(c.Context(), b, s, o, &v)
			} else {
				err = a.show(s.entries, o, &v)
			}
			if err != nil {
				return err
			}
			return s.problem()
		},
	}
	v.flags(c)
	v.htmlFlag(c)
	v.ablateFlag(c)
	c.Flags().StringArrayVar(&only, "only", nil, onlyHelp)
	return c
}

func (a *app) rescoreCommand() *cobra.Command {
	var v view
	var only []string
	c := &cobra.Command{
		Use:   "rescore",
		Short: "compute the metrics again from stored anomaly maps; run no method",
		Long: `rescore reads the anomaly maps of the last run and computes all metrics again, under
the evaluation section of the configuration as it is now: another size, image score,
mask threshold or AUPRO limit. Results of the new protocol are stored beside the old
ones. Needs the dataset's masks; runs no method and no encoder.`,
		Example: "  ltadbench rescore -c bench.yaml --metrics image_auroc,pixel_aupro",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, o, err := a.loadFor(c, &v)
			if err != nil {
				return err
			}
			s, err := a.setup(b, only, b.Run.Device, b.Run.Engine)
			if err != nil {
				return err
			}
			if _, err := os.Stat(s.Store.Dir()); err != nil { // Lock would make it
				return fault.New(fault.Data, "no results here: %w", err).
					WithHint("run `ltadbench run` with this configuration first, or name the place of the results with --results DIR")
			}
			unlock, err := s.Store.Lock()
			if err != nil {
				return err
			}
			defer unlock()
			done, warnings, err := runner.Rescore(c.Context(), s)
			if err != nil {
				return err
			}
			for _, w := range warnings {
				a.printf("not scored: %s", w)
			}
			if len(done) == 0 {
				return fault.New(fault.Data, "%s: no results that can be scored again", s.Store.Dir()).
					WithHint("run `ltadbench run` with this configuration first")
			}
			scored := a.read(s.Store, done)
			if err := a.show(scored.entries, o, &v); err != nil {
				return err
			}
			return scored.problem()
		},
	}
	v.flags(c)
	c.Flags().StringArrayVar(&only, "only", nil, onlyHelp)
	return c
}
