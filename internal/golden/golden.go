// Package golden compares what tests make with files that a person has looked at. It is
// for tests alone.
package golden

import (
	"flag"
	"os"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Check fails the test where got is not what the file has. With -update it writes the
// file. It says whether they are the same.
func Check(t testing.TB, path string, got []byte) bool {
	t.Helper()
	want := Read(t, path, got)
	if string(got) == string(want) {
		return true
	}
	diff := "not text"
	if utf8.Valid(got) && utf8.Valid(want) {
		diff = cmp.Diff(string(want), string(got))
	}
	t.Errorf("%s differs; if that is meant, run this package's tests with -update and look at what changes:\n%.5000s", path, diff)
	return false
}

// Read gives what the file has, for tests that do not compare bytes. With -update it
// writes got first.
func Read(t testing.TB, path string, got []byte) []byte {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return want
}
