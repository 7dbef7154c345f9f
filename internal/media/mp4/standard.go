package mp4

import "time"

// Tier is an asset's max_resolution_tier: 720p, 1080p, 1440p or 2160p. Any other word counts as 1080p.
type Tier string

const (
	// Tier1440p allows films up to 2560 pixels a side.
	Tier1440p Tier = "1440p"
	// Tier2160p allows films up to 4096 pixels a side.
	Tier2160p Tier = "2160p"
)

// The edge between the two columns of the table of standard inputs (reference page, 7.1).
const smallSide = 2048

// MaxSide is the most pixels that a side of a film within the tier has.
func (t Tier) MaxSide() int {
	switch t {
	case Tier1440p:
		return 2560
	case Tier2160p:
		return 4096
	}
	return smallSide
}

// standard is one column of the table of standard inputs (reference page, 7.1).
type standard struct {
	// keyFrames is the longest distance of key frames, by codec.
	keyFrames map[string]time.Duration
	// average and peak are bits per second of the whole film and of its densest second or GOP.
	average, peak float64
	// rates of frames per second.
	minRate, maxRate float64
}

// standardFor chooses the column for a film by its size and tier. Films of at most 2048 pixels a side keep the 1080p
// column's key frames and rates in every tier; the large tiers only raise their bit rate. The reference has no figure for
// a single GOP of the 2160p tier: the 1080p column's ratio, twice the average, is used.
func standardFor(tier Tier, width, height int) standard {
	s := standard{
		keyFrames: map[string]time.Duration{"h264": 20 * time.Second, "hevc": 10 * time.Second},
		average:   8e6, peak: 16e6,
		minRate: 5, maxRate: 120,
	}
	if tier.MaxSide() > smallSide {
		s.average, s.peak = 20e6, 40e6
	}
	if max(width, height) > smallSide {
		s.keyFrames = map[string]time.Duration{"h264": 10 * time.Second, "hevc": 6 * time.Second}
		s.maxRate = 60
	}
	return s
}
