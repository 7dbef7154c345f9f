package intake

import (
	"bytes"
	"io"
	"testing"
	"time"

	"filmcan/internal/derive/export"
	"filmcan/internal/media/ffmpeg"
)

// TestProgressWithoutLength: what is read of a film that does not know its length is what is done of it. The claim to room
// shrinks with it.
func TestProgressWithoutLength(t *testing.T) {
	t.Parallel()
	const size = 1000
	src := &source{ReaderAt: bytes.NewReader(make([]byte, size)), size: size}
	r := newRooms(func() (int64, int64, bool) { return 1 << 40, 1 << 40, true })
	for demuxer, counts := range map[string]bool{"matroska": true, "mpegts": true, "gif": true, "avi": false} {
		w := &encoder{src: src, meter: &meter{}, room: r.claim()}
		f := &export.Film{Input: func() ffmpeg.Input { return ffmpeg.Input{Path: "/film", Demuxer: demuxer} }}
		length := w.length(f)
		if counts != (length == size) || counts != (f.Input().Reader != nil) || f.Input().Demuxer != demuxer {
			t.Fatalf("%s: %d long, input %+v", demuxer, length, f.Input())
		}
		if !counts {
			continue
		}
		must(t, w.room.want(800))
		tell, done := w.step(length, 1, 800)
		in := f.Input()
		_, err := io.CopyN(io.Discard, in.Reader, 250)
		must(t, err)
		tell(time.Hour)
		if got := w.meter.done.Load(); got != 250 {
			t.Errorf("%s: %d of %d", demuxer, got, size)
		}
		if got := r.claims[w.room]; got != 700 {
			t.Errorf("%s: %d bytes are claimed, want 700", demuxer, got)
		}
		_, err = io.Copy(io.Discard, in.Reader)
		must(t, err)
		tell(0)
		done()
		if got := w.meter.done.Load(); got != size || r.claims[w.room] != 400 {
			t.Errorf("%s: %d of %d, %d bytes are claimed", demuxer, got, size, r.claims[w.room])
		}
		w.room.drop()
	}
	w := &encoder{src: src, meter: &meter{}, room: r.claim()}
	f := &export.Film{Length: time.Minute, Input: func() ffmpeg.Input { return ffmpeg.Input{Path: "/film", Demuxer: "matroska"} }}
	if w.length(f) != time.Minute || f.Input().Path == "" {
		t.Error("a film that knows its length is read another way")
	}
}
