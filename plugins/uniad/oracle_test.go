package uniad

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/pkg/core/tensors"

	"github.com/ltadbench/ltadbench/framework/tensors/safetensors"
	"github.com/ltadbench/ltadbench/plugins/internal/methodtest"
	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// config is the configuration of testdata/reference.py.
type config struct {
	Channels, Height, Width, Hidden, Heads, Encoders, Decoders, FFN, Window int
	Dropout, Jitter, LR, Clip                                               float64
	WeightDecay                                                             float64 `json:"weight_decay"`
	DropAfter                                                               int     `json:"drop_after"`
	Batch                                                                   int
}

func (c config) arch() arch {
	return arch{reconstruct.Arch{
		Channels: c.Channels, Height: c.Height, Width: c.Width, Hidden: c.Hidden, Heads: c.Heads, Encoders: c.Encoders, Decoders: c.Decoders, FFN: c.FFN,
		Window: [2]int{c.Window, c.Window}, Masked: []string{reconstruct.InEncoder, reconstruct.InDecoder1, reconstruct.InDecoder2}, Dropout: c.Dropout, Jitter: c.Jitter,
	}}
}

// siteNames are the sites of arch.sites as the oracle names them.
func (a arch) siteNames() []string {
	var out []string
	layer := func(l string, attentions ...string) {
		for _, at := range attentions {
			out = append(out, l+at+".probs", l+at+".out")
		}
		out = append(out, l+".ffn.hidden", l+".ffn.out")
	}
	for i := range a.Encoders {
		layer("encoder."+string(rune('0'+i)), ".attn")
	}
	for i := range a.Decoders {
		layer("decoder."+string(rune('0'+i)), ".attn1", ".attn2")
	}
	return out
}

// predictions runs anomalyMap.
func predictions(t *testing.T, engine string, a arch, values map[string][]float32, x *tensors.Tensor) []float32 {
	t.Helper()
	w := weightsOf(a, values)
	defer w.Close()
	exec, err := w.Graph(methodtest.Backend(t, engine), a.anomalyMap)
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Exec(x)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out[0])
}

// trajectory does the oracle's steps and gives their losses.
func trajectory(t *testing.T, engine string, c config, w *train.Weights, inputs func(step int) []*tensors.Tensor) []float32 {
	t.Helper()
	s, err := train.NewStepper(methodtest.Backend(t, engine), w, c.arch().loss, train.AdamW{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: c.WeightDecay, Clip: c.Clip})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	schedule := train.StepLR{LR: c.LR, Every: c.DropAfter, Gamma: 0.1}
	if c.DropAfter == 0 {
		schedule.Gamma = 1
	}
	var losses []float32
	for step := range steps {
		loss, err := s.Step(inputs(step), schedule.At(step))
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float32(loss))
	}
	return losses
}

const steps = 20

func TestSmallOracle(t *testing.T) {
	f, err := safetensors.Open(filepath.Join("testdata", "small.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var oracle struct {
		Config    config
		Tolerance tolerance
	}
	if err := json.Unmarshal([]byte(f.Metadata()["oracle"]), &oracle); err != nil {
		t.Fatal(err)
	}
	c, near := oracle.Config, oracle.Tolerance
	a := c.arch()
	get := func(name string, shape ...int) []float32 {
		t.Helper()
		v, err := safetensors.Get[float32](f, name, shape...)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	values := map[string][]float32{}
	for _, w := range a.Weights() {
		values[w.Name] = get("w."+w.Name, w.Shape...)
	}
	x := []int{c.Batch, a.Tokens(), c.Channels}
	features := func() *tensors.Tensor { return tensors.FromFlatDataAndDimensions(get("features", x...), x...) }
	normals := get("normals", append([]int{steps}, x...)...)
	inputs := func(step int) []*tensors.Tensor {
		out := []*tensors.Tensor{features(), tensors.FromFlatDataAndDimensions(normals[step*train.Size(x):][:train.Size(x)], x...)}
		for i, site := range a.Sites(c.Batch) {
			keep, err := safetensors.Get[uint8](f, "keep."+a.siteNames()[i], append([]int{steps}, site...)...)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, methodtest.PackBits(keep[step*train.Size(site):][:train.Size(site)]))
		}
		return out
	}

	for _, engine := range []string{"go", "ort"} {
		t.Run(engine, func(t *testing.T) {
			near.check(t, "map", predictions(t, engine, a, values, features()), get("map", c.Batch, c.Height, c.Width))
			first := weightsOf(a, values)
			defer first.Close()
			loss, grads := methodtest.Gradients(t, methodtest.Backend(t, engine), first, a.loss, inputs(0))
			near.check(t, "loss", []float32{float32(loss)}, get("loss", steps)[:1])
			norm := 0.0
			for _, one := range a.Weights() {
				near.check(t, "grad."+one.Name, grads[one.Name], get("grad."+one.Name, one.Shape...))
				for _, v := range grads[one.Name] {
					norm += float64(v) * float64(v)
				}
			}
			near.check(t, "norm", []float32{float32(math.Sqrt(norm))}, get("norm", steps)[:1])

			w := weightsOf(a, values)
			defer w.Close()
			near.check(t, "loss", trajectory(t, engine, c, w, inputs), get("loss", steps))
			for _, one := range a.Weights() {
				got, err := w.Get(one.Name)
				if err != nil {
					t.Fatal(err)
				}
				near.check(t, "end."+one.Name, got, get("end."+one.Name, one.Shape...))
			}
		})
	}
}

// tolerance is that of an implementation in float32, by kind of value: the name of a
// value up to its first dot, and apart the biases of keys, which have no influence.
type tolerance map[string]float64

// relative are the kinds whose differences are divided by the expected value.
var relative = []string{"loss", "norm", "squares", "change"}

func (tol tolerance) check(t *testing.T, what string, got, want []float32) {
	t.Helper()
	kind, _, _ := strings.Cut(what, ".")
	rel := slices.Contains(relative, kind)
	if strings.HasSuffix(what, ".k.bias") {
		kind, rel = kind+".k.bias", false
	}
	bound, ok := tol[kind]
	if !ok || len(got) != len(want) {
		t.Fatalf("%s: tolerance %g, %d numbers, want %d", what, bound, len(got), len(want))
	}
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if rel {
			d /= math.Abs(float64(want[i]))
		}
		if !(d <= bound) {
			t.Errorf("%s: number %d is %g, want %g: off by %.2g, where %g is allowed", what, i, got[i], want[i], d, bound)
			return
		}
	}
}

