package metric

import (
	"math/bits"
	"sync"
)

// ranks finds the place of any key among the distinct keys of sorted pairs (the
// slots), without a branch that depends on the key: a trie of 2^16 nodes and two
// levels of 64-bit sets with the number of members before each set. Only sets
// with members are stored: at most 16 bytes per slot in the last level, where the
// keys are sparse, and much less where they are dense.
type ranks struct {
	nodes *[1 << 16]node // by the key's highest 16 bits
	mids  []set          // 16 per node with members, by the next 4 bits: which words have members
	words []set          // words with members: which keys are slots
	slots int
	parts [1 << 16]uint8 // by the key's highest 16 bits: its part
}

// parts is into how many intervals the keys are divided, each with about as many
// bytes of words and counts, so that what is touched to count the keys of one
// stays in a core's own cache.
const parts = 128

// node is where a node's 16 mids begin. The mask is 0xffff, or 0 for a node
// without members: then base is that of the next node that has some, and a key
// ANDed with the mask ranks as the lowest of that node.
type node struct {
	base uint32
	mask uint32
}

// set is 64 bits and the number of members before them.
type set struct {
	bits  uint64
	first uint32
}

func newRanks(pairs []uint64) *ranks {
	// Exact sizes first, so that nothing is copied.
	var words, nodes int
	for i, p := range pairs {
		if i == 0 || keyOf(p)>>6 != keyOf(pairs[i-1])>>6 {
			words++
		}
		if i == 0 || keyOf(p)>>16 != keyOf(pairs[i-1])>>16 {
			nodes++
		}
	}
	r := &ranks{
		nodes: new([1 << 16]node),
		mids:  make([]set, 0, 16*nodes+1),
		words: make([]set, 0, words+1),
	}
	next := uint32(0) // the first node not yet set
	for i, p := range pairs {
		k := keyOf(p)
		if i > 0 && k == keyOf(pairs[i-1]) {
			continue
		}
		for ; next <= k>>16; next++ {
			r.nodes[next].base = uint32(len(r.mids))
		}
		if n := &r.nodes[k>>16]; n.mask == 0 {
			n.mask = 1<<16 - 1
			r.mids = r.mids[:len(r.mids)+16]
		}
		mid := &r.mids[len(r.mids)-16+int(k>>12&15)]
		if bit := uint64(1) << (k >> 6 & 63); mid.bits&bit == 0 {
			mid.bits |= bit
			r.words = append(r.words, set{first: uint32(r.slots)})
		}
		r.words[len(r.words)-1].bits |= 1 << (k & 63)
		r.slots++
	}
	// Keys above all slots rank at a set without members.
	for ; next < 1<<16; next++ {
		r.nodes[next].base = uint32(len(r.mids))
	}
	r.mids = append(r.mids, set{})
	r.words = append(r.words, set{first: uint32(r.slots)})
	before := uint32(0)
	for i := range r.mids {
		r.mids[i].first = before
		before += uint32(bits.OnesCount64(r.mids[i].bits))
	}
	for i, n := range r.nodes {
		words := uint64(r.mids[n.base].first)
		bytes := 16*words + 8*uint64(r.words[words].first)
		r.parts[i] = uint8(bytes * parts / uint64(16*len(r.words)+8*r.slots))
	}
	return r
}

// find replaces each key by its place: twice the number of slots below it, plus 1
// if it is a slot.
func (r *ranks) find(keys []uint32) {
	for i, k := range keys {
		n := r.nodes[k>>16]
		low := k & n.mask
		mid := &r.mids[n.base+low>>12]
		shift := low >> 6 & 63
		word := &r.words[mid.first+uint32(bits.OnesCount64(mid.bits&(1<<shift-1)))]
		members := word.bits & -(mid.bits >> shift & 1)
		shift = low & 63
		below := word.first + uint32(bits.OnesCount64(members&(1<<shift-1)))
		keys[i] = 2*below + uint32(members>>shift)&n.mask&1
	}
}

// counts is how many pixels fall where among the slots of ranks: n[j] has those
// between the slots j-1 and j in its lower half, those equal to slot j in its
// upper half.
type counts struct {
	*ranks
	mu   sync.Mutex
	n    []uint64
	wide []uint64 // what n held before it was folded, by place; nil if nothing
}

// maxCount is how many pixels n can count before a half may overflow.
const maxCount = 1<<32 - 1

// newCounts counts nothing yet; n is memory to use, of slots+1 words.
func newCounts(r *ranks, n []uint64) *counts {
	clear(n)
	return &counts{ranks: r, n: n}
}

// at is the number of pixels between the slots j-1 and j, and equal to slot j.
func (c *counts) at(j int) (between, equal uint64) {
	between, equal = c.n[j]&maxCount, c.n[j]>>32
	if c.wide != nil {
		between += c.wide[2*j]
		equal += c.wide[2*j+1]
	}
	return between, equal
}

// fold makes room for maxCount more pixels.
func (c *counts) fold() {
	if c.wide == nil {
		c.wide = make([]uint64, 2*len(c.n))
	}
	for j, n := range c.n {
		c.wide[2*j] += n & maxCount
		c.wide[2*j+1] += n >> 32
	}
	clear(c.n)
}

// counter is one worker's way to a counts: it gathers keys by part and counts them
// a stretch at a time, so that random keys do not miss the caches each.
type counter struct {
	to      *counts
	keys    []uint32 // a stretch for each part
	fill    [parts]int
	stretch int
}

// maxStretch is how many keys of a part are counted at once: enough that most of
// what one touches another touches again.
const maxStretch = 8192

// newCounter makes a counter for about so many pixels.
func newCounter(to *counts, pixels int) *counter {
	stretch := min(maxStretch, pixels/(8*parts)+1) // small jobs need less memory cleared
	return &counter{to: to, keys: make([]uint32, parts*stretch), stretch: stretch}
}

// add counts the scores, some of them only at the next flush. It gives false, and
// the counts are void, if one is NaN.
func (c *counter) add(scores []float32) bool {
	// Locals, because the compiler cannot know that keys does not alias c.
	parts, keys, fill, stretch := &c.to.parts, c.keys, &c.fill, c.stretch
	var all uint32
	for _, x := range scores {
		all |= aboveInfinity(x)
		k := key(x)
		part := int(parts[k>>16] % uint8(len(fill)))
		n := fill[part]
		keys[part*stretch+n] = k
		n++
		fill[part] = n
		if n == stretch {
			c.count(part)
		}
	}
	return int32(all) >= 0
}

// flush counts what add has gathered.
func (c *counter) flush() {
	for part := range parts {
		c.count(part)
	}
}

func (c *counter) count(part int) {
	keys := c.keys[part*c.stretch:][:c.fill[part]]
	c.fill[part] = 0
	c.to.find(keys)
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	n := c.to.n
	for _, place := range keys {
		n[place>>1] += 1 << (place & 1 << 5)
	}
}
