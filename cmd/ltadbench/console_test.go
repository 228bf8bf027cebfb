package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// What is said just before the bars go must not go with them: it may be why the last
// cell failed.
func TestLastLinesAboveBars(t *testing.T) {
	for range 20 {
		var text bytes.Buffer
		c := &console{err: &text}
		c.start()
		task := c.Start("cell")
		task.Update(1, 2, "fit")
		task.End("failed: out of luck")
		for i := range 3 {
			c.printf("line %d", i)
		}
		c.close()
		for _, want := range []string{"cell: failed: out of luck\n", "line 0\n", "line 1\n", "line 2\n"} {
			if !strings.Contains(text.String(), want) {
				t.Fatalf("%q is missing in %q", want, fmt.Sprint(text.String()))
			}
		}
	}
}
