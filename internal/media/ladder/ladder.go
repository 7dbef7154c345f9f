package ladder

import (
	"math"
	"slices"
	"strconv"
	"time"

	"filmcan/internal/media/mp4"
)

// Rate is frames per second as a fraction; the zero Rate is unknown and counts as 30.
type Rate = mp4.Rate

// Quality is an asset's video_quality. Any other word counts as plus.
type Quality string

// The qualities.
const (
	Basic   Quality = "basic"
	Plus    Quality = "plus"
	Premium Quality = "premium"
)

// Film is what renditions are made from.
type Film struct {
	// Width and Height as displayed: turned, with square pixels.
	Width, Height int
	Rate          Rate
	// Bandwidth is the bit rate that the pictures need; 0 is unknown.
	Bandwidth int64
}

// Encode are the settings of one encode by x264.
type Encode struct {
	// Width and Height are even.
	Width, Height int
	Preset        string
	CRF           int
	// MaxRate and Buffer bound the bit rate (bit/s and bit).
	MaxRate, Buffer int64
	// Level is level_idc (40 is level 4), Codec the CODECS word of RFC 6381. Both are true for what comes out.
	Level int
	Codec string
	// Ordered: pictures are coded in the order in which they are shown. Where one stands for long among others that are not,
	// files give its time to another one, and players that seek into it show that.
	Ordered bool
}

// Rung is one rendition that is encoded.
type Rung struct {
	// Name is unique in the film's ladder and good for URLs: "720p".
	Name string
	// Lines is the shorter side.
	Lines int
	// Own: of the film's own size. It is not needed where the film itself can be passed through.
	Own bool
	Encode
}

// step is a row of the ladder: the settings of video_quality plus at up to 30 frames per second.
type step struct {
	lines int
	rate  int64
	basic bool // basic has it too
}

func steps() []step {
	return []step{
		{2160, 18_000_000, true},
		{1440, 10_000_000, false},
		{1080, 5_600_000, true},
		{720, 3_000_000, true},
		{480, 1_440_000, true},
		{360, 860_000, false},
		{270, 480_000, true},
	}
}

// Rungs are the renditions of the film, highest first: one of the film's own size, and those of the ladder that are
// clearly below it. Each has a lower MaxRate than the one before.
func Rungs(f Film, q Quality) []Rung {
	if min(f.Width, f.Height) < 1 {
		return nil
	}
	own := even(min(f.Width, f.Height))
	rungs := []Rung{rung(f, q, own, true)}
	for _, s := range steps() {
		if s.lines*10 < own*9 && (s.basic || q != Basic) {
			rungs = append(rungs, rung(f, q, s.lines, false))
		}
	}
	return rungs
}

func rung(f Film, q Quality, lines int, own bool) Rung {
	r := Rung{Name: strconv.Itoa(lines) + "p", Lines: lines, Own: own}
	r.Width, r.Height = size(f, lines)
	r.Preset, r.CRF = "veryfast", crf(q)
	r.MaxRate = full(q, r.Width, r.Height, f.Rate) / 4 * quarters(f, q)
	r.Buffer = r.MaxRate
	r.Level = lowestLevel(r.Encode, f.rate())
	r.Codec = codec(r.Level)
	return r
}

func crf(q Quality) int {
	switch q {
	case Basic:
		return 24
	case Premium:
		return 20
	case Plus:
	}
	return 22
}

// rate is the film's rate, or 30 where it is unknown or none.
func (f Film) rate() Rate {
	if f.Rate.Num <= 0 || f.Rate.Den <= 0 {
		return Rate{Num: 30, Den: 1}
	}
	return f.Rate
}

// size is the film's, brought to so many lines on the shorter side: even, and within a pixel of its aspect ratio.
func size(f Film, lines int) (width, height int) {
	short, long := min(f.Width, f.Height), max(f.Width, f.Height)
	other := even(long)
	if lines < even(short) {
		other = 2 * int(math.Round(float64(long)*float64(lines)/float64(short)/2))
	}
	if f.Width >= f.Height {
		return other, lines
	}
	return lines, other
}

// even is the largest even number that is not above n, and at least 2.
func even(n int) int { return max(2, n&^1) }

