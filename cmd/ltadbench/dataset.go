package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/datasets"
	"github.com/ltadbench/ltadbench/datasets/synthetic"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
)

func (a *app) datasetCommand() *cobra.Command {
	return group("dataset", "list and check datasets, make synthetic data",
		a.datasetList(), a.datasetCheck(), a.datasetSynth())
}

func (a *app) datasetList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "the datasets of the configuration, and what is there",
		Example: "  ltadbench dataset list -c bench.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := a.load()
			if err != nil {
				return err
			}
			cache, err := home.CacheDir()
			if err != nil {
				return err
			}
			var rows [][]string
			for _, d := range b.Datasets {
				row := []string{string(d.Name), d.Kind}
				opened, err := a.open(c, d, cache)
				if c.Context().Err() != nil {
					return c.Context().Err()
				}
				if err != nil {
					rows = append(rows, append(row, "", "", "", "", "not usable: "+err.Error()))
					continue
				}
				var sum datasets.Counts
				for _, n := range opened.Counts() {
					sum.Train, sum.TestNormal, sum.TestAnomalous = sum.Train+n.Train, sum.TestNormal+n.TestNormal, sum.TestAnomalous+n.TestAnomalous
				}
				rows = append(rows, append(row, strconv.Itoa(len(opened.Classes)), strconv.Itoa(sum.Train),
					strconv.Itoa(sum.TestNormal), strconv.Itoa(sum.TestAnomalous), opened.Root))
			}
			a.close()
			return reports.List(a.out, []string{"name", "kind", "classes", "train", "test normal", "test anomalous", "root"}, rows,
				"classes", "train", "test normal", "test anomalous")
		},
	}
}

func (a *app) open(c *cobra.Command, d config.Dataset, cache string) (*datasets.Dataset, error) {
	task := a.Start("opening " + string(d.Name))
	defer task.End("")
	return datasets.Open(c.Context(), runner.DatasetSpec(d), datasets.Env{CacheDir: cache,
		Report: func(done, total int, what string) { task.Update(float64(done), float64(total), what) }})
}

func (a *app) datasetCheck() *cobra.Command {
	var kind, root string
	c := &cobra.Command{
		Use:   "check [NAME...]",
		Short: "verify datasets: classes, counts, every image and mask",
		Long: `check reads every file of the named datasets of the configuration (all of them by
default), or of a directory given by --kind and --root: classes and counts against
the published ones, unreadable or truncated images, masks that are missing, empty or
of another size, images that are both in train and test. Exit status 1 if there are
problems. It prints the fingerprint that results are tied to.`,
		Example: `  ltadbench dataset check mvtec
  ltadbench dataset check --kind folder --root ./photographs`,
		RunE: func(c *cobra.Command, names []string) error {
			specs, err := a.checkSpecs(names, kind, root)
			if err != nil {
				return err
			}
			var bad []string
			for _, s := range specs {
				ok, err := a.checkOne(c, s)
				if err != nil {
					return err
				}
				if !ok {
					bad = append(bad, string(s.Name))
				}
			}
			if len(bad) > 0 {
				return fault.New(fault.Data, "problems in %s", strings.Join(bad, ", "))
			}
			return nil
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "check --root as this kind: "+strings.Join(datasets.Kinds(), ", "))
	c.Flags().StringVar(&root, "root", "", "check this directory")
	return c
}

// checkSpecs gives the datasets that the arguments name.
func (a *app) checkSpecs(names []string, kind, root string) ([]datasets.Spec, error) {
	if kind != "" || root != "" {
		if len(names) > 0 || kind == "" {
			return nil, fault.New(fault.Usage, "give either names of the configuration, or --kind and --root")
		}
		return []datasets.Spec{{Name: ad.DatasetName(kind), Kind: kind, Root: root}}, nil
	}
	b, err := a.load()
	if err != nil {
		return nil, err
	}
	var specs []datasets.Spec
	for _, d := range b.Datasets {
		specs = append(specs, runner.DatasetSpec(d))
	}
	if len(names) == 0 {
		return specs, nil
	}
	var chosen []datasets.Spec
	for _, n := range names {
		d, err := find(b.Datasets, "dataset", n, func(d config.Dataset) string { return string(d.Name) })
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, runner.DatasetSpec(d))
	}
	return chosen, nil
}

