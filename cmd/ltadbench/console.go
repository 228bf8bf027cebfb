package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/ltadbench/ltadbench/framework/progress"
)

// console is where the command speaks: data on out; progress, logs and errors on
// err. On a terminal progress is bars; elsewhere a line now and then.
type console struct {
	out, err io.Writer
	color    bool // out is a terminal that wants colour
	quiet    bool // no progress
	log      hclog.Logger
	bars     *mpb.Progress // nil if err is no terminal
	draw     chan any      // each value draws the bars, and the lines above them
	closed   chan struct{}
}

func newConsole(out, err io.Writer, quiet bool, level hclog.Level) *console {
	c := &console{out: out, err: err, quiet: quiet}
	c.color = isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	logTo := err
	if !quiet && isTerminal(err) && os.Getenv("TERM") != "dumb" {
		c.start()
		logTo = c.bars // logs scroll above the bars
	}
	c.log = hclog.New(&hclog.LoggerOptions{Output: logTo, Level: level, TimeFormat: "15:04:05", DisableTime: false})
	return c
}

// start puts bars on err.
func (c *console) start() {
	c.draw, c.closed = make(chan any), make(chan struct{})
	c.bars = mpb.New(mpb.WithOutput(c.err), mpb.WithManualRefresh(c.draw))
	go c.animate()
}

// animate draws the bars a few times a second until the console is closed.
func (c *console) animate() {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			select {
			case c.draw <- now:
			case <-c.closed:
				return
			}
		case <-c.closed:
			return
		}
	}
}

func isTerminal(w io.Writer) bool {
	if o, ok := w.(*output); ok {
		w = o.Writer
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// close takes the bars off the terminal; nothing may be reported after it.
func (c *console) close() {
	if c.bars != nil {
		close(c.closed)
		// Lines are written when the bars are next drawn, and Shutdown drops those that
		// wait. When the second request is taken, the first is being served.
		for range 2 {
			select {
			case c.draw <- time.Now():
			case <-time.After(time.Second): // the terminal is gone
			}
		}
		c.bars.Shutdown()
		c.bars = nil
	}
}

// printf writes a line to err, above the bars if there are any.
func (c *console) printf(format string, args ...any) {
	w := c.err
	if c.bars != nil {
		w = c.bars
	}
	fmt.Fprintf(w, strings.TrimSuffix(format, "\n")+"\n", args...)
}

// plainEvery is how often a task that runs tells where it is, where there are no
// bars.
const plainEvery = 10 * time.Second

func (c *console) Start(name string) progress.Task {
	t := &task{console: c, name: name, begun: time.Now(), told: time.Now()}
	if c.bars != nil {
		t.bar = c.bars.New(0, mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─"),
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
			mpb.BarWidth(24),
			mpb.AppendDecorators(decor.Any(t.decorate)))
	}
	return t
}

type task struct {
	console *console
	name    string
	begun   time.Time
	bar     *mpb.Bar

	mu          sync.Mutex
	told        time.Time
	done, total float64
	note        string
}

// steps is the resolution of a bar.
const steps = 1000

func (t *task) Update(done, total float64, note string) {
	t.mu.Lock()
	if done < t.done {
		t.begun = time.Now() // another phase, with a speed of its own
	}
	t.done, t.total, t.note = done, total, note
	tell := t.bar == nil && !t.console.quiet && time.Since(t.told) >= plainEvery
	where := ""
	if tell {
		t.told, where = time.Now(), t.where()
	}
	t.mu.Unlock() // a bar calls decorate, which locks, while it takes new values
	switch {
	case t.bar != nil && total > 0:
		t.bar.SetTotal(steps, false)
		t.bar.SetCurrent(int64(min(done/total, 1) * (steps - 1)))
	case tell:
		t.console.printf("%s: %s", t.name, where)
	}
}

// where says how far the task is, for instance "40% 12s, 18s left, epoch 3".
func (t *task) where() string {
	spent := time.Since(t.begun)
	var parts []string
	if t.total > 0 && t.done > 0 {
		parts = append(parts, fmt.Sprintf("%.0f%%", 100*t.done/t.total))
		if left := time.Duration(float64(spent) * (t.total - t.done) / t.done); left > time.Second {
			parts = append(parts, fmt.Sprintf("%s left", left.Round(time.Second)))
		}
	} else {
		parts = append(parts, spent.Round(time.Second).String())
	}
	if t.note != "" {
		parts = append(parts, t.note)
	}
	return strings.Join(parts, ", ")
}

func (t *task) decorate(decor.Statistics) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return " " + t.where()
}

func (t *task) End(summary string) {
	if t.bar != nil {
		t.bar.Abort(true)
	}
	if summary != "" && !t.console.quiet {
		t.console.printf("%s: %s", t.name, summary)
	}
}
