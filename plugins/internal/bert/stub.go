package bert

import (
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

type Weight struct {
	Name   string
	Shape  []int
	Values []float32
}
type Encoder struct{ Hidden, Dim, MaxTokens int }

func Open(t plugin.TextEncoder) (*Encoder, error)                                        { return nil, nil }
func (e *Encoder) Tokens(text string) []int                                              { return nil }
func (e *Encoder) Embed(ids ...int) []float32                                            { return nil }
func (e *Encoder) Start() []float32                                                      { return nil }
func (e *Encoder) End() []float32                                                        { return nil }
func (e *Encoder) Spread() float64                                                       { return 1 }
func (e *Encoder) Weights() []Weight                                                     { return nil }
func (e *Encoder) Encode(w func(name string) *graph.Node, words *graph.Node) *graph.Node { return nil }
