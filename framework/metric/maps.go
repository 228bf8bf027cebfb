package metric

import (
	"sync"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// MapReader reads the anomaly maps of a file at the evaluation size. It holds none in
// memory and is safe for concurrent use.
type MapReader struct {
	file   *tensors.Reader
	resize *Resizer
	rows   sync.Pool // of *[]float32, one map as it is in the file
}

// NewMapReader reads from a file of N x H x W float32, which must stay open.
func NewMapReader(p Protocol, file *tensors.Reader) (*MapReader, error) {
	resize, err := NewResizer(p, file.Shape[1], file.Shape[2])
	if err != nil {
		return nil, err
	}
	m := &MapReader{file: file, resize: resize}
	m.rows.New = func() any { row := make([]float32, file.RowLen()); return &row }
	return m, nil
}

// Scores writes map i: Size x Size, row by row.
func (m *MapReader) Scores(i int, dst []float32) error {
	row := m.rows.Get().(*[]float32)
	defer m.rows.Put(row)
	if err := m.file.ReadRows(*row, i); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	m.resize.Resize(dst, *row)
	return nil
}
