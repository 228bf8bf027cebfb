package plugintest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/host"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Sizes of the generated data: small, and no two alike, so that a mixed-up axis
// shows.
const (
	gridH, gridW, channels = 8, 7, 24
	stride                 = 8  // pixels of a patch
	embedded               = 10 // numbers of an embedding
	testPerClass           = 6  // half of them with an anomaly
)

// levels are the channels of the levels that the features are made of.
var levels = []int{9, 15}

// classes are names that a method with a prior on names will know.
var classes = []string{"bottle", "carpet", "screw"}

// dataset is images of three classes. Each class has a smooth random field of its
// own, and each image is that field, varied smoothly, with a little noise; an
// anomaly shifts a patch of it. An image's embedding is the mean of its features,
// projected.
type dataset struct {
	train, test host.Data
	anomalous   []bool // of each test sample
}

// newDataset writes a data set with count[c] training images of class c into dir.
func newDataset(dir string, count []int, half bool) (*dataset, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	type image struct {
		class     int
		train     bool
		anomalous bool
	}
	var images []image
	for c, n := range count {
		for range n {
			images = append(images, image{class: c, train: true})
		}
		for i := range testPerClass {
			images = append(images, image{class: c, anomalous: i%2 == 1})
		}
	}
	// As in a benchmark, neither the order of samples nor that of rows says anything.
	stream.New(1, "plugintest", "order").Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
	rows := stream.New(1, "plugintest", "rows").Perm(len(images))

	dtype := tensors.Float32
	if half {
		dtype = tensors.Float16
	}
	d := &dataset{}
	features, pixels, means := filepath.Join(dir, "features.npy"), filepath.Join(dir, "images.npy"), filepath.Join(dir, "embeddings.npy")
	d.train.Features, d.train.Images, d.train.Embeddings = features, pixels, means
	d.test.Features, d.test.Images, d.test.Embeddings = features, pixels, means
	var testNames []string
	d.test.Name = func(i int) string { return testNames[i] }

	fw, err := tensors.Create(features, dtype, len(images), gridH, gridW, channels)
	if err != nil {
		return nil, err
	}
	defer fw.Close()
	iw, err := tensors.Create(pixels, tensors.Uint8, len(images), gridH*stride, gridW*stride, 3)
	if err != nil {
		return nil, err
	}
	defer iw.Close()
	ew, err := tensors.Create(means, tensors.Float32, len(images), embedded)
	if err != nil {
		return nil, err
	}
	defer ew.Close()
	projection := make([]float32, embedded*channels)
	for draws, i := stream.New(1, "plugintest", "embedding"), 0; i < len(projection); i++ {
		projection[i] = 2*draws.Float32() - 1
	}
	for i, im := range images {
		class := fmt.Sprint(im.class)
		base := smooth(stream.New(1, "plugintest", "class", class), channels)
		vary := stream.New(1, "plugintest", "image", fmt.Sprint(i))
		change := smooth(vary, channels)
		x := make([]float32, len(base))
		for k := range x {
			x[k] = base[k] + 0.1*change[k] + 0.02*(2*vary.Float32()-1)
		}
		if im.anomalous {
			top, left := vary.IntN(gridH-2), vary.IntN(gridW-2)
			for y := top; y < top+3; y++ {
				for z := left; z < left+3; z++ {
					for k := 0; k < channels; k += 2 {
						x[(y*gridW+z)*channels+k] += 0.8
					}
				}
			}
		}
		err := errors.Join(fw.WriteRows(x, rows[i]), iw.WriteBytes(draw(x, vary), rows[i]), ew.WriteRows(embed(x, projection), rows[i]))
		if err != nil {
			return nil, err
		}
		sample := host.Sample{Class: im.class, Row: rows[i]}
		if im.train {
			d.train.Samples = append(d.train.Samples, sample)
			continue
		}
		d.test.Samples = append(d.test.Samples, sample)
		d.anomalous = append(d.anomalous, im.anomalous)
		testNames = append(testNames, fmt.Sprintf("test image %d (class %d, row %d)", len(testNames), im.class, rows[i]))
	}
	return d, errors.Join(fw.Close(), iw.Close(), ew.Close())
}

// embed multiplies the mean patch by the projection, [embedded, channels].
func embed(x, projection []float32) []float32 {
	out := make([]float32, embedded)
	for i, v := range x {
		for k := range out {
			out[k] += v * projection[k*channels+i%channels] / (gridH * gridW)
		}
	}
	return out
}

// smooth is a random field of shape [gridH, gridW, n] with values from -1 to 1:
// noise on a 3x3 grid, interpolated bilinearly.
func smooth(s *stream.Stream, n int) []float32 {
	var knots [3][3][]float32
	for i := range knots {
		for j := range knots[i] {
			knots[i][j] = make([]float32, n)
			for k := range n {
				knots[i][j][k] = 2*s.Float32() - 1
			}
		}
	}
	at := func(i, size int) (int, float32) {
		p := float32(i) * 2 / float32(size-1)
		k := min(int(p), 1)
		return k, p - float32(k)
	}
	out := make([]float32, 0, gridH*gridW*n)
	for y := range gridH {
		i, v := at(y, gridH)
		for x := range gridW {
			j, u := at(x, gridW)
			for k := range n {
				out = append(out, (1-v)*((1-u)*knots[i][j][k]+u*knots[i][j+1][k])+
					v*((1-u)*knots[i+1][j][k]+u*knots[i+1][j+1][k]))
			}
		}
	}
	return out
}

// draw paints the first three channels as an image with a little noise.
func draw(x []float32, s *stream.Stream) []byte {
	out := make([]byte, 0, gridH*gridW*stride*stride*3)
	for y := range gridH * stride {
		for z := range gridW * stride {
			patch := x[(y/stride*gridW+z/stride)*channels:]
			for k := range 3 {
				v := 128 + 60*patch[k] + float32(s.IntN(5))
				out = append(out, byte(min(max(v, 0), 255)))
			}
		}
	}
	return out
}
