package plugin

import (
	"fmt"

	"github.com/ltadbench/ltadbench/framework/tensors"
)

// NewSamples makes samples of tensors that are already open: sample i has class
// index classes[i] and is row rows[i] of features (float32 or float16, [rows, H,
// W, C]), of images (uint8, [rows, H, W, 3]) and of embeddings (float32, [rows,
// D]); any file may be nil. The host's requests come through it, and so may a
// method's own tests. It checks every row, so that the accessors of Samples cannot
// read outside the files.
func NewSamples(classes, rows []int, features, images, embeddings *tensors.File) (Samples, error) {
	if len(classes) != len(rows) {
		return Samples{}, fmt.Errorf("%d class indices for %d rows", len(classes), len(rows))
	}
	for _, in := range []struct {
		name Input
		file *tensors.File
		ok   func(h tensors.Header) bool
		want string
	}{
		{Features, features, func(h tensors.Header) bool {
			return len(h.Shape) == 4 && (h.DType == tensors.Float32 || h.DType == tensors.Float16)
		}, "float32 or float16 of shape [rows, H, W, C]"},
		{Images, images, func(h tensors.Header) bool {
			return len(h.Shape) == 4 && h.Shape[3] == 3 && h.DType == tensors.Uint8
		}, "uint8 of shape [rows, H, W, 3]"},
		{Embeddings, embeddings, func(h tensors.Header) bool {
			return len(h.Shape) == 2 && h.DType == tensors.Float32
		}, "float32 of shape [rows, D]"},
	} {
		if in.file == nil {
			continue
		}
		if !in.ok(in.file.Header) {
			return Samples{}, fmt.Errorf("%s: %s are %s, not %s", in.file.Path(), in.name, in.file.Header, in.want)
		}
		for i, r := range rows {
			if r < 0 || r >= in.file.Rows() {
				return Samples{}, fmt.Errorf("%s: sample %d is row %d of %d", in.file.Path(), i, r, in.file.Rows())
			}
		}
	}
	for i, c := range classes {
		if c < 0 {
			return Samples{}, fmt.Errorf("sample %d has class index %d", i, c)
		}
	}
	return Samples{Classes: classes, rows: rows, features: features, images: images, embeddings: embeddings}, nil
}
