// Package hlstest holds playlists against a table of the rules of RFC 8216. It shares no code with package hls, so
// that both would have to be wrong in the same way.
//
// It is for tests only.
package hlstest

import (
	"fmt"
	"strconv"
	"strings"
)

// Presentation is everything that a player reads before its first segment.
type Presentation struct {
	Multivariant Playlist
	// Media are the media playlists by the URI under which the multivariant playlist names them.
	Media map[string]Playlist
	// Size returns the bytes of a segment, by media playlist and the segment's URI in it; nil where it is not known.
	Size func(media, segment string) int64
}

// Playlist is the text of a playlist, split into lines.
type Playlist struct {
	Text  string
	lines []line
}

// line is a tag with its value, or a URI.
type line struct {
	tag, value string
	uri        string
}

// Parse splits a playlist. It judges nothing: the rules do.
func Parse(text string) Playlist {
	p := Playlist{Text: text}
	for s := range strings.SplitSeq(text, "\n") {
		s = strings.TrimSuffix(s, "\r")
		switch {
		case s == "":
		case strings.HasPrefix(s, "#EXT"):
			tag, value, _ := strings.Cut(s, ":")
			p.lines = append(p.lines, line{tag: tag, value: value})
		case strings.HasPrefix(s, "#"):
		default:
			p.lines = append(p.lines, line{uri: s})
		}
	}
	return p
}

// URIs returns the segments of a media playlist, or the variants of a multivariant one, in order.
func (p Playlist) URIs() []string {
	var list []string
	for _, l := range p.lines {
		if l.uri != "" {
			list = append(list, l.uri)
		}
	}
	return list
}

// Init returns the URI of the EXT-X-MAP.
func (p Playlist) Init() string {
	for _, v := range p.values("#EXT-X-MAP") {
		list, _ := attributes(v)
		return unquote(list["URI"])
	}
	return ""
}

// Renditions returns the URIs of all media playlists that a multivariant playlist names, each once, variants first.
func (p Playlist) Renditions() []string {
	list := p.URIs()
	for _, v := range p.values("#EXT-X-MEDIA") {
		if a, _ := attributes(v); a["URI"] != "" {
			list = append(list, unquote(a["URI"]))
		}
	}
	seen := map[string]bool{}
	var once []string
	for _, u := range list {
		if !seen[u] {
			once = append(once, u)
		}
		seen[u] = true
	}
	return once
}

func (p Playlist) values(tag string) []string {
	var list []string
	for _, l := range p.lines {
		if l.tag == tag {
			list = append(list, l.value)
		}
	}
	return list
}

// Durations returns the EXTINF durations in seconds.
func (p Playlist) Durations() []float64 {
	var list []float64
	for _, v := range p.values("#EXTINF") {
		number, _, _ := strings.Cut(v, ",")
		d, err := strconv.ParseFloat(number, 64)
		if err != nil {
			d = -1
		}
		list = append(list, d)
	}
	return list
}

func (p Playlist) integer(tag string) (int, error) {
	v := p.values(tag)
	if len(v) != 1 {
		return 0, fmt.Errorf("%s is there %d times, want once", tag, len(v))
	}
	n, err := strconv.ParseUint(v[0], 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no decimal integer", tag, v[0])
	}
	return int(n), nil
}

// attributes splits an attribute list (4.2); values keep their quotes.
func attributes(s string) (map[string]string, error) {
	list := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return list, fmt.Errorf("%q is no attribute", s)
		}
		if _, twice := list[name]; twice {
			return list, fmt.Errorf("attribute %s is there twice", name)
		}
		end := 0
		if strings.HasPrefix(rest, `"`) {
			closing := strings.IndexByte(rest[1:], '"')
			if closing < 0 {
				return list, fmt.Errorf("attribute %s: no closing quote", name)
			}
			end = closing + 2
		} else if end = strings.IndexByte(rest, ','); end < 0 {
			end = len(rest)
		}
		value := rest[:end]
		if value == "" || value[0] != '"' && strings.ContainsAny(value, " \t\"") {
			return list, fmt.Errorf("attribute %s: bad value %q", name, value)
		}
		list[name] = value
		s = rest[end:]
		if s != "" {
			if s[0] != ',' || len(s) == 1 {
				return list, fmt.Errorf("attribute %s: %q behind its value", name, s)
			}
			s = s[1:]
		}
	}
	return list, nil
}

func unquote(s string) string { return strings.Trim(s, `"`) }
