package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
	"github.com/ltadbench/ltadbench/reports/figure"
	"github.com/ltadbench/ltadbench/reports/gallery"
	"github.com/ltadbench/ltadbench/reports/html"
)

// htmlFormat is the format that writes a directory.
const htmlFormat = "html"

// htmlFlag adds the format to the command's flags.
func (v *view) htmlFlag(c *cobra.Command) {
	v.pages = true
	f := c.Flags().Lookup("format")
	f.Usage = strings.Join(append(reports.Formats, htmlFormat), ", ")
	f = c.Flags().Lookup("output")
	f.Usage += "; the directory, of html"
	c.Flags().IntVar(&v.perClass, "gallery", 1, "of html: images of each class for each rule of the gallery; 0: none")
}

// showHTML writes the report as pages.
func (a *app) showHTML(ctx context.Context, b *config.Bench, s *storedResults, o reports.Options, v *view) error {
	entries, err := o.Chosen(s.entries)
	if err != nil {
		return err
	}
	p := html.Page{Title: "Results of " + filepath.Base(b.File), Config: b.File, Entries: entries, Names: o.Names,
		Decimals: o.Decimals, Logs: s.logs()}
	if b.File == builtinConfig {
		p.Title, p.Config = "Results of the default benchmark", strings.Trim(builtinConfig, "()")
	}
	if v.presets != nil {
		p.Title = "Ablations of " + strings.TrimPrefix(p.Title, "Results of ")
	}
	p.Command = func(e reports.Entry) string { return a.again(b, e, len(v.ablate) > 0) }
	for _, layout := range v.htmlLayouts() {
		one := o
		if one.Layout = layout; len(v.groups) == 0 && layout != reports.Comparison {
			one.Groups = nil // those that the layout has by itself
		}
		r, err := reports.Build(entries, v.presets, one)
		if err != nil && layout == reports.Grid && v.layout == "" {
			continue // there is nothing to span one
		}
		if err != nil {
			return err
		}
		p.Reports = append(p.Reports, r)
	}
	if p.Figures, err = a.htmlFigures(ctx, b, s, o, v.presets); err != nil {
		return err
	}
	if v.perClass > 0 {
		if p.Gallery, err = a.htmlGallery(ctx, b, s, entries, o, v.perClass, &p.Warnings); err != nil {
			return err
		}
	}
	p.Warnings = append(p.Warnings, s.bad...)
	defer a.close()
	return html.Write(ctx, v.output, p, a.console)
}

// htmlFigures draws the figures of the pages.
func (a *app) htmlFigures(ctx context.Context, b *config.Bench, s *storedResults, o reports.Options, presets []reports.Preset) ([]html.Figure, error) {
	in, err := a.figureInput(b, s, o, presets)
	if err != nil {
		return nil, err
	}
	figs, skipped, err := figure.Draw(ctx, in, nil)
	if err != nil {
		return nil, err
	}
	for _, line := range skipped {
		a.log.Info("left out of the figures", "what", line)
	}
	var out []html.Figure
	for _, f := range figs {
		svg, err := f.Encode("svg")
		if err != nil {
			return nil, err
		}
		w, h := f.Size()
		out = append(out, html.Figure{Name: f.Name(), Title: f.Title(), Alt: f.Alt(), Caption: f.Caption(), Width: w, Height: h, SVG: svg})
	}
	return out, nil
}

