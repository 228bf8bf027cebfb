package bert

import "math"

// Spread is the standard deviation of the elements of all word embeddings.
func (e *Encoder) Spread() float64 {
	sum, squares := 0.0, 0.0
	for _, v := range e.words {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(e.words))
	return math.Sqrt(max(0, squares/n-sum/n*(sum/n)))
}
