package hostile

import (
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
)

// Class is a kind of harm.
type Class string

// The classes.
const (
	Playlist   Class = "playlist"   // lists of other files under the names of films
	Reference  Class = "reference"  // containers whose media lie elsewhere
	Subtitle   Class = "subtitle"   // texts and text art
	Dimension  Class = "dimension"  // pictures that no memory holds
	Duration   Class = "duration"   // films of years
	Box        Class = "box"        // boxes that are giant, deep, or too many
	Zero       Class = "zero"       // what others divide by
	Samples    Class = "samples"    // tables of millions
	Bomb       Class = "bomb"       // what unfolds
	Truncation Class = "truncation" // films that end at a boundary
	Name       Class = "name"       // names that look like arguments, paths or scripts
)

// Classes are all of them.
func Classes() []Class {
	return []Class{Playlist, Reference, Subtitle, Dimension, Duration, Box, Zero, Samples, Bomb, Truncation, Name}
}

// Want is what becomes of the asset.
type Want string

// The ends.
const (
	Errored Want = "errored" // with a reason that a customer can read
	Ready   Want = "ready"   // what is there of a film is a film
)

// Places are what the files point at. Nobody may ever look at one of them.
type Places struct {
	// Canary is the absolute path of a file, without characters that a URL would escape.
	Canary string
	// Host is host:port of a listener.
	Host string
}

// File is one hostile file.
type File struct {
	Class Class
	// Name is unique in the corpus.
	Name string
	// As is the path under which a web server offers it, percent-encoded, without the first slash: what a customer's URL ends in.
	As string
	// Type is the content type that the web server claims.
	Type string
	Want Want
	// Why says what stops it, or, of one that becomes ready, why it may.
	Why string
	// Upload: it is sent as a direct upload as well.
	Upload bool
	// Title goes into the asset's metadata.
	Title string

	body func() []piece
}

// piece is a part of a file: bytes, or a hole.
type piece struct {
	data []byte
	hole int64
}

// Write writes the file. Holes take no room on disk.
func (f File) Write(path string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // #nosec G304 -- a test's own folder
	if err != nil {
		return err
	}
	defer out.Close()
	var size int64
	for _, p := range f.body() {
		if _, err := out.WriteAt(p.data, size); err != nil {
			return err
		}
		size += int64(len(p.data)) + p.hole
	}
	if err := out.Truncate(size); err != nil {
		return err
	}
	return out.Close()
}

// Head returns the first bytes of the file, n at most.
func (f File) Head(n int) []byte {
	var head []byte
	for _, p := range f.body() {
		head = append(head, p.data...)
		head = append(head, make([]byte, min(p.hole, int64(max(0, n-len(head)))))...)
		if len(head) >= n {
			return head[:n]
		}
	}
	return head
}

// WriteTo writes all of the file, its holes as zeros.
func (f File) WriteTo(w io.Writer) (n int64, err error) {
	zeros := make([]byte, 64<<10)
	for _, p := range f.body() {
		m, err := w.Write(p.data)
		n += int64(m)
		if err != nil {
			return n, err
		}
		for left := p.hole; left > 0; {
			m, err := w.Write(zeros[:min(left, int64(len(zeros)))])
			n, left = n+int64(m), left-int64(m)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Corpus returns all files, class by class.
func Corpus(tb testing.TB, p Places) []File {
	tb.Helper()
	m := newModels(tb)
	var all []File
	for _, c := range []struct {
		class Class
		files func(*models, Places) []File
	}{
		{Playlist, playlists},
		{Reference, references},
		{Subtitle, subtitles},
		{Dimension, dimensions},
		{Duration, durations},
		{Box, boxes},
		{Zero, zeros},
		{Samples, samples},
		{Bomb, bombs},
		{Truncation, truncations},
		{Name, names},
	} {
		for _, f := range c.files(m, p) {
			f.Class = c.class
			all = append(all, f)
		}
	}
	seen := map[string]bool{}
	for i, f := range all {
		if f.Want == "" {
			all[i].Want = Errored
		}
		if f.As == "" {
			all[i].As = f.Name
		}
		if f.Type == "" {
			all[i].Type = "video/mp4"
		}
		if seen[f.Name] || f.body == nil {
			tb.Fatalf("hostile file %q is there twice, or empty", f.Name)
		}
		seen[f.Name] = true
	}
	return all
}

// Sample returns n files of each class, the first ones.
func Sample(all []File, n int) []File {
	count := map[Class]int{}
	return slices.DeleteFunc(slices.Clone(all), func(f File) bool {
		count[f.Class]++
		return count[f.Class] > n
	})
}

func whole(b []byte) func() []piece { return func() []piece { return []piece{{data: b}} } }

func text(format string, args ...any) func() []piece { return whole(fmt.Appendf(nil, format, args...)) }

// later makes the bytes when they are asked for.
func later(f func() []byte) func() []piece { return func() []piece { return []piece{{data: f()}} } }
