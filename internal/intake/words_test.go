package intake

import (
	"errors"
	"testing"

	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/sniff"
)

// TestWhoseFault: of a process that ended badly the film is to blame, unless it could not be started, was killed, or found no
// room; then there is another run.
func TestWhoseFault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err   *ffmpeg.Error
		blame bool
	}{
		"damaged":   {&ffmpeg.Error{}, true},
		"too slow":  {&ffmpeg.Error{Limit: ffmpeg.LimitCPU}, true},
		"unstarted": {&ffmpeg.Error{Unstarted: true}, false},
		"killed":    {&ffmpeg.Error{Killed: true}, false},
		"full disk": {&ffmpeg.Error{NoRoom: true}, false},
	} {
		encoding := &encoder{view: &view{kind: sniff.Matroska}}
		for step, err := range map[string]error{
			"look": sayFFmpeg(sniff.Matroska, tt.err), "encoding": encoding.words(t.Context(), tt.err),
		} {
			if _, blamed := errors.AsType[*failure](err); blamed != tt.blame {
				t.Errorf("%s, %s: %v", name, step, err)
			}
		}
	}
}
