package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/datasets"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports/gallery"
)

// pageRows is about how many rows a picture has in a directory of them.
const pageRows = 30

func (a *app) galleryCommand() *cobra.Command {
	var o gallery.Options
	var rules, methods, only []string
	var by, out string
	var names map[string]string
	var v view
	c := &cobra.Command{
		Use:   "gallery -o FILE.png|DIR",
		Short: "draw test images with every method's anomaly map; run nothing",
		Long: `gallery draws a sheet for each dataset, split and encoder of the last run: a row for
each test image, with its ground truth and every method's anomaly map. Images are
chosen for each class by rule:

  worst   the images that the most images of the other label outrank wrongly: hidden
          defects and false alarms
  best    the anomalous images that the fewest normal ones outrank
  random  any of the class's images, by --seed

in the mean over the methods shown, or for the method that --by names. A map's colours
say what share of the class's normal test pixels score at least as much: all maps of
a sheet share that scale, whatever their units. Below each is the rank of the image's
score in its class, 1 being the most anomalous. Of several seeds the first that has a
result is shown.

With -o FILE.png there must be one sheet. A directory gets a file for each, or several
of about ` + fmt.Sprint(pageRows) + ` rows; they are listed. Needs the dataset, and anomaly maps that were kept.`,
		Example: `  ltadbench gallery -o gallery
  ltadbench gallery -o worst.png --only split=exp100 --methods patchcore,uniad,ltad --by ltad
  ltadbench gallery -o gallery --rule worst,best,random --per-class 1 --names ltad=LTAD`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return fault.New(fault.Usage, "no -o: where shall the pictures go?").WithHint("give a file, -o FILE.png, or a directory")
			}
			if o.PerClass < 1 { // else 0 would be the default
				return fault.New(fault.Usage, "--per-class %d: want 1 or more", o.PerClass)
			}
			o.Rules, o.Methods, o.By = cast[gallery.Rule](rules), cast[ad.MethodName](methods), ad.MethodName(by)
			o.Names = map[ad.MethodName]string{}
			for m, name := range names {
				o.Names[ad.MethodName(m)] = name
			}
			b, err := a.load()
			if err == nil && len(v.ablate) > 0 {
				b, err = a.ablate(c.Context(), b, &v)
			}
			if err != nil {
				return err
			}
			s, err := a.stored(b, only)
			if err != nil {
				return err
			}
			sheets, err := gallery.Choose(s.entries, o)
			if err != nil {
				return err
			}
			sheets = slices.DeleteFunc(sheets, func(sheet *gallery.Sheet) bool {
				if len(sheet.Rows) == 0 {
					a.galleryWarnings(s, sheet)
					a.printf("no gallery of %s: %s", sheet.Title(), strings.Join(append(sheet.Notes, "no images"), "; "))
				}
				return len(sheet.Rows) == 0
			})
			if len(sheets) == 0 {
				return fault.New(fault.Data, "%s: no results to draw", s.store.Dir()).WithHint("run `ltadbench run` with this configuration first")
			}
			single := strings.EqualFold(filepath.Ext(out), ".png")
			if ext := strings.ToLower(filepath.Ext(out)); slices.Contains([]string{".jpg", ".jpeg", ".gif", ".pdf", ".svg", ".webp"}, ext) {
				return fault.New(fault.Usage, "-o %s: galleries are PNG files", out).WithHint("name FILE.png, or a directory")
			}
			if single && len(sheets) > 1 {
				return fault.New(fault.Usage, "-o %s: there are %d sheets: %s and others", out, len(sheets), sheets[0].Title()).
					WithHint("choose one with --only, or name a directory")
			}
			if err := checkOutput("output", out, !single); err != nil {
				return err
			}
			return a.drawGallery(c.Context(), b, s, sheets, out, single)
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the picture to write, FILE.png, or a directory for them")
	f.StringSliceVar(&rules, "rule", []string{string(gallery.Worst)}, "which images to show, of "+joined(gallery.Rules))
	f.IntVar(&o.PerClass, "per-class", 2, "images of each class for each rule")
	f.Uint64Var(&o.Seed, "seed", 0, "of --rule random")
	f.StringVar(&by, "by", "", "the method whose image scores choose the images (default: the mean over those shown)")
	f.StringSliceVar(&methods, "methods", nil, "methods to show, in this order (default: all)")
	f.StringToStringVar(&names, "names", nil, "what to call methods, as METHOD=NAME")
	f.IntVar(&o.Size, "size", 160, "width and height of each image, in pixels")
	f.StringArrayVar(&only, "only", nil, onlyHelp)
	v.ablateFlag(c)
	return c
}

