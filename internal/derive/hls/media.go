package hls

import (
	"math/bits"
	"strconv"
)

// Media is a media playlist (RFC 8216, 4.3.3) of a film that is whole: fragmented MP4 with one init segment.
type Media struct {
	// Target is the EXT-X-TARGETDURATION in seconds: the same for all renditions of a film ([Target]).
	Target int
	// Init is the URI of the init segment.
	Init string
	// Timescale is the number of ticks per second that the durations count in.
	Timescale uint32
	Segments  []Segment
}

// Segment is one segment of a media playlist.
type Segment struct {
	// Duration is in ticks of the playlist's time scale.
	Duration int64
	URI      string
}

// Bytes returns the playlist's text. An EXTINF is the difference of two points of time that are each rounded to
// microseconds, so that the sum of any number of them is right to one microsecond: errors do not add up.
func (m Media) Bytes() []byte {
	var w writer
	w.b = make([]byte, 0, 256+48*len(m.Segments))
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:", strconv.Itoa(version))
	w.line("#EXT-X-TARGETDURATION:", strconv.Itoa(max(1, m.Target)))
	w.line("#EXT-X-MEDIA-SEQUENCE:0")
	w.line("#EXT-X-PLAYLIST-TYPE:VOD")
	w.line("#EXT-X-INDEPENDENT-SEGMENTS")
	w.tag("#EXT-X-MAP", attr{"URI", quoted(m.Init)})
	var ticks, from int64
	for _, s := range m.Segments {
		ticks += s.Duration
		to := microseconds(ticks, m.Timescale)
		w.line("#EXTINF:", seconds(to-from), ",")
		w.line(s.URI)
		from = to
	}
	w.line("#EXT-X-ENDLIST")
	return w.b
}

// Target returns the EXT-X-TARGETDURATION that segments of these durations need: the longest, rounded to whole seconds,
// and at least one (4.3.3.1). A film's is the highest of all its renditions.
func Target(timescale uint32, durations []int64) int {
	longest := int64(0)
	for _, d := range durations {
		longest = max(longest, d)
	}
	// What counts is the duration as it is written, which can be a microsecond more.
	return max(1, int((microseconds(longest, timescale)+1+500_000)/1_000_000))
}

// microseconds returns a point of time, rounded to the nearest microsecond.
func microseconds(ticks int64, timescale uint32) int64 {
	if timescale == 0 || ticks <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(ticks), 1_000_000)
	lo, carry := bits.Add64(lo, uint64(timescale)/2, 0)
	hi += carry
	if hi >= uint64(timescale) {
		return 0 // more than 2^63 microseconds: no film has that, and no index reader lets it through
	}
	q, _ := bits.Div64(hi, lo, uint64(timescale))
	return int64(q)
}

// seconds spells microseconds as decimal seconds with six places.
func seconds(us int64) string {
	whole, fraction := us/1_000_000, us%1_000_000
	digits := strconv.FormatInt(1_000_000+fraction, 10)
	return strconv.FormatInt(whole, 10) + "." + digits[1:]
}
