package tensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"unsafe"

	"github.com/edsrzf/mmap-go"
	"github.com/x448/float16"
	"gorgonia.org/tensor"
)

// Dense is gorgonia's dense tensor.
type Dense = tensor.Dense

// File is a .npy file mapped read-only into memory. It is safe for concurrent
// use; nothing taken from it may be used after Close, or written to. Map only
// files that nobody shortens (use Reader for those).
type File struct {
	Header
	path string
	m    mmap.MMap
}

// Open maps the .npy file at path. A file shorter or longer than its header
// promises is an error.
func Open(path string) (*File, error) {
	r, err := OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Offset%int64(r.DType.Size()) != 0 {
		return nil, fmt.Errorf("%s: data at byte %d is not aligned to elements of %s", path, r.Offset, r.DType)
	}
	m, err := mmap.Map(r.f, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot map into memory: %w", path, err)
	}
	return &File{Header: r.Header, path: path, m: m}, nil
}

// Path is the path that the file was opened by.
func (f *File) Path() string { return f.path }

// Close unmaps the file.
func (f *File) Close() error { return f.m.Unmap() }

// Bytes is the data of all elements.
func (f *File) Bytes() []byte { return f.m[f.Offset:] }

// view gives the mapped elements as a slice of T; Open checked the alignment.
func view[T any](f *File, want DType) []T {
	if f.DType != want {
		panic(fmt.Sprintf("tensors: %s holds %s, not %s", f.path, f.DType, want))
	}
	if f.Len() == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&f.m[f.Offset])), f.Len())
}

// Float32s is the mapped data of a float32 file; it panics for another type.
func (f *File) Float32s() []float32 { return view[float32](f, Float32) }

// Uint8s is the mapped data of a uint8 file; it panics for another type.
func (f *File) Uint8s() []uint8 { return view[uint8](f, Uint8) }

// ReadRows copies len(dst)/RowLen() rows from row on into dst; a float16 file is
// widened. It panics if the rows are outside the file or the type is neither.
func (f *File) ReadRows(dst []float32, row int) {
	at := row * f.RowLen()
	if f.DType == Float16 {
		widen(dst, f.Bytes()[2*at:])
		return
	}
	copy(dst, f.Float32s()[at:at+len(dst)])
}

func widen(dst []float32, half []byte) {
	for i := range dst {
		dst[i] = float16.Frombits(binary.LittleEndian.Uint16(half[2*i:])).Float32()
	}
}

// Dense is the mapped data as a tensor, without a copy. The file must be float32
// and not empty.
func (f *File) Dense() *Dense {
	data := f.Float32s()
	return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(f.Shape...),
		tensor.FromMemory(uintptr(unsafe.Pointer(&data[0])), uintptr(4*len(data))))
}

// Reader reads a .npy file without mapping it: a file which another process cuts
// short gives an error and not a bus error, and a large file does not count as
// memory of this process. It is safe for concurrent use.
type Reader struct {
	Header
	f *os.File
}

// OpenReader opens the .npy file at path. A file shorter or longer than its
// header promises is an error.
func OpenReader(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{f: f}
	if r.Header, err = ReadHeader(f); err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil && info.Size() != r.FileSize() {
			err = fmt.Errorf("%s needs %d bytes, the file has %d", r.Header, r.FileSize(), info.Size())
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// ReadRows reads len(dst)/RowLen() rows of a float32 or float16 file.
func (r *Reader) ReadRows(dst []float32, row int) error {
	size := r.DType.Size()
	if r.DType != Float32 && r.DType != Float16 {
		return fmt.Errorf("%s: holds %s, not numbers of type float32 or float16", r.f.Name(), r.DType)
	}
	if r.DType == Float32 {
		return r.ReadBytes(raw(dst), row)
	}
	buf := make([]byte, size*len(dst))
	if err := r.ReadBytes(buf, row); err != nil {
		return err
	}
	widen(dst, buf)
	return nil
}

// ReadBytes reads len(dst) bytes of any type, from the row on.
func (r *Reader) ReadBytes(dst []byte, row int) error {
	at := r.Offset + int64(row)*int64(r.RowLen())*int64(r.DType.Size())
	if _, err := r.f.ReadAt(dst, at); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("%s: rows from %d: %w", r.f.Name(), row, err)
	}
	return nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.f.Close() }

// raw is the memory of s as bytes. All supported machines are little-endian.
func raw(s []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s))
}

// Writer writes a .npy file of known shape, rows in any order. Its methods are
// safe for concurrent use on different rows. Rows never written are zero.
type Writer struct {
	Header
	f *os.File
}

// Create makes the file at path, replacing what is there. Writers that must not
// leave half a file behind write to another name and rename after Close.
func Create(path string, dtype DType, shape ...int) (*Writer, error) {
	head, err := encodeHeader(dtype, shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	w := &Writer{Header: Header{dtype, shape, int64(len(head))}}
	if w.f, err = os.Create(path); err != nil {
		return nil, err
	}
	if _, err = w.f.Write(head); err == nil {
		err = w.f.Truncate(w.FileSize())
	}
	if err != nil {
		w.f.Close()
		return nil, err
	}
	return w, nil
}

// WriteRows writes whole rows from row on; a float16 file rounds to nearest, and
// a number beyond float16's range is an error.
func (w *Writer) WriteRows(src []float32, row int) error {
	var buf []byte
	switch w.DType {
	case Float32:
		buf = raw(src)
	case Float16:
		buf = make([]byte, 0, 2*len(src))
		for _, v := range src {
			h := float16.Fromfloat32(v)
			if h.IsInf(0) && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("%s: %g is outside float16's range; use float32", w.f.Name(), v)
			}
			buf = binary.LittleEndian.AppendUint16(buf, h.Bits())
		}
	default:
		return fmt.Errorf("%s: holds %s, not floats", w.f.Name(), w.DType)
	}
	return w.WriteBytes(buf, row)
}

// WriteBytes writes whole rows of any type, given as their bytes.
func (w *Writer) WriteBytes(src []byte, row int) error {
	size := w.RowLen() * w.DType.Size()
	if row < 0 || size > 0 && (len(src)%size != 0 || row+len(src)/size > w.Rows()) {
		return fmt.Errorf("%s: %d bytes at row %d do not fit %s", w.f.Name(), len(src), row, w.Header)
	}
	_, err := w.f.WriteAt(src, w.Offset+int64(row)*int64(size))
	return err
}

// Sync flushes the file to the disk.
func (w *Writer) Sync() error { return w.f.Sync() }

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }
