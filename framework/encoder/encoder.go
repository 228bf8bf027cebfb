package encoder

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
	"github.com/ltadbench/ltadbench/framework/pixels"
)

// Options say where and how an encoder runs.
type Options struct {
	// Device is "auto", "cpu" (also "") or "cuda:N".
	Device string
	// Threads is how many images are worked on at once; 0 means one for each core
	// that this process may use. It has no influence on the numbers.
	Threads int
	// Runtime says how Open gets ONNX Runtime, if the process has not loaded it.
	Runtime ort.Options
}

func (o Options) threads() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// Encoder is a pack ready to run. Its methods are safe for concurrent use.
type Encoder struct {
	pack    *Pack
	session *ort.Session
	threads int
	tables  [3][256]float32 // normalised value of each byte, by channel
	levels  []slot          // one per level of the pack
	embed   int             // index of the embedding in outputs, or -1
	outputs [][]int         // shape of every output of the network for one image
	pool    sync.Pool       // of *buffers
}

// slot is a level's place.
type slot struct {
	output  int // index of the network's output
	offset  int // of the level's first channel in a patch feature
	aligner *aligner
}

// buffers are the tensors of one run of the network.
type buffers struct{ in, out []*ort.Tensor }

// Features are the results for some images.
type Features struct {
	Height, Width, Channels int
	Patches                 []float32 // [images, Height, Width, Channels]
	Embedding               []float32 // [images, Pack.Embedding.Channels]; nil if the pack has none
}

// Cost is time spent, added up over workers that run side by side.
type Cost struct {
	Decode time.Duration // reading and decoding image files
	Resize time.Duration
	Encode time.Duration // normalising, and the network itself
	Align  time.Duration // bringing levels to the grid, checking for NaN
	Write  time.Duration // to the disk, with checksums
	Wall   time.Duration // from start to end
	Images int
}

func (c *Cost) add(o Cost) {
	c.Decode += o.Decode
	c.Resize += o.Resize
	c.Encode += o.Encode
	c.Align += o.Align
	c.Write += o.Write
	c.Images += o.Images
}

// Open makes the pack's network ready and runs it once on a black image, to check
// what it gives against the pack. If the process has no ONNX Runtime yet, Open
// gets it. Errors are of kind Config if network and encoder.yaml disagree (with
// the place in the file), or Data for a network that cannot be run.
func Open(ctx context.Context, p *Pack, o Options) (*Encoder, error) {
	if _, ok := ort.Loaded(); !ok {
		lib, err := ort.Ensure(ctx, o.Runtime)
		if err != nil {
			return nil, err
		}
		if err := ort.Init(lib); err != nil {
			return nil, err
		}
	}
	model, dir, err := p.network()
	if err != nil {
		return nil, err
	}
	session, err := ort.NewSession(model, ort.SessionOptions{Device: o.Device, Threads: 1, Dir: dir})
	if err != nil {
		return nil, fault.New(fault.KindOf(err), "encoder %q: %w", p.Name, err)
	}
	e := &Encoder{pack: p, session: session, threads: o.threads(), embed: -1}
	if err := e.prepare(ctx); err != nil {
		session.Close()
		return nil, err
	}
	return e, nil
}

// Close frees the network.
func (e *Encoder) Close() error { return e.session.Close() }

// Device is where the encoder runs, "cpu" or "cuda:N".
func (e *Encoder) Device() string { return e.session.Device() }

// Reason says why an encoder asked to run on "auto" runs on the CPU, or "".
func (e *Encoder) Reason() string { return e.session.Reason() }

