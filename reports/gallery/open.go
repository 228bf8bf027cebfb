package gallery

import (
	"context"
	"image"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
)

// Open fills in the pictures of a sheet that Choose made. That the dataset is not the
// one of the results is an error of kind NotComparable. Maps that cannot be used are
// Problems; those that nobody kept, or that a method does not give, are missing.
// Memory is bounded by the pictures, and by metric.Thresholds.
func (s *Sheet) Open(ctx context.Context, src Source) error {
	if len(s.Rows) == 0 {
		return nil
	}
	task := src.Show.Start("gallery of " + s.title())
	defer task.End("")
	d, err := src.Open(ctx, s.Dataset)
	if err != nil {
		return err
	}
	if got := d.Digest(); got != s.Digest {
		return fault.New(fault.NotComparable, "%s: the dataset has changed since: its fingerprint was %s and is %s", s.title(), s.Digest, got).
			WithHint("restore the data, or run the benchmark again")
	}
	truth, err := d.Truth(ctx, s.Protocol)
	if err != nil {
		return err
	}
	o := &opening{Sheet: s, src: src, truth: truth, task: task, total: len(s.Rows) + len(s.Columns)*len(s.classes())}
	for i := range s.Rows {
		if err := o.image(ctx, d, &s.Rows[i]); err != nil {
			return err
		}
	}
	for i := range s.Columns {
		if err := o.column(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// title names the sheet in messages.
func (s *Sheet) title() string { return string(s.Dataset) + "/" + s.Split + "/" + s.Encoder }

// classes are those of the rows, in order.
func (s *Sheet) classes() (out []ad.ClassName) {
	for _, r := range s.Rows {
		if len(out) == 0 || out[len(out)-1] != r.Class {
			out = append(out, r.Class)
		}
	}
	return out
}

// opening is one call of Open.
type opening struct {
	*Sheet
	src         Source
	truth       result.Truth
	task        progress.Task
	done, total int // classes of methods, and images
}

func (o *opening) step(note string) {
	o.done++
	o.task.Update(float64(o.done), float64(o.total), note)
}

// image fills in a row's image and ground truth.
func (o *opening) image(ctx context.Context, d Dataset, row *Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer o.step("images")
	size := o.options.Size
	m, err := d.OpenImage(ad.Sample{ID: row.ID, Class: row.Class, Part: ad.Test, Label: row.Label, Truth: row.Truth})
	if err != nil {
		return err
	}
	row.Image = picture(m.Resize(size, size, pixels.Bilinear))
	if row.Truth == ad.TruthUnknown {
		return nil
	}
	side := o.Protocol.Size
	truth := make([]uint8, side*side)
	if err := o.truth.Fill(row.ID, row.Truth, truth); err != nil {
		return err
	}
	wide := &pixels.Image{W: side, H: side, Pix: make([]uint8, 3*len(truth))}
	for i, v := range truth {
		if v != 0 {
			wide.Pix[3*i], wide.Pix[3*i+1], wide.Pix[3*i+2] = 255, 255, 255
		}
	}
	// Averaged, so that a scratch of one pixel does not vanish.
	wide = wide.Resize(size, size, pixels.Bilinear)
	row.Mask = image.NewGray(image.Rect(0, 0, size, size))
	for i := range row.Mask.Pix {
		row.Mask.Pix[i] = wide.Pix[3*i]
	}
	return nil
}

func picture(m *pixels.Image) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		copy(out.Pix[4*i:], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}

// column fills in the maps of one method.
func (o *opening) column(ctx context.Context, i int) error {
	c := &o.Columns[i]
	if c.missing != "" {
		return nil // its maps say so
	}
	missing := ""
	switch maps := c.record.Maps; {
	case maps == nil:
		missing = "the method gives no maps"
	case !maps.Kept:
		missing = "maps not kept"
	}
	var m *methodMaps
	if missing == "" {
		var err error
		if m, err = openMaps(o.src.Store, c.record, o.Protocol); err != nil {
			if fault.KindOf(err) != fault.Data {
				return err
			}
			missing = "the maps cannot be used"
			o.Problems = append(o.Problems, fault.New(fault.Data, "%s: its anomaly maps cannot be used: %w", c.Cell, err).
				WithHint("run the cell again with --fresh"))
		}
	}
	if missing != "" {
		for r := range o.Rows {
			o.Rows[r].Maps[i].Missing = missing
		}
		return nil
	}
	defer m.Close()
	for _, class := range o.classes() {
		o.task.Update(float64(o.done), float64(o.total), c.Name+" "+string(class))
		// nil if none of the class's pixels is known to be normal
		of, err := metric.Thresholds(ctx, m.Class(class, o.truth), o.Protocol, rates[1:], o.src.Workers)
		if err != nil {
			return err
		}
		for r := range o.Rows {
			if row := &o.Rows[r]; row.Class == class {
				if err := m.draw(&row.Maps[i], row.ID, scale(of), o.options.Size); err != nil {
					return err
				}
			}
		}
		o.step(c.Name + " " + string(class))
	}
	return nil
}

// methodMaps are the stored maps of one method.
type methodMaps struct {
	*result.MapFile
	row map[ad.SampleID]int
	p   metric.Protocol
}

func openMaps(store *result.Store, r *result.Record, p metric.Protocol) (*methodMaps, error) {
	file, err := store.OpenMaps(r)
	if err != nil {
		return nil, err
	}
	m := &methodMaps{file, map[ad.SampleID]int{}, p}
	for i, s := range r.Samples {
		m.row[s.ID] = i
	}
	return m, nil
}

// draw fills in the map of one image.
func (m *methodMaps) draw(to *Map, id ad.SampleID, s scale, size int) error {
	at, ok := m.row[id]
	switch {
	case !ok:
		to.Missing = "no map of this image"
		return nil
	case s == nil:
		to.Missing = "no pixel of the class is known to be normal"
		return nil
	}
	side := m.p.Size
	scores := make([]float32, side*side)
	if err := m.Scores(at, scores); err != nil {
		return err
	}
	to.Level = image.NewGray(image.Rect(0, 0, size, size))
	for y := range size {
		from := scores[(2*y+1)*side/(2*size)*side:]
		for x := range size {
			to.Level.Pix[y*size+x] = s.level(from[(2*x+1)*side/(2*size)])
		}
	}
	return nil
}
