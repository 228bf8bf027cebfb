// Package ort runs ONNX networks on ONNX Runtime. It finds the library, fetches
// it once if there is none, and checks it (Ensure, Init); then sessions run
// networks on the CPU or a GPU. It is the only package that imports
// onnxruntime_go.
//
// # The library
//
// Ensure looks in this order: the path given by a flag or by LTADBENCH_ORT_LIB,
// the cache directory, the system's library path. If none has a library of
// version 1.24 or later (C API 24), it fetches the pinned version by the Python
// wheel "onnxruntime", Microsoft's release archive or the npm package
// "onnxruntime-node", whichever works first, through the machine's own pip and
// npm and their settings. What it fetched counts only if its SHA-256 is the
// pinned one. It is installed by a rename, under a lock, so any number of
// processes may start at once and one of them fetches.
//
// The library is loaded once per process and stays. Nothing here writes to
// standard output.
//
// # Numbers
//
// The same network, input, library, CPU type and SessionOptions.Threads give the
// same bits, in any process and beside any other load (there is a test). Another
// number of threads, another instruction set (AVX2, AVX-512, ...) or another
// version of the library may change the last bits, since sums are split
// differently. On CUDA, TF32 is off and convolution algorithms are chosen by rule
// and not by timing.
//
// # Scalars
//
// The binding below has no rank-0 tensors in general; here a tensor of no
// dimensions works as input, and as output where the model declares it as one,
// for all types but float16. A network needs at least one input.
package ort
