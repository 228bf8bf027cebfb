package compare

import (
	"context"
	"math/big"
	"math/bits"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
)

// Pairs is all that the AUROC of any resample of some images depends on.
type Pairs struct {
	rows      []int    // the images that have anomalous pixels
	positives []uint64 // how many, by rows
	cols      []int    // the images that have normal pixels
	negatives []uint64 // how many, by cols
	// wins has by cols and rows twice the number of pairs of an anomalous pixel of the
	// row that ranks above a normal one of the column, ties half.
	wins [][]uint64
}

// ImagePairs are the pairs of images by their scores.
func ImagePairs(images []metric.Image) (*Pairs, error) {
	p := &Pairs{}
	var anomalous []uint64
	var normal []uint32
	for i, m := range images {
		if m.Score != m.Score {
			return nil, fault.New(fault.Answer, "image %q: the image score is NaN", m.ID)
		}
		if m.Label == ad.Anomalous {
			anomalous = append(anomalous, uint64(metric.Key(m.Score))<<32|uint64(len(p.rows)))
			p.rows, p.positives = append(p.rows, i), append(p.positives, 1)
		} else {
			normal = append(normal, metric.Key(m.Score))
			p.cols, p.negatives = append(p.cols, i), append(p.negatives, 1)
		}
	}
	slices.Sort(anomalous)
	for _, key := range normal {
		p.wins = append(p.wins, count(anomalous, []uint32{key}, len(p.rows)))
	}
	return p, nil
}

// budget is how many anomalous pixels a round ranks: 32 MB.
const budget = 4 << 20

// PixelPairs are the pairs of the pixels of images, of size x size pixels each. A NaN
// is an Answer fault that names its image; errors of px come back as they are.
func PixelPairs(ctx context.Context, px metric.Pixels, size int) (*Pairs, error) {
	return pixelPairs(ctx, px, size, budget)
}

func pixelPairs(ctx context.Context, px metric.Pixels, size, budget int) (*Pairs, error) {
	c := &counting{ctx: ctx, px: px, truth: make([]uint8, size*size), scores: make([]float32, size*size),
		spare: make([]uint32, size*size)}
	p := &Pairs{wins: make([][]uint64, px.Len())} // by image, until all are counted
	for next := 0; next < px.Len(); {
		var anomalous []uint64
		round := 0 // rows of this round
		for ; next < px.Len() && len(anomalous) < budget; next++ {
			before := len(anomalous)
			var err error
			if anomalous, err = c.anomalous(anomalous, next, round); err != nil {
				return nil, err
			}
			n := uint64(len(anomalous) - before)
			if n > 0 {
				p.rows, p.positives = append(p.rows, next), append(p.positives, n)
				round++
			}
			if all := uint64(size * size); n < all {
				p.cols, p.negatives = append(p.cols, next), append(p.negatives, all-n)
			}
		}
		if round == 0 {
			break
		}
		slices.Sort(anomalous)
		for j := range p.wins {
			normal, err := c.normal(j)
			if err != nil {
				return nil, err
			}
			if len(normal) > 0 {
				p.wins[j] = append(p.wins[j], count(anomalous, normal, round)...)
			}
		}
	}
	for k, j := range p.cols {
		p.wins[k] = p.wins[j]
	}
	p.wins = p.wins[:len(p.cols)]
	return p, nil
}

// counting reads images for PixelPairs.
type counting struct {
	ctx    context.Context
	px     metric.Pixels
	truth  []uint8
	scores []float32
	keys   []uint32
	spare  []uint32
}

func (c *counting) read(i int) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if err := c.px.Scores(i, c.scores); err != nil {
		return err
	}
	for at, x := range c.scores {
		if x != x {
			return fault.New(fault.Answer, "image %q: the anomaly map has NaN at pixel %d", c.px.ID(i), at)
		}
	}
	return nil
}

