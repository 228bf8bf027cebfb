package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
)

// view is the flags that say what a table shows.
type view struct {
	format  string
	metrics []string
	groups  []string
	ablate  []string
	presets []reports.Preset // what ablate asks for; nil for the table of methods
}

func (v *view) flags(c *cobra.Command) {
	c.Flags().StringVar(&v.format, "format", "table", strings.Join(reports.Formats, ", "))
	c.Flags().StringSliceVar(&v.metrics, "metrics", nil, "metrics to show, of "+joined(ad.Metrics)+" (default: output.metrics)")
	c.Flags().StringSliceVar(&v.groups, "classes", nil, "groups of classes to show: All, High, Low (default: output.groups; all of an ablation)")
}

func joined[T ~string](list []T) string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

// options checks the flags and fills in what the configuration says.
func (v *view) options(b *config.Bench) (reports.Options, error) {
	o := reports.Options{Metrics: b.Output.Metrics, Groups: b.Output.Groups, Decimals: b.Output.Decimals}
	if !slices.Contains(reports.Formats, v.format) {
		return o, fault.New(fault.Usage, "--format %q is not one of %s", v.format, strings.Join(reports.Formats, ", "))
	}
	if len(v.metrics) > 0 {
		o.Metrics = nil
	}
	for _, m := range v.metrics {
		if !slices.Contains(ad.Metrics, ad.Metric(m)) {
			return o, fault.New(fault.Usage, "--metrics %q is not one of %s", m, joined(ad.Metrics))
		}
		if !slices.Contains(o.Metrics, ad.Metric(m)) {
			o.Metrics = append(o.Metrics, ad.Metric(m))
		}
	}
	if len(v.groups) > 0 {
		o.Groups = nil
	}
	for _, g := range v.groups {
		at := slices.IndexFunc([]ad.Group{ad.All, ad.High, ad.Low}, func(known ad.Group) bool { return strings.EqualFold(string(known), g) })
		if at < 0 {
			return o, fault.New(fault.Usage, "--classes %q is not one of All, High, Low", g)
		}
		if group := []ad.Group{ad.All, ad.High, ad.Low}[at]; !slices.Contains(o.Groups, group) {
			o.Groups = append(o.Groups, group)
		}
	}
	return o, nil
}

// loadFor reads the configuration, and what the view shows of it. With ablations it is
// the configuration of these.
func (a *app) loadFor(ctx context.Context, v *view) (*config.Bench, reports.Options, error) {
	b, err := a.load()
	if err != nil {
		return nil, reports.Options{}, err
	}
	o, err := v.options(b)
	if err == nil && len(v.ablate) > 0 {
		b, err = a.ablate(ctx, b, v)
		if len(v.groups) == 0 {
			o.Groups = nil
		}
	}
	return b, o, err
}

// show prints the table of entries, or the tables of their ablation.
func (a *app) show(entries []reports.Entry, o reports.Options, v *view) error {
	a.close() // no bar may draw into the table
	if v.presets != nil {
		return reports.BuildAblation(entries, v.presets, o).Write(a.out, v.format, a.color)
	}
	return reports.Build(entries, o).Write(a.out, v.format, a.color)
}

const onlyHelp = "only cells with this KEY=VALUE[,VALUE]; keys: dataset, split, encoder, method, seed (repeatable)"

