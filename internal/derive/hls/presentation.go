package hls

import (
	"slices"

	"filmcan/internal/film"
)

// Rendition is what a multivariant playlist says of one media playlist.
type Rendition struct {
	URI string
	// Backup is a second URI of the same playlist, for who asks for redundant streams.
	Backup string
	// Bandwidth and Average are the peak and the mean bit rate of this rendition alone, in bits per second. Average is
	// 0 where nobody knows it before it is encoded.
	Bandwidth, Average int64
	Codec              string // RFC 6381
	// Instant renditions need no encoding: their first segment is there as soon as it is asked for.
	Instant bool

	// Pictures only, as displayed. Range as in [Variant].
	Width, Height int
	Rate          film.Rate
	Range         string

	// Sound only.
	Channels int
	Language string
}

// Options are a viewer's wishes about a multivariant playlist (reference page, 5.2).
type Options struct {
	// Descending puts the highest rendition first (rendition_order=desc).
	Descending bool
	// Redundant lists every variant a second time, under its other URI (redundant_streams).
	Redundant bool
	// AudioOnly adds a variant that is sound alone (add_audio_only).
	AudioOnly bool
}

// Present returns the playlist of a film that has these renditions of its pictures, highest first, and of its sound.
// Players begin with the first variant: unless the viewer wants another order that is one which needs no encoding, or
// else the middle one; the others follow from high to low. The first sound rendition is the default. A film without
// pictures has its sound as variants.
func Present(video, audio []Rendition, o Options) Multivariant {
	var m Multivariant
	if len(video) > 0 {
		for i, a := range audio {
			name := "Default"
			if a.Language != "" {
				name = a.Language
			}
			m.Audio = append(m.Audio, Audio{
				Name: name, Language: a.Language, Channels: a.Channels, Default: i == 0, URI: a.URI,
			})
		}
	}
	shown := video
	if !o.Descending {
		shown = beginWith(video, opening(video))
	}
	m.Variants = variants(shown, audio, func(r Rendition) string { return r.URI })
	if len(video) == 0 || o.AudioOnly {
		m.Variants = append(m.Variants, variants(audio, nil, func(r Rendition) string { return r.URI })...)
	}
	if o.Redundant {
		m.Variants = append(m.Variants, variants(shown, audio, func(r Rendition) string { return r.Backup })...)
	}
	return m
}

// opening is the index of the rendition to begin with.
func opening(video []Rendition) int {
	if i := slices.IndexFunc(video, func(r Rendition) bool { return r.Instant }); i >= 0 {
		return i
	}
	return len(video) / 2
}

// beginWith returns the list with one of it moved to the front.
func beginWith(list []Rendition, i int) []Rendition {
	if i <= 0 || i >= len(list) {
		return list
	}
	moved := append(make([]Rendition, 0, len(list)), list[i])
	return append(append(moved, list[:i]...), list[i+1:]...)
}

// variants are renditions together with the sound that may go with them. Those without such a URI are left out.
func variants(list, audio []Rendition, uri func(Rendition) string) []Variant {
	var all []Variant
	for _, r := range list {
		if at := uri(r); at != "" {
			all = append(all, variant(r, at, audio))
		}
	}
	return all
}

// variant is a rendition together with the sound that may go with it: its rates are those of the dearest combination.
func variant(r Rendition, uri string, audio []Rendition) Variant {
	v := Variant{
		URI: uri, Bandwidth: r.Bandwidth, Average: r.Average, Codecs: []string{r.Codec}, Alone: len(audio) == 0,
		Width: r.Width, Height: r.Height, Rate: r.Rate, Range: r.Range,
	}
	var peak, mean int64
	for _, a := range audio {
		peak, mean = max(peak, a.Bandwidth), max(mean, a.Average)
		if !slices.Contains(v.Codecs, a.Codec) {
			v.Codecs = append(v.Codecs, a.Codec)
		}
	}
	v.Bandwidth += peak
	if v.Average > 0 {
		v.Average += mean
	}
	return v
}
