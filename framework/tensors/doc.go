// Package tensors is the data plane: dense tensors in NumPy's .npy files,
// memory-mapped to read and written in place row by row. Hosts, plugins in Go
// and plugins in Python share features, images and anomaly maps as such files,
// so nothing large crosses a socket and a Python method needs no code of ours
// (numpy.load(path, mmap_mode="r")).
//
// All files are little-endian and in C order, their data begins at a multiple of
// 64 bytes, and the first axis is the sample ("row") axis. This is the only
// package that imports gorgonia.org/tensor; Dense is its tensor type. Named tensors
// in one file, such as weights and a model's state, are in safetensors below it.
package tensors
