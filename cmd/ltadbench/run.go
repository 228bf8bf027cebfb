package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
)

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
			b, o, err := a.loadFor(c, &v)
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
			entries := func() (out []reports.Entry) {
				for _, cell := range plan.Cells {
					out = append(out, reports.Entry{Cell: cell.Cell, Record: cell.Record})
				}
				return out
			}
			// That there is no such table is known before the cells are run for it.
			if _, err := reports.Build(entries(), v.presets, o); err != nil {
				return err
			}
			return a.run(c, plan, order, func() error {
				entries := entries()
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
	a.keeps = true
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
