package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/plugintest"
	"github.com/ltadbench/ltadbench/framework/runner"
	"github.com/ltadbench/ltadbench/plugins"
	"github.com/ltadbench/ltadbench/reports"
)

func (a *app) pluginCommand() *cobra.Command {
	return group("plugin", "list methods, run the conformance suite", a.pluginList(), a.pluginCheck(), a.pluginServe())
}

// pluginServe is how the host starts a built-in method: this executable once more.
func (a *app) pluginServe() *cobra.Command {
	return &cobra.Command{
		Use:    "serve NAME",
		Hidden: true,
		Args:   cobra.RangeArgs(1, 2), // the second may be "describe", which Serve reads itself
		RunE: func(_ *cobra.Command, args []string) error {
			make := plugins.Builtin()[args[0]]
			if make == nil {
				return fault.New(fault.Usage, "there is no built-in method %q", args[0]).WithHint("there are: %s", strings.Join(plugins.Names(), ", "))
			}
			plugin.Serve(make())
			return nil
		},
	}
}

func (a *app) pluginList() *cobra.Command {
	var options, presets bool
	c := &cobra.Command{
		Use:   "list",
		Short: "the methods: built in, and installed on the plugin path",
		Long: `list shows the built-in methods and the executables called ` + host.Executable + `NAME in the
directories of $` + pluginPathEnv + ` and $PATH. With --options also what each needs and gives, the
engines it can compute with, whether a killed training goes on, and its options. With
--presets also its variants, such as the rows of a paper's ablation tables, which
bench.yaml names METHOD/PRESET and ` + "`ltadbench run --ablate METHOD`" + ` runs.`,
		Example: `  ltadbench plugin list --options
  ltadbench plugin list --presets`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var rows [][]string
			var infos []plugin.Info
			for _, name := range plugins.Names() {
				info := plugins.Builtin()[name]().Describe()
				infos = append(infos, info)
				rows = append(rows, []string{name, info.Version, "built in", info.Summary})
			}
			installed, err := host.List(pluginPath())
			if err != nil {
				return err
			}
			for _, s := range installed {
				info, err := runner.Describe(c.Context(), s)
				if err != nil {
					rows = append(rows, []string{string(s.Name), "", s.Command[0], "cannot be used: " + err.Error()})
					continue
				}
				infos = append(infos, info)
				rows = append(rows, []string{string(s.Name), info.Version, s.Command[0], info.Summary})
			}
			a.close()
			if err := reports.List(a.out, []string{"name", "version", "where", "what"}, rows); err != nil {
				return err
			}
			for _, info := range infos {
				if options {
					if err := a.printOptions(info); err != nil {
						return err
					}
				}
				if presets && len(info.Presets) > 0 {
					if err := a.printPresets(info); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&options, "options", false, "also what each needs and gives, and its options with their defaults")
	c.Flags().BoolVar(&presets, "presets", false, "also the presets of each, and the tables that have them as rows")
	return c
}

// printOptions lists the properties of a method's options schema.
func (a *app) printOptions(info plugin.Info) error {
	var schema struct {
		Properties map[string]struct {
			Type        any             `json:"type"`
			Default     json.RawMessage `json:"default"`
			Description string          `json:"description"`
			// Kinds are the defaults on some kinds of dataset.
			Kinds map[string]json.RawMessage `json:"x-dataset-defaults"`
		} `json:"properties"`
	}
	if len(info.Options) > 0 {
		if err := json.Unmarshal(info.Options, &schema); err != nil {
			return fault.New(fault.Plugin, "method %q: options schema: %w", info.Name, err)
		}
	}
	fmt.Fprintf(a.out, "\n%s %s", info.Name, info.Version)
	if info.Paper != "" {
		fmt.Fprintf(a.out, ": %s", info.Paper)
	}
	fmt.Fprintf(a.out, "\n  %s\n", traits(info))
	var rows [][]string
	for name, p := range schema.Properties {
		value := string(p.Default)
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(p.Kinds)) {
			kinds = append(kinds, fmt.Sprintf("%s: %s", kind, p.Kinds[kind]))
		}
		if len(kinds) > 0 {
			value += " (" + strings.Join(kinds, ", ") + ")"
		}
		rows = append(rows, []string{"  " + name, fmt.Sprint(p.Type), value, p.Description})
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.out, "  no options")
		return nil
	}
	slices.SortFunc(rows, func(x, y []string) int { return cmp.Compare(x[0], y[0]) })
	return reports.List(a.out, []string{"  option", "type", "default", "what"}, rows)
}

