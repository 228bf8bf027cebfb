// Package uniad is UniAD (You et al., NeurIPS 2022, arXiv 2206.03687): a transformer
// that reconstructs the features of normal images, and is kept from copying its
// input by three means: attention that does not see a token's neighbourhood, a
// learned query in each layer of the decoder, and noise on the features that it is
// trained with. What it cannot reconstruct is anomalous: the map is the distance
// between features and reconstruction. One model serves all classes.
//
// # The model
//
// The transformer is package reconstruct's. The loss is the mean squared difference of
// what it makes of noisy features to the features without noise.
//
// testdata/reference.py is the same model in PyTorch; the numbers here are checked
// against those it makes (testdata/oracle.py).
//
// # Where paper and code are silent, or differ from this
//
// UniAD interpolates the levels of its backbone to 14 x 14; here the encoder pack
// has put its levels on one grid already. Features on a finer grid than option grid
// are resampled to it in the same way (bilinear, with the corners aligned, which
// takes points and no averages); those on a coarser one are used as they are, with a
// line in the log, and never enlarged. A window of the neighbour mask that would then
// hide all tokens from one is made smaller, with a warning.
//
// The best of many evaluations on the test set, which the paper reports, is none
// that this benchmark allows: the weights are those at the end. Option early_stop
// ends training by the training loss.
//
// The authors' code also knows position embeddings of sines and other initializers;
// the learned embedding and their default, Xavier's, are here.
//
// The host turns the map into the image's score: UniAD takes the maximum of the
// enlarged map, averaged over 16 x 16 pixels.
//
// # Speed
//
// BenchmarkStep, the paper's size with batch 8 on two cores of a server's CPU, beside
// PyTorch 2.15 (milliseconds a step, and how many times ours is as fast):
//
//	           ours   as UniAD's code does it   fused attention   own dropout, too
//	training    632          955 (1.51)             974 (1.54)         675 (1.07)
//	inference   172          213 (1.24)             181 (1.05)         248 (1.44)
//
// The last column is a PyTorch program that does not exist outside of testdata: its
// dropout draws 16 bits for an element, where PyTorch's own takes nearly a third of
// the step. Of our step two thirds, and four fifths of inference, are dot products,
// which ONNX Runtime computes at 185 to 195 GFLOP/s: at that rate they alone take
// longer than PyTorch's fastest inference divided by 1.3. Recording, differentiating and
// loading the step takes 1.3 seconds. What a step reads is prepared while the one
// before runs.
//
// # Randomness, interruption
//
// Initial weights, the order of images, dropout and jitter come from named streams
// of the cell's seed, those of a step from streams with the step's number; they are
// drawn on the host while the step before runs. So engines, devices and numbers of
// threads are given the same numbers, and a training that was interrupted goes on
// from its checkpoint to the same final bytes.
package uniad
