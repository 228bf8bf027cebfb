package encoder

// aligner brings a level of h x w values to a grid: each cell of the grid is a sum
// of weighted values of the level.
type aligner struct {
	h, w int   // of the level
	taps []tap // of all cells, in their order
	ends []int // end of each cell's taps; nil if level and grid are the same
}

type tap struct {
	at     int // index in the level
	weight float64
}

// span is what one coordinate of the grid is made of: weights[k] times the value
// at from+k.
type span struct {
	from    int
	weights []float64
}

// newAligner prepares the alignment of a level of h x w to g.
func newAligner(h, w int, g Grid) *aligner {
	a := &aligner{h: h, w: w}
	if h == g.Height && w == g.Width {
		return a
	}
	spans := averages
	if g.Align == Bilinear {
		spans = func(in, out int) []span { return samples(in, out, g.AlignCorners) }
	}
	columns := spans(w, g.Width)
	for _, row := range spans(h, g.Height) {
		for _, column := range columns {
			for y, wy := range row.weights {
				for x, wx := range column.weights {
					a.taps = append(a.taps, tap{(row.from+y)*w + column.from + x, wy * wx})
				}
			}
			a.ends = append(a.ends, len(a.taps))
		}
	}
	return a
}

// samples are the two neighbours of each sampling point, with PyTorch's rule for
// where the points are.
func samples(in, out int, alignCorners bool) []span {
	spans := make([]span, out)
	for i := range spans {
		var at float64
		switch {
		case !alignCorners:
			at = max(0, float64(2*i+1)*float64(in)/float64(2*out)-0.5)
		case out > 1:
			at = float64(i*(in-1)) / float64(out-1)
		}
		from := min(int(at), in-1)
		t := at - float64(from)
		if from == in-1 || t == 0 {
			spans[i] = span{from, []float64{1}}
		} else {
			spans[i] = span{from, []float64{1 - t, t}}
		}
	}
	return spans
}

// averages are the values whose cells touch the grid's cell.
func averages(in, out int) []span {
	spans := make([]span, out)
	for i := range spans {
		from, to := i*in/out, ((i+1)*in+out-1)/out
		w := make([]float64, to-from)
		for k := range w {
			w[k] = 1 / float64(to-from)
		}
		spans[i] = span{from, w}
	}
	return spans
}

// align writes the level, planes of h x w, to every stride-th element of dst:
// channel c of grid cell i goes to dst[i*stride+c]. The sums are in float64, in a
// fixed order, rounded once. Channels go in blocks that fill a cache line of dst.
func (a *aligner) align(level, dst []float32, stride int) {
	const block = 16
	size := a.h * a.w
	for c := 0; c < len(level)/size; c += block {
		planes := level[c*size : min((c+block)*size, len(level))]
		n := len(planes) / size
		if a.ends == nil {
			for i := range size {
				out := dst[i*stride+c:][:n]
				for k := range out {
					out[k] = planes[k*size+i]
				}
			}
			continue
		}
		start := 0
		for i, end := range a.ends {
			var sums [block]float64
			for _, t := range a.taps[start:end] {
				at := t.at
				for k := range n {
					// The conversion of a product forbids fusing it with the sum.
					sums[k] += float64(t.weight * float64(planes[at]))
					at += size
				}
			}
			out := dst[i*stride+c:][:n]
			for k := range out {
				out[k] = float32(sums[k])
			}
			start = end
		}
	}
}
