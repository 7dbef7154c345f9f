package sniff

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// characters returns head as text without its byte order mark and leading white space, and whether it is text: UTF-8,
// or UTF-16 with its mark, or a single-byte alphabet, and no control bytes but those of lines.
func characters(head []byte) (string, bool) {
	if wide, ok := utf16Text(head); ok {
		return strings.TrimLeft(wide, " \t\r\n"), true
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	var high int
	for _, c := range head {
		switch {
		case c >= 0x80:
			high++
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b || c == 0x7f:
			return "", false
		}
	}
	// The cut at HeadSize may go through a character.
	whole := head[:len(head)-tail(head)]
	if !utf8.Valid(whole) && high*4 > len(head) {
		return "", false
	}
	return strings.TrimLeft(string(head), " \t\r\n\f"), true
}

// tail returns how many bytes at the end of b belong to a character that is cut.
func tail(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= 0xc0 && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

func utf16Text(b []byte) (string, bool) {
	if len(b) < 4 {
		return "", false
	}
	var lo, hi int
	switch {
	case b[0] == 0xff && b[1] == 0xfe:
		lo, hi = 0, 1
	case b[0] == 0xfe && b[1] == 0xff:
		lo, hi = 1, 0
	default:
		return "", false
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		u := uint16(b[i+lo]) | uint16(b[i+hi])<<8
		if u < ' ' && u != '\t' && u != '\n' && u != '\r' {
			return "", false
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), true
}
