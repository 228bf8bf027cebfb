package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/gomlx/pkg/core/tensors"
	mlctx "github.com/gomlx/gomlx/pkg/ml/context"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
)

// Checkpoint says where a run keeps what it needs to go on after it is killed:
// weights, both moments, and how far it is. Random draws need no state, since
// streams are named by epochs and steps.
type Checkpoint struct {
	Dir string // "" for no checkpoints
	// File is its name in Dir; "" for training.safetensors. A method that trains in
	// several runs has one for each.
	File string
	// Last: the end of the run is written, too, however short it was, since another run
	// begins there.
	Last bool
	// Every is how often one is written; 0 for once a minute. Copying 100 MB takes a
	// few hundredths of a second, and writing them goes on beside the training.
	Every time.Duration
	// Fingerprint tells what the checkpoint belongs to; of another's the run takes
	// nothing. See the function Fingerprint.
	Fingerprint string
}

const checkpointFormat = "ltadbench training 1"

func (c Checkpoint) file() string { return cmp.Or(c.File, "training.safetensors") }

// checkpointEvery is how often a run writes a checkpoint unless it is told
// otherwise: 100 MB that are written in a second cost 2 % of that.
const checkpointEvery = 60 * time.Second

// Fingerprint is a digest of all that a run's result depends on, as JSON: options,
// versions, data.
func Fingerprint(parts ...any) string {
	raw, err := json.Marshal(append(parts, checkpointFormat, stream.Version))
	if err != nil {
		panic(fmt.Sprintf("train.Fingerprint: %v", err)) // the caller's types cannot be JSON
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// DataDigest tells data sets apart: by their classes, shape, and the features of some
// images.
func DataDigest(images plugin.Samples) string {
	h := sha256.New()
	height, width, channels := images.FeatureShape()
	fmt.Fprintln(h, images.Classes, height, width, channels)
	const some = 16
	var buf []float32
	for i := range min(some, images.Len()) {
		buf = images.Feature(i*images.Len()/min(some, images.Len()), buf)
		_ = binary.Write(h, binary.LittleEndian, buf) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// state lists what a checkpoint holds: the variables by their name in the file.
func (s *Stepper) state() (names []string, variables []*mlctx.Variable) {
	for _, scope := range []string{"", firstMoment, secondMoment} {
		c := s.weights.ctx
		if scope != "" {
			c = c.In(scope)
		}
		for _, name := range s.weights.names {
			names = append(names, scope+"/"+name)
			variables = append(variables, variable(c, name))
		}
	}
	return names, variables
}

// restore takes over the run's checkpoint, if there is one that belongs to it. One
// that does not, or is damaged, is as good as none.
func (r *Run) restore(s *Stepper) (at progress, ok bool) {
	if r.Checkpoint.Dir == "" {
		return progress{}, false
	}
	path := filepath.Join(r.Checkpoint.Dir, r.Checkpoint.file())
	if left, err := filepath.Glob(filepath.Join(r.Checkpoint.Dir, "."+r.Checkpoint.file()+".*.tmp")); err == nil {
		for _, f := range left { // of a process that was killed while it wrote
			_ = os.Remove(f)
		}
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return progress{}, false
	}
	at, values, err := r.read(path, s)
	if err != nil {
		r.Log.Warn("checkpoint not used: training begins anew", "reason", err)
		return progress{}, false
	}
	_, variables := s.state()
	for i, v := range variables {
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values[i], v.Shape().Dimensions...)); err != nil {
			panic(err) // a variable of ours, and a value of its shape
		}
	}
	r.Log.Info("resumed from a checkpoint", "steps", at.Step)
	return at, true
}

func (r *Run) read(path string, s *Stepper) (at progress, values [][]float32, err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return at, nil, err
	}
	defer f.Close()
	meta := f.Metadata()
	if meta["format"] != checkpointFormat {
		return at, nil, fmt.Errorf("%s: format %q, this version reads %q", path, meta["format"], checkpointFormat)
	}
	if meta["fingerprint"] != r.Checkpoint.Fingerprint {
		return at, nil, fmt.Errorf("%s: it belongs to other options, data or another version", path)
	}
	if err := json.Unmarshal([]byte(meta["progress"]), &at); err != nil {
		return at, nil, fmt.Errorf("%s: progress: %w", path, err)
	}
	names, variables := s.state()
	for i, name := range names {
		one, err := safetensors.Get[float32](f, name, variables[i].Shape().Dimensions...)
		if err != nil {
			return at, nil, err
		}
		values = append(values, one)
	}
	if digest(meta["progress"], names, values) != meta["sha256"] {
		return at, nil, fmt.Errorf("%s: content has changed since it was written", path)
	}
	return at, values, nil
}

// digest is that of a checkpoint's progress and values.
func digest(progress string, names []string, values [][]float32) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", progress)
	for i, name := range names {
		t := safetensors.Of(name, values[i])
		fmt.Fprintf(h, "%q %d", name, len(t.Data))
		h.Write(t.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writer writes checkpoints beside the training, one at a time.
type writer struct {
	Checkpoint
	last    time.Time
	step    int         // up to which there is a checkpoint; 0 if there is none
	copies  [][]float32 // of the values, while they are written
	writing chan error  // nil while nothing is written
}

// newWriter makes a writer for a run that begins after so many steps.
func newWriter(c Checkpoint, step int) *writer {
	if c.Every == 0 {
		c.Every = checkpointEvery
	}
	return &writer{Checkpoint: c, last: time.Now(), step: step}
}

// due says whether it is time for a checkpoint.
func (w *writer) due() bool { return w.Dir != "" && time.Since(w.last) >= w.Every }

// write takes a copy of the state and begins to write it, once the one before is
// written.
func (w *writer) write(s *Stepper, at progress) error {
	if w.Dir == "" {
		return nil
	}
	if err := w.wait(); err != nil {
		return err
	}
	w.last, w.step = time.Now(), at.Step
	names, variables := s.state()
	if w.copies == nil {
		w.copies = make([][]float32, len(names))
		for i, v := range variables {
			w.copies[i] = make([]float32, v.Shape().Size())
		}
	}
	list := make([]safetensors.Tensor, len(names))
	for i, v := range variables {
		t, err := v.Value()
		if err == nil {
			err = tensors.ConstFlatData(t, func(flat []float32) { copy(w.copies[i], flat) })
		}
		if err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
		list[i] = safetensors.Of(names[i], w.copies[i], v.Shape().Dimensions...)
	}
	raw, err := json.Marshal(at)
	if err != nil {
		return err
	}
	w.writing = make(chan error, 1)
	go func() {
		meta := map[string]string{
			"format": checkpointFormat, "fingerprint": w.Fingerprint,
			"progress": string(raw), "sha256": digest(string(raw), names, w.copies),
		}
		w.writing <- safetensors.WriteFile(filepath.Join(w.Dir, w.file()), list, meta)
	}()
	return nil
}

// wait waits for the checkpoint that is being written.
func (w *writer) wait() error {
	if w.writing == nil {
		return nil
	}
	err := <-w.writing
	w.writing = nil
	return err
}
