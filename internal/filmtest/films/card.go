package films

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"time"
)

// Corner is a patch of colour of a [Spec.Card].
type Corner struct {
	Name  string
	Color color.RGBA
}

// Corners are the patches, from the upper left one on, line by line. No two of them are alike, and none is grey: a
// picture that is turned, mirrored, or has its chroma swapped, shows it.
func Corners() [4]Corner {
	return [4]Corner{
		{"upper left", color.RGBA{190, 40, 40, 255}},
		{"upper right", color.RGBA{40, 160, 50, 255}},
		{"lower left", color.RGBA{50, 50, 190, 255}},
		{"lower right", color.RGBA{190, 180, 40, 255}},
	}
}

// CornerRect is where a patch is in a displayed picture of that size. The upper ones lie right below the counter.
func CornerRect(corner, width, height int) image.Rectangle {
	w, h := width/6/2*2, height/4/2*2
	x, y := 0, CounterHeight(width)
	if corner%2 == 1 {
		x = width - w
	}
	if corner/2 == 1 {
		y = height - h
	}
	return image.Rect(x, y, x+w, y+h)
}

func corners(width, height int) string {
	var g strings.Builder
	for i, c := range Corners() {
		r := CornerRect(i, width, height)
		fmt.Fprintf(&g, ",drawbox=x=%d:y=%d:w=%d:h=%d:color=0x%02x%02x%02x:t=fill",
			r.Min.X, r.Min.Y, r.Dx(), r.Dy(), c.Color.R, c.Color.G, c.Color.B)
	}
	return g.String()
}

// Voice is the frequency of the hum in a channel of a [Spec.Card].
func Voice(channel int) float64 { return float64(330 + 110*channel) }

// BeepHertz is the frequency of the beep at the beginning of each second; BeepLength is how long it is.
const (
	BeepHertz  = 2000
	BeepLength = 50 * time.Millisecond
)

func voices(s Spec) string {
	var all []string
	for c := range s.Channels {
		all = append(all, fmt.Sprintf("0.1*sin(2*PI*%g*t)+if(lt(mod(t,1),0.05),0.4*sin(2*PI*%d*t),0)", Voice(c), BeepHertz))
	}
	return fmt.Sprintf("aevalsrc=exprs='%s':s=%d", strings.Join(all, "|"), s.AudioRate)
}

// Frame is one picture of a film: its number, and when it is shown, counted from the film's beginning: Num/Den seconds.
type Frame struct {
	Number   int
	Num, Den int64
}

// Seconds is when the frame is shown.
func (f Frame) Seconds() float64 { return float64(f.Num) / float64(f.Den) }

// Frames are the pictures that the film shows, as it was filmed. A film whose end was cut off has fewer; the looped are
// not told.
func (s Spec) Frames() []Frame {
	s = s.withDefaults()
	if s.Video == None {
		return nil
	}
	if len(s.Shown) > 0 {
		list := make([]Frame, len(s.Shown))
		for n, d := range s.Shown {
			list[n] = Frame{Number: n, Num: d.Milliseconds(), Den: 1000}
		}
		return list
	}
	rate := s.Rate
	step := 1
	if s.Fields {
		step = 5 // that of the first field
	}
	var list []Frame
	for n := 0; ; n++ {
		f := Frame{Number: n * step, Num: int64(n) * int64(rate.Den), Den: int64(rate.Num)}
		if f.Num*int64(time.Second) >= int64(s.Duration)*f.Den {
			break
		}
		if s.VariableRate {
			if n%7 == 3 {
				continue
			}
			f = Frame{Number: n, Num: f.Num*90000/f.Den + int64(90*(len(list)*7919%5)), Den: 90000}
		}
		list = append(list, f)
	}
	return s.moved(s.shown(list))
}

// shown are the frames that edit lists leave.
func (s Spec) shown(list []Frame) []Frame {
	parts := s.Edits
	if s.Hide > 0 {
		parts = []Edit{{s.Hide, s.Duration}}
	}
	if len(parts) == 0 {
		return list
	}
	var shown []Frame
	var done time.Duration
	for _, p := range parts {
		for _, f := range list {
			at := time.Duration(f.Num * int64(time.Second) / f.Den)
			if at >= p.From && at < p.To {
				shown = append(shown, f.plus(done-p.From))
			}
		}
		done += p.To - p.From
	}
	return shown
}

func (s Spec) moved(list []Frame) []Frame {
	if s.PictureOffset > 0 {
		for i := range list {
			list[i] = list[i].plus(s.PictureOffset)
		}
	}
	return list
}

// plus moves a frame by a whole number of milliseconds.
func (f Frame) plus(d time.Duration) Frame {
	return Frame{Number: f.Number, Num: f.Num*1000 + d.Milliseconds()*f.Den, Den: f.Den * 1000}
}
