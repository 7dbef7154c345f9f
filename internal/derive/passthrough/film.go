package passthrough

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

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

// cuttings is what there is to play of a film. It is immutable and shared.
type cuttings struct {
	etag       string // of the bytes that are cut
	renditions []*Rendition
}

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

	// Timescale is the ticks per second of Durations, which has one entry for each segment.
	Timescale uint32
	Durations []int64

	// Init is the init segment, InitETag its strong entity tag.
	Init     []byte
	InitETag string

	cuts *cmaf.Rendition
}

// Renditions returns the film's renditions, pictures first.
func (f *cuttings) Renditions() []*Rendition { return f.renditions }

// Rendition returns the rendition of that name, nil if there is none.
func (f *cuttings) Rendition(name string) *Rendition {
	for _, r := range f.renditions {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Resolution returns the size of the pictures as displayed, zeros where there are none.
func (f *cuttings) Resolution() (width, height int) {
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

func newCuttings(etag string, plan *cmaf.Package) *cuttings {
	f := &cuttings{etag: etag}
	if r := plan.Video; r != nil {
		v := f.add(VideoName, r)
		rate := r.Track.FrameRate()
		v.Video = true
		v.Width, v.Height = r.Track.Picture.Width, r.Track.Picture.Height
		v.Rate = film.Rate{Num: rate.Num, Den: rate.Den}
		v.Range = r.VideoRange()
	}
	if r := plan.Audio; r != nil {
		f.add(AudioName, r).Channels = r.Track.Sound.Channels
	}
	return f
}

func (f *cuttings) add(name string, cuts *cmaf.Rendition) *Rendition {
	r := &Rendition{
		Name: name, Codec: cuts.Track.Codec, Bandwidth: cuts.Bandwidth, Average: cuts.AverageBandwidth,
		Timescale: cuts.Track.Timescale, Durations: make([]int64, len(cuts.Segments)),
		Init: cuts.Init(), InitETag: f.tag(name, -1), cuts: cuts,
	}
	for i, s := range cuts.Segments {
		r.Durations[i] = s.Duration
	}
	f.renditions = append(f.renditions, r)
	return r
}

// tag is the strong entity tag of a segment (-1: of the init segment): it is named by all that its bytes depend on, so
// that no byte has to be read for it.
func (f *cuttings) tag(rendition string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d", f.etag, Recipe, rendition, n))
	return hex.EncodeToString(sum[:16])
}

// bytes is about what it takes in memory beside the index.
func (f *cuttings) bytes() int64 {
	n := int64(0)
	for _, r := range f.renditions {
		n += int64(len(r.Init)) + int64(len(r.Durations))*64 + 512
	}
	return n
}
