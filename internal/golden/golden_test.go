package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "golden")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	defer func(old bool) { *update = old }(*update)
	for _, c := range []struct {
		update bool
		got    string
		want   bool
	}{{false, "old", true}, {false, "new", false}, {false, "\xff", false}, {true, "new", true}, {false, "new", true}} {
		*update = c.update
		r := &recorder{TB: t}
		if same := Check(r, path, []byte(c.got)); same != c.want || r.failed == c.want {
			t.Errorf("%+v: %v, failed %v", c, same, r.failed)
		}
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != "new" {
		t.Errorf("%q, %v", now, err)
	}
}
