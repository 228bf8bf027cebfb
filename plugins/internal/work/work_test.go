package work

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestEach(t *testing.T) {
	for _, threads := range []int{0, 1, 3, 100} {
		var hits [50]atomic.Int32
		if err := Each(context.Background(), threads, len(hits), func(_ context.Context, i int) error {
			hits[i].Add(1)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for i := range hits {
			if n := hits[i].Load(); n != 1 {
				t.Errorf("%d threads: piece %d is done %d times", threads, i, n)
			}
		}
	}
	if err := Each(context.Background(), 2, 0, nil); err != nil {
		t.Error(err)
	}
}

func TestEachStops(t *testing.T) {
	boom := errors.New("boom")
	var calls atomic.Int32
	err := Each(context.Background(), 2, 1000, func(ctx context.Context, i int) error {
		calls.Add(1)
		if i == 3 {
			return boom
		}
		if i > 3 {
			<-ctx.Done() // ends because another failed
			return ctx.Err()
		}
		return nil
	})
	if err != boom || calls.Load() > 6 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Each(ctx, 2, 10, func(context.Context, int) error { return nil }); err != context.Canceled {
		t.Errorf("a cancelled context gives %v", err)
	}
}
