package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/ltadbench/ltadbench/datasets"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/splits"
)

// Setup is what a plan is made from.
type Setup struct {
	Bench    *config.Bench
	Config   string        // what names the configuration in the store's index
	Cells    []config.Cell // of Bench: all or some
	Store    *result.Store
	CacheDir string
	// Builtin gives a method that is part of this program, for its description.
	Builtin    map[string]func() plugin.Method
	PluginPath []string // directories of installed methods
	PackPath   []string // directories of encoder packs
	Device     string   // "auto", "cpu" or "cuda:N"
	Engine     string   // of methods that have engines, which all must have it
	Threads    int      // of every method and of the host's own work; part of no key
	Library    ort.Options
	Show       progress.Reporter
	Log        hclog.Logger
}

// State says what is known of a planned cell.
type State string

// The states.
const (
	Pending State = "pending"
	Done    State = "done"
	Failed  State = "failed" // in an earlier run
)

// Planned is a cell, what it depends on, and its record if there is one.
type Planned struct {
	Cell   result.Cell
	Key    ad.Digest
	State  State
	Record *result.Record // nil while pending
	// Resumes: an attempt that did not end has left a checkpoint, from which the next
	// one goes on.
	Resumes bool
	// Same is an earlier cell of the plan, nil mostly, that has all inputs in common
	// with this one: another row of an ablation. This one gets its record.
	Same *Planned

	ran     bool // in this process
	config  config.Cell
	inputs  result.Inputs
	dataset *dataset
	split   *splits.Manifest
	encoder *encoder.Pack
	method  *method
}

// Inputs is everything that the cell's numbers depend on; not known if its method could
// not be asked what it is.
func (c *Planned) Inputs() (in result.Inputs, known bool) { return c.inputs, c.method.broken == nil }

// Plan is the cells of a benchmark, ready to run.
type Plan struct {
	Setup
	Cells    []*Planned
	protocol metric.Protocol
	features features
	machine  result.Machine
	truths   truths
	earlier  map[ad.Digest][]ad.Digest // keys that a pending cell's name had before, by its key
	fetch    func() (ort.Library, error)
}

// dataset is an opened dataset.
type dataset struct {
	*datasets.Dataset
	fingerprint *datasets.Fingerprint
}

// method is a method and what it says of itself.
type method struct {
	spec  host.Spec
	info  plugin.Info
	files ad.Digest
	// broken is why the method could not be asked; its cells fail with it.
	broken error
}

// NewPlan opens the datasets, makes the splits and asks the methods what they are.
// What is wrong with the configuration or the data is an error here, before
// anything has run; a method that cannot be started only makes its own cells fail.
func NewPlan(ctx context.Context, s Setup) (*Plan, error) {
	p := &Plan{Setup: s}
	var err error
	if p.protocol, err = Protocol(s.Bench); err != nil {
		return nil, err
	}
	opened := map[ad.DatasetName]*dataset{}
	drawn := map[string]*splits.Manifest{}
	packs := map[string]*pack{}
	methods := map[string]*method{} // by their entries: presets of one share it
	var wrong []error
	for _, c := range s.Cells {
		d, err := get(opened, c.Dataset.Name, func() (*dataset, error) { return p.openDataset(ctx, c.Dataset) })
		if err != nil {
			return nil, err
		}
		m, err := get(drawn, string(c.Dataset.Name)+"/"+c.Split.ID(), func() (*splits.Manifest, error) {
			return makeSplit(d, c.Split, s.Bench)
		})
		if err != nil {
			return nil, err
		}
		pack, err := get(packs, c.Encoder.Name, func() (*pack, error) { return p.findPack(c.Encoder) })
		if err != nil {
			return nil, err
		}
		how, err := get(methods, c.Method.Pointer, func() (*method, error) { return p.ask(ctx, c.Method) })
		if err != nil {
			return nil, err
		}
		planned, err := p.cell(c, d, m, pack, how)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			wrong = append(wrong, err)
			continue
		}
		p.Cells = append(p.Cells, planned)
	}
	if err := errors.Join(distinct(wrong)...); err != nil {
		return nil, err
	}
	return p, p.unique()
}

