package encoder

import (
	"context"
	"os"
)

// whole reports whether all tables are as they were when they were sealed.
func (x *extraction) whole(ctx context.Context, m manifest) (bool, error) {
	for _, t := range x.tables {
		seal, ok := m.Tables[t.name()]
		if !ok || len(seal.Sums) != t.shape[0] {
			return false, nil
		}
		if err := t.inspect(ctx, seal.known); err != nil {
			return false, err
		}
		if !t.whole() {
			return false, nil
		}
	}
	return true, nil
}

// inspect finds out which rows of the tables are there and right.
func (x *extraction) inspect(ctx context.Context, m manifest) error {
	journal, journalMade := x.readJournal()
	for _, t := range x.tables {
		seal, sealed := m.Tables[t.name()]
		sealed = sealed && len(seal.Sums) == t.shape[0]
		if _, err := os.Stat(t.path); err != nil && sealed {
			sealed = false
			if _, err := os.Stat(t.path + partial); err != nil {
				x.warn("%s is missing: computing it again", t.name())
			}
		}
		known := func(row int) (uint32, bool) {
			sum, ok := journal[t.name()][row]
			return sum, ok
		}
		if t.made = journalMade; sealed {
			t.made = m.Made
			known = seal.known
		}
		if err := t.inspect(ctx, known); err != nil {
			return err
		}
		if bad := t.missing(); sealed && bad > 0 {
			x.warn("%d of %d rows of %s are damaged: computing them again", bad, t.shape[0], t.name())
		}
	}
	return nil
}
