package train

import (
	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/shapes"
)

// Served is a trained model, ready to predict: its weights, and a graph of them, on a
// backend of its own.
type Served struct {
	*Predictor
	backend backends.Backend
	weights *Weights
}

// Serve makes a predictor (see NewPredictor) of the listed weights. The backend is its
// own from then on, also if there is an error.
func Serve(b backends.Backend, trained Trained, list []Initial, f func(v Values, in []*graph.Node) []*graph.Node, inputs ...shapes.Shape) (*Served, error) {
	s := &Served{backend: b, weights: NewWeights()}
	for _, w := range list {
		s.weights.Add(w.Name, trained[w.Name], w.Shape...)
	}
	var err error
	if s.Predictor, err = NewPredictor(b, s.weights, f, inputs...); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close frees everything. A nil Served has nothing.
func (s *Served) Close() {
	if s == nil {
		return
	}
	if s.Predictor != nil {
		s.Predictor.Close()
	}
	s.weights.Close()
	s.backend.Finalize()
}
