package passthrough

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/media/cmaf"
)

// Recipe stands in the URL of everything that this package serves: the same URL has the same bytes for ever.
const Recipe = cmaf.Recipe

// The names of renditions, as they stand in URLs.
const (
	VideoName = "video"
	AudioName = "audio"
)

// Rendition is one track of a film, as segments.
type Rendition struct {
	Name  string
	Video bool
	// Codec is its RFC 6381 name.
	Codec string
	// Bandwidth and Average are its peak and mean bit rate in bits per second.
	Bandwidth, Average int64

	// Pictures only: as displayed; Range is SDR, PQ or HLG.
	Width, Height int
	Rate          film.Rate
	Range         string
	// Sound only.
	Channels int

	// Timescale is the ticks per second of Durations, which has one entry for each segment, and is shared.
	Timescale uint32
	Durations []int64

	// Init is the init segment, InitETag its strong entity tag.
	Init     []byte
	InitETag string

	etag   string // of the bytes that are cut
	cuts   *cmaf.Rendition
	source io.ReaderAt
}

// Renditions returns the film's renditions, pictures first.
func (f *Film) Renditions() []*Rendition { return f.renditions }

// Rendition returns the rendition of that name, nil if there is none.
func (f *Film) Rendition(name string) *Rendition {
	for _, r := range f.renditions {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Resolution returns the size of the pictures as displayed, zeros where there are none.
func (f *Film) Resolution() (width, height int) {
	if r := f.Rendition(VideoName); r != nil {
		return r.Width, r.Height
	}
	return 0, 0
}

// ContentType is the media type of the rendition's init segment and segments.
func (r *Rendition) ContentType() string {
	if r.Video {
		return "video/mp4"
	}
	return "audio/mp4"
}

// describe lists the renditions of an open film. Everything large in them is shared by all who have it open.
func describe(f *reel.Film) []*Rendition {
	var list []*Rendition
	if r := f.Video(); r != nil {
		v := newRendition(VideoName, r, f.VideoDurations(), f.VideoTag(), f.Pictures())
		rate := f.VideoRate()
		v.Video = true
		v.Width, v.Height = r.Track.Picture.Width, r.Track.Picture.Height
		v.Rate = film.Rate{Num: rate.Num, Den: rate.Den}
		v.Range = r.VideoRange()
		list = append(list, v)
	}
	if r := f.Audio(); r != nil {
		a := newRendition(AudioName, r, f.AudioDurations(), f.AudioTag(), f.Sound())
		a.Channels = r.Track.Sound.Channels
		list = append(list, a)
	}
	return list
}

func newRendition(name string, cuts *cmaf.Rendition, durations []int64, etag string, source io.ReaderAt) *Rendition {
	r := &Rendition{
		Name: name, Codec: cuts.Track.Codec, Bandwidth: cuts.Bandwidth, Average: cuts.AverageBandwidth,
		Timescale: cuts.Track.Timescale, Durations: durations, Init: cuts.Init(), etag: etag, cuts: cuts, source: source,
	}
	r.InitETag = r.tag(-1)
	return r
}

// tag is the strong entity tag of a segment (-1: of the init segment): it is named by all that its bytes depend on, so
// that no byte has to be read for it.
func (r *Rendition) tag(n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d", r.etag, Recipe, r.Name, n))
	return hex.EncodeToString(sum[:16])
}
