package rendition

import (
	"testing"
	"time"
)

func TestDensest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		durations []int64
		target    int
		want      time.Duration
	}{
		"even":                    {[]int64{4000, 4000, 4000}, 4, 4 * time.Second},
		"a short rest":            {[]int64{4000, 4000, 100}, 4, 2050 * time.Millisecond},
		"a short rest of a short": {[]int64{100}, 1, 100 * time.Millisecond},
		"half a target counts":    {[]int64{8000, 4000}, 8, 4 * time.Second},
		"less does not":           {[]int64{10_000, 4000}, 10, 7 * time.Second},
		"nothing":                 {nil, 1, 0},
	} {
		if got := densest(c.durations, 1000, c.target); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
