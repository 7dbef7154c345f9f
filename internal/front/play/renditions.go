package play

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"filmcan/internal/derive/hls"
	"filmcan/internal/derive/passthrough"
	jit "filmcan/internal/derive/rendition"
	"filmcan/internal/film"
	"filmcan/internal/front/door"
)

// rendition is one that a viewer may choose: pictures of one size, or sound. Its recipe and name stand in its URLs.
type rendition struct {
	hls.Rendition // as the multivariant playlist tells of it, without URIs

	recipe, name string
	sound        bool
	cuts         cutting
	// init and segment give what lies below it; whoever gets a segment's closer closes it when it has been sent.
	init    func(ctx context.Context) (door.Content, error)
	segment func(ctx context.Context, n int) (door.Content, io.Closer, error)
}

// lines is the rendition's size as Mux counts resolutions; 0 is sound.
func (r *rendition) lines() int { return min(r.Width, r.Height) }

// path is where its playlist lies, below the playback id.
func (r *rendition) path() string { return r.recipe + "/" + r.name + "/" + playlistName }

// passed is a rendition of the film's own bytes.
func passed(f *passthrough.Film, r *passthrough.Rendition) rendition {
	return rendition{
		Rendition: hls.Rendition{
			Bandwidth: r.Bandwidth, Average: r.Average, Codec: r.Codec, Instant: true,
			Width: r.Width, Height: r.Height, Rate: r.Rate, Range: r.Range, Channels: r.Channels,
		},
		recipe: passthrough.Recipe, name: r.Name, sound: !r.Video,
		cuts: cutting{r.Durations, r.Timescale},
		init: func(context.Context) (door.Content, error) {
			return door.Bytes(r.Init, r.ContentType(), r.InitETag, forever), nil
		},
		segment: func(_ context.Context, n int) (door.Content, io.Closer, error) {
			s, err := f.Segment(r, n)
			if err != nil {
				return door.Content{}, nil, err
			}
			return door.Content{Type: r.ContentType(), ETag: s.ETag, CacheControl: forever, Size: s.Size, Copy: s.Copy}, nil, nil
		},
	}
}

// encodedRecipe stands in the URLs of renditions that are encoded; their names say with which settings.
const encodedRecipe = "e2"

// encodedType is the media type of encoded renditions.
const encodedType = "video/mp4"

func encodedSegment(s *jit.Segment) door.Content {
	return door.Content{Type: encodedType, ETag: s.ETag, CacheControl: forever, Size: s.Size, Copy: s.Copy}
}

// made is a rendition that is encoded when it is watched.
func made(r *jit.Rendition) rendition {
	return rendition{
		Rendition: hls.Rendition{
			Bandwidth: r.Bandwidth, Codec: r.Codec, Width: r.Width, Height: r.Height, Rate: r.Rate, Range: "SDR",
		},
		recipe: encodedRecipe, name: r.Name,
		cuts: cutting{r.Durations, r.Timescale},
		init: func(ctx context.Context) (door.Content, error) {
			b, etag, err := r.Init(ctx)
			if err != nil {
				return door.Content{}, err
			}
			return door.Bytes(b, encodedType, etag, forever), nil
		},
		segment: func(ctx context.Context, n int) (door.Content, io.Closer, error) {
			s, err := r.Segment(ctx, n)
			if err != nil {
				return door.Content{}, nil, err
			}
			return encodedSegment(s), s, nil
		},
	}
}

// choose returns the pictures, highest first, and the sound that a viewer with these wishes may choose from.
func (w wishes) choose(all []rendition) (video, audio []rendition, err error) {
	pictures := 0
	for _, r := range all {
		switch {
		case r.sound:
			audio = append(audio, r)
			continue
		case w.low > 0 && r.lines() < w.low, w.high > 0 && r.lines() > w.high:
		default:
			video = append(video, r)
		}
		pictures++
	}
	if pictures > 0 && len(video) == 0 {
		return nil, nil, film.Invalid("No rendition of this film is within min_resolution and max_resolution: it has %s", sizes(all))
	}
	return video, audio, nil
}

// sizes lists the sizes of the pictures for a viewer's error.
func sizes(all []rendition) string {
	var list []string
	for _, r := range all {
		if !r.sound {
			list = append(list, strconv.Itoa(r.lines())+"p")
		}
	}
	return strings.Join(slices.Compact(list), ", ")
}

// renditions are all that there are of a film: pictures first, highest first, then sound.
func (d *Door) renditions(w watched) ([]rendition, error) {
	encoded, err := d.engine.Renditions(w.film.Film, w.asset.Settings.Quality)
	if err != nil {
		return nil, err
	}
	var all, sound []rendition
	for _, r := range w.film.Renditions() {
		if one := passed(w.film, r); one.sound {
			sound = append(sound, one)
		} else {
			all = append(all, one)
		}
	}
	for _, r := range encoded {
		all = append(all, made(r))
	}
	return append(all, sound...), nil
}

// cuts are those that all renditions share: of the pictures, or of the sound where it is alone.
func cuts(all []rendition) cutting {
	if len(all) == 0 {
		return cutting{}
	}
	return all[0].cuts
}