func cast[T ~string](list []string) (out []T) {
	for _, s := range list {
		out = append(out, T(s))
	}
	return out
}

// drawGallery opens the sheets and writes their pictures.
func (a *app) drawGallery(ctx context.Context, b *config.Bench, s *storedResults, sheets []*gallery.Sheet, out string, single bool) error {
	src, end, err := a.gallerySource(b, s.store)
	if err != nil {
		return err
	}
	defer end()
	used := map[string]bool{}
	for _, sheet := range sheets {
		if err := sheet.Open(ctx, src); err != nil {
			return err
		}
		a.galleryWarnings(s, sheet)
		pages := []*gallery.Sheet{sheet}
		if !single {
			pages = sheet.Pages(pageRows)
		}
		base := fmt.Sprintf("%s-%s-%s", sheet.Dataset, sheet.Split, sheet.Encoder)
		for name, n := base, 2; used[base]; n++ { // of another protocol
			base = fmt.Sprintf("%s-%d", name, n)
		}
		used[base] = true
		for i, page := range pages {
			path := out
			if !single {
				path = filepath.Join(out, base+".png")
			}
			if len(pages) > 1 {
				path = filepath.Join(out, fmt.Sprintf("%s-page%d.png", base, i+1))
			}
			picture, err := page.PNG()
			if err != nil {
				return err
			}
			if err := writeOutput(path, picture); err != nil {
				return err
			}
			fmt.Fprintln(a.out, path)
		}
	}
	return s.problem()
}

// galleryWarnings tells what of a sheet's results cannot be used.
func (a *app) galleryWarnings(s *storedResults, sheet *gallery.Sheet) {
	for _, p := range sheet.Problems {
		a.warn(s, p)
	}
}

// gallerySource opens datasets of the configuration for galleries, each once. end
// closes what was opened.
func (a *app) gallerySource(b *config.Bench, store *result.Store) (src gallery.Source, end func(), err error) {
	cache, err := home.CacheDir()
	if err != nil {
		return src, nil, err
	}
	opened := map[ad.DatasetName]*pictured{}
	end = func() {
		for _, d := range opened {
			for _, t := range d.truths {
				t.Close()
			}
		}
	}
	open := func(ctx context.Context, name ad.DatasetName) (gallery.Dataset, error) {
		if d := opened[name]; d != nil {
			return d, nil
		}
		for _, d := range b.Datasets {
			if d.Name != name {
				continue
			}
			data, fp, err := runner.OpenDataset(ctx, d, b, cache, a.console)
			if err != nil {
				return nil, err
			}
			opened[name] = &pictured{data, fp.Digest, cache, a, map[metric.Protocol]*runner.Truth{}}
			return opened[name], nil
		}
		return nil, fault.New(fault.Internal, "no dataset %q in %s", name, b.File)
	}
	return gallery.Source{Store: store, Open: open, Workers: runtime.GOMAXPROCS(0), Show: a.console}, end, nil
}

// pictured is a dataset as galleries see it.
type pictured struct {
	*datasets.Dataset
	digest ad.Digest
	cache  string
	app    *app
	truths map[metric.Protocol]*runner.Truth
}

func (d *pictured) Digest() ad.Digest { return d.digest }

func (d *pictured) Truth(ctx context.Context, p metric.Protocol) (result.Truth, error) {
	if t := d.truths[p]; t != nil {
		return t, nil
	}
	t, err := runner.OpenTruth(ctx, d.cache, d.Dataset, d.digest, p, runtime.GOMAXPROCS(0), d.app.console)
	if err != nil {
		return nil, err
	}
	d.truths[p] = t
	return t, nil
}
