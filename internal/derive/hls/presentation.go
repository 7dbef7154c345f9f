package hls

import (
	"slices"

	"filmcan/internal/film"
)

// Rendition is what a multivariant playlist says of one media playlist.
type Rendition struct {
	URI string
	// Bandwidth and Average are the peak and the mean bit rate of this rendition alone, in bits per second.
	Bandwidth, Average int64
	Codec              string // RFC 6381

	// Pictures only, as displayed. Range as in [Variant].
	Width, Height int
	Rate          film.Rate
	Range         string

	// Sound only.
	Channels int
	Language string
}

// Present returns the playlist of a film that has these renditions of its pictures, in that order, and of its sound.
// The first sound rendition is the default. A film without pictures has its sound as variants.
func Present(video, audio []Rendition) Multivariant {
	if len(video) == 0 {
		var m Multivariant
		for _, a := range audio {
			m.Variants = append(m.Variants, variant(a, nil))
		}
		return m
	}
	var m Multivariant
	for i, a := range audio {
		name := "Default"
		if a.Language != "" {
			name = a.Language
		}
		m.Audio = append(m.Audio, Audio{
			Name: name, Language: a.Language, Channels: a.Channels, Default: i == 0, URI: a.URI,
		})
	}
	for _, v := range video {
		m.Variants = append(m.Variants, variant(v, audio))
	}
	return m
}

// variant is a rendition together with the sound that may go with it: its rates are those of the dearest combination.
func variant(r Rendition, audio []Rendition) Variant {
	v := Variant{
		URI: r.URI, Bandwidth: r.Bandwidth, Average: r.Average, Codecs: []string{r.Codec},
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
	v.Average += mean
	return v
}