// printPresets lists a method's presets, as a configuration names them.
func (a *app) printPresets(info plugin.Info) error {
	fmt.Fprintln(a.out)
	var rows [][]string
	for _, p := range info.Presets {
		rows = append(rows, []string{info.Name + "/" + p.Name, p.Summary, p.Table})
	}
	return reports.List(a.out, []string{"preset", "what", "table"}, rows)
}

// traits says what a method needs, gives and can.
func traits(info plugin.Info) string {
	var gives []string
	for _, t := range []struct {
		what string
		has  bool
	}{{"maps", info.Maps}, {"image scores", info.Scores}} {
		if t.has {
			gives = append(gives, t.what)
		}
	}
	out := []string{"needs " + joined(info.Needs), "gives " + joined(gives)}
	if len(info.Engines) > 0 {
		out = append(out, "engines "+joined(info.Engines))
	}
	for _, t := range []struct {
		what string
		has  bool
	}{{"deterministic", info.Deterministic}, {"saves and loads", info.SaveLoad}, {"resumes", info.Resumes}, {"told class names", info.ClassNames}} {
		if t.has {
			out = append(out, t.what)
		}
	}
	return strings.Join(out, "; ")
}

func (a *app) pluginCheck() *cobra.Command {
	var command []string
	var options, dir, engine string
	c := &cobra.Command{
		Use:   "check NAME",
		Short: "run the conformance suite on a method",
		Long: `check runs a method, in a process of its own as a benchmark would, on a tiny generated
dataset and checks what the protocol asks for. Exit status 1 if a check fails; each
failure says how to mend it. NAME is a built-in or installed method, or one of the
configuration; --command checks any program.`,
		Example: `  ltadbench plugin check padim
  ltadbench plugin check uniad --options '{"epochs": 5}'
  ltadbench plugin check mine --command python3 --command -m --command my_method`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			spec, err := a.methodSpec(args[0], command)
			if err != nil {
				return err
			}
			if options != "" && !json.Valid([]byte(options)) {
				return fault.New(fault.Usage, "--options is not JSON: %s", options)
			}
			if engine, err = chosen(c, engine, ""); err != nil {
				return err
			}
			library, err := runner.EnsureLibrary(c.Context(), ort.Options{Path: a.library}, a.console)
			if err != nil {
				return err
			}
			if engine != "" { // a method without it would fail every check
				if info, err := runner.Describe(c.Context(), spec); err == nil {
					if _, err := host.Engine(info, engine); err != nil {
						return err
					}
				}
			}
			if dir != "" {
				if err := os.MkdirAll(dir, 0o777); err != nil {
					return fault.New(fault.System, "%w", err)
				}
			}
			cfg := plugintest.Config{Options: json.RawMessage(options), Engine: engine, Dir: dir, Host: host.Config{ORTLibrary: library.Path}}
			failed := 0
			results, err := plugintest.Run(c.Context(), spec, cfg, func(r plugintest.Result) {
				fmt.Fprintf(a.out, "%-5s %-24s %6.1fs  %s\n", r.Status, r.Name, r.Took.Round(100*time.Millisecond).Seconds(), r.What)
				if r.Detail != "" {
					fmt.Fprintln(a.out, indent(r.Detail))
				}
				if r.Status == plugintest.Fail {
					failed++
					fmt.Fprintln(a.out, indent("mend it: "+r.Mend))
				}
			})
			if err != nil {
				return err
			}
			if failed > 0 {
				return fault.New(fault.Method, "%s of %d checks failed", strconv.Itoa(failed), len(results))
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&command, "command", nil, "the program, then its arguments (repeat the flag for each word)")
	c.Flags().StringVar(&options, "options", "", "options of the method as JSON, over its defaults")
	engineFlag(c, &engine, "the first that the method has")
	c.Flags().StringVar(&dir, "dir", "", "keep the data and the logs here")
	return c
}

func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n      ")
}

// methodSpec says how to start a method named on the command line.
func (a *app) methodSpec(name string, command []string) (host.Spec, error) {
	if len(command) > 0 {
		here, err := os.Getwd()
		return host.Spec{Name: ad.MethodName(name), Command: command, Dir: here}, err
	}
	m := config.Method{Name: ad.MethodName(name), Use: name}
	if b, err := a.load(); err == nil {
		at := slices.IndexFunc(b.Methods, func(m config.Method) bool { return string(m.Name) == name })
		if at >= 0 {
			m = b.Methods[at]
		}
	} else if a.configPath != "" {
		return host.Spec{}, err
	}
	return runner.FindMethod(m, plugins.Builtin(), pluginPath())
}
