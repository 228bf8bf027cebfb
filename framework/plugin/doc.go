// Package plugin is the SDK for methods in Go. A method implements Method, and its
// program is
//
//	func main() { plugin.Serve(myMethod{}) }
//
// installed as ltadbench-method-NAME on the plugin path, or named as a command in
// bench.yaml. Serve does everything that a well-behaved plugin has to: it keeps
// standard output free for the handshake, speaks TLS, ends when the host does,
// opens the samples, limits the rate of progress messages, and turns errors and
// panics into faults of the method.
//
// A method's own tests need no host: NewSamples makes samples of files that
// package tensors writes. The conformance suite in package plugintest runs it in a
// process of its own, as a benchmark would.
package plugin
