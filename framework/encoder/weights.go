package encoder

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// external lists the files, relative to the network's directory, that a network in
// the ONNX format keeps weights in. ONNX Runtime opens whatever the network names,
// below the directory it is given or else the process's own, so that a file which is
// no part of the pack's digest could decide the features.
//
// A tensor's field external_data (13) holds an entry of key (1) "location" and value
// (2), with their lengths. Its bytes are searched for, since reading a network whole
// would take several times its memory; and only where the field's own tag and length
// fit is it such an entry.
func external(model []byte) []string {
	key := []byte("\x0a\x08location\x12")
	var files []string
	for {
		at := bytes.Index(model, key)
		if at < 0 {
			return files
		}
		before, rest := model[:at], model[at+len(key):]
		model = rest
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			continue
		}
		tag := binary.AppendUvarint([]byte{13<<3 | 2}, uint64(len(key)+n)+length)
		file := string(rest[n:][:length])
		if bytes.HasSuffix(before, tag) && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
}
