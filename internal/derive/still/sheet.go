package still

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"filmcan/internal/derive"
	"filmcan/internal/derive/reel"
	"filmcan/internal/film"
	"filmcan/internal/media/ffmpeg"
)

// Kind is the kind of artifact that [Maker.Make] makes.
const Kind = "sheet"

// recipe changes when the same sheet looks different; Recipe, which says the same, stands in the URLs of sheets.
const (
	recipe = 2
	Recipe = "s2"
)

const (
	// side is the longer side of a tile in pixels.
	side = 320
	// Columns and Rows of a sheet.
	columns, rows = 5, 4
	// sheetLimit bounds what a process may print for a sheet.
	sheetLimit = 16 << 20
	// together is how many sheets are made at a time.
	together = 1
)

// Layout says how the pictures of a film lie on its sheets.
type Layout struct {
	// Width and Height of a tile in pixels.
	Width, Height, Columns, Rows int
	// Each tile stands for that much of the film, Length is all of it.
	Each, Length time.Duration
}

// LayoutOf returns the layout for a film that is open; ok is false where it has no pictures.
func LayoutOf(f *reel.Film) (l Layout, ok bool) {
	line := f.Timeline()
	if line == nil {
		return Layout{}, false
	}
	_, end := line.Track().Span()
	l = Layout{Columns: columns, Rows: rows, Each: 4 * time.Second, Length: line.Track().Time(end)}
	if l.Length > 20*time.Minute {
		l.Each = 10 * time.Second
	}
	w, h := ffmpeg.PictureOf(line.Track()).Displayed()
	long := max(w, h, 1)
	l.Width, l.Height = max(2, w*side/long&^1), max(2, h*side/long&^1)
	return l, true
}

// Count is the number of sheets.
func (l Layout) Count() int {
	span := l.Each * time.Duration(l.Columns*l.Rows)
	return max(1, int((l.Length+span-1)/span))
}

// Maker makes sheets. It may be used by any number of goroutines.
type Maker struct {
	films  *reel.Reels
	runner *ffmpeg.Runner
	turns  chan struct{}
}

// New returns a maker.
func New(films *reel.Reels, runner *ffmpeg.Runner) *Maker {
	return &Maker{films: films, runner: runner, turns: make(chan struct{}, together)}
}

// Sheet names sheet n of a film.
func Sheet(ref reel.Ref, n int) film.Artifact {
	return film.Artifact{
		Film: ref.Film, Part: ref.Base.Part, Kind: Kind, Recipe: recipe,
		Parameters: own(ref.Base.EncodedVideo) + own(ref.Base.EncodedSound) + "_" + strconv.Itoa(n),
	}
}

// own says of pictures or sound whether they are those of the film's part, or were encoded from it.
func own(encoded bool) string {
	if encoded {
		return "e"
	}
	return "p"
}

// parse reads what Sheet wrote.
func parse(a film.Artifact) (reel.Ref, int, error) {
	from, number, _ := strings.Cut(a.Parameters, "_")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || len(from) != 2 || strings.Trim(from, "ep") != "" {
		return reel.Ref{}, 0, fmt.Errorf("still: no sheet is called %q", a.Parameters)
	}
	base := film.Base{Part: a.Part, EncodedVideo: from[0] == 'e', EncodedSound: from[1] == 'e'}
	return reel.Ref{Film: a.Film, Base: base}, n, nil
}

var _ derive.Maker = (*Maker)(nil).Make

// Make is the maker of sheets for a cache of derived things.
func (m *Maker) Make(ctx context.Context, a film.Artifact, w io.Writer) error {
	ref, n, err := parse(a)
	if err != nil {
		return err
	}
	select {
	case m.turns <- struct{}{}:
		defer func() { <-m.turns }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f, err := m.films.Open(ctx, ref, reel.Patience)
	if err != nil {
		return err
	}
	defer f.Close()
	l, ok := LayoutOf(f)
	if !ok || n >= l.Count() {
		return film.NotFound()
	}
	sheet, err := m.sheet(ctx, f, l, n)
	if err != nil {
		return fmt.Errorf("sheet %d of film %s: %w", n, ref, err)
	}
	_, err = w.Write(sheet)
	return err
}

// sheet decodes the key frames of one sheet.
func (m *Maker) sheet(ctx context.Context, f *reel.Film, l Layout, n int) ([]byte, error) {
	line := f.Timeline()
	p, err := m.runner.Sheet(ctx, ffmpeg.SheetArgs{
		Picture: ffmpeg.PictureOf(line.Track()), Width: l.Width, Height: l.Height, Columns: l.Columns, Rows: l.Rows,
	})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	var out bytes.Buffer
	read := make(chan error, 1)
	go func() { // it ends with the process, and is waited for below
		_, err := io.Copy(&out, io.LimitReader(p.Stdout(), sheetLimit+1))
		if err == nil && out.Len() > sheetLimit {
			err = fmt.Errorf("more than %d bytes", sheetLimit)
		}
		if err != nil {
			_ = p.Close()
		}
		read <- err
	}()
	feeding := line.Stills(ctx, p, f.Pictures(), keys(f, l, n))
	_ = p.CloseInput() // what it lacks then, it says
	err = <-read
	ended := p.Wait()
	switch {
	case feeding != nil && !ffmpeg.Broken(feeding):
		err = feeding // the process took it for the end of the film
	case err == nil:
		err = ended // it may have had enough before all was fed: what it says counts
	}
	if err == nil && out.Len() == 0 {
		err = errors.Join(errors.New("no picture came out"), feeding)
	}
	return out.Bytes(), err
}

// keys are the key frames shown where the tiles of a sheet begin.
func keys(f *reel.Film, l Layout, n int) []int {
	line := f.Timeline()
	scale := int64(line.Track().Timescale)
	var list []int
	per := l.Columns * l.Rows
	for i := n * per; i < (n+1)*per; i++ {
		at := l.Each * time.Duration(i)
		if at >= l.Length && i > n*per {
			break
		}
		ticks := int64(at/time.Second)*scale + int64(at%time.Second)*scale/int64(time.Second)
		list = append(list, line.KeyBefore(ticks))
	}
	return list
}