// anomalous appends the anomalous pixels of image i: the key of the score, and in the
// lower half the row.
func (c *counting) anomalous(to []uint64, i, row int) ([]uint64, error) {
	if err := c.px.Truth(i, c.truth); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.truth, func(t uint8) bool { return t != 0 }) {
		return to, c.ctx.Err()
	}
	if err := c.read(i); err != nil {
		return nil, err
	}
	for at, t := range c.truth {
		if t != 0 {
			to = append(to, uint64(metric.Key(c.scores[at]))<<32|uint64(row))
		}
	}
	return to, nil
}

// normal gives the keys of the normal pixels of image i, sorted; they are valid until
// the next call.
func (c *counting) normal(i int) ([]uint32, error) {
	if err := c.px.Truth(i, c.truth); err != nil {
		return nil, err
	}
	if err := c.read(i); err != nil {
		return nil, err
	}
	c.keys = c.keys[:0]
	for at, t := range c.truth {
		if t == 0 {
			c.keys = append(c.keys, metric.Key(c.scores[at]))
		}
	}
	c.keys, c.spare = sortKeys(c.keys, c.spare[:len(c.keys)])
	return c.keys, nil
}

// sortKeys sorts a by its digits, with b of the same length as scratch; it gives the
// sorted slice, which is one of them, and the other.
func sortKeys(a, b []uint32) (sorted, scratch []uint32) {
	const width = 11
	for shift := 0; shift < 32; shift += width {
		var at [1 << width]int
		for _, k := range a {
			at[k>>shift&(1<<width-1)]++
		}
		start := 0
		for v, n := range at {
			at[v] = start
			start += n
		}
		for _, k := range a {
			v := k >> shift & (1<<width - 1)
			b[at[v]] = k
			at[v]++
		}
		a, b = b, a
	}
	return a, b
}

// count gives by rows twice the number of pairs of an anomalous pixel above a normal
// one, ties half. Both are sorted.
func count(anomalous []uint64, normal []uint32, rows int) []uint64 {
	wins := make([]uint64, rows)
	below, upTo := 0, 0 // normal ones below the key, and below or equal to it
	for _, pixel := range anomalous {
		key := uint32(pixel >> 32)
		for below < len(normal) && normal[below] < key {
			below++
		}
		for upTo = max(upTo, below); upTo < len(normal) && normal[upTo] == key; {
			upTo++
		}
		wins[uint32(pixel)] += uint64(below + upTo)
	}
	return wins
}

// AUROC is that of the images, each as often as weights says (nil: once each). It is
// correctly rounded; nil if there is no anomalous or no normal pixel.
func (p *Pairs) AUROC(weights []uint32) metric.Value {
	weight := func(i int) uint64 {
		if weights == nil {
			return 1
		}
		return uint64(weights[i])
	}
	byRow := make([]uint64, len(p.rows))
	var positives, negatives uint64
	for r, i := range p.rows {
		byRow[r] = weight(i)
		positives += byRow[r] * p.positives[r]
	}
	// The sum over a column is at most twice the pixels of one image times all anomalous
	// ones drawn: it would take 30,000 images of 4096 x 4096 to overflow.
	var hi, lo uint64
	for k, j := range p.cols {
		w := weight(j)
		if w == 0 {
			continue
		}
		negatives += w * p.negatives[k]
		sum := uint64(0)
		for r, wins := range p.wins[k] {
			sum += byRow[r] * wins
		}
		h, l := bits.Mul64(sum, w)
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	if positives == 0 || negatives == 0 {
		return nil
	}
	allHi, allLo := bits.Mul64(2*positives, negatives)
	var f float64
	if allHi == 0 && allLo < 1<<53 { // both are whole float64s
		f = float64(lo) / float64(allLo)
	} else {
		f, _ = new(big.Rat).SetFrac(whole(hi, lo), whole(allHi, allLo)).Float64()
	}
	return &f
}

func whole(hi, lo uint64) *big.Int {
	n := new(big.Int).SetUint64(hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(lo))
}
