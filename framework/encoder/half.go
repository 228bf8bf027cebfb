package encoder

import (
	"encoding/binary"
	"math"
)

// floats gives values as little-endian bytes of float32, or of float16 rounded to
// the nearest, ties to even; ok is false if one is beyond float16's range.
func floats(values []float32, half bool) (bytes []byte, ok bool) {
	if !half {
		bytes = make([]byte, 4*len(values))
		for i, v := range values {
			binary.LittleEndian.PutUint32(bytes[4*i:], math.Float32bits(v))
		}
		return bytes, true
	}
	bytes = make([]byte, 2*len(values))
	for i, v := range values {
		bits := math.Float32bits(v)
		sign, mag := uint16(bits>>16)&0x8000, bits&0x7fffffff
		switch {
		case mag >= 0x477ff000: // rounds to 65536 or more
			return nil, false
		case mag < 0x38800000: // below 2^-14: a multiple of 2^-24
			scaled := float64(math.Float32frombits(mag)) * (1 << 24)
			mag = uint32(math.RoundToEven(scaled))
		default:
			// Drop 13 bits of the fraction, rounding to even; a carry moves into the
			// exponent, as it should.
			mag = (mag + 0xfff + mag>>13&1 - 0x38000000) >> 13
		}
		binary.LittleEndian.PutUint16(bytes[2*i:], sign|uint16(mag))
	}
	return bytes, true
}