// fullInputs makes weights, features and noise of the full configuration as
// testdata/oracle.py says.
type fullInputs struct {
	config
	arch
}

func mix(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85EBCA6B
	h ^= h >> 13
	h *= 0xC2B2AE35
	return h ^ h>>16
}

// hashes gives hash(name, i) for i below n.
func hashes(name string, n int) []uint32 {
	of := uint32(2166136261)
	for _, b := range []byte(name) {
		of = (of ^ uint32(b)) * 16777619
	}
	out := make([]uint32, n)
	for i := range out {
		out[i] = mix(mix(uint32(i)) ^ of)
	}
	return out
}

// uniforms gives u(name, i) times scale for i below n.
func uniforms(name string, n int, scale float32) []float32 {
	out := make([]float32, n)
	for i, h := range hashes(name, n) {
		out[i] = float32(int32(h>>8)-1<<23) / (1 << 23) * scale
	}
	return out
}

func (f fullInputs) weight(w train.Initial) []float32 {
	scale := float32(1) / 8
	switch {
	case strings.HasSuffix(w.Name, ".bias"), strings.HasSuffix(w.Name, ".ffn.2.weight"):
		scale = 1. / 16
	case strings.HasPrefix(w.Name, "pos."):
		scale = 1. / 2
	case strings.HasSuffix(w.Name, ".query"):
		scale = 1
	}
	out := uniforms(w.Name, train.Size(w.Shape), scale)
	if strings.Contains(w.Name, "norm") && strings.HasSuffix(w.Name, ".weight") {
		for i := range out {
			out[i]++
		}
	}
	return out
}

func (f fullInputs) features() *tensors.Tensor {
	x := []int{f.config.Batch, f.Tokens(), f.arch.Channels}
	return tensors.FromFlatDataAndDimensions(uniforms("features", train.Size(x), 1), x...)
}

func (f fullInputs) step(step int) []*tensors.Tensor {
	x := []int{f.config.Batch, f.Tokens(), f.arch.Channels}
	number := strconv.Itoa(step + 1)
	u := uniforms("normals/"+number, 3*train.Size(x), 1)
	normals := make([]float32, train.Size(x))
	for i := range normals {
		normals[i] = u[3*i] + u[3*i+1] + u[3*i+2]
	}
	out := []*tensors.Tensor{f.features(), tensors.FromFlatDataAndDimensions(normals, x...)}
	for i, site := range f.Sites(f.config.Batch) {
		keep := make([]uint8, train.Size(site))
		for j, h := range hashes("keep/"+number+"/"+f.siteNames()[i], len(keep)) {
			if h >= 429496729 {
				keep[j] = 1
			}
		}
		out = append(out, methodtest.PackBits(keep))
	}
	return out
}

func TestFullOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("20 steps of the full model take seconds")
	}
	var want struct {
		Config     config
		Tolerance  tolerance
		Loss       []float32
		Map        [][]float32
		Parameters map[string]struct {
			Sum, Squares, Change float32
			At                   []int
			Values               []float32
		}
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "full.json"))
	if err == nil {
		err = json.Unmarshal(raw, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	near, c := want.Tolerance, want.Config
	in := fullInputs{c, c.arch()}
	values := map[string][]float32{}
	for _, w := range in.Weights() {
		values[w.Name] = in.weight(w)
	}
	near.check(t, "map", predictions(t, "ort", in.arch, values, in.features()), slices.Concat(want.Map...))
	w := weightsOf(in.arch, values)
	defer w.Close()
	near.check(t, "loss", trajectory(t, "ort", c, w, in.step), want.Loss)
	for name, p := range want.Parameters {
		end, err := w.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		var sum, squares, change float64
		for i, v := range end {
			sum += float64(v)
			squares += float64(v) * float64(v)
			change += math.Pow(float64(v)-float64(values[name][i]), 2)
		}
		some := make([]float32, len(p.At))
		for i, at := range p.At {
			some[i] = end[at]
		}
		near.check(t, "values."+name, some, p.Values)
		if strings.HasSuffix(name, ".k.bias") {
			continue
		}
		near.check(t, "sum."+name, []float32{float32(sum)}, []float32{p.Sum})
		near.check(t, "squares."+name, []float32{float32(squares)}, []float32{p.Squares})
		near.check(t, "change."+name, []float32{float32(math.Sqrt(change))}, []float32{p.Change})
	}
}
