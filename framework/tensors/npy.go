package tensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// DType is an element type, by NumPy's name.
type DType string

// The element types that cross the data plane.
const (
	Float16 DType = "float16"
	Float32 DType = "float32"
	Float64 DType = "float64"
	Uint8   DType = "uint8"
	Int32   DType = "int32"
	Int64   DType = "int64"
	Bool    DType = "bool"
)

var descrs = map[DType]string{
	Float16: "<f2", Float32: "<f4", Float64: "<f8",
	Uint8: "|u1", Int32: "<i4", Int64: "<i8", Bool: "|b1",
}

// Size is the number of bytes of one element; 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case Uint8, Bool:
		return 1
	case Float16:
		return 2
	case Float32, Int32:
		return 4
	case Float64, Int64:
		return 8
	}
	return 0
}

// Header describes the tensor in a .npy file.
type Header struct {
	DType  DType
	Shape  []int
	Offset int64 // of the first element in the file
}

// Len is the number of elements.
func (h Header) Len() int {
	n := 1
	for _, d := range h.Shape {
		n *= d
	}
	return n
}

// Rows is the size of the first axis; 1 for a scalar.
func (h Header) Rows() int {
	if len(h.Shape) == 0 {
		return 1
	}
	return h.Shape[0]
}

// RowLen is the number of elements of one row.
func (h Header) RowLen() int {
	n := 1
	for i, d := range h.Shape {
		if i > 0 {
			n *= d
		}
	}
	return n
}

// FileSize is the size of the whole file in bytes.
func (h Header) FileSize() int64 { return h.Offset + int64(h.Len())*int64(h.DType.Size()) }

func (h Header) String() string { return fmt.Sprintf("%s%v", h.DType, h.Shape) }

const (
	magic = "\x93NUMPY"
	align = 64
	// maxHeader bounds what a damaged length field can make us read.
	maxHeader = 1 << 16
)

func checkShape(dtype DType, shape []int) error {
	if dtype.Size() == 0 {
		return fmt.Errorf("element type %q is not one of the data plane's", dtype)
	}
	n := int64(dtype.Size())
	for _, d := range shape {
		if d < 0 {
			return fmt.Errorf("shape %v has a negative size", shape)
		}
		if d > 0 && n > math.MaxInt64/4/int64(d) {
			return fmt.Errorf("shape %v is too large", shape)
		}
		n *= max(int64(d), 1)
	}
	return nil
}

// encodeHeader gives the bytes before the first element, as NumPy's format
// version 1.0 has them.
func encodeHeader(dtype DType, shape []int) ([]byte, error) {
	if err := checkShape(dtype, shape); err != nil {
		return nil, err
	}
	var dims strings.Builder
	for i, d := range shape {
		if i > 0 {
			dims.WriteString(" ")
		}
		fmt.Fprintf(&dims, "%d,", d)
	}
	tuple := dims.String()
	if len(shape) > 1 {
		tuple = strings.TrimSuffix(tuple, ",")
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descrs[dtype], tuple)
	total := (len(magic) + 4 + len(dict) + 1 + align - 1) / align * align
	out := append(make([]byte, 0, total), magic...)
	out = append(out, 1, 0)
	out = binary.LittleEndian.AppendUint16(out, uint16(total-len(magic)-4))
	out = append(out, dict...)
	out = append(out, bytes.Repeat([]byte{' '}, total-len(out)-1)...)
	return append(out, '\n'), nil
}

// ReadHeader reads the header of a .npy file, format versions 1 to 3. It refuses
// what the data plane never writes: other element types, big-endian numbers and
// Fortran order.
func ReadHeader(r io.Reader) (Header, error) {
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil {
		return Header{}, errors.New("not a .npy file: shorter than its header")
	}
	if string(pre[:6]) != magic {
		return Header{}, errors.New("not a .npy file: wrong magic bytes")
	}
	var size, offset int64
	switch pre[6] {
	case 1:
		var n [2]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return Header{}, errors.New(".npy header is cut short")
		}
		size, offset = int64(binary.LittleEndian.Uint16(n[:])), 10
	case 2, 3:
		var n [4]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return Header{}, errors.New(".npy header is cut short")
		}
		size, offset = int64(binary.LittleEndian.Uint32(n[:])), 12
	default:
		return Header{}, fmt.Errorf(".npy format version %d is unknown", pre[6])
	}
	if size > maxHeader {
		return Header{}, fmt.Errorf(".npy header claims %d bytes", size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return Header{}, errors.New(".npy header is cut short")
	}
	h, err := parseDict(string(text))
	h.Offset = offset + size
	return h, err
}

// parseDict reads the header's Python dictionary: string keys; string, boolean
// and integer-tuple values.
func parseDict(text string) (Header, error) {
	bad := func() (Header, error) {
		return Header{}, fmt.Errorf(".npy header is not understood: %.100q", text)
	}
	s := strings.TrimSpace(text)
	if !strings.HasPrefix(s, "{") || !strings.HasSuffix(s, "}") {
		return bad()
	}
	s = s[1 : len(s)-1]
	var h Header
	var seenType, seenOrder, seenShape bool
	for s = strings.TrimLeft(s, " \t\n,"); s != ""; s = strings.TrimLeft(s, " \t\n,") {
		key, rest, ok := quoted(s)
		if !ok {
			return bad()
		}
		rest, ok = strings.CutPrefix(strings.TrimSpace(rest), ":")
		if !ok {
			return bad()
		}
		rest = strings.TrimSpace(rest)
		switch key {
		case "descr":
			var descr string
			if descr, s, ok = quoted(rest); !ok {
				return bad()
			}
			for d, name := range descrs {
				if name == descr {
					h.DType = d
				}
			}
			if h.DType == "" {
				return Header{}, fmt.Errorf(".npy element type %q is not one of the data plane's", descr)
			}
			seenType = true
		case "fortran_order":
			if strings.HasPrefix(rest, "True") {
				return Header{}, errors.New(".npy file is in Fortran order")
			}
			if s, ok = strings.CutPrefix(rest, "False"); !ok {
				return bad()
			}
			seenOrder = true
		case "shape":
			end := strings.IndexByte(rest, ')')
			if !strings.HasPrefix(rest, "(") || end < 0 {
				return bad()
			}
			h.Shape = []int{}
			for dim := range strings.SplitSeq(rest[1:end], ",") {
				if dim = strings.TrimSpace(dim); dim == "" {
					continue
				}
				n, err := strconv.Atoi(dim)
				if err != nil {
					return bad()
				}
				h.Shape = append(h.Shape, n)
			}
			s, seenShape = rest[end+1:], true
		default:
			return bad()
		}
	}
	if !seenType || !seenOrder || !seenShape {
		return bad()
	}
	return h, checkShape(h.DType, h.Shape)
}

func quoted(s string) (value, rest string, ok bool) {
	if s == "" || (s[0] != '\'' && s[0] != '"') {
		return "", s, false
	}
	return strings.Cut(s[1:], s[:1])
}
