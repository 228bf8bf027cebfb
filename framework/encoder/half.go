package encoder

import (
	"encoding/binary"
	"math"
)

// appendFloats appends values as little-endian float32, or float16 rounded to
// the nearest (ties to even). ok is false if one is beyond float16's range.
func appendFloats(dst []byte, values []float32, half bool) (out []byte, ok bool) {
	if !half {
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
		return dst, true
	}
	for _, v := range values {
		bits := math.Float32bits(v)
		sign, mag := uint16(bits>>16)&0x8000, bits&0x7fffffff
		switch {
		case mag >= 0x477ff000: // rounds to 65536 or more
			return nil, false
		case mag < 0x38800000: // below 2^-14: a multiple of 2^-24
			scaled := float64(math.Float32frombits(mag)) * (1 << 24)
			dst = binary.LittleEndian.AppendUint16(dst, sign|uint16(math.RoundToEven(scaled)))
		default:
			// Drop 13 bits of the fraction, rounding to even; a carry moves into the
			// exponent, as it should.
			mag += 0xfff + mag>>13&1
			dst = binary.LittleEndian.AppendUint16(dst, sign|uint16((mag-0x38000000)>>13))
		}
	}
	return dst, true
}
