package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/html"
)

// view is the flags that say what a table shows, how and where.
type view struct {
	format    string
	layout    string
	output    string
	metrics   []string
	groups    []string
	methods   []string
	names     map[string]string
	decimals  int
	published bool
	ablate    []string
	presets   []reports.Preset // what ablate asks for; nil for the table of methods
	pages     bool             // the command also writes HTML
	perClass  int              // images of its gallery
}

func (v *view) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&v.format, "format", "f", "table", strings.Join(reports.Formats, ", "))
	f.StringVar(&v.layout, "layout", "", strings.Join(reports.Layouts, ", ")+" (default: comparison, or ablation with --ablate)")
	f.StringVarP(&v.output, "output", "o", "", "the file to write to, in place of standard output")
	f.StringSliceVar(&v.groups, "classes", nil, "groups of classes to show: All, High, Low (default: output.groups; all of an ablation)")
	f.IntVar(&v.decimals, "decimals", 0, "decimals of percentages, 0 to 6 (default: output.decimals)")
	f.BoolVar(&v.published, "published", false, "beside the numbers those of LTAD's paper, and the differences")
	v.choiceFlags(c)
}

// choiceFlags choose among what there are results of.
func (v *view) choiceFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&v.metrics, "metrics", nil, "metrics to show, of "+joined(ad.Metrics)+" (default: output.metrics)")
	f.StringSliceVar(&v.methods, "methods", nil, "methods to show, in this order (default: all)")
	f.StringToStringVar(&v.names, "names", nil, "names to show in place of methods', as METHOD=NAME,METHOD=NAME")
}

func joined[T ~string](list []T) string {
	var out []string
	for _, s := range list {
		out = append(out, string(s))
	}
	return strings.Join(out, ", ")
}

// oneOf checks the values of a flag, and drops second ones.
func oneOf[T ~string](flag string, values []string, known []T) (out []T, err error) {
	for _, v := range cast[T](values) {
		if !slices.Contains(known, v) {
			return nil, fault.New(fault.Usage, "--%s %q is not one of %s", flag, string(v), joined(known))
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out, nil
}

// options checks the flags and fills in what the configuration says.
func (v *view) options(c *cobra.Command, b *config.Bench) (reports.Options, error) {
	o := reports.Options{Layout: v.layout, Metrics: b.Output.Metrics, Groups: b.Output.Groups, Decimals: b.Output.Decimals}
	if v.format == htmlFormat {
		if !v.pages {
			return o, fault.New(fault.Usage, "--format html: `ltadbench report` writes it").WithHint("run `ltadbench report --format html -o DIR` afterwards")
		}
		if v.output == "" {
			return o, fault.New(fault.Usage, "--format html writes a directory and needs its name").WithHint("add -o DIR")
		}
		if v.perClass < 0 {
			return o, fault.New(fault.Usage, "--gallery %d: want 0 or more", v.perClass)
		}
	} else if !slices.Contains(reports.Formats, v.format) {
		known := reports.Formats
		if v.pages {
			known = append(slices.Clip(known), htmlFormat)
		}
		return o, fault.New(fault.Usage, "--format %q is not one of %s", v.format, strings.Join(known, ", "))
	}
	if v.layout != "" && !slices.Contains(reports.Layouts, v.layout) {
		return o, fault.New(fault.Usage, "--layout %q is not one of %s", v.layout, strings.Join(reports.Layouts, ", "))
	}
	if c.Flags().Changed("decimals") {
		if o.Decimals = v.decimals; v.decimals < 0 || v.decimals > 6 {
			return o, fault.New(fault.Usage, "--decimals %d: want 0 to 6", v.decimals)
		}
	}
	o.Methods = cast[ad.MethodName](v.methods)
	o.Names = map[ad.MethodName]string{}
	for m, name := range v.names {
		o.Names[ad.MethodName(m)] = name
	}
	if len(v.metrics) > 0 {
		var err error
		if o.Metrics, err = oneOf("metrics", v.metrics, ad.Metrics); err != nil {
			return o, err
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
func (a *app) loadFor(c *cobra.Command, v *view) (*config.Bench, reports.Options, error) {
	b, err := a.load()
	if err != nil {
		return nil, reports.Options{}, err
	}
	o, err := v.options(c, b)
	switch {
	case err != nil || v.output == "":
	case v.format == htmlFormat:
		err = html.Check(v.output)
	default:
		err = checkOutput("output", v.output, false)
	}
	if err == nil && len(v.ablate) > 0 {
		b, err = a.ablate(c.Context(), b, v)
		if len(v.groups) == 0 && v.layout != reports.Comparison && v.layout != reports.Grid {
			o.Groups = nil
		}
	}
	if v.layout == reports.Grid && len(v.groups) == 0 {
		o.Groups = nil
	}
	if err == nil && v.published {
		o.Published, err = published(b)
	}
	return b, o, err
}

// show writes the tables of entries.
func (a *app) show(entries []reports.Entry, o reports.Options, v *view) error {
	a.close() // no bar may draw into the table
	r, err := reports.Build(entries, v.presets, o)
	if err != nil {
		return err
	}
	if v.published && !r.HasPublished() {
		fmt.Fprintln(a.errOut, "ltadbench: the paper has no numbers for any of these: it has MVTec AD, VisA and DAGM with all their classes, "+
			"exp and step imbalance, and methods of its tables (baselines/README.md)")
	}
	if v.output == "" {
		return r.Write(a.out, v.format, a.color)
	}
	var text bytes.Buffer
	if err := r.Write(&text, v.format, false); err != nil {
		return err
	}
	return writeOutput(v.output, text.Bytes())
}
