package play

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"filmcan/internal/derive/hls"
	"filmcan/internal/film"
)

// wishes are what a viewer asks of the multivariant playlist by query parameters (reference page, 5.2).
type wishes struct {
	// low and high bound the renditions in lines, as Mux counts resolutions; 0 is no bound.
	low, high int
	// trickPlay asks for tiles of still pictures.
	trickPlay bool
	order     hls.Options
	clip      clip
}

// clip is an instant clip: the part of the film from one offset to another; to is 0 where it goes on to the end. The
// zero clip is the whole film.
type clip struct{ from, to time.Duration }

// The parameters of instant clips, which the playlists of the renditions take too.
const (
	assetStart = "asset_start_time"
	assetEnd   = "asset_end_time"
)

// parseWishes reads the query. Parameters that are not named here mean nothing to us: tokens on public ids, CMCD keys,
// cache busters.
func parseWishes(query url.Values) (wishes, error) {
	q := reader{query: query}
	var w wishes
	w.low, w.high = q.lines("min_resolution"), q.lines("max_resolution")
	w.order.Descending = q.word("rendition_order", "desc") == "desc"
	w.order.Redundant = q.flag("redundant_streams")
	w.order.AudioOnly = q.flag("add_audio_only")
	w.trickPlay = q.flag("roku_trick_play")
	// No playlist of a film has program times, so there are none to leave out.
	q.flag("exclude_pdt")
	q.language("default_subtitles_lang")
	w.clip = q.clip()
	if q.err == nil && w.low > 0 && w.high > 0 && w.low > w.high {
		q.err = film.Invalid("Invalid parameter: min_resolution is above max_resolution")
	}
	return w, q.err
}

// parseClip reads an instant clip from the query of a rendition's playlist.
func parseClip(query url.Values) (clip, error) {
	q := reader{query: query}
	c := q.clip()
	return c, q.err
}

// reader reads parameters and keeps the first error.
type reader struct {
	query url.Values
	err   error
}

func (q *reader) refuse(format string, args ...any) {
	if q.err == nil {
		q.err = film.Invalid(format, args...)
	}
}

// value returns a parameter's value. One that is given twice with different values asks for two things at once.
func (q *reader) value(name string) string {
	values := q.query[name]
	for _, v := range values {
		if v != values[0] {
			q.refuse("Invalid parameter: %s is given more than once", name)
		}
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// word is a parameter that has one of these values, or none.
func (q *reader) word(name string, allowed ...string) string {
	v := q.value(name)
	if _, given := q.query[name]; given && !slices.Contains(allowed, v) {
		q.refuse("Invalid parameter: %s must be %s", name, strings.Join(allowed, " or "))
	}
	return v
}

func (q *reader) flag(name string) bool { return q.word(name, "true", "false") == "true" }

// lines is a resolution by its name, 0 where none is given.
func (q *reader) lines(name string) int {
	v := q.word(name, "270p", "360p", "480p", "540p", "720p", "1080p", "1440p", "2160p")
	n, err := strconv.Atoi(strings.TrimSuffix(v, "p"))
	if err != nil {
		return 0
	}
	return n
}

// language is a BCP 47 language. No film has subtitles yet, so that one may be asked for and nothing comes of it.
func (q *reader) language(name string) {
	v := q.value(name)
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	if len(v) > 35 || strings.Trim(v, letters) != "" {
		q.refuse("Invalid parameter: %s is no language", name)
	}
}

// clip reads the parameters of an instant clip.
func (q *reader) clip() clip {
	for _, name := range []string{"program_start_time", "program_end_time"} {
		if q.value(name) != "" {
			q.refuse("%s works for recordings of live streams, which have program times; for this film use %s and %s", name, assetStart, assetEnd)
		}
	}
	c := clip{q.seconds(assetStart), q.seconds(assetEnd)}
	if q.value(assetEnd) != "" && c.to <= c.from {
		q.refuse("Invalid parameter: %s must be after %s", assetEnd, assetStart)
	}
	return c
}

// longest is longer than any film.
const longest = 1000 * time.Hour

// seconds is an offset into the film.
func (q *reader) seconds(name string) time.Duration {
	v := q.value(name)
	if v == "" {
		return 0
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0) {
		q.refuse("Invalid parameter: %s must be a number of seconds", name)
		return 0
	}
	return time.Duration(min(f, longest.Seconds()) * float64(time.Second))
}

// query is the clip as parameters of a rendition's playlist; empty for the whole film.
func (c clip) query() url.Values {
	q := url.Values{}
	for name, d := range map[string]time.Duration{assetStart: c.from, assetEnd: c.to} {
		if d > 0 {
			q.Set(name, strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
		}
	}
	return q
}

// pick returns which segments are in the clip: those from the one that holds its beginning to the one that holds its
// end. cuts are the durations by which the film is cut, at that timescale; of another rendition (sound) are taken those
// between the same cuts.
func (c clip) pick(cuts, durations cutting) (from, to int, err error) {
	if c == (clip{}) {
		return 0, len(durations.ticks), nil
	}
	if c.from >= cuts.length() {
		return 0, 0, film.Invalid("Invalid parameter: %s is at or after the end of the film (%.3f s)", assetStart, cuts.length().Seconds())
	}
	begin, end := cuts.before(c.from), cuts.length()
	if c.to > 0 && c.to < end {
		end = cuts.after(c.to)
	}
	from, to = durations.nearest(begin), durations.nearest(end)
	if end == cuts.length() {
		to = len(durations.ticks) // what is heard after the last picture belongs to the end
	}
	return from, max(to, min(from+1, len(durations.ticks))), nil
}

// cutting is a rendition as durations of segments.
type cutting struct {
	ticks     []int64
	timescale uint32
}

func (c cutting) time(ticks int64) time.Duration {
	// In two steps, as a film's ticks times a thousand million do not fit.
	scale := int64(max(c.timescale, 1))
	return time.Duration(ticks/scale)*time.Second + time.Duration(ticks%scale*int64(time.Second)/scale)
}

func (c cutting) length() time.Duration {
	sum := int64(0)
	for _, d := range c.ticks {
		sum += d
	}
	return c.time(sum)
}

// bounds calls f with the beginning of each segment and, at last, the end, until f returns false.
func (c cutting) bounds(f func(i int, at time.Duration) bool) {
	sum := int64(0)
	for i, d := range c.ticks {
		if !f(i, c.time(sum)) {
			return
		}
		sum += d
	}
	f(len(c.ticks), c.time(sum))
}

// before is the last cut at or before a moment.
func (c cutting) before(at time.Duration) (cut time.Duration) {
	c.bounds(func(_ int, t time.Duration) bool {
		if t <= at {
			cut = t
		}
		return t <= at
	})
	return cut
}

// after is the first cut at or after a moment, or the end.
func (c cutting) after(at time.Duration) (cut time.Duration) {
	c.bounds(func(_ int, t time.Duration) bool {
		cut = t
		return t < at
	})
	return cut
}

// nearest is the index of the segment that begins nearest to a moment; the number of segments stands for the end.
func (c cutting) nearest(at time.Duration) (index int) {
	best := time.Duration(1<<63 - 1)
	c.bounds(func(i int, t time.Duration) bool {
		if d := (t - at).Abs(); d < best {
			index, best = i, d
		}
		return t <= at
	})
	return index
}
