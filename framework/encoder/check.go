package encoder

import (
	"context"
	"slices"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/pixels"
	"github.com/ltadbench/ltadbench/framework/stream"
)

// Report is what Check found out about a pack that works.
type Report struct {
	Name   string
	Dir    string // "" for a pack that is part of the program
	Digest ad.Digest
	Device string // where it ran
	Reason string // why "auto" ended on the CPU, or ""
	Levels []LevelReport
	Grid   Grid
	// Channels of a patch feature, and Embedding numbers for the whole image.
	Channels, Embedding int
	// Deterministic: the same images gave the same bits, alone and side by side, and
	// in a second session.
	Deterministic bool
	// PerImage is the time of one image by itself, without reading its file. Rate is
	// images per second with Threads images at once.
	PerImage time.Duration
	Rate     float64
	Threads  int
}

// LevelReport is a level as the network gives it.
type LevelReport struct {
	Level
	Height, Width int
}

// Check opens the pack and runs it on generated images: the network against the
// pack (errors as from Open), shapes, finite values, an answer that depends on the
// image, the same bits on repeated runs, and speed. It takes about a second.
func Check(ctx context.Context, p *Pack, o Options) (*Report, error) {
	digest, err := p.Digest()
	if err != nil {
		return nil, err
	}
	e, err := Open(ctx, p, o)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	r := &Report{
		Name: p.Name, Dir: p.Dir, Digest: digest, Device: e.Device(), Reason: e.Reason(), Grid: p.Grid,
		Channels: p.Channels(), Embedding: p.Embedding.Channels, Threads: e.threads,
	}
	for i, l := range e.levels {
		shape := e.outputs[l.output]
		r.Levels = append(r.Levels, LevelReport{p.Levels[i], shape[2], shape[3]})
	}
	images := testImages(p.Input.Width, p.Input.Height)
	first, err := e.Encode(ctx, images)
	if err != nil {
		return nil, err
	}
	if err := e.checkDiffer(first, len(images)); err != nil {
		return nil, err
	}
	if r.Deterministic, err = repeats(ctx, p, o, images, first); err != nil {
		return nil, err
	}
	return r, r.measure(ctx, e, images)
}

// testImages are a smooth image and a few of noise.
func testImages(w, h int) []*pixels.Image {
	images := make([]*pixels.Image, 4)
	for i := range images {
		s := stream.New(uint64(i), "encoder", "check")
		img := &pixels.Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
		for k := range img.Pix {
			img.Pix[k] = uint8(k / 3 % w * 255 / w)
			if i > 0 {
				img.Pix[k] = uint8(s.IntN(256))
			}
		}
		images[i] = img
	}
	return images
}

// checkDiffer refuses a level that is the same for all images, as that of a
// network whose weights were lost would be.
func (e *Encoder) checkDiffer(f *Features, images int) error {
	for i, l := range e.levels {
		channels := e.pack.Levels[i].Channels
		row := f.Height * f.Width * f.Channels
		same := true
		for at := l.offset; at < row; at += f.Channels {
			for n := 1; n < images; n++ {
				same = same && slices.Equal(f.Patches[at:at+channels], f.Patches[n*row+at:][:channels])
			}
		}
		if same {
			return fault.New(fault.Data, "encoder %q: output %q is the same for different images", e.pack.Name, e.pack.Levels[i].Output.Output).
				WithHint("the network's weights may be missing or zero")
		}
	}
	return nil
}

// repeats reports whether a second session gives the same bits for the images,
// one by one and in another order.
func repeats(ctx context.Context, p *Pack, o Options, images []*pixels.Image, want *Features) (bool, error) {
	e, err := Open(ctx, p, o)
	if err != nil {
		return false, err
	}
	defer e.Close()
	row, embedding := len(want.Patches)/len(images), len(want.Embedding)/len(images)
	same := true
	for n := len(images) - 1; n >= 0; n-- {
		f, err := e.Encode(ctx, images[n:n+1])
		if err != nil {
			return false, err
		}
		same = same && slices.Equal(f.Patches, want.Patches[n*row:][:row]) &&
			slices.Equal(f.Embedding, want.Embedding[n*embedding:][:embedding])
	}
	return same, nil
}

// measure times single images and many at once, for a quarter of a second each.
func (r *Report) measure(ctx context.Context, e *Encoder, images []*pixels.Image) error {
	for _, batch := range [][]*pixels.Image{images[:1], slices.Repeat(images, e.threads)} {
		start, n := time.Now(), 0
		for time.Since(start) < 250*time.Millisecond {
			if _, err := e.Encode(ctx, batch); err != nil {
				return err
			}
			n += len(batch)
		}
		if len(batch) == 1 {
			r.PerImage = time.Since(start) / time.Duration(n)
		} else {
			r.Rate = float64(n) / time.Since(start).Seconds()
		}
	}
	return nil
}
