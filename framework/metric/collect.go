package metric

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A pair is an anomalous pixel's key, and in the lower half the index of its
// region's size: all that the metrics need to know of the pixel.
func pairOf(key, size uint32) uint64 { return uint64(key)<<32 | uint64(size) }
func keyOf(pair uint64) uint32       { return uint32(pair >> 32) }
func sizeOf(pair uint64) uint32      { return uint32(pair) }

// batch is how many pairs a worker gathers, at most, before it hands them over.
const batch = 4096

// collector gathers the pairs of one round of an evaluation: those with the
// highest keys below ceiling, as many as its budget holds. When the budget is full
// it counts equal pairs together, and if that does not free half of it, lets go of
// the lowest keys; the next round takes them.
type collector struct {
	ceiling uint64        // keys at or above it were taken by earlier rounds
	floor   atomic.Uint64 // keys below it are left to later rounds

	mu     sync.Mutex
	budget int
	pairs  []uint64
	counts []uint32 // of the first len(counts) pairs, which are sorted; 1 for the others
	spare  []uint64 // as much scratch as pairs, once it is needed
	spareN []uint32
}

// newCollector starts the first round, with little memory; a class that needs more
// gets its whole budget at once, which is touched only as far as it fills.
func newCollector(budget int) *collector {
	return &collector{ceiling: 1 << 32, budget: budget, pairs: make([]uint64, 0, min(budget, 16*batch)+1)}
}

// next starts the next round, if there is one.
func (c *collector) next() bool {
	c.ceiling = c.floor.Swap(0)
	c.pairs, c.counts = c.pairs[:0], c.counts[:0]
	return c.ceiling > 0
}

// wants says whether a pair with the key belongs to this round as far as is known.
func (c *collector) wants(key uint32) bool {
	return uint64(key) < c.ceiling && uint64(key) >= c.floor.Load()
}

// add takes pairs. It is safe for concurrent use.
func (c *collector) add(pairs []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pairs)+len(pairs) > c.budget {
		c.compact()
		c.shed()
	}
	if c.floor.Load() > 0 {
		// The floor may have risen since the worker asked.
		pairs = slices.DeleteFunc(pairs, func(p uint64) bool { return !c.wants(keyOf(p)) })
	}
	if len(c.pairs)+len(pairs) > cap(c.pairs) {
		c.pairs = append(make([]uint64, 0, c.budget+1), c.pairs...)
	}
	c.pairs = append(c.pairs, pairs...)
}

// compact sorts the pairs and counts equal ones together.
func (c *collector) compact() {
	old, fresh := c.pairs[:len(c.counts)], c.pairs[len(c.counts):]
	slices.Sort(fresh)
	if cap(c.spare) <= c.budget {
		c.spare = make([]uint64, 0, c.budget+1)
	}
	if c.spareN == nil {
		c.counts, c.spareN = make([]uint32, 0, c.budget), make([]uint32, 0, c.budget)
	}
	merged, counts := c.spare[:0], c.spareN[:0]
	put := func(p uint64, n uint32) {
		if last := len(merged) - 1; last >= 0 && merged[last] == p && counts[last] <= 1<<32-1-n {
			counts[last] += n
			return
		}
		merged, counts = append(merged, p), append(counts, n)
	}
	i := 0
	for _, p := range fresh {
		for ; i < len(old) && old[i] <= p; i++ {
			put(old[i], c.counts[i])
		}
		put(p, 1)
	}
	for ; i < len(old); i++ {
		put(old[i], c.counts[i])
	}
	c.pairs, c.spare = merged, c.pairs[:0]
	c.counts, c.spareN = counts, c.counts[:0]
}

// shed drops the lowest keys until half the budget is free; it keeps the highest.
func (c *collector) shed() {
	cut, n := len(c.pairs)-c.budget/2, len(c.pairs)
	if cut <= 0 {
		return
	}
	for cut < n && keyOf(c.pairs[cut]) == keyOf(c.pairs[cut-1]) {
		cut++
	}
	if cut == n {
		for cut--; cut > 0 && keyOf(c.pairs[cut-1]) == keyOf(c.pairs[n-1]); {
			cut--
		}
	}
	if cut == 0 {
		return
	}
	c.pairs = c.pairs[:copy(c.pairs, c.pairs[cut:])]
	c.counts = c.counts[:copy(c.counts, c.counts[cut:])]
	c.floor.Store(uint64(keyOf(c.pairs[0])))
}

// sorted ends the round: it gives the pairs by ascending key, how often each
// occurs (nil: once each), and an array no longer used with room for one more.
func (c *collector) sorted() (pairs []uint64, counts []uint32, free []uint64) {
	if len(c.counts) > 0 {
		c.compact()
	}
	n := len(c.pairs)
	if cap(c.spare) <= n {
		c.spare = make([]uint64, 0, n+1)
	}
	if len(c.counts) > 0 {
		return c.pairs, c.counts, c.spare[:n+1]
	}
	c.pairs, c.spare = radixSort(c.pairs, c.spare[:n])
	return c.pairs, nil, c.spare[:n+1]
}

// radixSort sorts a by key, with b of the same length as scratch; it gives the
// sorted slice, which is one of them, and the other.
func radixSort(a, b []uint64) (sorted, scratch []uint64) {
	const digits, width = 3, 11
	var starts [digits][1 << width]int
	for _, p := range a {
		for d := range digits {
			starts[d][keyOf(p)>>(width*d)&(1<<width-1)]++
		}
	}
	for d := range digits {
		at, start := &starts[d], 0
		if len(a) > 0 && at[keyOf(a[0])>>(width*d)&(1<<width-1)] == len(a) {
			continue // all share this digit
		}
		for v, n := range at {
			at[v] = start
			start += n
		}
		for _, p := range a {
			v := keyOf(p) >> (width * d) & (1<<width - 1)
			b[at[v]] = p
			at[v]++
		}
		a, b = b, a
	}
	return a, b
}
