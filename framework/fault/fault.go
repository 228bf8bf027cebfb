// Package fault describes what went wrong and whose doing it was. A benchmark
// must never report its own failure, or bad data, as a method's low score; so
// every error that reaches a user says its kind, its source, where it happened
// and, if there is one, what to do about it.
//
// Messages are lower case, without a full stop, "object: cause"; values are
// quoted with %q.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error. The values are stored in results and cross the
// plugin protocol: append, never reorder or rename.
type Kind string

// The kinds.
const (
	Internal      Kind = "internal"       // a bug of ltadbench
	Usage         Kind = "usage"          // wrong flags or arguments
	Config        Kind = "config"         // bench.yaml or another configuration file
	Data          Kind = "data"           // a dataset, split or stored file is bad
	System        Kind = "system"         // the machine: disk, memory, a missing library
	Plugin        Kind = "plugin"         // a plugin could not be started or verified
	Protocol      Kind = "protocol"       // a plugin broke the protocol
	Method        Kind = "method"         // a method reported an error
	Answer        Kind = "answer"         // a method's answer is wrong: NaN, shape, missing sample
	Crash         Kind = "crash"          // a plugin process died
	Timeout       Kind = "timeout"        // a deadline passed
	Canceled      Kind = "canceled"       // the user, or the host on the user's behalf, stopped it
	CellsFailed   Kind = "cells-failed"   // the run ended, with failed cells
	Regression    Kind = "regression"     // verification found a worse number
	NotComparable Kind = "not-comparable" // results of different inputs were to be compared
)

// Source says whose doing an error is.
type Source string

// The sources.
const (
	User    Source = "user"
	Dataset Source = "data"
	Host    Source = "host"
	Vendor  Source = "plugin"
	Author  Source = "method"
)

// Pos is a place in a file; Line and Col count from 1, and 0 means unknown.
type Pos struct {
	File string
	Line int
	Col  int
}

func (p Pos) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is an error with its kind and, where they are known, its source, place
// and remedy.
type Error struct {
	Kind   Kind
	Source Source
	Pos    Pos
	Hint   string // what to do about it; printed on a line of its own
	Log    string // last lines of the log of the plugin concerned; printed after the hint
	Err    error
}

// Error gives "position: message"; hint and log are not part of it (see Format).
func (e *Error) Error() string {
	if p := e.Pos.String(); p != "" {
		return p + ": " + e.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the kind, with the message formatted as fmt.Errorf
// does (%w wraps). The source follows from the kind; set the field to change it.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Source: usualSource(kind), Err: fmt.Errorf(format, args...)}
}

// At sets the position and returns e.
func (e *Error) At(p Pos) *Error { e.Pos = p; return e }

// WithHint sets the remedy and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func usualSource(k Kind) Source {
	switch k {
	case Usage, Config, Canceled:
		return User
	case Data:
		return Dataset
	case Plugin, Protocol:
		return Vendor
	case Method, Answer, Crash, Timeout:
		return Author
	}
	return Host
}

// KindOf gives the kind of the outermost Error in err's chain; Canceled for a
// cancelled context, Timeout for a passed deadline, and Internal otherwise.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Internal
}

// Exit statuses of the ltadbench command, all of them.
const (
	ExitOK            = 0
	ExitError         = 1 // bad configuration or data, or an internal error
	ExitUsage         = 2
	ExitCellsFailed   = 3
	ExitRegression    = 4
	ExitNotComparable = 5
	ExitInterrupted   = 130
)

// ExitStatus gives the exit status that reports err.
func ExitStatus(err error) int {
	if err == nil {
		return ExitOK
	}
	switch KindOf(err) {
	case Usage:
		return ExitUsage
	case CellsFailed:
		return ExitCellsFailed
	case Regression:
		return ExitRegression
	case NotComparable:
		return ExitNotComparable
	case Canceled:
		return ExitInterrupted
	}
	return ExitError
}

// Format renders err for a person: each joined error's message on a line of its
// own, its hint and its log's tail indented below.
func Format(err error) string {
	var b strings.Builder
	write(&b, err)
	return strings.TrimRight(b.String(), "\n")
}

func write(b *strings.Builder, err error) {
	if m, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range m.Unwrap() {
			write(b, one)
		}
		return
	}
	fmt.Fprintln(b, err.Error())
	var e *Error
	if !errors.As(err, &e) {
		return
	}
	if e.Hint != "" {
		fmt.Fprintf(b, "  hint: %s\n", e.Hint)
	}
	if e.Log != "" {
		fmt.Fprintf(b, "  log:\n")
		for line := range strings.Lines(strings.TrimRight(e.Log, "\n") + "\n") {
			fmt.Fprintf(b, "    %s", line)
		}
	}
}
