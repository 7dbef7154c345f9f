package hostile

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"testing"
	"time"

	"filmcan/internal/filmtest/films"
)

// models are the honest films that the others are made of.
type models struct {
	tb                                            testing.TB
	mp4, fast, fragmented, mov, mkv, ts, avi, flv []byte
}

func newModels(tb testing.TB) *models {
	tb.Helper()
	get := func(s films.Spec) []byte {
		s.Duration = time.Second
		b, err := os.ReadFile(films.Get(tb, s))
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	return &models{
		tb:         tb,
		mp4:        get(films.Spec{}),
		fast:       get(films.Spec{Container: films.FastStart}),
		fragmented: get(films.Spec{Container: films.Fragmented, GOP: 500 * time.Millisecond}),
		mov:        get(films.Spec{Container: films.MOV}),
		mkv:        get(films.Spec{Container: films.MKV}),
		ts:         get(films.Spec{Container: films.TS}),
		avi:        get(films.Spec{Container: films.AVI, Video: films.MJPEG, Audio: films.PCM}),
		flv:        get(films.Spec{Container: films.FLV}),
	}
}

func be16(n ...uint16) (b []byte) {
	for _, v := range n {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func be32(n ...uint32) (b []byte) {
	for _, v := range n {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func be64(n ...uint64) (b []byte) {
	for _, v := range n {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

func le16(n ...uint16) (b []byte) {
	for _, v := range n {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func le32(n ...uint32) (b []byte) {
	for _, v := range n {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

func zero(n int) []byte { return make([]byte, n) }

func repeat(b []byte, n int) []byte { return bytes.Repeat(b, n) }

// put returns b with v at that place.
func put(b []byte, at int, v []byte) []byte {
	b = slices.Clone(b)
	copy(b[at:], v)
	return b
}
