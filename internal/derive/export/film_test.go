package export

import (
	"math"
	"testing"

	"filmcan/internal/media/ffmpeg"
)

// TestTicks converts times that a stranger may have written.
func TestTicks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at    ffmpeg.Ratio
		scale uint32
		want  int64
	}{
		{ffmpeg.Ratio{}, 90_000, 0},
		{ffmpeg.Ratio{Num: 1, Den: 3}, 10, 3},
		{ffmpeg.Ratio{Num: 1, Den: 2}, 1, 1},
		{ffmpeg.Ratio{Num: -1, Den: 3}, 10, -3},
		{ffmpeg.Ratio{Num: math.MaxInt64, Den: 1 << 31}, 1, 1 << 32},
		{ffmpeg.Ratio{Num: 3 << 60, Den: 1 << 30}, 1, 3 << 30},
	} {
		if got := ticks(tt.at, tt.scale); got != tt.want {
			t.Errorf("%v in 1/%d s: got %d, want %d", tt.at, tt.scale, got, tt.want)
		}
	}
}