// full is the bit rate of pictures of that size in a film that needs it. The steps are for 16:9, where their areas
// count; between two the rate grows evenly with the area, both as logarithms.
func full(q Quality, width, height int, rate Rate) int64 {
	lines := math.Sqrt(float64(width) * float64(height) * 9 / 16)
	all := steps()
	i := slices.IndexFunc(all, func(s step) bool { return float64(s.lines) <= lines })
	if i < 0 {
		i = len(all) - 1
	}
	low, high := all[i], all[max(0, i-1)]
	if i == 0 || lines < float64(low.lines) { // beyond the ends
		low, high = all[i], step{lines: 2 * all[i].lines, rate: 3 * all[i].rate}
	}
	part := math.Log(lines/float64(low.lines)) / math.Log(float64(high.lines)/float64(low.lines))
	f := float64(low.rate) * math.Pow(float64(high.rate)/float64(low.rate), part)
	switch q {
	case Basic:
		f *= 0.8
	case Premium:
		f *= 1.4
	case Plus:
	}
	if rate.Den > 0 {
		switch fps := rate.Float(); {
		case fps > 66:
			f *= 2
		case fps > 33:
			f *= 1.5
		}
	}
	return tidy(f)
}

// tidy rounds to multiples of 20 kbit/s.
func tidy(f float64) int64 { return max(40_000, int64(math.Round(f/20_000))*20_000) }

// quarters of the full bit rates are what the film's ladder gets, 1 to 4: a film of few bits at its own size needs few at
// smaller ones. They are whole so that films share settings, and with them started processes.
func quarters(f Film, q Quality) int64 {
	if f.Bandwidth <= 0 {
		return 4
	}
	// x264 at these presets needs up to twice the bits for the same picture.
	need := 2 * float64(f.Bandwidth)
	return min(4, max(1, int64(math.Ceil(4*need/float64(full(q, f.Width, f.Height, f.Rate))))))
}

// overhead is what boxes cost: a fragment's head, and a few bytes a frame.
const overhead = 12_000

// Bandwidth is the peak bit rate to promise for the rung's pictures (RFC 8216, 4.3.4.2) where no segment is shorter
// than shortest: each segment is encoded from a full buffer on, so it has at most the rate over its length and that
// buffer.
func (r Rung) Bandwidth(shortest time.Duration) int64 {
	return Peak(r.Encode, shortest)
}

// Peak is [Rung.Bandwidth] for any encode.
func Peak(e Encode, shortest time.Duration) int64 {
	d := max(shortest.Seconds(), 0.001)
	return e.MaxRate + int64(math.Ceil(float64(e.Buffer)/d)) + overhead + int64(math.Ceil(2000/d))
}

// Taken is the peak bit rate of pictures of that size, in bits per second, that every player is expected to take as they
// are: what standard inputs may have in a group of pictures. Sizes are those of the tiers, by the longer side.
func Taken(width, height int) int64 {
	switch long := max(width, height); {
	case long <= 2048: // 1080p
		return 16_000_000
	case long <= 2560: // 1440p
		return 24_000_000
	}
	return 40_000_000
}

// Alone reports whether a film's own pictures need no rung of the same size beside them: of a codec and a peak bit rate
// that every player takes.
func Alone(codec string, width, height int, peak int64) bool {
	return codec == "h264" && peak <= Taken(width, height)
}

// Master are the settings of a made master, or of a base: visually lossless, at the film's own size but at most side
// pixels on the longer one.
func Master(f Film, q Quality, side int) Encode {
	w, h := f.Width, f.Height
	if long := max(w, h); long > side && side > 0 {
		w, h = int(math.Round(float64(w)*float64(side)/float64(long))), int(math.Round(float64(h)*float64(side)/float64(long)))
	}
	e := Encode{Width: even(w), Height: even(h), Preset: "veryfast", CRF: masterCRF(q)}
	// Grainy 1080p at CRF 18 was measured at 12 Mbit/s; the ladder's rate for plus there is 5.6.
	e.MaxRate = tidy(float64(full(Plus, e.Width, e.Height, f.Rate)) * 12.0 / 5.6)
	e.Buffer = 2 * e.MaxRate
	e.Level = lowestLevel(e, f.rate())
	e.Codec = codec(e.Level)
	return e
}

func masterCRF(q Quality) int {
	switch q {
	case Basic:
		return 20
	case Premium:
		return 16
	case Plus:
	}
	return 18
}
