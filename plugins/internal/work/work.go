// Package work spreads independent pieces of work over threads.
package work

import (
	"context"
	"sync"
	"sync/atomic"
)

// Each calls f for 0, ..., n-1 from at most threads goroutines, and returns when
// all calls have ended. The first error, or the end of ctx, stops it: calls under
// way see their context end and no more are begun. Which goroutine takes which
// piece is not determined, so results must not depend on it.
func Each(ctx context.Context, threads, n int, f func(ctx context.Context, i int) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(max(1, threads), n) {
		wg.Go(func() {
			for inner.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(inner, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(inner)
}

// Do does tasks as Each does pieces of work.
func Do(ctx context.Context, threads int, tasks []func()) error {
	return Each(ctx, threads, len(tasks), func(_ context.Context, i int) error {
		tasks[i]()
		return nil
	})
}
