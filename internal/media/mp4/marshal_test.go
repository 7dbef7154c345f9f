package mp4_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"testing"

	"filmcan/internal/media/mp4"
)

func TestMarshal(t *testing.T) {
	t.Parallel()
	for name, film := range map[string][]byte{
		"film":       small().Film(),
		"fragments":  small().Fragmented(false),
		"sound only": mp4.Spec{Packets: 50}.Film(),
		"all key":    mp4.Spec{Frames: 10, GOP: 1}.Film(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := mustParse(t, film)
			b, err := want.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var got mp4.Index
			if err := got.UnmarshalBinary(b); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(&got, want) {
				t.Errorf("got  %+v\nwant %+v", &got, want)
			}
			if again, err := got.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("stored again it differs: %v", err)
			}
			if got.MemSize() < int64(len(b)) {
				t.Errorf("an index stored in %d bytes claims to take %d in memory", len(b), got.MemSize())
			}
			for i := range b {
				bad := bytes.Clone(b)
				bad[i] ^= 1 << (i % 8)
				if err := new(mp4.Index).UnmarshalBinary(bad); !errors.Is(err, mp4.ErrIndex) {
					t.Fatalf("byte %d changed: %v", i, err)
				}
				if err := new(mp4.Index).UnmarshalBinary(b[:i]); !errors.Is(err, mp4.ErrIndex) {
					t.Fatalf("cut at %d: %v", i, err)
				}
			}
		})
	}
}

// sum puts the right checksum behind a stored index, so that the fuzzer gets past it.
func sum(b []byte) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
