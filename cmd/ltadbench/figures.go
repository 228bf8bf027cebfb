package main

import (
	"fmt"
	"os"
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
	var formats, kinds, methods, names, only []string
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
			b, o, err := a.loadFor(c.Context(), &v)
			if err != nil {
				return err
			}
			in := figure.Input{Presets: v.presets, Metrics: o.Metrics, Splits: figureSplits(b)}
			if in.Methods, in.Names, err = chooseMethods(b, methods, names); err != nil {
				return err
			}
			s, err := a.stored(b, only)
			if err != nil {
				return err
			}
			in.Entries, in.Available = s.entries, a.available(s.store, s.entries)
			if in.Methods, err = present(in.Methods, s.entries); err != nil {
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
	f.StringSliceVar(&methods, "methods", nil, "methods to draw, in this order (default: all)")
	f.StringSliceVar(&names, "names", nil, "names to show, as METHOD=NAME")
	f.StringSliceVar(&v.metrics, "metrics", nil, "metrics to show, of "+joined(ad.Metrics)+" (default: output.metrics)")
	f.StringArrayVar(&only, "only", nil, onlyHelp)
	v.ablateFlag(c)
	return c
}

// oneOf checks the values of a flag, and drops second ones.
func oneOf(flag string, values, known []string) (out []string, err error) {
	for _, v := range values {
		if !slices.Contains(known, v) {
			return nil, fault.New(fault.Usage, "--%s %q is not one of %s", flag, v, strings.Join(known, ", "))
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out, nil
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

// chooseMethods checks the flags about methods against the configuration.
func chooseMethods(b *config.Bench, methods, names []string) (chosen []ad.MethodName, shown map[ad.MethodName]string, err error) {
	var known []ad.MethodName
	for _, m := range b.Methods {
		known = append(known, m.Name)
	}
	check := func(flag, name string) error {
		if !slices.Contains(known, ad.MethodName(name)) {
			return fault.New(fault.Usage, "--%s: no method %q in %s", flag, name, b.File).WithHint("there are: %s", joined(known))
		}
		return nil
	}
	for _, name := range methods {
		if err := check("methods", name); err != nil {
			return nil, nil, err
		}
		if m := ad.MethodName(name); !slices.Contains(chosen, m) {
			chosen = append(chosen, m)
		}
	}
	shown = map[ad.MethodName]string{}
	for _, pair := range names {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || text == "" {
			return nil, nil, fault.New(fault.Usage, "--names %q: want METHOD=NAME", pair)
		}
		if err := check("names", name); err != nil {
			return nil, nil, err
		}
		shown[ad.MethodName(name)] = text
	}
	return chosen, shown, nil
}

// present drops chosen methods without an entry, if others have one; nil stays nil.
func present(methods []ad.MethodName, entries []reports.Entry) ([]ad.MethodName, error) {
	if methods == nil {
		return nil, nil
	}
	out := []ad.MethodName{}
	for _, m := range methods {
		if slices.ContainsFunc(entries, func(e reports.Entry) bool { return e.Cell.Method == m }) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Data, "no results of %s", joined(methods)).
			WithHint("run `ltadbench run` with this configuration first")
	}
	return out, nil
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
		id := e.Cell.Split
		if e.Cell.SplitSeed != 0 {
			id += fmt.Sprintf("-seed%d", e.Cell.SplitSeed)
		}
		m, err := splits.Read(store.SplitPath(e.Cell.Dataset, id))
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
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fault.New(fault.System, "cannot make the directory of figures: %w", err).WithHint("choose another place with -o DIR")
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
				err = result.WriteFile(path, data)
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
	if err := result.WriteFile(path, []byte(captions.String())); err != nil {
		return err
	}
	a.close() // no bar may draw into the list
	for _, file := range append(files, path) {
		fmt.Fprintln(a.out, file)
	}
	return nil
}
