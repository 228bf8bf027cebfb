// Package runner turns the cells of a benchmark into records. Plan finds out what
// every cell depends on and which cells are finished; Plan.Run computes the others,
// in a bounded pool, and stores each as soon as it is done. It never formats.
//
// A cell is features (computed once per dataset and encoder, shared by all cells),
// then Fit and Predict in the method's own process, then the metrics. Nothing about
// a test image's label reaches a method: samples come in an order drawn from a
// seeded stream, under opaque names, from files whose rows are permuted too.
//
// A cell that was interrupted, died or ran out of time keeps the checkpoint of its
// method, if that writes one, and its next attempt goes on from there. The checkpoint
// belongs to the cell's key, and is gone once the cell is done, the method has
// reported an error, or Order.Fresh asks for a new beginning.
//
// The number of jobs changes no number: every cell computes with the same number of
// threads, and nothing depends on the order in which cells end.
package runner
