package hlstest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Rule is one demand of RFC 8216. Check returns what is wrong, nil when nothing is.
type Rule struct {
	Section, Demand string
	Check           func(p Presentation) []string
}

// Check holds a presentation against all rules.
func Check(p Presentation) []string {
	var all []string
	for _, r := range Rules() {
		for _, wrong := range r.Check(p) {
			all = append(all, fmt.Sprintf("RFC 8216, %s (%s): %s", r.Section, r.Demand, wrong))
		}
	}
	return all
}

// Rules returns the table.
func Rules() []Rule {
	return []Rule{
		{"4.1", "UTF-8 without BOM and control characters; lines end in LF", everywhere(plainText)},
		{"4.2", "attribute lists are well formed, no name twice", everywhere(attributeLists)},
		{"4.3.1.1", "EXTM3U is the first line", everywhere(header)},
		{"4.3.1.2", "one EXT-X-VERSION, high enough for what is used", everywhere(versionTag)},
		{"4.3.2.1", "each segment has an EXTINF with a duration and a comma", everyMedia(segments)},
		{"4.3.2.5", "EXT-X-MAP with a URI before the first segment", everyMedia(initSegment)},
		{"4.3.3", "no tag of a multivariant playlist in a media playlist", everyMedia(noMultivariantTags)},
		{"4.3.3.1", "no EXTINF, rounded, above the TARGETDURATION", everyMedia(targetDuration)},
		{"4.3.3.2", "EXT-X-MEDIA-SEQUENCE before the first segment", everyMedia(mediaSequence)},
		{"4.3.3.5", "a VOD playlist is complete", everyMedia(playlistType)},
		{"4.3.4", "no tag of a media playlist in a multivariant playlist", noMediaTags},
		{"4.3.4.1", "EXT-X-MEDIA: what it must have, one default, names unlike", renditionTags},
		{"4.3.4.2", "EXT-X-STREAM-INF: what it must have, then its URI at once", variantTags},
		{"4.3.4.2", "BANDWIDTH bounds the peak of any playable combination", bandwidth},
		{"4.3.5.1", "EXT-X-INDEPENDENT-SEGMENTS", independent},
		{"6.2.4", "the same TARGETDURATION everywhere", sameTarget},
		{"6.2.4", "the same content in all renditions: their lengths are alike", sameLength},
	}
}

// everywhere makes a rule of a check on each playlist, everyMedia on each media playlist.
func everywhere(check func(Playlist) []string) func(Presentation) []string {
	return func(p Presentation) []string {
		return append(check(p.Multivariant), everyMedia(check)(p)...)
	}
}

func everyMedia(check func(Playlist) []string) func(Presentation) []string {
	return func(p Presentation) []string {
		var all []string
		for _, uri := range p.Multivariant.Renditions() {
			media, ok := p.Media[uri]
			if !ok {
				all = append(all, uri+": is not there")
				continue
			}
			for _, wrong := range check(media) {
				all = append(all, uri+": "+wrong)
			}
		}
		return all
	}
}

func plainText(p Playlist) []string {
	switch {
	case !utf8.ValidString(p.Text):
		return []string{"is not UTF-8"}
	case strings.HasPrefix(p.Text, "\ufeff"):
		return []string{"begins with a BOM"}
	case strings.ContainsFunc(p.Text, func(r rune) bool { return (r < ' ' && r != '\n' && r != '\r') || r >= 0x7f && r < 0xa0 }):
		return []string{"has control characters"}
	case !strings.HasSuffix(p.Text, "\n"):
		return []string{"its last line has no end"}
	}
	return nil
}

func attributeLists(p Playlist) []string {
	var all []string
	for _, tag := range []string{"#EXT-X-MEDIA", "#EXT-X-STREAM-INF", "#EXT-X-SESSION-DATA", "#EXT-X-MAP"} {
		for _, v := range p.values(tag) {
			if _, err := attributes(v); err != nil {
				all = append(all, tag+": "+err.Error())
			}
		}
	}
	return all
}