func get[K comparable, V any](m map[K]V, key K, make func() (V, error)) (V, error) {
	if v, ok := m[key]; ok {
		return v, nil
	}
	v, err := make()
	if err == nil {
		m[key] = v
	}
	return v, err
}

// distinct drops errors that say the same: a wrong option is wrong in every cell.
func distinct(errs []error) []error {
	seen := map[string]bool{}
	var out []error
	for _, err := range errs {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}

// unique gives cells that come to the same inputs (two names for one method, say)
// one owner: the others would only race for the same record. In an ablation they are
// different questions with one answer; else one of them is a mistake.
func (p *Plan) unique() error {
	first := map[ad.Digest]*Planned{}
	for _, c := range p.Cells {
		if other := first[c.Key]; other != nil {
			if p.Bench.Ablation() {
				c.Same = other
				continue
			}
			return fault.New(fault.Config, "cells %s and %s are the same: same data, split, encoder, method, options and seed",
				other.Cell, c.Cell).At(p.Bench.Pos(c.config.Method.Pointer)).WithHint("remove one of the two, or change its options")
		}
		first[c.Key] = c
	}
	return nil
}

// Protocol is the evaluation protocol of a configuration.
func Protocol(b *config.Bench) (metric.Protocol, error) {
	p := metric.DefaultProtocol()
	e := b.Evaluation
	p.Size, p.MapResize, p.MaskThreshold = e.Size, metric.MapResize(e.MapResize), e.MaskThreshold
	p.ImageScore, p.AUPROLimit, p.Connectivity = metric.ImageScore(e.ImageScore), e.AUPROLimit, e.Connectivity
	if err := p.Validate(); err != nil {
		return p, at(err, b.Pos("/evaluation"))
	}
	return p, nil
}

// at puts a place in the configuration on a fault that names no line of a file; a
// file or directory that it names goes into the message.
func at(err error, pos fault.Pos) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Pos.Line == 0 {
		if e.Pos.File != "" {
			e.Err = fmt.Errorf("%s: %w", e.Pos.File, e.Err)
		}
		e.Pos = pos
	}
	return err
}

// OpenDataset opens a dataset of the configuration and takes its fingerprint.
func OpenDataset(ctx context.Context, d config.Dataset, b *config.Bench, cacheDir string, show progress.Reporter) (*datasets.Dataset,
	*datasets.Fingerprint, error) {
	env, end := datasetEnv(cacheDir, show)
	defer end()
	opened, err := datasets.Open(ctx, DatasetSpec(d), env)
	if err != nil {
		return nil, nil, at(err, b.Pos(d.Pointer+"/root"))
	}
	fp, err := opened.Fingerprint(ctx, env)
	if err != nil {
		return nil, nil, err
	}
	if d.Fingerprint != "" && d.Fingerprint != fp.Digest {
		return nil, nil, fault.New(fault.Data, "dataset %q: its fingerprint is %s, not the %s that is asked for", d.Name, fp.Digest, d.Fingerprint).
			At(b.Pos(d.Pointer+"/fingerprint")).WithHint("`ltadbench dataset check %s` says whether files are damaged or missing", d.Name)
	}
	return opened, fp, nil
}

// DatasetSpec is what package datasets needs to know of a dataset of the configuration.
func DatasetSpec(d config.Dataset) datasets.Spec {
	return datasets.Spec{Name: d.Name, Kind: d.Kind, Root: d.Root, Options: d.Options}
}

// datasetEnv shows each kind of work on a dataset as a task of its own.
func datasetEnv(cacheDir string, show progress.Reporter) (env datasets.Env, end func()) {
	var task progress.Task
	name := ""
	end = func() {
		if task != nil {
			task.End("")
			task = nil
		}
	}
	return datasets.Env{CacheDir: cacheDir, Report: func(done, total int, what string) {
		if task == nil || what != name {
			end()
			task, name = show.Start(what), what
		}
		task.Update(float64(done), float64(total), "")
	}}, end
}

