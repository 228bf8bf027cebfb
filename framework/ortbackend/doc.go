// Package ortbackend is a backend of GoMLX, named "ort", that computes with ONNX
// Runtime: it turns a GoMLX graph into one ONNX graph and runs it, on the CPU or,
// where the library has the CUDA provider, on a GPU (not yet tried). Importing the package
// registers it; ort.Init must have been called before a backend is made.
//
// The configuration string is a device ("cpu", the default, "cuda:N" or "auto")
// and options after commas: "threads=N" bounds the threads of one operation on the
// CPU. For example "ort:cpu,threads=2".
//
// # How a graph is lowered
//
// A graph is recorded first, as nodes that are equal if they compute the same
// (graph.go), so common subexpressions exist once. While it grows, each new node
// is simplified with what it is made of (simplify*.go): a product of two
// broadcast operands that is summed, which is how GoMLX writes the gradient of a
// dot product, becomes a dot product again; the chains of softmax, layer
// normalisation and GELU, and what their gradients compute, become operations
// that ONNX Runtime has a kernel for. Only what the outputs need is lowered
// (lower*.go): broadcasts stay views until an operator needs the elements, and
// transposes, scales and biases around a dot product become arguments of Gemm and
// FusedMatMul.
//
// # Numbers
//
// Results are the same, bit for bit, each time that a graph runs on one machine
// with one number of threads. What is divided by zero is not finite, but a sum of
// such quotients may be infinite where literally it were NaN, or the reverse.
// Operations on float16 and bfloat16 are computed in float32 and rounded. An
// operation, or element type, that cannot be computed faithfully is an error that
// names it when the graph is built or compiled: complex numbers and FFT, the bits of
// floating-point numbers (Bitcast, comparisons in total order), Erf of float64, and
// what several devices do together. Random bits (RNGBitGenerator) are Philox's, and
// others than another backend's of the same state.
//
// GoMLX v0.26.0 itself is wrong about the gradient of a convolution by its input if
// the kernel's size is even: it is shifted by one. No backend can mend that; use odd
// kernels.
//
// # GPUs
//
// Buffers are memory of the host, which costs nothing on the CPU: there variables stay
// where they are from step to step, and a step's outputs take the memory of what was
// donated to an earlier one. On a GPU, ONNX Runtime copies inputs and outputs at every
// call, the binding at hand (onnxruntime_go v1.27.0) having no tensors on devices. No
// GPU was there to run any of this on; sums of scattered elements may well differ from
// run to run there.
//
// # GoMLX's own tests
//
// Of the 513 tests of GoMLX's packages that compute (TestGoMLXSuite), 483 pass on this
// backend, 8 skip themselves, for want of several devices or of complex numbers, and
// 22 fail: testdata/gomlx_suite.txt has each with its reason, of which 14 are complex
// numbers and 5 comparisons in total order.
package ortbackend
