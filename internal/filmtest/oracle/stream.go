package oracle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"filmcan/internal/derive/hls/hlstest"
)

// Stream is all that a viewer can get of a film.
type Stream struct {
	URL          string
	Multivariant hlstest.Playlist
	Renditions   []*Rendition
}

// Rendition is one media playlist with all that it names.
type Rendition struct {
	// URI is as the multivariant playlist says it.
	URI, URL string
	Playlist hlstest.Playlist
	// Variant has the attributes of the first EXT-X-STREAM-INF that names it; empty for sound beside pictures.
	Width, Height int
	Bandwidth     int64
	Codecs        string
	Sound         bool // an EXT-X-MEDIA names it
	Init          []byte
	Segments      [][]byte
	// Slowest is how long the slowest segment took.
	Slowest time.Duration
}

// Getter fetches what a viewer fetches. After, if set, is called after each file.
type Getter struct {
	Client *http.Client
	After  func()
}

// Fetch gets the playlists and every file that they name.
func (g Getter) Fetch(ctx context.Context, link string) (*Stream, error) {
	text, err := g.get(ctx, link)
	if err != nil {
		return nil, err
	}
	if err := new(playlist.Multivariant).Unmarshal(text); err != nil {
		return nil, fmt.Errorf("gohlslib: %s: %w", link, err)
	}
	s := &Stream{URL: link, Multivariant: hlstest.Parse(string(text))}
	for _, uri := range s.Multivariant.Renditions() {
		r, err := g.rendition(ctx, link, uri)
		if err != nil {
			return nil, err
		}
		describe(r, string(text))
		s.Renditions = append(s.Renditions, r)
	}
	return s, nil
}

func (g Getter) rendition(ctx context.Context, link, uri string) (*Rendition, error) {
	at, err := resolve(link, uri)
	if err != nil {
		return nil, err
	}
	r := &Rendition{URI: uri, URL: at}
	text, err := g.get(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := new(playlist.Media).Unmarshal(text); err != nil {
		return nil, fmt.Errorf("gohlslib: %s: %w", at, err)
	}
	r.Playlist = hlstest.Parse(string(text))
	if n := strings.Count(string(text), "#EXT-X-MAP"); n != 1 {
		return nil, fmt.Errorf("%s has %d inits", at, n)
	}
	if r.Init, err = g.below(ctx, at, r.Playlist.Init()); err != nil {
		return nil, err
	}
	for _, segment := range r.Playlist.URIs() {
		began := time.Now()
		b, err := g.below(ctx, at, segment)
		if err != nil {
			return nil, err
		}
		r.Slowest = max(r.Slowest, time.Since(began))
		r.Segments = append(r.Segments, b)
	}
	return r, nil
}

var (
	size      = regexp.MustCompile(`RESOLUTION=(\d+)x(\d+)`)
	bandwidth = regexp.MustCompile(`[:,]BANDWIDTH=(\d+)`)
	codecs    = regexp.MustCompile(`CODECS="([^"]*)"`)
)

// describe reads what the multivariant playlist says of a rendition.
func describe(r *Rendition, multivariant string) {
	before := ""
	for line := range strings.Lines(multivariant) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#EXT-X-MEDIA:") && strings.Contains(line, `URI="`+r.URI+`"`):
			r.Sound = true
		case line == r.URI && r.Codecs == "":
			if m := size.FindStringSubmatch(before); m != nil {
				r.Width, _ = strconv.Atoi(m[1])
				r.Height, _ = strconv.Atoi(m[2])
			}
			if m := bandwidth.FindStringSubmatch(before); m != nil {
				r.Bandwidth, _ = strconv.ParseInt(m[1], 10, 64)
			}
			if m := codecs.FindStringSubmatch(before); m != nil {
				r.Codecs = m[1]
			}
		}
		before = line
	}
}

func resolve(base, ref string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u, err := b.Parse(ref)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

func (g Getter) below(ctx context.Context, base, ref string) ([]byte, error) {
	link, err := resolve(base, ref)
	if err != nil {
		return nil, err
	}
	return g.get(ctx, link)
}

// get fetches one file. The answer that says to come back later is taken at its word.
func (g Getter) get(ctx context.Context, link string) ([]byte, error) {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
		if err != nil {
			return nil, err
		}
		res, err := g.Client.Do(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if after, _ := strconv.Atoi(res.Header.Get("Retry-After")); res.StatusCode == http.StatusServiceUnavailable && after > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Duration(after) * time.Second):
			}
			continue
		}
		if err != nil || res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %d: %.300s: %w", link, res.StatusCode, body, errors.Join(err, errStatus))
		}
		if g.After != nil {
			g.After()
		}
		return body, nil
	}
}

var errStatus = errors.New("not served")

// Rules holds the playlists against the rules of RFC 8216, sizes of segments included.
func (s *Stream) Rules() error {
	p := hlstest.Presentation{Multivariant: s.Multivariant, Media: map[string]hlstest.Playlist{}}
	sizes := map[string]int64{}
	for _, r := range s.Renditions {
		p.Media[r.URI] = r.Playlist
		for i, uri := range r.Playlist.URIs() {
			sizes[r.URI+uri] = int64(len(r.Segments[i]))
		}
	}
	p.Size = func(media, segment string) int64 { return sizes[media+segment] }
	var all []error
	for _, wrong := range hlstest.Check(p) {
		all = append(all, errors.New(wrong))
	}
	return errors.Join(all...)
}

// Write puts the rendition into a folder: all of it as one file, as a player's buffer has it.
func (r *Rendition) Write(dir string) (string, error) {
	f, err := os.CreateTemp(dir, "rendition-*.mp4")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, b := range append([][]byte{r.Init}, r.Segments...) {
		if _, err := f.Write(b); err != nil {
			return "", err
		}
	}
	return filepath.Clean(f.Name()), f.Close()
}

// Silent has ffmpeg read all renditions of a playlist, and wants it to find nothing to say.
func Silent(ctx context.Context, link string) error {
	out, err := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "warning", "-i", link, "-map", "0", "-c", "copy", "-copyts", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		return fmt.Errorf("ffmpeg reads %s: %w: %s", link, errors.Join(err, errSaid), out)
	}
	return nil
}

// Addresses are those of all segments, without fetching them.
func (g Getter) Addresses(ctx context.Context, link string) ([]string, error) {
	text, err := g.get(ctx, link)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, uri := range hlstest.Parse(string(text)).Renditions() {
		at, err := resolve(link, uri)
		if err != nil {
			return nil, err
		}
		if text, err = g.get(ctx, at); err != nil {
			return nil, err
		}
		for _, segment := range hlstest.Parse(string(text)).URIs() {
			s, err := resolve(at, segment)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
	}
	return list, nil
}
