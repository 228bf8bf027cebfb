package result

import (
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// MapFile is the stored anomaly maps of a record, at the evaluation size of its
// protocol, in the order of its samples. It holds none in memory and is safe for
// concurrent use.
type MapFile struct {
	*metric.MapReader
	samples []Sample
	file    *tensors.Reader
}

// Truth is the pixel truth of a dataset at an evaluation size.
type Truth interface {
	// Fill writes 1 for each anomalous pixel of an image and 0 for the others.
	Fill(id ad.SampleID, known ad.Truth, dst []uint8) error
}

// OpenMaps opens the maps of a record, which must have some that were kept. That they
// are not there, or not what they were, is an error of kind Data.
func (s *Store) OpenMaps(r *Record) (*MapFile, error) {
	if err := s.CheckMaps(r); err != nil {
		return nil, err
	}
	path := s.MapsPath(r.Key)
	file, err := tensors.OpenReader(path)
	if err != nil {
		return nil, fault.New(fault.Data, "%w", err)
	}
	m := &MapFile{samples: r.Samples, file: file}
	if file.DType != tensors.Float32 || len(file.Shape) != 3 || file.Rows() != len(r.Samples) {
		err = fault.New(fault.Data, "%s: %s is not one map for each of the record's %d samples", path, file.Header, len(r.Samples))
	} else {
		m.MapReader, err = metric.NewMapReader(r.Inputs.Protocol, file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return m, nil
}

// Close closes the file; what was made from m can then not be read.
func (m *MapFile) Close() error { return m.file.Close() }

// Class is the images of one class whose pixels' truth is known, in the order of the
// record's samples.
func (m *MapFile) Class(name ad.ClassName, truth Truth) metric.Pixels {
	px := &classPixels{MapFile: m, truth: truth}
	for i, s := range m.samples {
		if s.Class == name && s.Truth != ad.TruthUnknown {
			px.index = append(px.index, i)
		}
	}
	return px
}

type classPixels struct {
	*MapFile
	truth Truth
	index []int // into samples
}

func (p *classPixels) Len() int             { return len(p.index) }
func (p *classPixels) ID(i int) ad.SampleID { return p.samples[p.index[i]].ID }
func (p *classPixels) Scores(i int, scores []float32) error {
	return p.MapFile.Scores(p.index[i], scores)
}
func (p *classPixels) Truth(i int, truth []uint8) error {
	s := p.samples[p.index[i]]
	return p.truth.Fill(s.ID, s.Truth, truth)
}