func header(p Playlist) []string {
	if !strings.HasPrefix(p.Text, "#EXTM3U\n") && !strings.HasPrefix(p.Text, "#EXTM3U\r\n") {
		return []string{"begins otherwise"}
	}
	return nil
}

func versionTag(p Playlist) []string {
	v, err := p.integer("#EXT-X-VERSION")
	if err != nil {
		return []string{err.Error()}
	}
	need := 1
	if slices.ContainsFunc(p.values("#EXTINF"), func(s string) bool { return strings.Contains(s, ".") }) {
		need = 3
	}
	if len(p.values("#EXT-X-MAP")) > 0 {
		need = 6
	}
	if v < need {
		return []string{fmt.Sprintf("version %d, but it uses what version %d brought", v, need)}
	}
	return nil
}

var extinf = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?,`)

func segments(p Playlist) []string {
	var all []string
	ready := false
	for _, l := range p.lines {
		switch {
		case l.tag == "#EXTINF":
			if !extinf.MatchString(l.value) {
				all = append(all, fmt.Sprintf("EXTINF:%s", l.value))
			}
			ready = true
		case l.uri != "":
			if !ready {
				all = append(all, l.uri+" has no EXTINF")
			}
			ready = false
		}
	}
	if len(p.URIs()) == 0 {
		all = append(all, "has no segments")
	}
	return all
}

func initSegment(p Playlist) []string {
	for _, l := range p.lines {
		if l.uri != "" {
			break
		}
		if l.tag == "#EXT-X-MAP" {
			if a, _ := attributes(l.value); !strings.HasPrefix(a["URI"], `"`) {
				return []string{"no quoted URI"}
			}
			return nil
		}
	}
	return []string{"is not there"}
}

func noMultivariantTags(p Playlist) []string {
	return forbidden(p, "#EXT-X-MEDIA", "#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-SESSION-DATA", "#EXT-X-SESSION-KEY")
}

