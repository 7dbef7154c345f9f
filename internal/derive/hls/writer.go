package hls

import "strings"

// writer collects the lines of a playlist.
type writer struct{ b []byte }

func (w *writer) line(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
	w.b = append(w.b, '\n')
}

// attr is an attribute of a tag (RFC 8216, 4.2); one without a value is left out.
type attr struct{ name, value string }

func (w *writer) tag(name string, list ...attr) {
	w.b = append(w.b, name...)
	separator := byte(':')
	for _, a := range list {
		if a.value == "" {
			continue
		}
		w.b = append(w.b, separator)
		w.b = append(w.b, a.name...)
		w.b = append(w.b, '=')
		w.b = append(w.b, a.value...)
		separator = ','
	}
	w.b = append(w.b, '\n')
}

// quoted returns s as a quoted string, which can hold neither quotes nor line ends nor control characters.
func quoted(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r == 0x7f:
			return ' '
		default:
			return r
		}
	}, s)
	return `"` + clean + `"`
}

// optional is quoted for values that may be unknown.
func optional(s string) string {
	if s == "" {
		return ""
	}
	return quoted(s)
}
