package nn

import (
	"context"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/onnx"
	"github.com/ltadbench/ltadbench/framework/ort"
)

// MaxNeighbors is the largest number of neighbours that Nearest finds.
const MaxNeighbors = bankBlock / 2

// bankBlock bounds how many rows of the bank one product has: its result for one
// image stays in the processor's cache, and neighbours are picked from it there.
const bankBlock = 1024

// Bank is a set of vectors to search. It holds them twice, here and within ONNX
// Runtime; while it is made, about seven copies exist for a moment (2.0 GB in all
// for a bank of 282 MB). They must be less than 2 GiB, the limit of the format.
type Bank struct {
	rows    []float32
	dim     int
	mean    []float32
	session *ort.Session
}

// NewBank makes a bank of rows of length dim, at least one, which it keeps and
// does not change. The products run on the device, "cpu" or "cuda:N". Close it
// after use.
func NewBank(rows []float32, dim int, device string) (*Bank, error) {
	if dim < 1 || len(rows) == 0 || len(rows)%dim != 0 {
		return nil, wrong("%d numbers are not a bank of vectors of %d", len(rows), dim)
	}
	b := &Bank{rows: rows, dim: dim, mean: mean(rows, dim)}
	model, err := bankGraph(rows, b.mean)
	if err != nil {
		return nil, fault.New(fault.Config, "the memory bank of %d vectors of %d is too large: %w", b.Len(), dim, err).
			WithHint("keep a smaller share of the training patches")
	}
	b.session, err = ort.NewSession(model, ort.SessionOptions{Device: device, Threads: 1})
	return b, err
}

// bankGraph is a network from queries [q, dim] and a number k [1] to the k
// nearest rows of each: |row|²-2·row·query, ascending, and the rows' indices; the
// mean is subtracted from the rows, and must be from the queries. It
// searches the bank in blocks of equal size, up to one row, and then among the
// blocks' winners. Ties go to the lower index.
func bankGraph(rows, mean []float32) ([]byte, error) {
	dim := len(mean)
	g := onnx.NewBuilder("bank", 17)
	q := g.Input("queries", onnx.Float32, "q", dim)
	k := g.Input("k", onnx.Int64, 1)
	nearest := func(v string) []string {
		return g.Ops("TopK", 2, []string{v, k}, onnx.Int("axis", 1), onnx.Int("largest", 0), onnx.Int("sorted", 1))
	}
	n := len(rows) / dim
	blocks := (n + bankBlock - 1) / bankBlock
	var values, indices []string
	for i := range blocks {
		lo, hi := n*i/blocks, n*(i+1)/blocks
		block := make([]float32, (hi-lo)*dim)
		for at := 0; at < len(block); at += dim {
			subtract(block[at:][:dim], rows[lo*dim+at:][:dim], mean)
		}
		lengths := make([]float32, hi-lo)
		norms(lengths, block, dim)
		for j := range block {
			block[j] *= -2
		}
		v := g.Op("Gemm", []string{q, onnx.Const(g, block, hi-lo, dim), onnx.Const(g, lengths, hi-lo)}, onnx.Int("transB", 1))
		top := nearest(v)
		values = append(values, top[0])
		indices = append(indices, g.Op("Add", []string{top[1], onnx.Const(g, []int64{int64(lo)}, 1)}))
	}
	value, index := values[0], indices[0]
	if blocks > 1 {
		top := nearest(g.Op("Concat", values, onnx.Int("axis", 1)))
		all := g.Op("Concat", indices, onnx.Int("axis", 1))
		value, index = top[0], g.Op("GatherElements", []string{all, top[1]}, onnx.Int("axis", 1))
	}
	g.Output("value", value, onnx.Float32, "q", "n")
	g.Output("index", index, onnx.Int64, "q", "n")
	return g.Marshal()
}

// Len is the number of vectors.
func (b *Bank) Len() int { return len(b.rows) / b.dim }

// Rows are all vectors, [Len, dim]; not to be changed.
func (b *Bank) Rows() []float32 { return b.rows }

// Row is a vector.
func (b *Bank) Row(i int) []float32 { return b.rows[i*b.dim:][:b.dim] }

// Nearest finds the k nearest vectors of each query, rows of length dim: index has
// k indices for each query, nearest first, and the result the Euclidean distances
// to them. k is at most Len and MaxNeighbors. Candidates that float32 products
// cannot tell apart may change places; distances are exact to float32 for the
// indices given. Safe for concurrent use, which is how it uses several cores.
func (b *Bank) Nearest(ctx context.Context, queries []float32, k int, index []int64, distances []float32) error {
	if k < 1 || k > min(b.Len(), MaxNeighbors) {
		return wrong("%d neighbours of %d, at most %d, are asked for", k, b.Len(), MaxNeighbors)
	}
	n := len(queries) / b.dim
	if len(queries)%b.dim != 0 || len(index) != n*k || len(distances) != n*k {
		return wrong("%d numbers are not %d queries of %d, or results do not fit", len(queries), n, b.dim)
	}
	centred := make([]float32, len(queries))
	for i := range n {
		subtract(centred[i*b.dim:][:b.dim], queries[i*b.dim:][:b.dim], b.mean)
	}
	q, err := ort.NewTensor(centred, n, b.dim)
	if err != nil {
		return err
	}
	count, err := ort.NewTensor([]int64{int64(k)}, 1)
	if err != nil {
		return err
	}
	value, err := ort.NewTensor(distances, n, k)
	if err != nil {
		return err
	}
	which, err := ort.NewTensor(index, n, k)
	if err != nil {
		return err
	}
	if err := b.session.Run(ctx, []*ort.Tensor{q, count}, []*ort.Tensor{value, which}); err != nil {
		return err
	}
	for i := range n {
		for j := range k {
			distances[i*k+j] = Distance(queries[i*b.dim:][:b.dim], b.Row(int(index[i*k+j])))
		}
	}
	return nil
}

// Close frees the bank.
func (b *Bank) Close() error { return b.session.Close() }