func (p *Plan) openDataset(ctx context.Context, d config.Dataset) (*dataset, error) {
	opened, fp, err := OpenDataset(ctx, d, p.Bench, p.CacheDir, p.Show)
	if err != nil {
		return nil, err
	}
	return &dataset{opened, fp}, nil
}

// SplitSource is what package splits needs to know of a dataset.
func SplitSource(d *datasets.Dataset, fp *datasets.Fingerprint) splits.Dataset {
	return splits.Dataset{Name: d.Name, Digest: fp.Digest, Classes: d.Classes, Samples: d.Samples}
}

func makeSplit(d *dataset, s config.Split, b *config.Bench) (*splits.Manifest, error) {
	m, err := MakeSplit(SplitSource(d.Dataset, d.fingerprint), s)
	if err != nil {
		return nil, at(err, b.Pos(s.Pointer))
	}
	return m, nil
}

// MakeSplit draws, or reads, a split of the configuration.
func MakeSplit(d splits.Dataset, s config.Split) (*splits.Manifest, error) {
	order := splits.Order{By: splits.By(s.Order), List: s.List, Reverse: s.Reverse}
	if s.Type != config.Manifest {
		return splits.Make(d, splits.Spec{Type: splits.Type(s.Type), Factor: s.Factor, Seed: s.Seed, Order: order})
	}
	if s.Format != config.Manifest {
		text, err := os.ReadFile(s.File)
		if err != nil {
			return nil, fault.New(fault.Config, "split %q: %w", s.Label, err)
		}
		return splits.Import(d, splits.Format(s.Format), s.File, text, order)
	}
	m, err := splits.Read(s.File)
	if err != nil {
		return nil, err
	}
	problems, err := splits.Check(m, d)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, fault.New(fault.Data, "split %q does not fit dataset %q: %s%s", s.Label, d.Name, problems[0], more(len(problems))).
			WithHint("`ltadbench split check %s --dataset %s` lists all differences", s.File, d.Name)
	}
	return m, nil
}

func more(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n-1)
}

// FindPack finds the encoder pack of an entry of the configuration.
func FindPack(e config.Encoder, path []string, b *config.Bench) (*encoder.Pack, error) {
	var pack *encoder.Pack
	var err error
	if e.Dir != "" {
		pack, err = encoder.LoadPack(e.Dir)
	} else {
		pack, err = encoder.Find(e.Pack, path)
	}
	if err != nil {
		return nil, at(err, b.Pos(e.Pointer))
	}
	return pack, nil
}

// FindMethod says how to start a method of the configuration.
func FindMethod(m config.Method, builtin map[string]func() plugin.Method, path []string) (host.Spec, error) {
	var env []string
	for _, v := range m.Env {
		value := v.Value
		if v.Inherit {
			var ok bool
			if value, ok = os.LookupEnv(v.Name); !ok {
				continue
			}
		}
		env = append(env, v.Name+"="+value)
	}
	var spec host.Spec
	var err error
	switch {
	case len(m.Command) > 0:
		// Commands are relative to where the user is, not to the scratch directory.
		var here string
		here, err = os.Getwd()
		spec = host.Spec{Command: m.Command, Dir: here}
	case builtin[m.Use] != nil:
		spec, err = host.Builtin(ad.MethodName(m.Use))
	default:
		spec, err = host.Find(ad.MethodName(m.Use), path)
	}
	spec.Name, spec.Env = m.Name, env
	return spec, err
}

// ask finds a method and what it says of itself. Built-in methods are asked in this
// process: they are part of it.
func (p *Plan) ask(ctx context.Context, c config.Method) (*method, error) {
	spec, err := FindMethod(c, p.Builtin, p.PluginPath)
	if err != nil {
		return nil, at(err, p.Bench.Pos(c.Pointer))
	}
	m := &method{spec: spec}
	if m.files, err = spec.Digest(); err != nil {
		return nil, at(err, p.Bench.Pos(c.Pointer))
	}
	if make := p.Builtin[c.Use]; make != nil && len(c.Command) == 0 {
		m.info = make().Describe()
		return m, nil
	}
	task := p.Show.Start("starting " + string(c.Name))
	defer task.End("")
	if m.info, err = Describe(ctx, spec); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		m.broken = err
	}
	return m, nil
}

