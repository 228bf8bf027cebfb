package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
)

func TestExitStatus(t *testing.T) {
	wrapped := fmt.Errorf("opening: %w", fault.New(fault.Usage, "no such flag"))
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("a bug"), 1},
		{fault.New(fault.Data, "bad"), 1},
		{wrapped, 2},
		{fault.New(fault.CellsFailed, "2 of 3"), 3},
		{fault.New(fault.Regression, "worse"), 4},
		{fault.New(fault.NotComparable, "other data"), 5},
		{fmt.Errorf("run: %w", context.Canceled), 130},
		{errors.Join(errors.New("one"), fault.New(fault.Usage, "two")), 2},
	} {
		if got := fault.ExitStatus(c.err); got != c.want {
			t.Errorf("exit status of %v is %d, want %d", c.err, got, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	first := fault.New(fault.Config, "unknown key %q", "sede").At(fault.Pos{File: "bench.yaml", Line: 3, Col: 7}).
		WithHint("did you mean %q?", "seed")
	second := fault.New(fault.Crash, "exit status 1")
	second.Log = "loading\nout of memory\n"
	want := `bench.yaml:3:7: unknown key "sede"
  hint: did you mean "seed"?
cell a: exit status 1
  log:
    loading
    out of memory`
	if got := fault.Format(errors.Join(first, fmt.Errorf("cell a: %w", second))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"padim", "patchcore", "random", "x"}
	for word, want := range map[string]string{
		"ptchcore": "patchcore", "PaDiM": "padim", "padmi": "", "pdim": "padim", "rnadom": "random", "uniad": "", "y": "", "": "",
	} {
		if got := fault.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