func (e *Encoder) prepare(ctx context.Context) error {
	p := e.pack
	for c := range e.tables {
		for v := range e.tables[c] {
			e.tables[c][v] = float32((float64(float64(v)*p.Input.Scale) - p.Input.Mean[c]) / p.Input.Std[c])
		}
	}
	if err := e.checkInput(); err != nil {
		return err
	}
	b, err := e.newBuffers()
	if err != nil {
		return err
	}
	if err := e.session.Run(ctx, b.in, b.out); err != nil {
		return fault.New(fault.KindOf(err), "encoder %q: running the network: %w", p.Name, err)
	}
	for _, t := range b.out {
		e.outputs = append(e.outputs, t.Shape())
	}
	offset := 0
	for _, l := range p.Levels {
		i, err := e.output(l.Output)
		if err != nil {
			return err
		}
		shape := e.outputs[i]
		if len(shape) != 4 || !divides(p.Input.Height, l.Stride, shape[2]) || !divides(p.Input.Width, l.Stride, shape[3]) {
			return e.disagree(l.Output.Output, "output %q has the shape %v, but an input of %dx%d and the stride %d give [1 %d %d %d]",
				l.Output.Output, shape, p.Input.Height, p.Input.Width, l.Stride, l.Channels, p.Input.Height/l.Stride, p.Input.Width/l.Stride)
		}
		e.levels = append(e.levels, slot{i, offset, newAligner(shape[2], shape[3], p.Grid)})
		offset += l.Channels
	}
	if p.Embedding.Output != "" {
		i, err := e.output(p.Embedding)
		if err != nil {
			return err
		}
		if size(e.outputs[i]) != p.Embedding.Channels {
			return e.disagree(p.Embedding.Output, "output %q has the shape %v, not one number per channel",
				p.Embedding.Output, e.outputs[i])
		}
		e.embed = i
	}
	return nil
}

