package hls

import (
	"strconv"
	"strings"

	"filmcan/internal/film"
)

// ContentType is the media type of playlists.
const ContentType = "application/vnd.apple.mpegurl"

// version is the protocol version of all playlists: 6 brings EXT-X-MAP in ordinary playlists, and 7 is what Apple's
// authoring rules ask for where segments are fragmented MP4.
const version = 7

// audioGroup is the GROUP-ID of the one group of sound renditions.
const audioGroup = "audio"

// Multivariant is a multivariant playlist (RFC 8216, 4.3.4). The first variant is the one that players begin with.
type Multivariant struct {
	Session  []SessionData
	Audio    []Audio
	Variants []Variant
	Images   []Images
}

// SessionData points at a JSON document about the whole presentation.
type SessionData struct {
	ID, URI string
}

// Audio is a rendition of the sound that goes with every variant with pictures.
type Audio struct {
	Name     string
	Language string // BCP 47; empty when unknown
	Channels int
	Default  bool
	URI      string
}

// Variant is one way to see the film.
type Variant struct {
	URI string
	// Bandwidth is the highest and Average the mean bit rate in bits per second, of everything that is played
	// together: the pictures and the dearest sound rendition. Average is left out where it is 0.
	Bandwidth, Average int64
	// Codecs are the RFC 6381 names of everything that is played together, without repeats.
	Codecs []string
	// Width, Height and Rate describe the pictures as displayed; zero where there are none or it is unknown.
	Width, Height int
	Rate          film.Rate
	// Range is the VIDEO-RANGE: SDR, PQ or HLG; empty when unknown.
	Range string
	// Alone: no sound rendition goes with it.
	Alone bool
}

// Images is a playlist of still pictures in tiles, which Roku's players show while a viewer seeks (Roku's extension for
// thumbnails in HLS: EXT-X-IMAGE-STREAM-INF).
type Images struct {
	URI           string
	Bandwidth     int64 // bits per second
	Width, Height int   // of one tile
}

// Bytes returns the playlist's text. The URI of a variant stands on the line right after its EXT-X-STREAM-INF, where
// RFC 8216 wants it and where Mux's player reads it with a parser of its own.
func (m Multivariant) Bytes() []byte {
	var w writer
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:" + strconv.Itoa(version))
	w.line("#EXT-X-INDEPENDENT-SEGMENTS")
	for _, s := range m.Session {
		w.tag("#EXT-X-SESSION-DATA", attr{"DATA-ID", quoted(s.ID)}, attr{"URI", quoted(s.URI)})
	}
	for _, a := range m.Audio {
		w.tag(
			"#EXT-X-MEDIA",
			attr{"TYPE", "AUDIO"},
			attr{"GROUP-ID", quoted(audioGroup)},
			attr{"NAME", quoted(a.Name)},
			attr{"LANGUAGE", optional(a.Language)},
			attr{"DEFAULT", yesNo(a.Default)},
			attr{"AUTOSELECT", "YES"},
			attr{"CHANNELS", optional(count(a.Channels))},
			attr{"URI", quoted(a.URI)},
		)
	}
	for _, v := range m.Variants {
		w.tag("#EXT-X-STREAM-INF", v.attributes(len(m.Audio) > 0 && !v.Alone)...)
		w.line(v.URI)
	}
	for _, i := range m.Images {
		w.tag(
			"#EXT-X-IMAGE-STREAM-INF",
			attr{"BANDWIDTH", strconv.FormatInt(i.Bandwidth, 10)},
			attr{"RESOLUTION", strconv.Itoa(i.Width) + "x" + strconv.Itoa(i.Height)},
			attr{"CODECS", quoted("jpeg")},
			attr{"URI", quoted(i.URI)},
		)
	}
	return w.b
}

func (v Variant) attributes(audio bool) []attr {
	list := []attr{
		{"BANDWIDTH", strconv.FormatInt(v.Bandwidth, 10)},
		{"AVERAGE-BANDWIDTH", rate(v.Average)},
		{"CODECS", quoted(strings.Join(v.Codecs, ","))},
	}
	if v.Width > 0 && v.Height > 0 {
		list = append(list, attr{"RESOLUTION", strconv.Itoa(v.Width) + "x" + strconv.Itoa(v.Height)})
	}
	list = append(list, attr{"FRAME-RATE", frameRate(v.Rate)}, attr{"VIDEO-RANGE", v.Range})
	if audio {
		list = append(list, attr{"AUDIO", quoted(audioGroup)})
	}
	return append(list, attr{"CLOSED-CAPTIONS", "NONE"})
}

// frameRate spells a rate with three decimals, rounded (4.3.4.2).
func frameRate(r film.Rate) string {
	if r.Num <= 0 || r.Den <= 0 {
		return ""
	}
	return strconv.FormatFloat(r.Float(), 'f', 3, 64)
}

func rate(bits int64) string {
	if bits <= 0 {
		return ""
	}
	return strconv.FormatInt(bits, 10)
}

func count(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}
