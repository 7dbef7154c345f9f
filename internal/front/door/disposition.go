package door

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the length of a download's name in runes, its ending included; file systems take 255 bytes.
const maxName = 120

// Attachment returns the Content-Disposition of a download under a name that somebody asked for (RFC 6266). Whatever
// is asked, the name has no folder, no control or direction character, and the ending that the content has: a link
// must not make an honest film look like a program. Endings holds those that fit, the first one is added where none
// does. Fallback is the name for a wish with nothing left in it.
func Attachment(asked, fallback string, endings ...string) string {
	name := safeName(asked, endings)
	if name == "" {
		name = fallback
	}
	ascii := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf || r == '"' || r == '%' {
			return '_'
		}
		return r
	}, name)
	value := `attachment; filename="` + ascii + `"`
	if ascii != name {
		value += "; filename*=UTF-8''" + escape(name)
	}
	return value
}

func safeName(asked string, endings []string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case strings.ContainsRune(`/\:*?<>|`, r):
			return '_'
		case !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, asked)
	name = strings.Trim(name, ". ")
	ending := endings[0]
	for _, e := range endings {
		if len(name) >= len(e) && strings.EqualFold(name[len(name)-len(e):], e) {
			name, ending = name[:len(name)-len(e)], name[len(name)-len(e):]
			break
		}
	}
	if runes := []rune(name); len(runes) > maxName-len(ending) {
		name = string(runes[:maxName-len(ending)])
	}
	name = strings.TrimRight(name, ". ")
	if name == "" {
		return ""
	}
	return name + ending
}

// escape writes a name as ext-value characters (RFC 8187, 3.2.1).
func escape(name string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(name) {
		if c < utf8.RuneSelf && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) || strings.IndexByte("!#$&+-.^_`|~", c) >= 0) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
