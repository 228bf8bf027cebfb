package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// truths are the opened pixel truths of this run, by dataset.
type truths struct {
	mu     sync.Mutex
	opened map[ad.DatasetName]*Truth
}

func (t *truths) close() {
	for _, one := range t.opened {
		one.Close()
	}
}

func (p *Plan) truth(ctx context.Context, d *dataset) (*Truth, error) {
	p.truths.mu.Lock()
	defer p.truths.mu.Unlock()
	if p.truths.opened == nil {
		p.truths.opened = map[ad.DatasetName]*Truth{}
	}
	return get(p.truths.opened, d.Name, func() (*Truth, error) {
		return OpenTruth(ctx, p.CacheDir, d.Dataset, d.fingerprint.Digest, p.protocol, p.Threads, p.Show)
	})
}

// Rescore computes the metrics of stored results again, from their maps and under
// the protocol of the configuration, and stores them as results of that protocol.
// No method runs. The results are those of the configuration's last run; or, if it
// has never run, those of other configurations that differ from its cells in the
// protocol alone. Failed cells, and cells whose maps were not kept, are left out
// and named in the warnings. The caller holds the store's lock.
func Rescore(ctx context.Context, s Setup) (entries []result.Entry, warnings []string, err error) {
	p := &Plan{Setup: s}
	if p.protocol, err = Protocol(s.Bench); err != nil {
		return nil, nil, err
	}
	p.machine = ThisMachine("")
	defer p.truths.close()
	olds, warnings, err := p.olds(ctx)
	if err != nil {
		return nil, nil, err
	}
	opened := map[ad.DatasetName]*dataset{}
	task := s.Show.Start("rescore")
	defer task.End("")
	done := map[result.Cell]ad.Digest{}
	for i, c := range s.Cells {
		cell := CellOf(c)
		task.Update(float64(i), float64(len(s.Cells)), cell.String())
		old := olds[cell]
		if old == nil {
			continue
		}
		d, err := get(opened, c.Dataset.Name, func() (*dataset, error) { return p.openDataset(ctx, c.Dataset) })
		if err != nil {
			return nil, nil, err
		}
		if d.fingerprint.Digest != old.Inputs.Dataset {
			return nil, nil, changed(cell.String(), old.Inputs.Dataset, d.fingerprint.Digest)
		}
		r, err := p.rescore(ctx, old, d, p.protocol)
		if errors.Is(err, errNoMaps) {
			warnings = append(warnings, cell.String()+": "+err.Error())
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		done[cell] = r.Key
		entries = append(entries, result.Entry{Cell: cell, Key: r.Key})
	}
	if len(entries) == 0 {
		return nil, warnings, nil
	}
	return entries, warnings, p.putIndex(done)
}

// olds finds the results to score again.
func (p *Plan) olds(ctx context.Context) (olds map[result.Cell]*result.Record, warnings []string, err error) {
	olds = map[result.Cell]*result.Record{}
	index, err := p.Store.Index(p.Config)
	if err != nil {
		plan, err := NewPlan(ctx, p.Setup)
		if err != nil {
			return nil, nil, err
		}
		plan.remember()
		for _, c := range plan.Cells {
			if olds[c.Cell] = c.Record; c.State == Pending {
				olds[c.Cell] = plan.donor(c)
			}
			if olds[c.Cell] == nil {
				warnings = append(warnings, c.Cell.String()+" has no result that differs in the protocol alone")
			}
		}
	}
	keys := map[result.Cell]ad.Digest{}
	for _, e := range index.Cells {
		keys[e.Cell] = e.Key
	}
	for _, c := range p.Setup.Cells {
		cell := CellOf(c)
		if key := keys[cell]; key != "" {
			if olds[cell], err = p.Store.Get(key); err != nil {
				return nil, nil, err
			}
			if olds[cell] == nil {
				warnings = append(warnings, cell.String()+" has no result yet")
			}
		}
		if old := olds[cell]; old != nil && old.Status == result.Failed {
			warnings = append(warnings, cell.String()+" failed")
			olds[cell] = nil
		}
	}
	return olds, warnings, nil
}

var errNoMaps = errors.New("its maps cannot be scored; run the cell again with --fresh")

// rescore scores the stored maps of a result under a protocol and stores the record.
func (p *Plan) rescore(ctx context.Context, old *result.Record, d *dataset, protocol metric.Protocol) (*result.Record, error) {
	begun := time.Now()
	r := *old
	r.Inputs.Protocol = protocol
	if r.Key = r.Inputs.Key(); r.Key == old.Key {
		return old, nil // the protocol that it has
	}
	r.Samples, r.Classes = slices.Clone(old.Samples), slices.Clone(old.Classes)
	r.Run.Rescored, r.Run.Started = true, begun.UTC().Truncate(time.Second)
	r.Run.Machine = p.machine
	r.Run.Machine.ONNXRuntime = old.Run.Machine.ONNXRuntime
	r.Run.Seconds = maps.Clone(old.Run.Seconds)
	s := &scoring{protocol: protocol, workers: p.Threads}
	if old.Maps != nil {
		if !old.Maps.Kept {
			return nil, fmt.Errorf("%w: they were not kept, because of output.keep_maps", errNoMaps)
		}
		if err := p.takeMaps(old, &r); err != nil {
			return nil, err
		}
		var err error
		if s.maps, err = tensors.OpenReader(p.Store.MapsPath(r.Key)); err != nil {
			return nil, fault.New(fault.Data, "%w", err)
		}
		defer s.maps.Close()
	}
	var err error
	if s.truth, err = p.truth(ctx, d); err != nil {
		return nil, err
	}
	if err := s.run(ctx, &r); err != nil {
		return nil, err
	}
	r.Run.Seconds["score"] = time.Since(begun).Seconds()
	return &r, p.Store.Put(&r)
}

// takeMaps gives the new record the maps of the old one, checked.
func (p *Plan) takeMaps(old, r *result.Record) error {
	from, to := p.Store.MapsPath(old.Key), p.Store.MapsPath(r.Key)
	if err := p.Store.CheckMaps(old); err != nil {
		return fmt.Errorf("%w: %w", errNoMaps, err)
	}
	if from == to {
		return nil
	}
	half := to + ".tmp"
	os.Remove(half)
	defer os.Remove(half) // also if both are links to one file: then Rename does nothing
	if os.Link(from, half) != nil {
		if err := copyFile(from, half); err != nil {
			return err
		}
	}
	if err := os.Rename(half, to); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fault.New(fault.System, "%w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return fault.New(fault.System, "%w", err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fault.New(fault.System, "%s: %w", to, err)
	}
	return nil
}

// CellOf names a cell of the configuration as records do.
func CellOf(c config.Cell) result.Cell {
	return result.Cell{Dataset: c.Dataset.Name, Split: c.Split.Name(), SplitSeed: c.Split.Seed, Encoder: c.Encoder.Name,
		Method: c.Method.Name, Seed: c.Seed}
}
