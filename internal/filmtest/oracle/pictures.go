package oracle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"os/exec"
	"strings"

	"filmcan/internal/filmtest/films"
)

// Look is what one decoded picture shows.
type Look struct {
	Width, Height int
	// Number is the burned-in counter; Blind says why it could not be read.
	Number int
	Blind  error
	// Corners are the mean colours of the patches.
	Corners [4]color.RGBA
}

// Watch decodes the first track of pictures of anything that ffmpeg reads, turned upright as a player does, and looks at
// every picture in order of display. Options stand before the input.
func Watch(ctx context.Context, input string, options ...string) ([]Look, error) {
	args := append([]string{"-nostdin", "-v", "error"}, options...)
	args = append(args, "-i", input, "-map", "0:v:0", "-vf", "settb=1/30,setpts=N,format=rgb24", "-fps_mode", "passthrough", "-enc_time_base", "1:30", "-c:v", "ppm", "-f", "image2pipe", "-")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var looks []Look
	var pixels []byte
	r := bufio.NewReaderSize(out, 1<<16)
	for {
		var w, h, most int
		_, err := fmt.Fscanf(r, "P6\n%d %d\n%d\n", &w, &h, &most)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil || w < 1 || h < 1 || w > 1<<14 || h > 1<<14 {
			return looks, fmt.Errorf("picture %d of %s: %dx%d: %w", len(looks), input, w, h, err)
		}
		if len(pixels) != 3*w*h {
			pixels = make([]byte, 3*w*h)
		}
		if _, err := io.ReadFull(r, pixels); err != nil {
			return looks, fmt.Errorf("picture %d of %s: %w", len(looks), input, err)
		}
		looks = append(looks, look(picture{pixels, w, h}))
	}
	if err := cmd.Wait(); err != nil || said.Len() > 0 {
		return looks, fmt.Errorf("decode %s: %w: %s", input, errors.Join(err, errSaid), said.String())
	}
	return looks, nil
}

var errSaid = errors.New("ffmpeg complains")

type picture struct {
	rgb           []byte
	width, height int
}

func (p picture) mean(r image.Rectangle) color.RGBA {
	r = r.Intersect(image.Rect(0, 0, p.width, p.height))
	var sum [3]int
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := p.rgb[3*(y*p.width+r.Min.X) : 3*(y*p.width+r.Max.X)]
		for i, v := range row {
			sum[i%3] += int(v)
		}
	}
	n := max(1, r.Dx()*r.Dy())
	return color.RGBA{uint8((sum[0] + n/2) / n), uint8((sum[1] + n/2) / n), uint8((sum[2] + n/2) / n), 255}
}

// inner is the middle of a rectangle: coders smear the edges.
func inner(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X+r.Dx()/4, r.Min.Y+r.Dy()/4, r.Max.X-r.Dx()/4, r.Max.Y-r.Dy()/4)
}

func look(p picture) Look {
	l := Look{Width: p.width, Height: p.height}
	// The counter as a small picture whose cells are the means of the middles of the real ones.
	cell := func(c int) image.Rectangle {
		return image.Rect(c*p.width/films.CounterCells, 0, (c+1)*p.width/films.CounterCells, p.width/films.CounterCells)
	}
	row := image.NewRGBA(image.Rect(0, 0, films.CounterCells, 2))
	for c := range films.CounterCells {
		v := p.mean(inner(cell(c)))
		row.SetRGBA(c, 0, v)
		row.SetRGBA(c, 1, v)
	}
	l.Number, l.Blind = films.FrameNumber(row)
	for i := range l.Corners {
		l.Corners[i] = p.mean(inner(films.CornerRect(i, p.width, p.height)))
	}
	return l
}

