package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

// PixelReader opens the pixels of stored results: their maps, brought to the
// evaluation size, and the truth, from the masks of the configuration's datasets. It
// opens each dataset once. It is not safe for concurrent use; what it opens is.
type PixelReader struct {
	setup  Setup
	opened map[truthKey]openedTruth
}

type truthKey struct {
	name     ad.DatasetName
	digest   ad.Digest
	protocol metric.Protocol
}

type openedTruth struct {
	*Truth
	err error
}

// NewPixelReader needs of the setup its Bench, CacheDir, Threads and Show.
func NewPixelReader(s Setup) *PixelReader {
	return &PixelReader{s, map[truthKey]openedTruth{}}
}

// Close closes the masks; pixels that were opened with them can then not be read.
func (p *PixelReader) Close() error {
	var errs []error
	for _, t := range p.opened {
		if t.Truth != nil && t.file != nil {
			errs = append(errs, t.file.Close())
		}
	}
	return errors.Join(errs...)
}

// Open opens those of a result of the store. Its maps are checked by their digest:
// that they are not there, or not what they were, is an error of kind Data. That the
// dataset has another fingerprint by now is one of kind NotComparable.
func (p *PixelReader) Open(ctx context.Context, s *result.Store, r *result.Record) (*Pixels, error) {
	switch {
	case r.Maps == nil:
		return nil, fault.New(fault.Data, "%s gives no maps", r.Cell.Method)
	case !r.Maps.Kept:
		return nil, fault.New(fault.Data, "%s: its maps were not kept, because of output.keep_maps", r.Cell)
	}
	truth, err := p.truth(ctx, r)
	if err != nil {
		return nil, err
	}
	maps, err := s.OpenMaps(r)
	if err != nil {
		return nil, fault.New(fault.KindOf(err), "%w", err).WithHint("run the cell again with --fresh")
	}
	return &Pixels{maps, truth}, nil
}

// truth is that of the result's dataset at its evaluation size.
func (p *PixelReader) truth(ctx context.Context, r *result.Record) (*Truth, error) {
	k := truthKey{r.Cell.Dataset, r.Inputs.Dataset, r.Inputs.Protocol}
	t, known := p.opened[k]
	if !known {
		t.Truth, t.err = p.open(ctx, k)
		if ctx.Err() == nil {
			p.opened[k] = t
		}
	}
	return t.Truth, t.err
}

func (p *PixelReader) open(ctx context.Context, k truthKey) (*Truth, error) {
	s := p.setup
	at := slices.IndexFunc(s.Bench.Datasets, func(d config.Dataset) bool { return d.Name == k.name })
	if at < 0 {
		return nil, fault.New(fault.Config, "%s has no dataset %q, whose masks are needed", s.Bench.File, k.name).
			WithHint("name the configuration that has it with -c FILE")
	}
	d, fp, err := OpenDataset(ctx, s.Bench.Datasets[at], s.Bench, s.CacheDir, s.Show)
	if err != nil {
		return nil, err
	}
	if fp.Digest != k.digest {
		return nil, changed(fmt.Sprintf("dataset %q", k.name), k.digest, fp.Digest)
	}
	return OpenTruth(ctx, s.CacheDir, d, k.digest, k.protocol, s.Threads, s.Show)
}

func changed(what string, was, is ad.Digest) error {
	return fault.New(fault.NotComparable, "%s: the dataset has changed since: its fingerprint was %s and is %s", what, was, is).
		WithHint("restore the data, or run the benchmark again")
}

// Pixels are those of one result's test images.
type Pixels struct {
	*result.MapFile
	truth *Truth
}

// Class is the images of one class whose pixels' truth is known, in the order of the
// record's samples.
func (p *Pixels) Class(name ad.ClassName) metric.Pixels { return p.MapFile.Class(name, p.truth) }
