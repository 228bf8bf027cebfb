package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/ltadbench/ltadbench/datasets"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/progress"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// Truth is the pixel truth of a dataset's test images at the evaluation size. The
// masks are resized once per dataset and protocol and kept in the cache for all
// cells. They are read row by row: the host's memory does not grow with their number.
type Truth struct {
	file *tensors.Reader // uint8 [masks, Size, Size], 0 or 1; nil if no image has a mask
	row  map[ad.SampleID]int
}

// Close closes its file.
func (t *Truth) Close() {
	if t.file != nil {
		t.file.Close()
	}
}

// Fill writes the truth of the pixels of an image, of which that much is known: 1
// anomalous, 0 normal or unknown. dst has Size x Size elements. It is safe for
// concurrent use.
func (t *Truth) Fill(id ad.SampleID, known ad.Truth, dst []uint8) error {
	switch known {
	case ad.TruthMask:
		row, ok := t.row[id]
		if !ok {
			return fault.New(fault.Internal, "image %q has no mask in the cache", id)
		}
		return t.file.ReadBytes(dst, row)
	case ad.TruthFull:
		for i := range dst {
			dst[i] = 1
		}
	default:
		clear(dst)
	}
	return nil
}

// OpenTruth gives the truth of the test images of a dataset, whose fingerprint is
// given, under the protocol: from the cache if it is there.
func OpenTruth(ctx context.Context, cacheDir string, d *datasets.Dataset, fingerprint ad.Digest, p metric.Protocol,
	workers int, show progress.Reporter) (*Truth, error) {
	t := &Truth{row: map[ad.SampleID]int{}}
	var masked []ad.Sample
	for _, s := range d.Part(ad.Test) {
		if s.Truth == ad.TruthMask {
			t.row[s.ID] = len(masked)
			masked = append(masked, s)
		}
	}
	if len(masked) == 0 {
		return t, nil
	}
	id, err := json.Marshal([]any{"truth/1", fingerprint, p.Size, p.MaskResize, p.MaskThreshold})
	if err != nil {
		return nil, fault.New(fault.Internal, "%w", err)
	}
	dir := filepath.Join(cacheDir, "masks")
	sum := sha256.Sum256(id)
	path := filepath.Join(dir, hex.EncodeToString(sum[:16])+".npy")
	if t.file = intact(path); t.file != nil {
		return t, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fault.New(fault.System, "%w", err)
	}
	if err := writeTruth(ctx, path, d, masked, p, workers, show); err != nil {
		return nil, err
	}
	if t.file = intact(path); t.file == nil {
		return nil, fault.New(fault.System, "%s: what was written cannot be read back", path)
	}
	return t, nil
}

// intact opens the file of masks if it is there and has the checksum that was
// stored beside it; nil otherwise. A damaged mask would be a wrong number.
func intact(path string) *tensors.Reader {
	want, err := os.ReadFile(path + ".sha256")
	if err != nil {
		return nil
	}
	if got, err := digestOf(path); err != nil || string(got) != string(want) {
		return nil
	}
	r, err := tensors.OpenReader(path)
	if err != nil {
		return nil
	}
	return r
}

func writeTruth(ctx context.Context, path string, d *datasets.Dataset, masked []ad.Sample, p metric.Protocol, workers int,
	show progress.Reporter) error {
	task := show.Start("masks of " + string(d.Name))
	defer task.End("")
	half, err := os.CreateTemp(filepath.Dir(path), "half-*.npy")
	if err != nil {
		return fault.New(fault.System, "%w", err)
	}
	half.Close()
	defer os.Remove(half.Name()) // fails once renamed
	w, err := tensors.Create(half.Name(), tensors.Uint8, len(masked), p.Size, p.Size)
	if err != nil {
		return fault.New(fault.System, "%w", err)
	}
	defer w.Close()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, s := range masked {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			mask, err := d.OpenMask(s)
			if err != nil {
				return err
			}
			if mask.W < 1 || mask.H < 1 {
				return fault.New(fault.Data, "%s: empty mask", d.Path(s.Mask))
			}
			small := mask.Resize(p.Size, p.Size)
			p.Threshold(small.Pix, small.Pix)
			if err := w.WriteBytes(small.Pix, i); err != nil {
				return fault.New(fault.System, "%w", err)
			}
			task.Update(float64(i+1), float64(len(masked)), "")
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	sum, err := digestOf(half.Name())
	if err != nil {
		return err
	}
	if err := os.Rename(half.Name(), path); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	return result.WriteFile(path+".sha256", []byte(sum))
}
