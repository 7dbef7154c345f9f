package hostile

import (
	"bytes"
	"compress/flate"
	"hash/crc32"
)

// flat is so many zeros as a stream of DEFLATE: the same megabyte again and again.
func flat(n int64) []byte {
	part := func(n int64) []byte {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestCompression)
		if err == nil {
			_, err = w.Write(zero(int(n)))
		}
		if err == nil {
			err = w.Flush() // ends at a byte, and refers to nothing before it
		}
		if err != nil {
			panic(err)
		}
		return b.Bytes()
	}
	const most = 1 << 20
	var body []byte
	if n >= most {
		body = repeat(part(most), int(n/most))
	}
	return cat(body, part(n%most), []byte{1, 0, 0, 0xff, 0xff})
}

// deflated is so many zeros in the format of zlib.
func deflated(n int64) []byte {
	return cat([]byte{0x78, 0xda}, flat(n), be32(uint32(n%65521)<<16|1))
}

// gzipped is so many zeros in the format of gzip.
func gzipped(n int64) []byte {
	return cat([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255}, flat(n), le32(crc32.ChecksumIEEE(zero(int(n))), uint32(n)))
}

func pngChunk(kind string, body ...[]byte) []byte {
	all := cat([]byte(kind), cat(body...))
	return cat(be32(uint32(len(all)-4)), all, be32(crc32.ChecksumIEEE(all)))
}

// png is a grey image that unfolds to so many bytes of zeros.
func png(width, height uint32, unfolded int64, more ...[]byte) []byte {
	return cat([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", be32(width, height), []byte{8, 0, 0, 0, 0}), cat(more...),
		pngChunk("IDAT", deflated(unfolded)), pngChunk("IEND"))
}

// gif is an animation of frames of one size, each of one code, with a delay in hundredths of a second.
func gif(width, height uint16, frames int, delay uint16) []byte {
	b := cat([]byte("GIF89a"), le16(width, height), []byte{0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff})
	frame := cat([]byte{0x21, 0xf9, 4, 4}, le16(delay), []byte{0, 0, 0x2c}, le16(0, 0, width, height), []byte{0, 2, 2, 0x44, 1, 0})
	return cat(b, repeat(frame, frames), []byte{0x3b})
}
