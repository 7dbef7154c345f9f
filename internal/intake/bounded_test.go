package intake

import (
	"math"
	"testing"
	"time"

	"filmcan/internal/media/ffmpeg"
)

// TestBounded: what takes gigabytes to decode is refused by what the file says of itself. What lies is for the decoders.
func TestBounded(t *testing.T) {
	t.Parallel()
	picture := func(w, h int) *ffmpeg.Stream { return &ffmpeg.Stream{Width: w, Height: h} }
	deep := func(w, h, references int, format string) *ffmpeg.Stream {
		return &ffmpeg.Stream{Width: w, Height: h, References: references, PixelFormat: format}
	}
	for _, tt := range []struct {
		name         string
		video, audio *ffmpeg.Stream
		ok           bool
	}{
		{"8K of televisions", picture(7680, 4320), nil, true},
		{"8K of cinemas", picture(8192, 4320), nil, true},
		{"8K of phones", picture(4320, 7680), nil, true},
		{"unknown", picture(0, 0), &ffmpeg.Stream{}, true},
		{"square", picture(8192, 8192), nil, false},
		{"wide", picture(16384, 16), nil, false},
		{"tall", picture(16, 65535), nil, false},
		{"overflowing", picture(math.MaxInt32, math.MaxInt32), nil, false},
		{"8K with sixteen references", deep(8192, 4608, 16, "yuv420p"), nil, true},
		{"the same with 10 bits", deep(8192, 4608, 16, "yuv420p10le"), nil, true},
		{"the same in 4:4:4", deep(8192, 4608, 16, "yuv444p10le"), nil, false},
		{"4K in 4:4:4", deep(3840, 2160, 16, "yuv444p10le"), nil, true},
		{"8K of RGB", deep(8192, 4608, 4, "gbrp16le"), nil, true},
		{"telephone", nil, &ffmpeg.Stream{SampleRate: 8000}, true},
		{"one a second", nil, &ffmpeg.Stream{SampleRate: 1}, false},
	} {
		if err := bounded(tt.video, tt.audio); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	in := &Intake{}
	for d, ok := range map[time.Duration]bool{0: true, 12 * time.Hour: true, 12*time.Hour + 1: false, math.MaxInt64: false} {
		if err := in.short(&ffmpeg.Probe{Duration: d}); (err == nil) != ok {
			t.Errorf("%s: %v", d, err)
		}
	}
}
