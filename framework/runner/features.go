package runner

import (
	"context"
	"fmt"
	"sync"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// features are the stored features of this run, each computed by the first cell
// that needs it while the others wait.
type features struct {
	mu   sync.Mutex
	made map[string]func() (*encoder.Stored, error)
}

// get gives the features that a cell needs.
func (f *features) get(ctx context.Context, p *Plan, c *Planned) (*encoder.Stored, error) {
	images := false
	for _, in := range c.method.info.Needs {
		images = images || in == plugin.Images
	}
	key := fmt.Sprint(c.Cell.Dataset, "/", c.Cell.Encoder, images)
	f.mu.Lock()
	if f.made == nil {
		f.made = map[string]func() (*encoder.Stored, error){}
	}
	make := f.made[key]
	if make == nil {
		make = sync.OnceValues(func() (*encoder.Stored, error) { return p.extract(ctx, c, images) })
		f.made[key] = make
	}
	f.mu.Unlock()
	return make()
}

func (p *Plan) extract(ctx context.Context, c *Planned, images bool) (*encoder.Stored, error) {
	d := c.dataset
	var task progress.Task
	defer func() {
		if task != nil {
			task.End("")
		}
	}()
	return encoder.Extract(ctx, encoder.Request{
		Pack:     c.encoder,
		Options:  encoder.Options{Device: p.Device, Threads: p.Threads, Runtime: p.Library},
		CacheDir: p.CacheDir,
		Dataset:  d.Name,
		Samples:  d.Samples,
		Digest:   func(s ad.Sample) (ad.Digest, error) { return d.fingerprint.Files[string(s.ID)], nil },
		Open:     d.OpenImage,
		DType:    tensors.DType(c.config.Encoder.DType),
		Images:   images,
		Report: func(done, total int) {
			if task == nil {
				task = p.Show.Start(fmt.Sprintf("features of %s by %s", d.Name, c.Cell.Encoder))
			}
			task.Update(float64(done), float64(total), "")
		},
		Warn: func(message string) { p.Log.Warn(message, "dataset", d.Name, "encoder", c.Cell.Encoder) },
	})
}
