package rendition

import (
	"context"
	"math"
	"time"

	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/media/ladder"
)

// Rendition is a rung of an open film, as playlists tell of it before anything of it is encoded.
type Rendition struct {
	// Name stands in its URLs. It tells apart what was made with other settings or by another encoder: what goes
	// together has one name.
	Name string
	// Codec is its RFC 6381 name.
	Codec string
	// Bandwidth is the peak bit rate that the encoder may take, in bits per second.
	Bandwidth     int64
	Width, Height int
	Rate          film.Rate
	// Timescale is the ticks per second of Durations, which has one entry for each segment, and is shared.
	Timescale uint32
	Durations []int64

	engine *Engine
	film   *reel.Film
	rung   ladder.Rung
}

// Renditions are those that viewers of a film may choose besides what is passed through, highest first. One of the film's
// own size is among them where nothing is passed through, or something that not every player takes: see [ladder.Alone].
func (e *Engine) Renditions(f *reel.Film, quality film.Quality) ([]*Rendition, error) {
	own := true
	if v := f.Video(); v != nil {
		own = !ladder.Alone(v.Track.FFName, v.Track.Picture.CodedWidth, v.Track.Picture.CodedHeight, v.Bandwidth)
	}
	var list []*Rendition
	var shortest time.Duration
	rate := f.VideoRate()
	for _, rung := range Rungs(f, ladder.Quality(quality)) {
		if rung.Own && !own {
			continue
		}
		t, err := e.target(f, rung)
		if err != nil {
			return nil, err
		}
		scale := t.line.Track().Timescale
		if shortest == 0 {
			shortest = densest(f.VideoDurations(), scale, f.Target())
		}
		list = append(list, &Rendition{
			Name: t.name, Codec: rung.Codec, Bandwidth: rung.Bandwidth(shortest),
			Width: rung.Width, Height: rung.Height, Rate: film.Rate{Num: rate.Num, Den: rate.Den},
			Timescale: scale, Durations: f.VideoDurations(),
			engine: e, film: f, rung: rung,
		})
	}
	return list, nil
}

// densest is how long a segment is on average where they are shortest: over any run of segments that counts for a peak
// bit rate, which lasts from half to one and a half times the target duration (RFC 8216, 4.3.4.2). A film that is shorter
// is one run.
func densest(durations []int64, timescale uint32, target int) time.Duration {
	scale := float64(max(timescale, 1))
	least, most := float64(target)/2*scale, float64(target)*3/2*scale
	shortest, whole := math.Inf(1), 0.0
	for i, d := range durations {
		whole += float64(d)
		run := 0.0
		for k, d := range durations[i:] {
			if run += float64(d); run > most {
				break
			}
			if run >= least {
				shortest = min(shortest, run/float64(k+1))
			}
		}
	}
	if math.IsInf(shortest, 1) {
		shortest = whole / float64(max(1, len(durations)))
	}
	return time.Duration(math.Round(shortest / scale * float64(time.Second)))
}

// Init returns the init segment and its strong entity tag.
func (r *Rendition) Init(ctx context.Context) ([]byte, string, error) {
	return r.engine.Init(ctx, r.film, r.rung)
}

// Segment returns segment n, as [Engine.Segment] does.
func (r *Rendition) Segment(ctx context.Context, n int) (*Segment, error) {
	return r.engine.Segment(ctx, r.film, r.rung, n)
}

// Prewarm makes the first segment when there is nothing more urgent to do.
func (r *Rendition) Prewarm(ctx context.Context) error {
	return r.engine.Prewarm(ctx, r.film, []ladder.Rung{r.rung})
}
