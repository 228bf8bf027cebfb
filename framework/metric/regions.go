package metric

import "encoding/binary"

// run is a horizontal stretch of anomalous pixels, [start, end) as indices into
// the image. parent is a run of the same region at or before this one (union-find).
type run struct {
	start, end int32
	parent     int32
	pixels     int32  // of the region, at the region's first run
	size       uint32 // index of the region's size
}

// labeller finds the regions (connected components) of masks. It is not safe for
// concurrent use; its memory is reused.
type labeller struct {
	side    int
	corners int32 // 1 if pixels that share a corner are connected, else 0
	runs    []run
}

// label finds the runs of anomalous (not zero) pixels in truth and joins them to
// regions. The result is valid until the next call.
func (l *labeller) label(truth []uint8) []run {
	l.runs = l.runs[:0]
	above, here := 0, 0 // first runs of the row above and of this row
	for y := range l.side {
		above, here = here, len(l.runs)
		l.row(truth, y*l.side)
		l.join(above, here, int32(l.side))
	}
	for i := range l.runs {
		r := &l.runs[i]
		l.runs[l.root(int32(i))].pixels += r.end - r.start
	}
	return l.runs
}

// row appends the runs of the row that begins at index first.
func (l *labeller) row(truth []uint8, first int) {
	row := truth[first : first+l.side]
	for x := 0; x < len(row); {
		if len(row)-x >= 8 && binary.LittleEndian.Uint64(row[x:]) == 0 {
			x += 8
			continue
		}
		if row[x] == 0 {
			x++
			continue
		}
		start := x
		for x < len(row) && row[x] != 0 {
			x++
		}
		l.runs = append(l.runs, run{start: int32(first + start), end: int32(first + x), parent: int32(len(l.runs))})
	}
}

// join unites the runs from here on with those from above to here that touch them
// one row higher.
func (l *labeller) join(above, here int, side int32) {
	up := above
	for i := here; i < len(l.runs); i++ {
		start, end := l.runs[i].start-side-l.corners, l.runs[i].end-side+l.corners
		for up < here && l.runs[up].end <= start {
			up++
		}
		for j := up; j < here && l.runs[j].start < end; j++ {
			a, b := l.root(int32(i)), l.root(int32(j))
			l.runs[max(a, b)].parent = min(a, b)
		}
	}
}

// root is the first run of i's region.
func (l *labeller) root(i int32) int32 {
	for l.runs[i].parent != i {
		l.runs[i].parent = l.runs[l.runs[i].parent].parent
		i = l.runs[i].parent
	}
	return i
}