// Frames wants exactly the film's pictures, each once and in order.
func Frames(want []films.Frame, got []Look) error {
	for i, l := range got {
		if l.Blind != nil {
			return fmt.Errorf("picture %d: %w", i, l.Blind)
		}
		if i < len(want) && l.Number != want[i].Number {
			return fmt.Errorf("picture %d shows frame %d, want %d: %s", i, l.Number, want[i].Number, around(want, got, i))
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d pictures, want %d", len(got), len(want))
	}
	return nil
}

func around(want []films.Frame, got []Look, at int) string {
	var w, g []string
	for i := max(0, at-2); i < at+4; i++ {
		if i < len(want) {
			w = append(w, fmt.Sprint(want[i].Number))
		}
		if i < len(got) {
			g = append(g, fmt.Sprint(got[i].Number))
		}
	}
	return fmt.Sprintf("… %s …, want … %s …", strings.Join(g, " "), strings.Join(w, " "))
}

// Size wants all pictures to have one size, and that one.
func Size(width, height int, got []Look) error {
	for i, l := range got {
		if l.Width != width || l.Height != height {
			return fmt.Errorf("picture %d is %dx%d, want %dx%d", i, l.Width, l.Height, width, height)
		}
	}
	return nil
}

// Distances of colours, per channel of 8 bits.
const (
	// FaithfulColor is what a chain of 8-bit conversions and lossy coders may move flat colours by. The same colour read
	// with the matrix of the other standard (BT.601 for BT.709) is 20 off and more.
	FaithfulColor = 12
	// RoughColor is for coders with a palette or coarse quantizers.
	RoughColor = 24
)

// Colors wants the corners in their places and colours: it is also the oracle of turns and mirrors. Every picture counts.
func Colors(tolerance int, got []Look) error {
	if len(got) == 0 {
		return errors.New("no pictures")
	}
	for i, l := range got {
		for c, want := range films.Corners() {
			if d := distance(l.Corners[c], want.Color); d > tolerance {
				return fmt.Errorf("picture %d, %s: colour %v, want %v (%d off, may be %d)%s", i, want.Name, l.Corners[c], want.Color, d, tolerance, elsewhere(l.Corners[c]))
			}
		}
	}
	return nil
}

func elsewhere(c color.RGBA) string {
	for _, other := range films.Corners() {
		if distance(c, other.Color) <= RoughColor {
			return ": that is the colour of the " + other.Name
		}
	}
	return ""
}

func distance(a, b color.RGBA) int {
	d := func(x, y uint8) int { return max(int(x)-int(y), int(y)-int(x)) }
	return max(d(a.R, b.R), d(a.G, b.G), d(a.B, b.B))
}

// Hues wants the corners of a film with a high range, mapped to the ordinary one, to have their hues and to be neither
// washed out nor dark: by how many degrees a hue may be off, and the bounds of the brightest channel, are its tolerances.
func Hues(got []Look) error {
	const (
		degrees         = 18
		darkest         = 90
		leastSaturation = 0.45
	)
	if len(got) == 0 {
		return errors.New("no pictures")
	}
	for i, l := range got {
		for c, want := range films.Corners() {
			is, should := hsv(l.Corners[c]), hsv(want.Color)
			off := math.Abs(is.hue - should.hue)
			off = min(off, 360-off)
			if off > degrees || is.value < darkest || is.saturation < leastSaturation {
				return fmt.Errorf("picture %d, %s: colour %v of hue %.0f°, saturation %.2f; want like %v: hue %.0f°", i, want.Name, l.Corners[c], is.hue, is.saturation, want.Color, should.hue)
			}
		}
	}
	return nil
}

type hue struct{ hue, saturation, value float64 }

func hsv(c color.RGBA) hue {
	r, g, b := float64(c.R), float64(c.G), float64(c.B)
	most, least := max(r, g, b), min(r, g, b)
	if most == least {
		return hue{0, 0, most}
	}
	h := 0.0
	switch d := most - least; most {
	case r:
		h = math.Mod((g-b)/d+6, 6)
	case g:
		h = (b-r)/d + 2
	default:
		h = (r-g)/d + 4
	}
	return hue{60 * h, (most - least) / most, most}
}
