// Package onnx builds ONNX graphs and reads them: the texture bank, methods and
// the GoMLX backend write their networks with a Builder, and Read opens a
// network from anywhere, to look at it or to lead inner tensors out of it.
//
// Nothing here runs a network (package ort does) or infers shapes. The wire
// format is a subset of onnx.proto with the specification's field numbers; what
// the subset lacks passes through unchanged.
package onnx

//go:generate protoc --proto_path=internal/onnxpb --go_out=internal/onnxpb --go_opt=paths=source_relative onnx.proto
