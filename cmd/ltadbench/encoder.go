package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/reports"
)

func (a *app) encoderCommand() *cobra.Command {
	return group("encoder", "list and check encoder packs", a.encoderList())
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
					rows = append(rows, []string{f.Name, "", "", where, "cannot be used: " + f.Err.Error()})
					continue
				}
				var levels []string
				for _, l := range f.Pack.Levels {
					levels = append(levels, fmt.Sprintf("%d/%d", l.Channels, l.Stride))
				}
				rows = append(rows, []string{f.Name, fmt.Sprintf("%dx%d", f.Pack.Input.Width, f.Pack.Input.Height),
					strings.Join(levels, " "), where, f.Pack.Summary})
			}
			return reports.List(a.out, []string{"name", "input", "levels (channels/stride)", "where", "what"}, rows)
		},
	}
}