// find gives the entry of the name, or a usage error that lists the names.
func find[T any](list []T, what, name string, nameOf func(T) string) (T, error) {
	var names []string
	for _, t := range list {
		if nameOf(t) == name {
			return t, nil
		}
		names = append(names, nameOf(t))
	}
	var none T
	return none, fault.New(fault.Usage, "there is no %s %q", what, name).WithHint("there are: %s", strings.Join(names, ", "))
}

func (a *app) checkOne(c *cobra.Command, s datasets.Spec) (ok bool, err error) {
	cache, err := home.CacheDir()
	if err != nil {
		return false, err
	}
	task := a.Start("checking " + string(s.Name))
	defer task.End("")
	env := datasets.Env{CacheDir: cache, Report: func(done, total int, what string) { task.Update(float64(done), float64(total), what) }}
	r, err := datasets.Check(c.Context(), s, env)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(a.out, "%s (%s) %s\n", r.Name, r.Kind, r.Root)
	var rows [][]string
	for _, k := range r.Classes {
		beside := func(found int, expected func(datasets.Counts) int) string {
			if k.Expected == nil || expected(*k.Expected) == found {
				return strconv.Itoa(found)
			}
			return fmt.Sprintf("%d of %d", found, expected(*k.Expected))
		}
		rows = append(rows, []string{string(k.Class),
			beside(k.Found.Train, func(n datasets.Counts) int { return n.Train }),
			beside(k.Found.TestNormal, func(n datasets.Counts) int { return n.TestNormal }),
			beside(k.Found.TestAnomalous, func(n datasets.Counts) int { return n.TestAnomalous }),
			strconv.Itoa(k.Masks), strconv.Itoa(k.Dropped), strconv.Itoa(k.Problems)})
	}
	header := []string{"class", "train", "test normal", "test anomalous", "masks", "train defects dropped", "problems"}
	if err := reports.List(a.out, header, rows, header[1:]...); err != nil {
		return false, err
	}
	for _, p := range r.Problems {
		fmt.Fprintf(a.out, "%-16s %s\n", p.Kind, p)
	}
	if !r.OK() {
		fmt.Fprintf(a.out, "%d problems\n", len(r.Problems))
		return false, nil
	}
	d, err := datasets.Open(c.Context(), s, env)
	if err != nil {
		return false, err
	}
	fp, err := d.Fingerprint(c.Context(), env)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(a.out, "ok, fingerprint %s\n", fp.Digest)
	return true, nil
}

func (a *app) datasetSynth() *cobra.Command {
	var options string
	c := &cobra.Command{
		Use:   "synth DIR",
		Short: "write the synthetic dataset to a directory, in DAGM's layout",
		Long: `synth generates the textures of kind synthetic into DIR, which must not exist or be
empty, in DAGM's own layout (open it with kind dagm, or folder tools of yours). The same
options give the same bytes on every machine. Options, as in bench.yaml:
  classes, size, train, test_normal, test_defect, train_defects, masks, seed
Texture families: ` + strings.Join(synthetic.Families(), ", "),
		Example: `  ltadbench dataset synth ./textures
  ltadbench dataset synth ./small --options '{"classes": 3, "size": 128, "train": 20}'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := synthetic.ParseOptions(json.RawMessage(options))
			if err != nil {
				return err
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return fault.New(fault.System, "%w", err)
			}
			if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
				return fault.New(fault.Usage, "%s is not empty", dir).WithHint("name a new directory")
			} else if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fault.New(fault.System, "%w", err)
			}
			task := a.Start("synthetic data")
			err = synthetic.Generate(c.Context(), dir, o, func(done, total int) { task.Update(float64(done), float64(total), "") })
			task.End("")
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, dir)
			return nil
		},
	}
	c.Flags().StringVar(&options, "options", "", "options as JSON")
	return c
}
