package mp4

import "time"

// Limits bound what a file may make [Parse] do. A zero field means its default.
type Limits struct {
	// MaxDuration of a film; default 12 h (reference page, 7.1).
	MaxDuration time.Duration
	// MaxSamples of one track; default MaxDuration at 120 a second.
	MaxSamples int
	// MaxMoov is the largest moov box in bytes; default 128 MB: 12 h of variable frame rate at 60 a second need 80.
	MaxMoov int64
	// MaxTracks in one file; default 256.
	MaxTracks int
	// MaxBoxes at the top level, fragments included; default 16 million.
	MaxBoxes int
}

func (l Limits) withDefaults() Limits {
	if l.MaxDuration <= 0 {
		l.MaxDuration = 12 * time.Hour
	}
	if l.MaxSamples <= 0 {
		l.MaxSamples = int(l.MaxDuration/time.Second) * 120
	}
	if l.MaxMoov <= 0 {
		l.MaxMoov = 128 << 20
	}
	if l.MaxTracks <= 0 {
		l.MaxTracks = 256
	}
	if l.MaxBoxes <= 0 {
		l.MaxBoxes = 16 << 20
	}
	return l
}

// maxTicks is MaxDuration in ticks of a timescale.
func (l Limits) maxTicks(timescale uint32) int64 {
	return int64(l.MaxDuration/time.Second) * int64(timescale)
}
