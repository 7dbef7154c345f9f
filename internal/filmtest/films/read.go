package films

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
)

// Counters decodes the file (any that ffmpeg reads, playlists included) and returns the number on each displayed
// frame, in order of display. Width is that of the displayed picture. A frame without a counter fails
// the test.
func Counters(tb testing.TB, path string, width int) []int {
	tb.Helper()
	row := CounterHeight(width)
	cmd := exec.CommandContext(tb.Context(), "ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:v:0",
		"-vf", fmt.Sprintf("crop=%d:%d:0:0", width, row), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	var said bytes.Buffer
	cmd.Stderr = &said
	raw, err := cmd.Output()
	if err != nil {
		tb.Fatalf("decode %s: %v: %s", path, err, said.String())
	}
	numbers, err := counters(raw, width, row)
	if err != nil {
		tb.Fatalf("read counters of %s: %v", path, err)
	}
	return numbers
}

func counters(raw []byte, width, height int) ([]int, error) {
	size := width * height
	if len(raw)%size != 0 {
		return nil, fmt.Errorf("%d bytes are no whole rows of %dx%d", len(raw), width, height)
	}
	var numbers []int
	for i := 0; len(raw) > 0; i++ {
		n, err := frameNumber(raw[:size], width)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", i, err)
		}
		numbers = append(numbers, n)
		raw = raw[size:]
	}
	return numbers, nil
}
