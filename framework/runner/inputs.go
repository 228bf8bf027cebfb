package runner

import (
	"slices"
	"sync"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/encoder"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// pack is an encoder pack, whose networks and texts are large: their digests are
// taken once.
type pack struct {
	*encoder.Pack
	digest, textDigest func() (ad.Digest, error)
}

func (p *Plan) findPack(e config.Encoder) (*pack, error) {
	found, err := FindPack(e, p.PackPath, p.Bench)
	if err != nil {
		return nil, err
	}
	return &pack{found, sync.OnceValues(found.Digest), sync.OnceValues(found.TextDigest)}, nil
}

// checkInputs says what a method needs and the cell's encoder does not have.
func (p *Plan) checkInputs(c config.Cell, info plugin.Info, pack *encoder.Pack) error {
	for _, lack := range []struct {
		need plugin.Input
		has  bool
		what string
		mend string
	}{
		{plugin.Embeddings, pack.Embedding.Output != "", "embeddings of whole images", "name an output of its network under embedding in its " + encoder.File},
		{plugin.Text, pack.Text != nil, "a text encoder", "give it a text side, text in its " + encoder.File + " (to see it run: text: {builtin: stand-in}, which knows no language)"},
	} {
		if !lack.has && slices.Contains(info.Needs, lack.need) {
			return fault.New(fault.Config, "method %q needs %s, and encoder %q has none", c.Method.Name, lack.what, c.Encoder.Name).
				At(p.Bench.Pos(c.Encoder.Pointer)).
				WithHint("%s, or give the method the encoders that do: methods.%s.encoders", lack.mend, c.Method.Name)
		}
	}
	return nil
}

// levels are the channels of the encoder's levels.
func levels(pack *encoder.Pack) []int {
	out := make([]int, len(pack.Levels))
	for i, l := range pack.Levels {
		out[i] = l.Channels
	}
	return out
}

// text is the text encoder for the cell's method; nil if it needs none.
func (a *attempt) text() (*plugin.TextEncoder, error) {
	if !slices.Contains(a.method.info.Needs, plugin.Text) {
		return nil, nil
	}
	files, err := a.encoder.TextFiles(a.CacheDir)
	text := plugin.TextEncoder(files)
	return &text, err
}