// htmlGallery opens the gallery of the pages: by every rule, so many images of each
// class. A dataset that is not there, or not the one of the results any more, has none,
// which is said.
func (a *app) htmlGallery(ctx context.Context, b *config.Bench, s *storedResults, entries []reports.Entry, o reports.Options,
	perClass int, warnings *[]string) (html.Gallery, error) {
	var out html.Gallery
	for i := range out.Colours {
		out.Colours[i], out.Rates[i] = gallery.Colour(uint8(i)), gallery.FPR(uint8(i))
	}
	src, end, err := a.gallerySource(b, s.store)
	if err != nil {
		return out, err
	}
	defer end()
	sheets, err := gallery.Choose(entries, gallery.Options{Rules: gallery.Rules, PerClass: perClass, Methods: o.Methods, Names: o.Names, Size: 224})
	if err != nil {
		return out, err
	}
	for _, sheet := range sheets {
		if err := sheet.Open(ctx, src); err != nil {
			if ctx.Err() != nil {
				return out, err
			}
			lost := fmt.Sprintf("no gallery of %s: %s", sheet.Title(), fault.Format(err))
			a.printf("%s", lost)
			*warnings = append(*warnings, lost)
			continue
		}
		for _, p := range sheet.Problems {
			a.warn(s, p)
		}
		if len(sheet.Rows) > 0 {
			out.Sheets = append(out.Sheets, htmlSheet(sheet))
		}
	}
	return out, nil
}

func htmlSheet(sheet *gallery.Sheet) html.Sheet {
	out := html.Sheet{Dataset: sheet.Dataset, Title: sheet.Title(), Notes: sheet.Notes}
	for _, c := range sheet.Columns {
		out.Columns = append(out.Columns, html.Column{Method: c.Cell.Method, Name: c.Name})
	}
	for _, r := range sheet.Rows {
		row := html.Row{ID: string(r.ID), Class: r.Class, Label: r.Label.String(), Rule: string(r.Rule), Image: r.Image, Mask: r.Mask}
		for _, m := range r.Maps {
			row.Maps = append(row.Maps, html.Map{Level: m.Level, Missing: m.Missing, Score: m.Score, Rank: m.Rank, Of: m.Of})
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// htmlLayouts are those that the pages show: the one asked for, or all that fit.
func (v *view) htmlLayouts() []string {
	switch {
	case v.layout != "":
		return []string{v.layout}
	case v.presets != nil:
		return []string{reports.Ablation, reports.Grid, reports.PerClass}
	}
	return []string{reports.Comparison, reports.PerClass}
}

// logs reads the last lines of the logs of cells that failed.
func (s *storedResults) logs() map[ad.Digest]string {
	out := map[ad.Digest]string{}
	for _, e := range s.entries {
		if e.Record == nil || e.Record.Status != result.Failed {
			continue
		}
		if text := tail(s.store.LogPath(e.Record.Key)); text != "" {
			out[e.Record.Key] = text
		}
	}
	return out
}

// tail gives the end of a file, in whole lines; "" if it cannot be read.
func tail(path string) string {
	const most = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	begin := max(0, info.Size()-most)
	text, err := io.ReadAll(io.NewSectionReader(f, begin, most))
	if err != nil {
		return ""
	}
	out := strings.ToValidUTF8(string(text), "\ufffd")
	if _, rest, ok := strings.Cut(out, "\n"); ok && begin > 0 {
		out = rest
	}
	return out
}

// again is the command line that computes a cell again. Where the store has its result,
// it has to be asked for afresh.
func (a *app) again(b *config.Bench, e reports.Entry, ablation bool) string {
	c := e.Cell
	words := []string{"ltadbench", "run"}
	if b.File != builtinConfig {
		words = append(words, "-c", b.File)
	}
	if a.results != "" {
		words = append(words, "--results", a.results)
	}
	if entry, preset, ok := strings.Cut(string(c.Method), "/"); ok && ablation {
		words = append(words, "--ablate", entry+"="+preset)
	}
	for _, one := range [][2]string{{"dataset", string(c.Dataset)}, {"split", c.SplitID()}, {"encoder", c.Encoder},
		{"method", string(c.Method)}, {"seed", strconv.FormatUint(c.Seed, 10)}} {
		words = append(words, "--only", one[0]+"="+one[1])
	}
	if e.Record != nil {
		if engine := e.Record.Inputs.Engine; engine != "" {
			words = append(words, "--engine", engine)
		}
		if e.Record.Status == result.Failed {
			words = append(words, "--retry")
		} else {
			words = append(words, "--fresh")
		}
	}
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./=:,@%+-]+$`)

// quote makes a text one word of a shell's command line.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