func (a *app) runCommand() *cobra.Command {
	var order runner.Order
	var v view
	var only []string
	var device, engine string
	var dry bool
	c := &cobra.Command{
		Use:   "run",
		Short: "run the cells that are not finished, and print the table",
		Long: `run computes every cell of the configuration that has no result yet and prints the
comparison table. A cell is one dataset x split x encoder x method x seed. Finished
cells are never run twice: they are found by the hash of everything that can change
their numbers. Ctrl-C stops at once and keeps what is finished; the same command goes
on from there, and a method that writes checkpoints goes on in the middle of its
training, also after a crash or a timeout. Cells that failed stay failed until --retry.

With --ablate the methods are presets instead, variants such as the rows of a paper's
ablation tables, and the tables printed are these. ` + ablateLong,
		Example: `  ltadbench run
  ltadbench run -c bench.yaml --only method=padim,patchcore --only split=exp20
  ltadbench run --dry-run
  ltadbench run --ablate ltad --only split=step100
  ltadbench run --ablate uniad=6 --ablate ltad=6,7.4`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, o, err := a.loadFor(c.Context(), &v)
			if err != nil {
				return err
			}
			if !c.Flags().Changed("jobs") {
				order.Jobs = max(1, b.Run.Jobs)
			}
			if order.Jobs < 1 {
				return fault.New(fault.Usage, "--jobs %d: want 1 or more", order.Jobs)
			}
			device = cmp.Or(device, b.Run.Device)
			if err := config.CheckDevice(device); err != nil {
				return fault.New(fault.Usage, "--device: %w", err)
			}
			if engine, err = chosen(c, engine, b.Run.Engine); err != nil {
				return err
			}
			s, err := a.setup(b, only, device, engine)
			if err != nil {
				return err
			}
			plan, err := runner.NewPlan(c.Context(), s)
			if err != nil {
				return err
			}
			if dry {
				for _, cell := range plan.Cells {
					more := ""
					if cell.Resumes && !order.Fresh {
						more = " (resumes)"
					}
					if cell.Same != nil {
						more = fmt.Sprintf(" (same as %s)", cell.Same.Cell.Method)
					}
					fmt.Fprintf(a.out, "%-8s %s%s\n", cell.State, cell.Cell, more)
				}
				return nil
			}
			return a.run(c, plan, order, func() error {
				var entries []reports.Entry
				for _, cell := range plan.Cells {
					entries = append(entries, reports.Entry{Cell: cell.Cell, Record: cell.Record})
				}
				return a.show(entries, o, &v)
			})
		},
	}
	v.flags(c)
	v.ablateFlag(c)
	c.Flags().StringArrayVar(&only, "only", nil, onlyHelp)
	c.Flags().IntVarP(&order.Jobs, "jobs", "j", 0, "cells at a time; changes no number (default: run.jobs, else 1)")
	c.Flags().StringVar(&device, "device", "", "auto, cpu or cuda:N (default: run.device)")
	engineFlag(c, &engine, "run.engine; numbers depend on it")
	c.Flags().BoolVar(&order.Fresh, "fresh", false, "run every cell again from its beginning, also finished ones")
	c.Flags().BoolVar(&order.Retry, "retry", false, "run the cells again that failed before")
	c.Flags().BoolVar(&dry, "dry-run", false, "list the cells and what is done, run nothing")
	return c
}

// engineFlag adds the flag that chooses an engine.
func engineFlag(c *cobra.Command, engine *string, standard string) {
	c.Flags().StringVar(engine, "engine", "", "what methods that train in Go compute with: "+strings.Join(config.Engines, ", ")+" (default: "+standard+")")
}

// chosen is the engine of the flag, checked, or the standard if there is none.
func chosen(c *cobra.Command, engine, standard string) (string, error) {
	if !c.Flags().Changed("engine") {
		return standard, nil
	}
	if err := config.CheckEngine(engine); err != nil {
		return "", fault.New(fault.Usage, "--engine: %w", err)
	}
	return engine, nil
}

// run computes the plan's cells under the store's lock and prints the table, also
// when some cells failed.
func (a *app) run(c *cobra.Command, plan *runner.Plan, order runner.Order, print func() error) error {
	unlock, err := plan.Store.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := plan.Run(c.Context(), order); err != nil {
		return err
	}
	if c := plan.Cost(); c.Cells > 0 && !a.quiet {
		a.printf("%d cells: encoder %.1f s, methods %.1f s, host %.1f s (%.1f%%); host memory %d MiB",
			c.Cells, c.Encoder, c.Methods, c.Host, 100*c.Share(), c.Memory>>20)
	}
	if err := print(); err != nil {
		return err
	}
	return plan.Failures()
}

func (a *app) reportCommand() *cobra.Command {
	var v view
	var only []string
	c := &cobra.Command{
		Use:   "report",
		Short: "print the table from stored results; run nothing",
		Long: `report prints the comparison table of the last run from its stored results. CSV and
JSON hold the numbers as fractions of 1 with all their digits. With --ablate it prints
the ablation tables of all runs with it, in which presets that never ran have no row.`,
		Example: `  ltadbench report
  ltadbench report --format csv --classes All,High,Low --metrics image_auroc,pixel_aupro
  ltadbench report --ablate ltad=6`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, o, err := a.loadFor(c.Context(), &v)
			if err != nil {
				return err
			}
			s, err := a.stored(b, only)
			if err != nil {
				return err
			}
			if err := a.show(s.entries, o, &v); err != nil {
				return err
			}
			return s.problem()
		},
	}
	v.flags(c)
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
			b, o, err := a.loadFor(c.Context(), &v)
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
