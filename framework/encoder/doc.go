// Package encoder turns images into patch features: packs describe an encoder
// network and how to feed it, an Encoder runs one, and Extract computes the
// features of a dataset once and keeps them on disk for every cell.
//
// # Packs
//
// A pack is a directory with encoder.yaml and an ONNX network (see LoadPack for
// the file's keys). The pack "texturebank" is part of the program: a scattering
// network with fixed filters (Builtin), so that everything runs with no download.
// This package is the second home of yaml.v3, after config: encoder.yaml is no
// part of bench.yaml, and config stands above encoder.
//
// # Text
//
// A pack may have a text side, a BERT (Text). It does not run here: methods learn
// class names by the gradients of its input, so they run it themselves, from files
// that the host names. The texture bank's is a stand-in, a small network with random
// weights (newStandIn). It knows no language and is no substitute for one that does;
// with it everything runs with no download, and that is all.
//
// # Features
//
// An image is resized as a whole to the network's input, and the network gives
// one or more levels. Each is aligned to one grid, and all are concatenated in the
// pack's order (paper, section 4: "remapped to the same size and concatenated").
// Alignment is done here and not by a Resize operator in the network: it costs a
// fraction of a millisecond, it is the same on every device and version of ONNX
// Runtime, and one network file serves any grid. Its arithmetic is written so that
// no compiler may fuse it.
//
// # Same bits
//
// Each image runs through the network alone, on one thread; several run side by
// side. So an image's features do not depend on the images next to it, on the
// number of workers or on the order of the work: the same machine, ONNX Runtime
// and device give the same bits. Another CPU type or a GPU may change the last
// ones, because the network's sums are split differently there; a store records
// what computed it, and is not extended with features from elsewhere.
package encoder