// divides reports whether in/stride, rounded either way, is out.
func divides(in, stride, out int) bool {
	return out == in/stride || out == (in+stride-1)/stride
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func (e *Encoder) disagree(what, format string, args ...any) error {
	return fault.New(fault.Config, "encoder %q: the network does not agree with %s: %w", e.pack.Name, File,
		fmt.Errorf(format, args...)).At(e.pack.pos[what])
}

func (e *Encoder) checkInput() error {
	in, want := e.session.Inputs(), e.pack.Input
	if len(in) != 1 {
		return e.disagree("input", "it has %d inputs, not one", len(in))
	}
	if want.Name != "" && in[0].Name != want.Name {
		return e.disagree("input", "its input is %q, not %q", in[0].Name, want.Name)
	}
	shape, ok := e.inputShape(), len(in[0].Shape) == 4 || !in[0].Ranked
	for i, d := range in[0].Shape {
		ok = ok && (d.Size < 0 || d.Size == int64(shape[i]))
	}
	if !ok || in[0].DType.String() != want.DType {
		return e.disagree("input", "it takes %s, not %s%v, which is one image", in[0], want.DType, shape)
	}
	return nil
}

func (e *Encoder) inputShape() []int {
	in := e.pack.Input
	if in.Layout == NHWC {
		return []int{1, in.Height, in.Width, 3}
	}
	return []int{1, 3, in.Height, in.Width}
}

// output is the index of the network's output, whose type and channels are
// checked.
func (e *Encoder) output(o Output) (int, error) {
	var names []string
	for i, v := range e.session.Outputs() {
		names = append(names, v.Name)
		if v.Name != o.Output {
			continue
		}
		shape := e.outputs[i]
		if v.DType != onnx.Float32 {
			return 0, e.disagree(o.Output, "output %q is of type %s, not float32", o.Output, v.DType)
		}
		if len(shape) < 2 || shape[0] != 1 || shape[1] != o.Channels {
			return 0, e.disagree(o.Output, "output %q has the shape %v, not %d channels", o.Output, shape, o.Channels)
		}
		return i, nil
	}
	return 0, e.disagree(o.Output, "it has no output %q, but %q", o.Output, names)
}

// newBuffers makes tensors for one run; the outputs are nil before their shapes
// are known.
func (e *Encoder) newBuffers() (*buffers, error) {
	in, err := ort.Zeros(e.session.Inputs()[0].DType, e.inputShape()...)
	b := &buffers{in: []*ort.Tensor{in}, out: make([]*ort.Tensor, len(e.session.Outputs()))}
	for i, shape := range e.outputs {
		if err == nil && e.session.Outputs()[i].DType == onnx.Float32 {
			b.out[i], err = ort.Zeros(onnx.Float32, shape...)
		}
	}
	return b, err
}

// Encode gives the features of the images, which may have any size. Images are
// worked on Options.Threads at a time. A value that is not finite is an error of
// kind Data that gives the image's index.
func (e *Encoder) Encode(ctx context.Context, images []*pixels.Image) (*Features, error) {
	g, c, d := e.pack.Grid, e.pack.Channels(), e.pack.Embedding.Channels
	row := g.Height * g.Width * c
	f := &Features{Height: g.Height, Width: g.Width, Channels: c, Patches: make([]float32, len(images)*row)}
	if e.embed >= 0 {
		f.Embedding = make([]float32, len(images)*d)
	} else {
		d = 0
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.threads)
	for i, img := range images {
		group.Go(func() error {
			var cost Cost
			err := e.encode(ctx, e.pack.resize(img), f.Patches[i*row:][:row], f.Embedding[i*d:][:d], &cost)
			if err != nil {
				return fault.New(fault.KindOf(err), "image %d: %w", i, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return f, nil
}

// resize gives the image at the size of the network's input.
func (p *Pack) resize(img *pixels.Image) *pixels.Image {
	return img.Resize(p.Input.Width, p.Input.Height, p.Input.Resize)
}

// encode computes one image of the network's size.
func (e *Encoder) encode(ctx context.Context, img *pixels.Image, patches, embedding []float32, cost *Cost) error {
	start := time.Now()
	b, ok := e.pool.Get().(*buffers)
	if !ok {
		var err error
		if b, err = e.newBuffers(); err != nil {
			return err
		}
	}
	defer e.pool.Put(b)
	if err := e.fill(b.in[0], img); err != nil {
		return err
	}
	if err := e.session.Run(ctx, b.in, b.out); err != nil {
		return err
	}
	encoded := time.Now()
	cost.Encode += encoded.Sub(start)
	for _, l := range e.levels {
		level, err := ort.Data[float32](b.out[l.output])
		if err != nil {
			return err
		}
		l.aligner.align(level, patches[l.offset:], e.pack.Channels())
	}
	if e.embed >= 0 {
		values, err := ort.Data[float32](b.out[e.embed])
		if err != nil {
			return err
		}
		copy(embedding, values)
	}
	if err := e.checkFinite(patches, embedding); err != nil {
		return err
	}
	cost.Align += time.Since(encoded)
	return nil
}

func (e *Encoder) checkFinite(patches, embedding []float32) error {
	output := e.pack.Embedding.Output
	i := notFinite(patches)
	if i >= 0 {
		channel := i % e.pack.Channels()
		for k, l := range e.levels {
			if channel >= l.offset {
				output = e.pack.Levels[k].Output.Output
			}
		}
	} else if notFinite(embedding) < 0 {
		return nil
	}
	return fault.New(fault.Data, "encoder %q gives NaN or infinity in output %q", e.pack.Name, output)
}

// notFinite is the index of the first NaN or infinity, or -1.
func notFinite(values []float32) int {
	return slices.IndexFunc(values, func(v float32) bool { return v-v != 0 })
}

// fill writes the image into the network's input.
func (e *Encoder) fill(in *ort.Tensor, img *pixels.Image) error {
	pixel, channel := 1, img.W*img.H // steps in the input
	if e.pack.Input.Layout == NHWC {
		pixel, channel = 3, 1
	}
	if in.DType() == onnx.Uint8 {
		dst, err := ort.Data[uint8](in)
		for i, v := range img.Pix[:len(dst)] {
			dst[i/3*pixel+i%3*channel] = v
		}
		return err
	}
	dst, err := ort.Data[float32](in)
	if err != nil {
		return err
	}
	for c := range e.tables {
		table := &e.tables[c]
		for i := range img.W * img.H {
			dst[i*pixel+c*channel] = table[img.Pix[3*i+c]]
		}
	}
	return nil
}
