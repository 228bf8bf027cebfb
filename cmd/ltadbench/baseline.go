package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports/verify"
)

func (a *app) baselineCommand() *cobra.Command {
	return group("baseline", "store results as a baseline for `ltadbench verify`", a.baselineSave())
}

// standardTolerance is that of a new baseline: one point. It is far above what another
// machine's rounding does to methods that do not train, and about what tables of papers
// call a difference. Trained methods move further; see CONTRIBUTING.md.
const standardTolerance = 0.01

func (a *app) baselineSave() *cobra.Command {
	var only []string
	var dir string
	var absolute, deviations float64
	c := &cobra.Command{
		Use:   "save NAME",
		Short: "store the results of the last run as a baseline",
		Long: `save stores the results of the last run as baselines/NAME.yaml, or in the file
NAME if that ends in .yaml: numbers with all their digits, the inputs that make results
comparable, and the tolerances. The bytes depend on the results alone.

A new baseline allows every number to move by 0.01, one point of a percentage. Edit
the file to have other tolerances for some methods, metrics or groups of classes: save
keeps what stands above the cells of a file that is there, unless --tolerance or
--tolerance-deviations replaces its rules. The file then has the cells that this
command was asked for, and no others.`,
		Example: `  ltadbench baseline save nightly
  ltadbench baseline save baselines/ltad.yaml --only method=ltad
  ltadbench baseline save seeds --tolerance 0.002 --tolerance-deviations 3`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := args[0]
			if filepath.Ext(path) != ".yaml" {
				if path == "" || strings.ContainsAny(path, `/\`) || strings.HasPrefix(path, ".") {
					return fault.New(fault.Usage, "%q cannot be the name of a baseline", path).WithHint("give a name, or the path of a file that ends in .yaml")
				}
				path = filepath.Join(dir, path+".yaml")
			}
			var rule *baselines.Rule
			for _, f := range []struct {
				name  string
				value *float64
				most  float64
				set   func(*float64)
			}{
				{"tolerance", &absolute, 1, func(x *float64) { rule.Absolute = x }},
				{"tolerance-deviations", &deviations, 1e6, func(x *float64) { rule.Deviations = x }},
			} {
				if !c.Flags().Changed(f.name) {
					continue
				}
				if !(*f.value >= 0 && *f.value <= f.most) {
					return fault.New(fault.Usage, "--%s %v: want a number from 0 to %v", f.name, *f.value, f.most)
				}
				if rule == nil {
					rule = &baselines.Rule{}
				}
				f.set(f.value)
			}
			return a.saveBaseline(c, path, only, rule)
		},
	}
	c.Flags().StringArrayVar(&only, "only", nil, onlyHelp)
	c.Flags().StringVar(&dir, "dir", "baselines", "directory of baselines")
	c.Flags().Float64Var(&absolute, "tolerance", standardTolerance, "how far every number may move, as a fraction of 1; replaces the rules of a file that is there")
	c.Flags().Float64Var(&deviations, "tolerance-deviations", 0, "how far every number may move, in standard deviations over the seeds; with --tolerance the larger of the two")
	return c
}

// saveBaseline stores the results at path. rule is the only one of the tolerance, nil for
// those of the file that is there, or the standard.
func (a *app) saveBaseline(c *cobra.Command, path string, only []string, rule *baselines.Rule) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.System, "%w", err)
	}
	standard := standardTolerance
	base := &baselines.Baseline{Rules: []baselines.Rule{{Absolute: &standard}}}
	had := 0
	if old != nil {
		before, err := baselines.ParseBaseline(path, old)
		if err != nil {
			return err // its tolerances would be lost
		}
		base.Rules, had = before.Rules, len(before.Cells)
	}
	if rule != nil {
		base.Rules = []baselines.Rule{*rule}
	}
	b, err := a.load()
	if err != nil {
		return err
	}
	s, err := a.stored(b, only)
	if err != nil {
		return err
	}
	if err := s.problem(); err != nil {
		return err // a baseline that lacks cells would let them pass
	}
	asked, err := a.asked(c, b, verification{only: only})
	if err != nil {
		return err
	}
	failed := 0
	for _, e := range s.entries {
		if e.Record == nil {
			fmt.Fprintf(a.errOut, "ltadbench: warning: %s has not run; the baseline does not have it\n", e.Cell)
			continue
		}
		if now, ok := asked[e.Cell]; ok {
			if changed := verify.Changed(e.Record.Inputs, now); len(changed) > 0 {
				return fault.New(fault.NotComparable, "%s: its result is not of the configuration as it is now: %s", e.Cell, changed[0].Name).
					WithHint("run `ltadbench run` first")
			}
		}
		if e.Record.Status == result.Failed {
			failed++
		}
		base.Add(e.Cell, e.Record)
	}
	text, err := base.Bytes(old)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	if err := writeOutput(path, text); err != nil {
		return err
	}
	a.printf("%s: %d cells, %d of them failed; it had %d before", path, len(base.Cells), failed, had)
	return nil
}
