package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
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
}

// showHTML writes the report as pages.
func (a *app) showHTML(ctx context.Context, b *config.Bench, s *storedResults, o reports.Options, v *view) error {
	p := html.Page{Title: "Results of " + filepath.Base(b.File), Config: b.File, Entries: s.entries, Names: o.Names, Warnings: s.bad, Decimals: o.Decimals, Logs: s.logs()}
	if b.File == builtinConfig {
		p.Title, p.Config = "Results of the default benchmark", strings.Trim(builtinConfig, "()")
	}
	if v.presets != nil {
		p.Title = "Ablations of " + strings.TrimPrefix(p.Title, "Results of ")
	}
	for _, layout := range v.htmlLayouts() {
		one := o
		if one.Layout = layout; len(v.groups) == 0 && layout != reports.Comparison {
			one.Groups = nil // those that the layout has by itself
		}
		r, err := reports.Build(s.entries, v.presets, one)
		if err != nil && layout == reports.Grid && v.layout == "" {
			continue // there is nothing to span one
		}
		if err != nil {
			return err
		}
		p.Reports = append(p.Reports, r)
	}
	p.Command = func(e reports.Entry) string { return a.again(b, e, len(v.ablate) > 0) }
	// Figures and gallery: p.Figures and p.Gallery take those of reports/figure and
	// reports/gallery.
	defer a.close()
	return html.Write(ctx, v.output, p, a.console)
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
	for _, one := range [][2]string{{"dataset", string(c.Dataset)}, {"split", splitID(c)}, {"encoder", c.Encoder},
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

// splitID names the split of a cell with its seed, as config.Split.ID does.
func splitID(c result.Cell) string {
	if c.SplitSeed == 0 {
		return c.Split
	}
	return c.Split + "-seed" + strconv.FormatUint(c.SplitSeed, 10)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./=:,@%+-]+$`)

// quote makes a text one word of a shell's command line.
func quote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