// Describe starts a method only to ask what it is.
func Describe(ctx context.Context, spec host.Spec) (plugin.Info, error) {
	dir, err := os.MkdirTemp("", "ltadbench-describe-")
	if err != nil {
		return plugin.Info{}, fault.New(fault.System, "cannot make a temporary directory: %w", err).
			WithHint("set TMPDIR to a directory that you may write to")
	}
	defer os.RemoveAll(dir)
	process, err := host.Start(ctx, spec, host.Config{WorkDir: dir})
	if err != nil {
		return plugin.Info{}, err
	}
	return process.Describe(), process.Close(ctx)
}

// cell works out what a cell depends on, and looks for its record.
func (p *Plan) cell(c config.Cell, d *dataset, split *splits.Manifest, pack *pack, m *method) (*Planned, error) {
	out := &Planned{
		Cell: CellOf(c), State: Pending, config: c, dataset: d, split: split, encoder: pack.Pack, method: m,
	}
	preset, err := p.preset(c.Method, m)
	if err != nil {
		return nil, err
	}
	options, err := c.Options(preset.Options)
	if err != nil {
		return nil, fault.New(fault.Plugin, "method %q: the options of its preset %q: %w", m.info.Name, preset.Name, err)
	}
	name := m.info.Name
	if m.broken == nil {
		if options, err = host.CompleteOptions(m.info, options, c.Dataset.Kind); err != nil {
			return nil, p.locate(err, c)
		}
	} else if c.Method.Preset != "" {
		name = "/" + c.Method.Preset // which sets what is not known: no other preset's cell may have this key
	}
	engine, err := host.Engine(m.info, p.Engine)
	if err != nil {
		return nil, p.locate(err, c)
	}
	if err := p.checkInputs(c, m.info, pack.Pack); err != nil {
		return nil, err
	}
	encoded, err := pack.digest()
	if err != nil {
		return nil, at(err, p.Bench.Pos(c.Encoder.Pointer))
	}
	var text ad.Digest
	if slices.Contains(m.info.Needs, plugin.Text) {
		if text, err = pack.textDigest(); err != nil {
			return nil, at(err, p.Bench.Pos(c.Encoder.Pointer))
		}
	}
	out.inputs = result.Inputs{
		Schema: result.Schema, Dataset: d.fingerprint.Digest, Split: split.Digest(), Encoder: encoded, Text: text, FeatureType: c.Encoder.DType,
		Method: name, MethodVersion: m.info.Version, MethodFiles: m.files, Engine: engine,
		Options: json.RawMessage(options), Seed: c.Seed, Protocol: p.protocol,
	}
	out.Key = out.inputs.Key()
	if m.broken != nil {
		return out, nil // it runs, that is fails, again: the cause may be another today
	}
	if out.Record, err = p.Store.Get(out.Key); err != nil {
		p.Log.Warn("a stored record cannot be used; its cell runs again", "cell", out.Cell, "cause", err)
		out.Record = nil
	}
	if out.Record != nil {
		out.found(out.Record)
	}
	out.Resumes = m.info.Resumes && out.State != Done && p.Store.HasCheckpoint(out.Key)
	return out, nil
}

// found gives the cell its stored record.
func (c *Planned) found(r *result.Record) {
	c.Record, c.State = r, State(r.Status)
	r.Cell = c.Cell // the same cell may have another name today
}

// locate puts the line of the configuration on errors about options.
func (p *Plan) locate(err error, c config.Cell) error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, one := range list.Unwrap() {
			out = append(out, p.locate(one, c))
		}
		return errors.Join(out...)
	}
	var option *host.OptionError
	if errors.As(err, &option) {
		return at(err, p.Bench.OptionPos(c, option.Pointer))
	}
	return at(err, p.Bench.Pos(c.Method.Pointer))
}
