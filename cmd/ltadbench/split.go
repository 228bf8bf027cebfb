package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/splits"
)

func (a *app) splitCommand() *cobra.Command {
	return group("split", "make, show and check long-tailed splits", a.splitMake(), a.splitShow(), a.splitCheck())
}

// source opens the named dataset of the configuration, or its only one.
func (a *app) source(c *cobra.Command, name string) (splits.Dataset, *config.Bench, error) {
	b, err := a.load()
	if err != nil {
		return splits.Dataset{}, nil, err
	}
	if name == "" {
		if len(b.Datasets) != 1 {
			return splits.Dataset{}, nil, fault.New(fault.Usage, "the configuration has several datasets").WithHint("choose one with --dataset NAME")
		}
		name = string(b.Datasets[0].Name)
	}
	d, err := find(b.Datasets, "dataset", name, func(d config.Dataset) string { return string(d.Name) })
	if err != nil {
		return splits.Dataset{}, nil, err
	}
	cache, err := home.CacheDir()
	if err != nil {
		return splits.Dataset{}, nil, err
	}
	opened, fp, err := runner.OpenDataset(c.Context(), d, b, cache, a.console)
	if err != nil {
		return splits.Dataset{}, nil, err
	}
	return runner.SplitSource(opened, fp), b, nil
}

func (a *app) splitMake() *cobra.Command {
	var dataset, kind, order, file, format, out string
	var factor float64
	var seed uint64
	var reverse bool
	c := &cobra.Command{
		Use:   "make",
		Short: "draw a split, or import one that others released, and write its manifest",
		Long: `make draws a long-tailed split of a dataset of the configuration and writes its
manifest: which images, how many of each class, and of which data. The same arguments
give the same bytes on every machine. With --import it takes the training images from a
file instead: jsonl (UniAD's train.json), list (one path a line), or prune-list (the
paths to leave out). --format writes the images as jsonl or list for other programs.`,
		Example: `  ltadbench split make --type exp --factor 20 -o exp20.txt
  ltadbench split make --dataset mvtec --type step --factor 100 --seed 3 --order name --reverse
  ltadbench split make --dataset mvtec --import jsonl --file train.json -o released.txt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			imported := c.Flags().Lookup("import").Value.String()
			if (imported == "") != (file == "") {
				return fault.New(fault.Usage, "--import and --file belong together")
			}
			if imported == "" && kind == "" {
				return fault.New(fault.Usage, "what split? Give --type exp, step or full")
			}
			d, _, err := a.source(c, dataset)
			if err != nil {
				return err
			}
			by := splits.Order{By: splits.By(order), Reverse: reverse}
			if strings.Contains(order, ",") {
				by.By = splits.ByList
				for name := range strings.SplitSeq(order, ",") {
					by.List = append(by.List, ad.ClassName(strings.TrimSpace(name)))
				}
			}
			var m *splits.Manifest
			if imported != "" {
				text, err := os.ReadFile(file)
				if err != nil {
					return fault.New(fault.Data, "%w", err)
				}
				m, err = splits.Import(d, splits.Format(imported), file, text, by)
				if err != nil {
					return err
				}
			} else if m, err = splits.Make(d, splits.Spec{Type: splits.Type(kind), Factor: factor, Seed: seed, Order: by}); err != nil {
				return err
			}
			return a.writeSplit(m, format, out)
		},
	}
	f := c.Flags()
	f.StringVar(&dataset, "dataset", "", "dataset of the configuration (default: its only one)")
	f.StringVar(&kind, "type", "", "exp, step or full")
	f.Float64Var(&factor, "factor", 0, "imbalance factor: largest class over smallest, at least 1")
	f.Uint64Var(&seed, "seed", 0, "seed of the draw")
	f.StringVar(&order, "order", "", "what ranks the classes: size (default), name, release, or all classes separated by commas")
	f.BoolVar(&reverse, "reverse", false, "the order the other way round")
	f.String("import", "", "import a split from --file: jsonl, list or prune-list")
	f.StringVar(&file, "file", "", "file to import")
	f.StringVar(&format, "format", "manifest", "what to write: manifest, jsonl or list")
	f.StringVarP(&out, "output", "o", "", "file to write (default: standard output)")
	return c
}

func (a *app) writeSplit(m *splits.Manifest, format, path string) error {
	var text strings.Builder
	var err error
	switch format {
	case "manifest":
		text.Write(m.Bytes())
	case "jsonl":
		err = m.ExportJSONLines(&text)
	case "list":
		err = m.ExportList(&text)
	default:
		return fault.New(fault.Usage, "--format %q is not one of manifest, jsonl, list", format)
	}
	if err != nil {
		return err
	}
	if path == "" {
		_, err = fmt.Fprint(a.out, text.String())
	} else if info, missing := os.Stat(path); missing == nil && !info.Mode().IsRegular() {
		err = os.WriteFile(path, []byte(text.String()), 0o666) // into a pipe or device, not in its place
	} else if err := writeOutput(path, []byte(text.String())); err != nil {
		return err
	}
	if err != nil {
		return fault.New(fault.System, "%w", err)
	}
	if path != "" {
		a.printf("%s: %s, %d images", path, m.Digest(), len(m.Files()))
	}
	return nil
}

func (a *app) splitShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE",
		Short:   "what a manifest says: classes by rank, targets, realised counts",
		Example: "  ltadbench split show runs/splits/synthetic-exp20.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := splits.Read(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "split %s of %s (data %s)\n%s, seed %d, %d images\n", m.Spec.Name(), m.Dataset, m.Fingerprint,
				m.Digest(), m.Spec.Seed, len(m.Files()))
			var rows [][]string
			for i, k := range m.Classes {
				rows = append(rows, []string{strconv.Itoa(i + 1), string(k.Name), string(m.Group(k.Name)),
					strconv.Itoa(k.Available), strconv.Itoa(k.Target), strconv.Itoa(len(k.Files))})
			}
			return reports.List(a.out, []string{"rank", "class", "half", "available", "target", "realised"}, rows,
				"rank", "available", "target", "realised")
		},
	}
}

func (a *app) splitCheck() *cobra.Command {
	var dataset string
	c := &cobra.Command{
		Use:     "check FILE",
		Short:   "compare a manifest with the data on disk",
		Example: "  ltadbench split check exp20.txt --dataset synthetic",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := splits.Read(args[0])
			if err != nil {
				return err
			}
			d, _, err := a.source(c, dataset)
			if err != nil {
				return err
			}
			problems, err := splits.Check(m, d)
			if err != nil {
				return err
			}
			for _, p := range problems {
				fmt.Fprintf(a.out, "%-12s %s\n", p.Kind, p)
			}
			if len(problems) > 0 {
				return fault.New(fault.Data, "%s does not fit dataset %q: %d differences", args[0], d.Name, len(problems))
			}
			fmt.Fprintf(a.out, "ok: %d images of %d classes, %s\n", len(m.Files()), len(m.Classes), m.Digest())
			return nil
		},
	}
	c.Flags().StringVar(&dataset, "dataset", "", "dataset of the configuration (default: its only one)")
	return c
}
