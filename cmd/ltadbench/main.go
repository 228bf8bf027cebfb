// Command ltadbench benchmarks image anomaly detection under long-tailed training
// data. See `ltadbench --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/ltadbench/ltadbench/framework/fault"
)

func main() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) }

// Main runs the command line and gives the exit status (fault lists them all).
func Main(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second Ctrl-C ends at once; but timeout(1) and others send two signals as one
		<-ctx.Done()
		time.Sleep(time.Second)
		stop()
	}()
	stdout := &output{Writer: out}
	out = stdout
	a := &app{out: out, errOut: errOut}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if a.console != nil {
		a.close()
	}
	if err == nil && stdout.err != nil {
		err = fault.New(fault.System, "%w", stdout.err)
	}
	if err == nil {
		return fault.ExitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		if a.keeps {
			fmt.Fprintln(errOut, "ltadbench: interrupted; finished cells are kept, the same command goes on from here")
		} else {
			fmt.Fprintln(errOut, "ltadbench: interrupted")
		}
		return fault.ExitInterrupted
	}
	fmt.Fprintf(errOut, "ltadbench: %s\n", fault.Format(err))
	return fault.ExitStatus(err)
}

// output remembers the first failed write, so that no command can take a table that
// did not reach a full disk for a success.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(text []byte) (int, error) {
	n, err := o.Writer.Write(text)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// app is one invocation: its global flags, and the console made from them.
type app struct {
	out, errOut io.Writer
	*console

	configPath string
	results    string
	logLevel   string
	quiet      bool
	library    string
	keeps      bool // it runs cells, which stay when it is interrupted
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ltadbench",
		Short: "benchmark image anomaly detection under long-tailed training data",
		Long: `ltadbench trains image anomaly detection methods on long-tailed data, one process
per method, and compares them: image and pixel AUROC over all, majority (High) and
minority (Low) classes.

Data goes to standard output; progress, logs and errors to standard error.
Exit status: 0 ok; 1 bad configuration or data, or an internal error; 2 wrong usage;
3 some cells failed; 4 a regression; 5 not comparable; 130 interrupted.`,
		Example: `  ltadbench run                         # the default benchmark, on generated data
  ltadbench run -c my.yaml --only method=padim
  ltadbench report --format csv`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              noSuchCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			for _, name := range []string{"config", "results", "onnxruntime", "output", "json", "junit", "baseline"} {
				// As in -c "$MY_BENCH": to run something else instead would be no help.
				if f := c.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
					return fault.New(fault.Usage, "--%s is empty", name).WithHint("is a variable not set? Leave the flag out for the default")
				}
			}
			level := hclog.LevelFromString(a.logLevel)
			if level == hclog.NoLevel {
				return fault.New(fault.Usage, "--log-level %q is not one of trace, debug, info, warn, error, off", a.logLevel)
			}
			a.console = newConsole(a.out, a.errOut, a.quiet, level)
			return nil
		},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.New(fault.Usage, "%w", err).WithHint("see `%s --help`", c.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", "", "the benchmark's configuration (default: bench.yaml here, else the built-in one)")
	flags.StringVar(&a.results, "results", "", "directory of the results (default: output.results of the configuration)")
	flags.StringVar(&a.logLevel, "log-level", "warn", "trace, debug, info, warn, error or off")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress")
	flags.StringVar(&a.library, "onnxruntime", "", "the ONNX Runtime library to use (default: $LTADBENCH_ORT_LIB, the cache, the system, else fetched)")
	root.AddCommand(a.runCommand(), a.reportCommand(), a.figuresCommand(), a.galleryCommand(), a.compareCommand(), a.baselineCommand(),
		a.verifyCommand(), a.rescoreCommand(), a.datasetCommand(), a.splitCommand(), a.encoderCommand(), a.pluginCommand(), a.doctorCommand())
	wrongUsage(root)
	return root
}

// wrongUsage gives every command's complaints about its arguments the exit status
// of wrong usage, and makes a group without a subcommand print its help.
func wrongUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err != nil && fault.KindOf(err) != fault.Usage {
				return fault.New(fault.Usage, "%w", err).WithHint("see `%s --help`", c.CommandPath())
			}
			return err
		}
	}
	for _, sub := range c.Commands() {
		wrongUsage(sub)
	}
}

// group is a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noSuchCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(subs...)
	return c
}

// noSuchCommand refuses the arguments of a command that only holds others: they were
// meant as the name of one.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fault.New(fault.Usage, "%s: unknown command %q", c.CommandPath(), args[0])
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return err.WithHint("did you mean %s?", strings.Join(near, " or "))
	}
	return err.WithHint("see `%s --help`", c.CommandPath())
}
