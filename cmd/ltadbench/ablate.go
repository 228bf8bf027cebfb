package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/plugins"
	"github.com/ltadbench/ltadbench/reports"
)

// ablateLong is the help of commands that have the flag.
const ablateLong = `METHOD is an entry of the
configuration, a PREFIX the name of a preset or its beginning up to a dot: 6 takes 6.3
and not 61. Options are METHOD's and, over them, its dataset_options and then the
preset's: that is what the row is about. Presets that come to the same options are
computed once. Their cells are called METHOD/PRESET, as in --only method=ltad/6.3;
` + "`ltadbench plugin list --presets`" + ` lists them.`

func (v *view) ablateFlag(c *cobra.Command) {
	c.Flags().StringArrayVar(&v.ablate, "ablate", nil,
		"presets of METHOD in place of all methods, as METHOD[=PREFIX,PREFIX]; default: all of them (repeatable)")
}

// ablate gives the configuration of the ablations that the view asks for, and the view
// the rows of their tables.
func (a *app) ablate(ctx context.Context, b *config.Bench, v *view) (*config.Bench, error) {
	s := runner.Setup{Bench: b, Builtin: plugins.Builtin(), PluginPath: pluginPath(), Show: a.console}
	ablated, rows, err := runner.Ablate(ctx, s, v.ablate)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		p := reports.Preset{Name: row.Name, Method: row.Method, Table: row.Table}
		for _, column := range row.Columns {
			p.Columns = append(p.Columns, reports.Label(column))
		}
		v.presets = append(v.presets, p)
	}
	return ablated, nil
}
