package webhook

import "time"

// The pauses between attempts double from firstPause to longestPause: in 24 hours there are 34 to 42 attempts, ten of
// them in the first hour.
const (
	firstPause   = 5 * time.Second
	longestPause = time.Hour
	// jitter is by how much a pause is shortened at most, as a part of itself, so that the deliveries of one outage do
	// not come back as one wave.
	jitter = 0.25
)

// Pause returns how long to wait after so many failed attempts (from 1). random is in [0, 1).
func Pause(failed int, random float64) time.Duration {
	pause := longestPause
	if n := max(failed, 1) - 1; n < 16 { // beyond that the shift is past the longest pause anyway
		pause = min(longestPause, firstPause<<n)
	}
	return time.Duration(float64(pause) * (1 - jitter*random))
}
