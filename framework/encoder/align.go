package encoder

// aligner brings a level of h x w values to a grid; a pixel of the grid is a sum
// of weighted values of the level.
type aligner struct {
	h, w int // of the level
	rows []span
	cols []span
	copy bool // level and grid are the same
}

// span is what one coordinate of the grid is made of: weights[k] times the value
// at from+k.
type span struct {
	from    int
	weights []float64
}

// newAligner prepares the alignment of a level of h x w to g.
func newAligner(h, w int, g Grid) *aligner {
	spans := averages
	if g.Align == Bilinear {
		spans = func(in, out int) []span { return samples(in, out, g.AlignCorners) }
	}
	return &aligner{h, w, spans(h, g.Height), spans(w, g.Width), h == g.Height && w == g.Width}
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
// fixed order, rounded once.
func (a *aligner) align(level, dst []float32, stride int) {
	size := a.h * a.w
	for c := range len(level) / size {
		plane := level[c*size:][:size]
		if a.copy {
			for i, v := range plane {
				dst[i*stride+c] = v
			}
			continue
		}
		i := c
		for _, r := range a.rows {
			for _, col := range a.cols {
				sum := 0.0
				for y, wy := range r.weights {
					line := plane[(r.from+y)*a.w+col.from:]
					for x, wx := range col.weights {
						// The conversion of a product forbids fusing it with the sum.
						sum += float64(float64(wy*wx) * float64(line[x]))
					}
				}
				dst[i] = float32(sum)
				i += stride
			}
		}
	}
}
