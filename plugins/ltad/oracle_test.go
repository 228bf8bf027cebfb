package ltad

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
	"github.com/ltadbench/ltadbench/plugins/internal/bert"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// oracle is testdata/small.safetensors and small.json, which testdata/oracle.py made
// with the PyTorch program testdata/reference.py; the script says what they hold.
type oracle struct {
	t    *testing.T
	file *safetensors.File
	text *bert.Encoder
	// Expected is small.json.
	expected struct {
		Config    config
		Phase1    expectation
		Phase2    expectation
		Variants  map[string]variant
		Tolerance map[string]float64
	}
}

type expectation struct {
	Loss, Rec, KL, Sem float64
	Losses             []float64
}

type variant struct {
	Options        json.RawMessage
	Phase1, Phase2 *expectation
}

type config struct {
	Classes                                int
	Levels                                 []int
	Height, Width, Z, Latent, Batch        int
	NameLength                             int `json:"name_length"`
	Start                                  int `json:"decoder_start"`
	Wide                                   int `json:"decoder_width"`
	Blocks                                 int `json:"decoder_blocks"`
	VAE, Projection, Pool, Classifier, BCE string
	Condition                              bool
	VAELoss                                string  `json:"vae_loss"`
	RecLoss                                string  `json:"rec_loss"`
	TextNorm                               bool    `json:"text_norm"`
	Normal                                 [][]int `json:"normal_prompts"`
	Abnormal                               [][]int `json:"abnormal_prompts"`
	Beta, Tau, LR, Clip                    float64
	Lambda                                 float64 `json:"score_lambda"`
	WeightDecay                            float64 `json:"weight_decay"`
	Text                                   struct{ Heads, Vocabulary, Dim int }
	RM                                     struct {
		Hidden, Heads, Encoders, Decoders, FFN, Window int
		Dropout, Jitter                                float64
	}
}

