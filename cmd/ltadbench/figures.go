package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/figure"
	"github.com/ltadbench/ltadbench/splits"
)

// captionsFile is beside the figures: what each shows, for papers and screen readers.
const captionsFile = "captions.txt"

func (a *app) figuresCommand() *cobra.Command {
	v := view{format: "table"} // of tables, which figures have none of
	var out string
	var formats, kinds, only []string
	c := &cobra.Command{
		Use:   "figures",
		Short: "draw figures of stored results as SVG, PDF and PNG; run nothing",
		Long: `figures draws the stored results of the last run as figures for papers, 3.3 or 6.9
inches wide, readable in grey and by colour-blind readers:

  distribution  training images of each class before and after sampling, and beneath
                them the methods' metrics of each class
  imbalance     metrics against the imbalance factor, for exp and step
  ablation      a bar for each preset of an ablation table; needs --ablate
  roc, pr       ROC and precision-recall curves of image scores, class by class
  scores        histograms of image scores, normal against anomalous, for each method

It prints the files that it wrote, and warns of what it left out and why.
` + captionsFile + ` beside them has a caption for each, and a sentence for readers who
cannot see it. With --ablate only ablations are drawn, unless --kind says otherwise.
The same results give the same bytes.`,
		Example: `  ltadbench figures -o figures
  ltadbench figures -o paper --format pdf --kind distribution,imbalance --names ltad=LTAD,uniad=UniAD
  ltadbench figures -o paper --kind roc --methods ltad,padim --only split=exp100
  ltadbench figures -o paper --ablate ltad=6`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			formats, err := oneOf("format", formats, figure.Formats)
			if err != nil {
				return err
			}
			if kinds, err = oneOf("kind", kinds, figure.Kinds); err != nil {
				return err
			}
			if out == "" {
				return fault.New(fault.Usage, "-o is empty").WithHint("name the directory to write the figures to")
			}
			b, o, err := a.loadFor(c, &v)
			if err != nil {
				return err
			}
			s, err := a.stored(b, only)
			if err != nil {
				return err
			}
			in, err := a.figureInput(b, s, o, v.presets)
			if err != nil {
				return err
			}
			switch {
			case len(kinds) == 0 && len(v.ablate) > 0:
				kinds = []string{figure.Ablation}
			case len(kinds) == 0:
				kinds = nil
			case slices.Contains(kinds, figure.Ablation) && len(v.ablate) == 0:
				return fault.New(fault.Usage, "--kind %s needs presets", figure.Ablation).WithHint("say of which method: --ablate METHOD")
			}
			figs, skipped, err := figure.Draw(c.Context(), in, kinds)
			if err != nil {
				return err
			}
			if err := a.writeFigures(c, figs, formats, out); err != nil {
				return err
			}
			for _, line := range skipped {
				a.printf("left out: %s", line)
			}
			if len(figs) == 0 {
				return fault.New(fault.Data, "nothing to draw")
			}
			return s.problem()
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "figures", "directory to write to, made if it is not there")
	f.StringSliceVar(&formats, "format", figure.Formats, strings.Join(figure.Formats, ", "))
	f.StringSliceVar(&kinds, "kind", nil, strings.Join(figure.Kinds, ", ")+" (default: all that there are results for)")
	v.choiceFlags(c)
	f.StringArrayVar(&only, "only", nil, onlyHelp)
	v.ablateFlag(c)
	return c
}

// figureInput is what figures are drawn from.
func (a *app) figureInput(b *config.Bench, s *storedResults, o reports.Options, presets []reports.Preset) (figure.Input, error) {
	entries, err := o.Chosen(s.entries)
	return figure.Input{
		Entries: entries, Methods: o.Methods, Names: o.Names, Metrics: o.Metrics, Presets: presets,
		Splits: figureSplits(b), Available: a.available(s.store, entries),
	}, err
}

// figureSplits says what the names of splits stand for.
func figureSplits(b *config.Bench) map[string]figure.Split {
	out := map[string]figure.Split{}
	for _, s := range b.Splits {
		order := s.Order
		if order == "list" { // lists of two datasets, say, are two orders
			order += "-" + joined(s.List)
		}
		out[s.Name()] = figure.Split{Type: s.Type, Factor: s.Factor, Order: order, Reverse: s.Reverse}
	}
	return out
}

// available reads from the manifests stored with the results how many training images
// each class has before sampling. A manifest that is not the one of the results, as
// its digest tells, is passed over: it is for people to read, and a later run may have
// put another in its place.
func (a *app) available(store *result.Store, entries []reports.Entry) map[ad.Digest]map[ad.ClassName]int {
	out := map[ad.Digest]map[ad.ClassName]int{}
	for _, e := range entries {
		if e.Record == nil || out[e.Record.Inputs.Split] != nil {
			continue
		}
		m, err := splits.Read(store.SplitPath(e.Cell.Dataset, e.Cell.SplitID()))
		if err != nil || m.Digest() != e.Record.Inputs.Split {
			continue
		}
		out[m.Digest()] = map[ad.ClassName]int{}
		for _, k := range m.Classes {
			out[m.Digest()][k.Name] = k.Available
		}
	}
	return out
}

// writeFigures writes the figures and their captions, and lists the files.
func (a *app) writeFigures(c *cobra.Command, figs []*figure.Figure, formats []string, dir string) error {
	if len(figs) == 0 {
		return nil
	}
	if err := checkOutput("output", dir, true); err != nil {
		return err
	}
	task := a.Start("figures")
	var files []string
	var captions strings.Builder
	for i, f := range figs {
		for k, format := range formats {
			if err := c.Context().Err(); err != nil {
				task.End("")
				return err
			}
			task.Update(float64(i*len(formats)+k), float64(len(figs)*len(formats)), f.Name()+"."+format)
			data, err := f.Encode(format)
			path := filepath.Join(dir, f.Name()+"."+format)
			if err == nil {
				err = writeOutput(path, data)
			}
			if err != nil {
				task.End("")
				return err
			}
			files = append(files, path)
		}
		fmt.Fprintf(&captions, "%s\n  caption: %s\n  alt: %s\n\n", f.Name(), f.Caption(), f.Alt())
	}
	task.End("")
	path := filepath.Join(dir, captionsFile)
	if err := writeOutput(path, []byte(captions.String())); err != nil {
		return err
	}
	a.close() // no bar may draw into the list
	for _, file := range append(files, path) {
		fmt.Fprintln(a.out, file)
	}
	return nil
}
