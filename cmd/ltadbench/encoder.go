package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/home"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/reports"
)

func (a *app) encoderCommand() *cobra.Command {
	return group("encoder", "list and check encoder packs", a.encoderList(), a.encoderCheck())
}

func (a *app) encoderList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "the encoder packs: built in, and on the search path",
		Long: `list shows the built-in pack and the directories with an ` + encoder.File + ` in those of
$` + encoder.PathEnv + ` and in the cache directory's encoders.`,
		Example: "  ltadbench encoder list",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := encoder.SearchPath()
			if err != nil {
				return err
			}
			var rows [][]string
			for _, f := range encoder.List(path) {
				where := f.Dir
				if where == "" {
					where = "built in"
				}
				if f.Err != nil {
					rows = append(rows, []string{f.Name, "", "", "", where, "cannot be used: " + f.Err.Error()})
					continue
				}
				var levels []string
				for _, l := range f.Pack.Levels {
					levels = append(levels, fmt.Sprintf("%d/%d", l.Channels, l.Stride))
				}
				text := "none"
				if t := f.Pack.Text; t != nil && t.StandIn() {
					text = "stand-in"
				} else if t != nil {
					text = "BERT"
				}
				rows = append(rows, []string{f.Name, fmt.Sprintf("%dx%d", f.Pack.Input.Width, f.Pack.Input.Height),
					strings.Join(levels, " "), text, where, f.Pack.Summary})
			}
			return reports.List(a.out, []string{"name", "input", "levels (channels/stride)", "text", "where", "what"}, rows)
		},
	}
}

func (a *app) encoderCheck() *cobra.Command {
	var device string
	c := &cobra.Command{
		Use:   "check NAME|DIR",
		Short: "run an encoder pack on generated images and compare it with its description",
		Long: `check opens a pack and runs it: levels against encoder.yaml, finite values that depend
on the image, the same bits on repeated runs, and speed; the files of its text side
are compared with each other. Exit status 1 if it is not what it says, or not
deterministic.`,
		Example: `  ltadbench encoder check texturebank
  ltadbench encoder check ./packs/mine --device cpu`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := encoder.SearchPath()
			if err != nil {
				return err
			}
			pack, err := encoder.Find(args[0], path)
			if err != nil {
				return err
			}
			if _, err := runner.EnsureLibrary(c.Context(), ort.Options{Path: a.library}, a.console); err != nil {
				return err
			}
			r, err := encoder.Check(c.Context(), pack, encoder.Options{Device: device, Runtime: ort.Options{Path: a.library}})
			if err != nil {
				return err
			}
			a.row("pack", r.Name+" "+r.Dir)
			a.row("digest", string(r.Digest))
			if r.Reason != "" {
				r.Device += " (" + r.Reason + ")"
			}
			a.row("device", r.Device)
			for _, l := range r.Levels {
				a.row("level", fmt.Sprintf("%s: %d channels, %dx%d, stride %d", l.Level.Output.Output, l.Channels, l.Height, l.Width, l.Stride))
			}
			a.row("features", fmt.Sprintf("%dx%dx%d, embedding %d", r.Grid.Height, r.Grid.Width, r.Channels, r.Embedding))
			a.row("speed", fmt.Sprintf("%.1f ms an image, %.0f images/s with %d at once", r.PerImage.Seconds()*1e3, r.Rate, r.Threads))
			if !r.Deterministic {
				return fault.New(fault.Data, "%s: the same images do not give the same features each time", r.Name).
					WithHint("a benchmark needs them to; is there a random operation or a GPU algorithm chosen by timing in the network?")
			}
			a.row("deterministic", "yes")
			return a.checkText(pack)
		},
	}
	c.Flags().StringVar(&device, "device", "auto", "auto, cpu or cuda:N")
	return c
}

func (a *app) checkText(p *encoder.Pack) error {
	cache, err := home.CacheDir()
	if err != nil {
		return err
	}
	r, err := p.CheckText(cache)
	if err != nil {
		return err
	}
	if r == nil {
		a.row("text", "none")
		return nil
	}
	what := "BERT"
	if r.StandIn {
		what = "stand-in that knows no language, a BERT"
	}
	a.row("text", fmt.Sprintf("%s of %d layers, hidden size %d, to %d", what, r.Layers, r.Hidden, r.Dim))
	a.row("vocabulary", fmt.Sprintf("%d tokens, %d in a text", r.Tokens, r.Longest))
	a.row("text digest", string(r.Digest))
	return nil
}
