package runner

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
)

// Order says which cells Run computes and how.
type Order struct {
	Jobs  int  // cells at a time
	Fresh bool // all cells, also finished ones, and none from a checkpoint
	Retry bool // also the cells that failed in an earlier run
}

// Run computes the cells that are not finished and stores each as it ends; the
// planned cells get their records. The caller holds the store's lock. Failed cells
// are no error here; the error is the interrupt's, or that of a disk on which
// nothing can be stored.
func (p *Plan) Run(ctx context.Context, o Order) error {
	defer p.truths.close()
	var todo []*Planned
	for _, c := range p.Cells {
		if c.State == Pending && c.method.broken == nil {
			// Another process may have finished it between the plan and the lock.
			if r, err := p.Store.Get(c.Key); err == nil && r != nil {
				c.found(r)
			}
		}
		if c.Same == nil && (o.Fresh || c.State == Pending || c.State == Failed && o.Retry) {
			todo = append(todo, c)
		}
	}
	p.remember()
	if err := p.keep(); err != nil || len(todo) == 0 {
		return err
	}
	p.fetch = sync.OnceValues(func() (ort.Library, error) { return EnsureLibrary(ctx, p.Library, p.Show) })
	library, err := p.fetch()
	if err != nil {
		return err
	}
	p.machine = ThisMachine(library.Version)
	if p.Device, err = chooseDevice(p.Device, library); err != nil {
		return err
	}
	all := p.Show.Start("cells")
	defer all.End("")
	var mu sync.Mutex
	finished := 0
	g, cellCtx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Jobs))
	for _, c := range todo {
		g.Go(func() error {
			if err := cellCtx.Err(); err != nil {
				return err // stopped, or nothing can be stored
			}
			record, err := p.finish(cellCtx, c, o)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			c.Record, c.State, c.ran = record, State(record.Status), true
			finished++
			all.Update(float64(finished), float64(len(todo)), "")
			return nil
		})
	}
	err = g.Wait()
	p.share()
	return cmp.Or(ctx.Err(), err)
}

// share gives cells the records of those that ran in their place.
func (p *Plan) share() {
	for _, c := range p.Cells {
		if c.Same != nil && c.Same.Record != nil {
			record := *c.Same.Record
			c.found(&record)
		}
	}
}

// finish gets the record of one cell: by scoring the maps of an earlier result that
// differs in the protocol alone, if there is one, else by running the method.
func (p *Plan) finish(ctx context.Context, c *Planned, o Order) (*result.Record, error) {
	if !o.Fresh && c.State == Pending {
		if old := p.donor(c); old != nil {
			task := p.Show.Start(c.Cell.String())
			r, err := p.rescore(ctx, old, c.dataset, p.protocol)
			if err == nil {
				task.End("scored again from stored maps")
				return r, nil
			}
			task.End("")
			if ctx.Err() != nil {
				return nil, err
			}
			p.Log.Warn("stored maps cannot be scored again; the method runs", "cell", c.Cell, "cause", err)
		}
	}
	return p.compute(ctx, c, o.Fresh)
}

// donor is an earlier result, of any configuration, that differs from the cell in
// the protocol alone and has its maps; nil if there is none.
func (p *Plan) donor(c *Planned) *result.Record {
	for _, key := range p.earlier[c.Key] {
		old, err := p.Store.Get(key)
		if err != nil || old == nil || old.Status != result.Done || old.Maps == nil || !old.Maps.Kept {
			continue
		}
		in := old.Inputs
		in.Protocol = p.protocol
		if in.Key() == c.Key {
			return old
		}
	}
	return nil
}

// remember notes the earlier results of pending cells, before the index changes.
func (p *Plan) remember() {
	p.earlier = map[ad.Digest][]ad.Digest{}
	for _, c := range p.Cells {
		if c.State == Pending {
			p.earlier[c.Key] = p.Store.Earlier(c.Cell)
		}
	}
}

// keep stores what a person may want to read beside the records: the splits'
// manifests, and the index of the benchmark's cells.
func (p *Plan) keep() error {
	written := map[string]bool{}
	for _, c := range p.Cells {
		path := p.Store.SplitPath(c.Cell.Dataset, c.config.Split.ID())
		if written[path] {
			continue
		}
		written[path] = true
		if err := c.split.Write(path); err != nil {
			return err
		}
	}
	now := map[result.Cell]ad.Digest{}
	for _, c := range p.Cells {
		now[c.Cell] = c.Key
	}
	return p.putIndex(now)
}