func noMediaTags(p Presentation) []string {
	return forbidden(p.Multivariant, "#EXTINF", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE", "#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-MAP", "#EXT-X-DISCONTINUITY")
}

func forbidden(p Playlist, tags ...string) []string {
	var all []string
	for _, tag := range tags {
		if len(p.values(tag)) > 0 {
			all = append(all, tag)
		}
	}
	return all
}

func targetDuration(p Playlist) []string {
	target, err := p.integer("#EXT-X-TARGETDURATION")
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	for i, d := range p.Durations() {
		if d < 0 || math.Round(d) > float64(target) {
			all = append(all, fmt.Sprintf("segment %d lasts %v s, the target is %d s", i, d, target))
		}
	}
	return all
}

func mediaSequence(p Playlist) []string {
	if _, err := p.integer("#EXT-X-MEDIA-SEQUENCE"); err != nil {
		return []string{err.Error()}
	}
	for _, l := range p.lines {
		if l.tag == "#EXT-X-MEDIA-SEQUENCE" {
			return nil
		}
		if l.uri != "" {
			break
		}
	}
	return []string{"comes after a segment"}
}

func playlistType(p Playlist) []string {
	v := p.values("#EXT-X-PLAYLIST-TYPE")
	if len(v) > 1 || len(v) == 1 && v[0] != "VOD" && v[0] != "EVENT" {
		return []string{fmt.Sprintf("type %q", v)}
	}
	if len(v) == 1 && v[0] == "VOD" && len(p.values("#EXT-X-ENDLIST")) != 1 {
		return []string{"VOD without EXT-X-ENDLIST"}
	}
	return nil
}

func renditionTags(p Presentation) []string {
	var all []string
	names, defaults := map[string]bool{}, map[string]int{}
	for _, v := range p.Multivariant.values("#EXT-X-MEDIA") {
		a, _ := attributes(v)
		for _, name := range []string{"TYPE", "GROUP-ID", "NAME"} {
			if a[name] == "" {
				all = append(all, "no "+name)
			}
		}
		if a["DEFAULT"] == "YES" {
			if a["AUTOSELECT"] != "" && a["AUTOSELECT"] != "YES" {
				all = append(all, "DEFAULT=YES without AUTOSELECT=YES")
			}
			defaults[a["GROUP-ID"]]++
		}
		if names[a["GROUP-ID"]+a["NAME"]] {
			all = append(all, "two of the name "+a["NAME"])
		}
		names[a["GROUP-ID"]+a["NAME"]] = true
	}
	for group, n := range defaults {
		if n > 1 {
			all = append(all, fmt.Sprintf("group %s has %d defaults", group, n))
		}
	}
	return all
}

var (
	resolution = regexp.MustCompile(`^[1-9][0-9]*x[1-9][0-9]*$`)
	rate       = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,3})?$`)
	pictures   = regexp.MustCompile(`avc1|avc3|hvc1|hev1`)
)

func variantTags(p Presentation) []string {
	var all []string
	lines := p.Multivariant.lines
	groups := map[string]bool{}
	for _, v := range p.Multivariant.values("#EXT-X-MEDIA") {
		a, _ := attributes(v)
		groups[a["GROUP-ID"]] = true
	}
	variants, none := 0, 0
	for i, l := range lines {
		if l.tag != "#EXT-X-STREAM-INF" {
			continue
		}
		variants++
		if i+1 == len(lines) || lines[i+1].uri == "" {
			all = append(all, "no URI on the next line")
		}
		a, _ := attributes(l.value)
		peak, err := strconv.ParseUint(a["BANDWIDTH"], 10, 63)
		if err != nil || peak == 0 {
			all = append(all, "BANDWIDTH="+a["BANDWIDTH"])
		}
		if average, err := strconv.ParseUint(a["AVERAGE-BANDWIDTH"], 10, 63); a["AVERAGE-BANDWIDTH"] != "" && (err != nil || average > peak) {
			all = append(all, "AVERAGE-BANDWIDTH="+a["AVERAGE-BANDWIDTH"])
		}
		if !strings.HasPrefix(a["CODECS"], `"`) || a["CODECS"] == `""` {
			all = append(all, "CODECS="+a["CODECS"])
		}
		if r := a["RESOLUTION"]; r != "" && !resolution.MatchString(r) || (r != "") != pictures.MatchString(a["CODECS"]) {
			all = append(all, "RESOLUTION="+r+" with CODECS="+a["CODECS"])
		}
		if r := a["FRAME-RATE"]; r != "" && !rate.MatchString(r) {
			all = append(all, "FRAME-RATE="+r)
		}
		if g := a["AUDIO"]; g != "" && !groups[g] {
			all = append(all, "AUDIO="+g+" names no group")
		}
		if a["CLOSED-CAPTIONS"] == "NONE" {
			none++
		}
	}
	if variants == 0 {
		all = append(all, "no variant")
	}
	if none != 0 && none != variants {
		all = append(all, "CLOSED-CAPTIONS=NONE on some variants only")
	}
	return all
}

func independent(p Presentation) []string {
	if len(p.Multivariant.values("#EXT-X-INDEPENDENT-SEGMENTS")) != 1 {
		return []string{"is not in the multivariant playlist"}
	}
	return nil
}

func sameTarget(p Presentation) []string {
	targets := map[string]bool{}
	for _, m := range p.Media {
		for _, v := range m.values("#EXT-X-TARGETDURATION") {
			targets[v] = true
		}
	}
	if len(targets) > 1 {
		return []string{fmt.Sprintf("%d different ones", len(targets))}
	}
	return nil
}

func sameLength(p Presentation) []string {
	shortest, longest, target := math.Inf(1), 0.0, 0
	for _, m := range p.Media {
		sum := 0.0
		for _, d := range m.Durations() {
			sum += d
		}
		shortest, longest = min(shortest, sum), max(longest, sum)
		if n, err := m.integer("#EXT-X-TARGETDURATION"); err == nil {
			target = max(target, n)
		}
	}
	if longest-shortest > float64(target) {
		return []string{fmt.Sprintf("from %.3f to %.3f s", shortest, longest)}
	}
	return nil
}
