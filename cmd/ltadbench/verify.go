package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports/verify"
)

// verification is the flags of the command.
type verification struct {
	baseline   string
	only       []string
	run        bool
	all        bool
	strict     bool
	format     string
	json       string
	junit      string
	annotate   bool
	annotation bool // the flag was given
}

func (a *app) verifyCommand() *cobra.Command {
	var v verification
	c := &cobra.Command{
		Use:   "verify",
		Short: "compare results with a stored baseline",
		Long: `verify compares the stored results of the last run with a baseline: seven metrics of
all, majority and minority classes of each cell, each with the tolerance that the file
gives it. It prints the numbers that moved further, and the classes that moved most.

A number is compared only where data, split, encoder, method, options, seed and protocol
are those of the baseline; where one differs, the cell is not comparable, which is
neither a pass nor a failure. So it is if the configuration has changed since the results
were made: run them again, or with --run. The method's version and program, the engine and the
machine may differ; that is stated.

Exit status: 4 if a number regressed, or a cell failed that has numbers in the baseline
(with --strict also if a number improved further than its tolerance); else 5 if a cell of the baseline was not comparable or has no result; else 0.
A damaged result file counts as a missing one, and the status is then 1 unless it is 4.
In GitHub Actions there are annotations, too.`,
		Example: `  ltadbench verify --baseline baselines/embedded.yaml
  ltadbench verify --baseline baselines/embedded.yaml --run --only method=ltad
  ltadbench verify --baseline baselines/embedded.yaml --junit verify.xml --json verify.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v.annotation = c.Flags().Changed("annotate")
			return a.verify(c, v)
		},
	}
	c.Flags().StringVar(&v.baseline, "baseline", "", "the baseline's file (needed)")
	c.Flags().StringArrayVar(&v.only, "only", nil, onlyHelp+"; the baseline's other cells are not looked at")
	c.Flags().BoolVar(&v.run, "run", false, "first run the cells that are not finished, as the command run does")
	c.Flags().BoolVar(&v.all, "all", false, "print all numbers, also those that are equal")
	c.Flags().BoolVar(&v.strict, "strict", false, "numbers that improved past their tolerance count like regressions")
	c.Flags().StringVar(&v.format, "format", verifyFormats[0], "what to print: "+strings.Join(verifyFormats, ", "))
	c.Flags().StringVar(&v.json, "json", "", "also write the whole comparison to this file")
	c.Flags().StringVar(&v.junit, "junit", "", "also write a JUnit report, a test case for each cell, to this file")
	c.Flags().BoolVar(&v.annotate, "annotate", false, "write annotations of GitHub Actions to standard error (default: if GITHUB_ACTIONS is true)")
	return c
}

var verifyFormats = []string{"table", "json"}

func (a *app) verify(c *cobra.Command, v verification) error {
	if !slices.Contains(verifyFormats, v.format) {
		return fault.New(fault.Usage, "--format %q is not one of %s", v.format, strings.Join(verifyFormats, ", "))
	}
	if v.baseline == "" {
		return fault.New(fault.Usage, "which baseline? Give --baseline FILE").WithHint("`ltadbench baseline save NAME` stores one")
	}
	if err := v.checkPaths(); err != nil {
		return err
	}
	if err := cmp.Or(checkOutput("json", v.json, false), checkOutput("junit", v.junit, false)); err != nil {
		return err
	}
	base, err := baselines.ReadBaseline(v.baseline)
	if err != nil {
		return err
	}
	b, err := a.load()
	if err != nil {
		return err
	}
	wanted, err := b.Select(v.only)
	if err != nil {
		return err
	}
	asked, err := a.asked(c, b, v)
	if err != nil {
		return err
	}
	s, err := a.stored(b, v.only)
	if err != nil {
		return err
	}
	older := 0
	for _, e := range s.entries {
		if now, ok := asked[e.Cell]; ok && e.Record != nil && e.Record.Inputs.MethodFiles != now.MethodFiles {
			older++
		}
	}
	if older > 0 {
		a.printf("ltadbench: warning: %d of %d results are not of the methods' programs as they are now; with --run they are computed again",
			older, len(s.entries))
	}
	r, err := verify.Compare(v.baseline, base, func(cell result.Cell) bool { return passes(wanted, cell) }, s.entries, asked)
	if err != nil {
		return err
	}
	r.Strict = v.strict
	a.close() // no bar may draw into the table
	if err := v.write(a.out, r); err != nil {
		return err
	}
	if v.annotate || !v.annotation && os.Getenv("GITHUB_ACTIONS") == "true" {
		if err := r.WriteAnnotations(a.errOut); err != nil {
			return fault.New(fault.System, "%w", err)
		}
	}
	bad := r.Err()
	if fault.KindOf(bad) == fault.Regression {
		return errors.Join(bad, s.problem())
	}
	return errors.Join(s.problem(), bad)
}

// checkPaths says whether one file is named twice: the second would replace the first.
func (v verification) checkPaths() error {
	flags := map[string]string{}
	for _, f := range [][2]string{{"baseline", v.baseline}, {"json", v.json}, {"junit", v.junit}} {
		if f[1] == "" {
			continue
		}
		path, err := realPath(f[1])
		if err != nil {
			return err
		}
		if other := flags[path]; other != "" {
			return fault.New(fault.Usage, "--%s and --%s are the same file, %s", other, f[0], f[1])
		}
		flags[path] = f[0]
	}
	return nil
}

// asked gives the inputs of the cells as the configuration is now, and with --run runs
// what is not finished. That cells fail is no error here: their failures are part of the
// comparison. Where the data is not there, as on a machine that only has the results,
// nothing is known of what is asked, which is said.
func (a *app) asked(c *cobra.Command, b *config.Bench, v verification) (map[result.Cell]result.Inputs, error) {
	s, err := a.setup(b, v.only, b.Run.Device, b.Run.Engine)
	if err != nil {
		return nil, err
	}
	if !v.run {
		s.Log = hclog.NewNullLogger() // nothing runs: what it says of records is said elsewhere
	}
	plan, err := runner.NewPlan(c.Context(), s)
	if err != nil {
		if !v.run && fault.KindOf(err) == fault.Data {
			a.printf("ltadbench: not checked, whether the results are of the configuration as it is now: %s", fault.Format(err))
			return nil, nil
		}
		return nil, err
	}
	if v.run {
		err := a.run(c, plan, runner.Order{Jobs: max(1, b.Run.Jobs)}, func() error { return nil })
		if err != nil && fault.KindOf(err) != fault.CellsFailed {
			return nil, err
		}
	}
	out := map[result.Cell]result.Inputs{}
	for _, cell := range plan.Cells {
		if in, known := cell.Inputs(); known {
			out[cell.Cell] = in
		}
	}
	return out, nil
}

// write prints the comparison and writes the files that are asked for.
func (v verification) write(out io.Writer, r *verify.Result) error {
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{{v.json, r.WriteJSON}, {v.junit, r.WriteJUnit}} {
		if f.path == "" {
			continue
		}
		var text bytes.Buffer
		if err := f.write(&text); err != nil {
			return fault.New(fault.Internal, "%s: %w", f.path, err)
		}
		if err := writeOutput(f.path, text.Bytes()); err != nil {
			return err
		}
	}
	if v.format == "json" {
		return r.WriteJSON(out)
	}
	return r.WriteTable(out, v.all)
}

// passes says whether a cell, which the configuration need not have, passes the filters.
func passes(wanted config.Selection, cell result.Cell) bool {
	return wanted.Passes(func(key string) []string {
		switch key {
		case "dataset":
			return []string{string(cell.Dataset)}
		case "split":
			return []string{cell.Split, cell.SplitID()}
		case "encoder":
			return []string{cell.Encoder}
		case "method":
			return []string{string(cell.Method)}
		case "seed":
			return []string{strconv.FormatUint(cell.Seed, 10)}
		}
		panic(fmt.Sprintf("no cell has a %s", key)) // Select knows these keys alone
	})
}