// smallText are the files of the oracle's text encoder, whose vocabulary is made of the
// words w4 to w11.
func smallText(t testing.TB) plugin.TextEncoder {
	t.Helper()
	words := "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"
	for i := 4; i < 12; i++ {
		words += fmt.Sprintf("w%d\n", i)
	}
	vocabulary := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(vocabulary, []byte(words), 0o600); err != nil {
		t.Fatal(err)
	}
	return plugin.TextEncoder{
		Weights: filepath.Join("testdata", "small.safetensors"), Vocabulary: vocabulary, Prefix: "weights/text.",
		Projection: "weights/text.text_projection", Heads: 2, Eps: 1e-12, Activation: "gelu", Lowercase: true,
	}
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	o := &oracle{t: t}
	raw, err := os.ReadFile(filepath.Join("testdata", "small.json"))
	if err == nil {
		err = json.Unmarshal(raw, &o.expected)
	}
	if err == nil {
		o.file, err = safetensors.Open(filepath.Join("testdata", "small.safetensors"))
	}
	if err == nil {
		o.text, err = bert.Open(smallText(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.file.Close() })
	return o
}

func (o *oracle) get(name string, shape ...int) []float32 {
	o.t.Helper()
	v, err := safetensors.Get[float32](o.file, name, shape...)
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

// tensor is one as an input.
func (o *oracle) tensor(name string, shape ...int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(o.get(name, shape...), shape...)
}

// weight gives the values of a weight in a variant, "" for none.
func (o *oracle) weight(v string, w train.Initial) []float32 {
	o.t.Helper()
	if got, err := safetensors.Get[float32](o.file, "variants/"+v+"/weights/"+w.Name, w.Shape...); err == nil {
		return got
	}
	return o.get("weights/"+w.Name, w.Shape...)
}

func (c config) options() Options {
	o := defaults()
	o.Scores, o.Augment, o.Condition, o.VAELoss, o.KL = "both", c.VAE, c.Condition, c.VAELoss, c.Beta
	o.Pool, o.Classifier, o.BCE, o.Tau, o.RecLoss, o.TextNorm = c.Pool, c.Classifier, c.BCE, c.Tau, c.RecLoss, c.TextNorm
	if c.Projection == "joined" {
		o.Projection = "joined"
	}
	say := func(prompts [][]int) (out []string) {
		for _, ids := range prompts {
			text := ""
			for _, id := range ids {
				text += fmt.Sprintf("w%d ", id)
			}
			out = append(out, text)
		}
		return out
	}
	o.Normal, o.Abnormal = say(c.Normal), say(c.Abnormal)
	return o
}

func (c config) vae(text *bert.Encoder) vae {
	v := vae{
		Height: c.Height, Width: c.Width, Levels: c.Levels, Embedding: c.Z, Latent: c.Latent, Classes: c.Classes,
		Variational: c.VAE == "vae", KL: c.Beta, MeanLoss: c.VAELoss == "mean", Start: c.Start, Wide: c.Wide, Blocks: c.Blocks,
		Norm: c.TextNorm, text: text,
	}
	if c.Condition {
		v.Text, v.Names = text.Dim, c.NameLength
	}
	return v
}

func (c config) detector(text *bert.Encoder) detector {
	a := reconstruct.Arch{
		Height: c.Height, Width: c.Width, Hidden: c.RM.Hidden, Heads: c.RM.Heads, Encoders: c.RM.Encoders, Decoders: c.RM.Decoders, FFN: c.RM.FFN,
		Window: [2]int{c.RM.Window, c.RM.Window}, Masked: []string{reconstruct.InEncoder, reconstruct.InDecoder1, reconstruct.InDecoder2},
		Dropout: c.RM.Dropout, Jitter: c.RM.Jitter,
	}
	for _, l := range c.Levels {
		a.Channels += l
	}
	d := c.options().detector(a, c.Levels, c.Classes, text.Dim)
	d.Synthetic = true
	d.VAE = c.vae(text)
	d.VAE.Names = 0
	return d
}

func (c config) optimizer() train.AdamW {
	return train.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: c.WeightDecay, Clip: c.Clip}
}

// phase is one of the two, ready to be differentiated.
type phase struct {
	loss    train.Loss
	weights func() *train.Weights
	list    []train.Initial // that are trained
	inputs  []*tensors.Tensor
}

func (o *oracle) phase1(v string, c config) phase {
	arch := c.vae(o.text)
	list := arch.weights()
	if arch.Names > 0 {
		list = append(list, train.Initial{Name: namesWeight, Shape: []int{c.Classes, c.NameLength, o.text.Hidden}})
	}
	in := []*tensors.Tensor{o.tensor("inputs/x", c.Batch, arch.tokens(), arch.channels()), o.tensor("inputs/z", c.Batch, c.Z)}
	if arch.Variational {
		in = append(in, o.tensor("inputs/eps", c.Batch, c.Latent))
	}
	if arch.Names > 0 {
		in = append(in, o.ones())
	}
	return phase{arch.loss, func() *train.Weights {
		w := train.NewWeights()
		for _, one := range list {
			w.Add(one.Name, o.weight(v, one), one.Shape...)
		}
		addText(w, o.text)
		return w
	}, list, in}
}

func (o *oracle) classes() []int {
	o.t.Helper()
	got, err := safetensors.Get[int32](o.file, "inputs/classes", o.expected.Config.Batch)
	if err != nil {
		o.t.Fatal(err)
	}
	out := make([]int, len(got))
	for i, c := range got {
		out[i] = int(c)
	}
	return out
}

// ones has a one at each image's class.
func (o *oracle) ones() *tensors.Tensor {
	c := o.expected.Config
	flat := make([]float32, c.Batch*c.Classes)
	for i, class := range o.classes() {
		flat[i*c.Classes+class] = 1
	}
	return tensors.FromFlatDataAndDimensions(flat, c.Batch, c.Classes)
}

// perClass has what each image's class has in a table.
func (o *oracle) perClass(table [][]float32) *tensors.Tensor {
	var flat []float32
	for _, class := range o.classes() {
		flat = append(flat, table[class]...)
	}
	return tensors.FromFlatDataAndDimensions(flat, len(o.classes()), len(table[0]))
}

func (o *oracle) names() [][]float32 {
	c := o.expected.Config
	return split(o.get("weights/"+namesWeight, c.Classes, c.NameLength, o.text.Hidden), c.Classes)
}

func (o *oracle) phase2(b backends.Backend, v string, c config) phase {
	o.t.Helper()
	d := c.detector(o.text)
	speak, err := newSpeaker(b, o.text, c.TextNorm)
	if err != nil {
		o.t.Fatal(err)
	}
	defer speak.close()
	condition, err := speak.features(o.names())
	if err != nil {
		o.t.Fatal(err)
	}
	classifiers, err := speak.classifiers(c.options(), o.names())
	if err != nil {
		o.t.Fatal(err)
	}
	x := []int{c.Batch, d.Transformer.Tokens(), d.Transformer.Channels}
	in := []*tensors.Tensor{o.tensor("inputs/x", x...)}
	if d.Learned {
		in = append(in, o.ones())
	} else {
		in = append(in, o.perClass(classifiers))
	}
	in = append(in, o.tensor("inputs/z", c.Batch, c.Z))
	if d.VAE.Variational {
		in = append(in, o.tensor("inputs/eps", c.Batch, c.Latent))
	}
	if d.VAE.Text > 0 {
		in = append(in, o.perClass(condition))
	}
	in = append(in, o.tensor("inputs/r", c.Batch), o.tensor("inputs/normals", x...))
	for i, site := range d.Transformer.Sites(c.Batch) {
		keep, err := safetensors.Get[uint8](o.file, "inputs/keep."+siteNames(d.Transformer)[i], site...)
		if err != nil {
			o.t.Fatal(err)
		}
		in = append(in, methodtest.PackBits(keep))
	}
	return phase{d.loss, func() *train.Weights {
		w := train.NewWeights()
		for _, one := range d.weights() {
			w.Add(one.Name, o.weight(v, one), one.Shape...)
		}
		for _, one := range d.VAE.weights() {
			w.AddFrozen(one.Name, o.weight(v, one), one.Shape...)
		}
		return w
	}, d.weights(), in}
}

// siteNames are the sites of dropout as UniAD's reference.py names them.
func siteNames(a reconstruct.Arch) []string {
	var out []string
	layer := func(l string, attentions ...string) {
		for _, at := range attentions {
			out = append(out, l+at+".probs", l+at+".out")
		}
		out = append(out, l+".ffn.hidden", l+".ffn.out")
	}
	for i := range a.Encoders {
		layer(fmt.Sprintf("encoder.%d", i), ".attn")
	}
	for i := range a.Decoders {
		layer(fmt.Sprintf("decoder.%d", i), ".attn1", ".attn2")
	}
	return out
}

// gradients gives the loss and its gradients.
func (p phase) gradients(t *testing.T, b backends.Backend) (float64, map[string][]float32) {
	t.Helper()
	w := p.weights()
	defer w.Close()
	return methodtest.Gradients(t, b, w, p.loss, p.inputs)
}

// near compares values of a kind, within small.json's tolerance for it.
func (o *oracle) near(what, kind string, got, want []float32) {
	o.t.Helper()
	if strings.HasSuffix(what, ".k.bias") {
		kind += ".k.bias"
	}
	bound, ok := o.expected.Tolerance[kind]
	if !ok || len(got) != len(want) {
		o.t.Fatalf("%s: tolerance %g for %q, %d numbers, want %d", what, bound, kind, len(got), len(want))
	}
	scale := 1.0
	if strings.HasSuffix(kind, "/grad") {
		scale = 0
		for _, v := range want {
			scale = max(scale, math.Abs(float64(v)))
		}
	}
	for i := range got {
		if d := math.Abs(float64(got[i])-float64(want[i])) / scale; !(d <= bound) {
			o.t.Errorf("%s: number %d is %g, want %g: off by %.2g, where %g is allowed", what, i, got[i], want[i], d, bound)
			return
		}
	}
}

func (o *oracle) number(what string, got, want float64) {
	o.t.Helper()
	if d := math.Abs(got-want) / math.Abs(want); !(d <= o.expected.Tolerance["loss"]) {
		o.t.Errorf("%s is %.9g, want %.9g", what, got, want)
	}
}

// trains compares loss, gradients, and ten steps of a phase.
func (o *oracle) trains(b backends.Backend, name string, p phase, want expectation) {
	o.t.Helper()
	loss, grads := p.gradients(o.t, b)
	o.number(name+" loss", loss, want.Loss)
	for _, w := range p.list {
		o.near(w.Name, name+"/grad", grads[w.Name], o.get(name+"/grad/"+w.Name, w.Shape...))
	}
	w := p.weights()
	defer w.Close()
	c := o.expected.Config
	s, err := train.NewStepper(b, w, p.loss, c.optimizer())
	if err != nil {
		o.t.Fatal(err)
	}
	defer s.Close()
	for i, loss := range want.Losses {
		got, err := s.Step(p.inputs, c.LR)
		if err != nil {
			o.t.Fatal(err)
		}
		o.number(fmt.Sprintf("%s loss of step %d", name, i), got, loss)
	}
	for _, one := range p.list {
		got, err := w.Get(one.Name)
		if err != nil {
			o.t.Fatal(err)
		}
		o.near(one.Name, name+"/after", got, o.get(name+"/after/"+one.Name, one.Shape...))
	}
}

func TestOracle(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			o, b := newOracle(t), methodtest.Backend(t, engine)
			c := o.expected.Config
			o.trains(b, "phase1", o.phase1("", c), o.expected.Phase1)
			o.trains(b, "phase2", o.phase2(b, "", c), o.expected.Phase2)
			o.texts(b)
			o.scores(b)
		})
	}
}