// putIndex lists the cells of the whole configuration: those that have their keys
// now, and the others as the index has them. Ablations have an index in common: what
// it has of others stays.
func (p *Plan) putIndex(now map[result.Cell]ad.Digest) error {
	old, err := p.Store.Index(p.Config)
	if err != nil {
		old = result.Index{} // none, or one that cannot be used
	}
	keys := map[result.Cell]ad.Digest{}
	for _, e := range old.Cells {
		keys[e.Cell] = e.Key
	}
	maps.Copy(keys, now)
	ix := result.Index{Config: p.Config}
	for _, c := range p.Bench.Expand() {
		cell := CellOf(c)
		if key := keys[cell]; key != "" {
			ix.Cells = append(ix.Cells, result.Entry{Cell: cell, Key: key})
			delete(keys, cell)
		}
	}
	if p.Bench.Ablation() {
		for _, e := range old.Cells {
			if keys[e.Cell] != "" {
				ix.Cells = append(ix.Cells, e)
			}
		}
	}
	return p.Store.PutIndex(ix)
}

// library gives ONNX Runtime for the plugins that want it.
func (p *Plan) library(context.Context) (ort.Library, error) { return p.fetch() }

// EnsureLibrary finds ONNX Runtime, or fetches it and shows how far that is.
func EnsureLibrary(ctx context.Context, o ort.Options, show progress.Reporter) (ort.Library, error) {
	var task progress.Task
	defer func() {
		if task != nil {
			task.End("")
		}
	}()
	o.Report = func(done, total int64, what string) {
		if task == nil {
			task = show.Start("ONNX Runtime " + ort.Version)
		}
		task.Update(float64(done), float64(total), what)
	}
	return ort.Ensure(ctx, o)
}

// chooseDevice resolves "auto": the first GPU if the machine has one and the
// library can use it, else the CPU.
func chooseDevice(device string, library ort.Library) (string, error) {
	gpus, _ := filepath.Glob("/dev/nvidia[0-9]*")
	if wsl, _ := filepath.Glob("/dev/dxg"); len(gpus)+len(wsl) == 0 {
		if device != "auto" && device != "cpu" {
			return "", fault.New(fault.Config, "device %s: this machine shows no NVIDIA GPU", device).WithHint("use --device cpu, or auto")
		}
		return "cpu", nil // no need to load the library to know
	}
	if device != "auto" {
		return device, nil
	}
	if err := ort.Init(library); err != nil {
		return "", err
	}
	if slices.Contains(ort.Providers(), "cuda") {
		return "cuda:0", nil
	}
	return "cpu", nil
}

// Cost is where the time of a run went, summed over its cells.
type Cost struct {
	Cells   int
	Encoder float64 // seconds
	Methods float64 // seconds in Fit and Predict
	Host    float64 // seconds of everything else: processes, maps, metrics, records
	Memory  int64   // largest resident size of this process, in bytes; 0 if unknown
}

// Share is the host's part of the whole, from 0 to 1.
func (c Cost) Share() float64 {
	if sum := c.Encoder + c.Methods + c.Host; sum > 0 {
		return c.Host / sum
	}
	return 0
}

// Cost adds up the cells that this plan's Run has computed.
func (p *Plan) Cost() Cost {
	c := Cost{Memory: peakMemory()}
	for _, cell := range p.Cells {
		if !cell.ran || cell.Record.Run.Rescored {
			continue
		}
		s := cell.Record.Run.Seconds
		c.Cells++
		c.Encoder += s["features"]
		c.Methods += s["fit"] + s["predict"]
		c.Host += s["total"] - s["features"] - s["fit"] - s["predict"]
	}
	return c
}

// Failures is an error of kind CellsFailed if any cell has failed.
func (p *Plan) Failures() error {
	n, of := 0, 0
	for _, c := range p.Cells {
		if c.Same != nil {
			continue
		}
		if of++; c.State == Failed {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	err := fault.New(fault.CellsFailed, "%d of %d cells failed", n, of)
	err.Source = fault.Host
	return err.WithHint("the notes under the table say why; `ltadbench run --retry` runs them again")
}
