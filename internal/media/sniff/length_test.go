package sniff

import (
	"os"
	"testing"

	"filmcan/internal/filmtest/films"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	for _, container := range []films.Container{films.MKV, films.AVI} {
		whole, err := os.ReadFile(films.Get(t, films.Spec{Container: container}))
		if err != nil {
			t.Fatal(err)
		}
		size := int64(len(whole))
		for have, want := range map[int64]int64{size: 0, size - 1: 1, size / 2: size - size/2, size + 10: 0} {
			if got := Missing(whole[:min(have, HeadSize, size)], have); got != want {
				t.Errorf("%s of %d bytes cut to %d: got %d, want %d", container, size, have, got, want)
			}
		}
	}
	for _, head := range []string{
		"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff", // live: size unknown
		"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\xff",
		"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67",
		"\x1a\x45\xdf\xa3\xffx",
		"\x1a\x45\xdf\xa3",
		"RIFF\x00\x00\x00\x00AVI LIST",
		"RIFF\xff\xff\xff\xffAVI LIST",
		"FLV\x01",
		"",
	} {
		if got := Missing([]byte(head), 20); got != 0 {
			t.Errorf("%q: got %d", head, got)
		}
	}
}

// FuzzMissing: nothing is ever missing of a file without end, and less and less of one that grows.
func FuzzMissing(f *testing.F) {
	f.Add([]byte("\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x10\xff\xff\xff"), int64(10))
	f.Add([]byte("RIFF\x00\x01\x00\x00AVI LIST"), int64(10))
	f.Fuzz(func(t *testing.T, head []byte, size int64) {
		size &= 1<<61 - 1
		a, b := Missing(head, size), Missing(head, size+1)
		if a < 0 || b > a || a > 0 && b != a-1 || Missing(head, 1<<62) != 0 {
			t.Errorf("%q: %d of %d, %d of one more", head, a, size, b)
		}
	})
}