// texts compares text features.
func (o *oracle) texts(b backends.Backend) {
	o.t.Helper()
	speak, err := newSpeaker(b, o.text, false)
	if err != nil {
		o.t.Fatal(err)
	}
	defer speak.close()
	c, opts := o.expected.Config, o.expected.Config.options()
	condition, err := speak.features(o.names())
	if err != nil {
		o.t.Fatal(err)
	}
	o.near("t_c", "phase1/t_c", join(condition), o.get("phase1/t_c", c.Classes, o.text.Dim))
	for name, prompts := range map[string][]string{"t_n": opts.Normal, "t_a": opts.Abnormal} {
		got, err := speak.prompted("prompts", prompts, o.names())
		if err != nil {
			o.t.Fatal(err)
		}
		o.near(name, "phase2/"+name, join(got), o.get("phase2/"+name, c.Classes, o.text.Dim))
	}
}

// scores compares both scores of clean images, with a model that was never trained.
func (o *oracle) scores(b backends.Backend) {
	o.t.Helper()
	c := o.expected.Config
	d := c.detector(o.text)
	p := o.phase2(b, "", c)
	w := p.weights()
	defer w.Close()
	exec, err := w.Graph(b, d.scores)
	if err != nil {
		o.t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Exec(p.inputs[0], p.inputs[1])
	if err != nil {
		o.t.Fatal(err)
	}
	shape := []int{c.Batch, d.Transformer.Tokens()}
	rec, sem := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
	o.near("S_rec", "scores/rec", rec, o.get("scores/rec", shape...))
	o.near("S_sem", "scores/sem", sem, o.get("scores/sem", shape...))
	o.near("S", "scores/score", combine(rec, sem, c.Lambda), o.get("scores/score", shape...))
}

// Every option that changes a formula.
func TestVariants(t *testing.T) {
	o, b := newOracle(t), methodtest.Backend(t, plugin.EngineGo)
	for name, v := range o.expected.Variants {
		t.Run(name, func(t *testing.T) {
			c := o.expected.Config
			if err := json.Unmarshal(v.Options, &c); err != nil {
				t.Fatal(err)
			}
			for i, want := range []*expectation{v.Phase1, v.Phase2} {
				if want == nil {
					continue
				}
				p, at := o.phase1(name, c), fmt.Sprintf("phase%d", i+1)
				if i == 1 {
					p = o.phase2(b, name, c)
				}
				loss, grads := p.gradients(t, b)
				o.number(name+" "+at+" loss", loss, want.Loss)
				for _, w := range p.list {
					key := "variants/" + name + "/grad/" + w.Name
					if want, err := safetensors.Get[float32](o.file, key, w.Shape...); err == nil {
						o.near(key, "variants/grad", grads[w.Name], want)
					}
				}
			}
		})
	}
}
