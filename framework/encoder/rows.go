package encoder

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/stream"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// parts in the order of keys and work.
var parts = [2]ad.Part{ad.Train, ad.Test}

// place is the row of a sample within its part.
type place struct {
	part int // index in parts
	row  int
}

// rows says which image is in which row of a store.
type rows struct {
	images [2][]ad.Digest        // content of each row, by part
	sample [2][]ad.Sample        // one sample with that content
	places map[ad.SampleID]place // of every sample
}

// plan gives each distinct image of a part one row. The order is a random
// permutation drawn from the contents themselves: it says nothing of labels,
// classes or file names, and is the same wherever the same images are.
func plan(samples []ad.Sample, digest func(ad.Sample) (ad.Digest, error)) (*rows, error) {
	r := &rows{places: map[ad.SampleID]place{}}
	content := make([]ad.Digest, len(samples))
	first := [2]map[ad.Digest]ad.Sample{{}, {}}
	for i, s := range samples {
		part := slices.Index(parts[:], s.Part)
		if part < 0 {
			return nil, fault.New(fault.Internal, "sample %q is in no part, but in %q", s.ID, s.Part)
		}
		d, err := digest(s)
		if err != nil {
			return nil, err
		}
		content[i] = d
		if _, seen := first[part][d]; !seen {
			first[part][d] = s
			r.images[part] = append(r.images[part], d)
		}
	}
	for part := range parts {
		slices.Sort(r.images[part])
	}
	seed := r.digest()
	at := [2]map[ad.Digest]int{{}, {}}
	for part, images := range r.images {
		stream.New(0, "encoder", "rows", string(parts[part]), string(seed)).
			Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		for row, d := range images {
			at[part][d] = row
			r.sample[part] = append(r.sample[part], first[part][d])
		}
	}
	for i, s := range samples {
		part := slices.Index(parts[:], s.Part)
		if _, twice := r.places[s.ID]; twice {
			return nil, fault.New(fault.Internal, "two samples are called %q", s.ID)
		}
		r.places[s.ID] = place{part, at[part][content[i]]}
	}
	return r, nil
}

// digest is the hash of the contents of both parts.
func (r *rows) digest() ad.Digest {
	h := sha256.New()
	for part, images := range r.images {
		for _, d := range images {
			fmt.Fprintf(h, "%s %s\n", parts[part], d)
		}
	}
	return ad.Digest("sha256:" + hex.EncodeToString(h.Sum(nil)))
}

// key names the store of these rows.
func (r *rows) key(encoder ad.Digest, dtype tensors.DType) ad.Digest {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n", storeVersion, encoder, dtype, r.digest()))
	return ad.Digest("sha256:" + hex.EncodeToString(sum[:]))
}
