package synthetic

import (
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// encodePNG encodes an 8-bit grey image of size x size pixels. The data is stored
// uncompressed in one IDAT chunk, every row with filter 0: a compressor's output
// may change with a version of Go, as may the way image/png cuts chunks, and these
// bytes must not. The images are noisy, so that compression would save little
// more than a third of the disk, and stored data is the fastest to write and to
// read.
func encodePNG(pixels []byte, size int) []byte {
	const storeMax = 65535
	raw := make([]byte, 0, size*(size+1))
	for row := range size {
		raw = append(raw, 0)
		raw = append(raw, pixels[row*size:(row+1)*size]...)
	}
	png := make([]byte, 0, pngSize(size))
	png = append(png, "\x89PNG\r\n\x1a\n"...)

	start := len(png)
	png = append(png, 0, 0, 0, 0, 'I', 'H', 'D', 'R')
	png = binary.BigEndian.AppendUint32(png, uint32(size))
	png = binary.BigEndian.AppendUint32(png, uint32(size))
	png = closeChunk(append(png, 8, 0, 0, 0, 0), start)

	start = len(png)
	png = append(png, 0, 0, 0, 0, 'I', 'D', 'A', 'T', 0x78, 0x01)
	sum := adler32.Checksum(raw)
	for len(raw) > 0 {
		n := min(len(raw), storeMax)
		var last byte
		if n == len(raw) {
			last = 1
		}
		png = append(png, last)
		png = binary.LittleEndian.AppendUint16(png, uint16(n))
		png = binary.LittleEndian.AppendUint16(png, ^uint16(n))
		png = append(png, raw[:n]...)
		raw = raw[n:]
	}
	png = closeChunk(binary.BigEndian.AppendUint32(png, sum), start)

	start = len(png)
	return closeChunk(append(png, 0, 0, 0, 0, 'I', 'E', 'N', 'D'), start)
}

// closeChunk fills in the length of the chunk that begins at start and ends the
// data, and appends its checksum.
func closeChunk(png []byte, start int) []byte {
	binary.BigEndian.PutUint32(png[start:], uint32(len(png)-start-8))
	return binary.BigEndian.AppendUint32(png, crc32.ChecksumIEEE(png[start+4:]))
}

// pngSize is the length of what encodePNG returns.
func pngSize(size int) int {
	raw := size * (size + 1)
	blocks := (raw + 65534) / 65535
	return 8 + 12 + 13 + 12 + 2 + 5*blocks + raw + 4 + 12
}
