package muxapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"filmcan/internal/film"
)

// fields reads one JSON object of a request, field by field. Names are matched exactly; those that nobody asks for are
// ignored. The first thing wrong is kept in the shared reader and everything read after it is empty, so that a
// decoder reads straight through and looks at the error once, at the end.
type fields struct {
	path   string // "" at the top, else what stands before a field's name: "meta.", "inputs[0]."
	values map[string]json.RawMessage
	r      *reader
}

// reader keeps the first error of a whole body.
type reader struct{ err error }

// refuse keeps the first error.
func (r *reader) refuse(format string, args ...any) {
	if r.err == nil {
		r.err = film.Invalid(format, args...)
	}
}

// readBody opens the object that a body is. An empty body is an empty object: clients leave it out where nothing is
// required.
func readBody(body []byte) *fields {
	f := &fields{r: &reader{}}
	switch body = bytes.TrimSpace(body); {
	case len(body) == 0:
	case !utf8.Valid(body):
		f.r.refuse("The request body is not valid UTF-8")
	case !json.Valid(body):
		f.r.refuse("The request body is not valid JSON")
	case isNull(body):
	case body[0] != '{':
		f.r.refuse("The request body must be a JSON object")
	default:
		f.parse(body)
	}
	return f
}

func (f *fields) parse(raw json.RawMessage) {
	// What stands here was found valid, and an object.
	if err := json.Unmarshal(raw, &f.values); err != nil {
		f.r.refuse("The request body is not valid JSON")
	}
}

func (f *fields) err() error { return f.r.err }

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// has reports whether the field is there at all, null included.
func (f *fields) has(name string) bool {
	_, ok := f.values[name]
	return ok && f.r.err == nil
}

// get returns the field's JSON, nil when it is absent or null.
func (f *fields) get(name string) json.RawMessage {
	if f.r.err != nil || isNull(f.values[name]) {
		return nil
	}
	return f.values[name]
}

// text reads a string of at most so many code points; absent and null are the empty string.
func (f *fields) text(name string, most int) string {
	raw := f.get(name)
	if raw == nil {
		return ""
	}
	s, ok := asText(raw)
	switch {
	case !ok:
		f.r.refuse("`%s%s` must be a string", f.path, name)
	case strings.ContainsRune(s, 0):
		f.r.refuse("`%s%s` must not contain the character U+0000", f.path, name)
	case utf8.RuneCountInString(s) > most:
		f.r.refuse("`%s%s` must not be longer than %d characters", f.path, name, most)
	default:
		return s
	}
	return ""
}

// choice reads a string that must be one of those, or absent: then it is empty.
func choice[S ~string](f *fields, name string, among ...S) S {
	raw := f.get(name)
	if raw == nil {
		return ""
	}
	s, ok := asText(raw)
	if ok && s == "" {
		return ""
	}
	return oneOf(f.r, f.path+name, s, among)
}

func oneOf[S ~string](r *reader, path, s string, among []S) S {
	names := make([]string, len(among))
	for i, a := range among {
		if s == string(a) {
			return a
		}
		names[i] = string(a)
	}
	r.refuse("`%s` must be one of: %s", path, strings.Join(names, ", "))
	return ""
}

// flag reads a boolean, or its name in a string; nil when absent.
func (f *fields) flag(name string) *bool {
	raw := f.get(name)
	if raw == nil {
		return nil
	}
	s, _ := asText(raw)
	b, err := strconv.ParseBool(s)
	if s == "" {
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		f.r.refuse("`%s%s` must be a boolean", f.path, name)
		return nil
	}
	return &b
}

// integer reads a whole number within bounds, or its digits in a string. Absent and what asks for nothing is 0.
func (f *fields) integer(name string, least, most int64) int64 {
	raw := f.get(name)
	if raw == nil || string(raw) == `""` {
		return 0
	}
	s, isText := asText(raw)
	n, err := strconv.ParseInt(s, 10, 64)
	if !isText {
		var x float64
		x, err = strconv.ParseFloat(string(raw), 64)
		if n = int64(x); float64(n) != x {
			err = strconv.ErrSyntax
		}
	}
	switch {
	case err != nil:
		f.r.refuse("`%s%s` must be a whole number", f.path, name)
	case n != 0 && (n < least || n > most):
		f.r.refuse("`%s%s` must be between %d and %d", f.path, name, least, most)
	default:
		return n
	}
	return 0
}

// object opens an object; absent, null and empty are the same: an object without fields. Clients of some languages
// send empty objects without meaning to (reference page, 1.4).
func (f *fields) object(name string) *fields {
	inner := &fields{path: f.path + name + ".", r: f.r}
	raw := f.get(name)
	switch {
	case raw == nil:
	case raw[0] == '{':
		inner.parse(raw)
	case isEmpty(raw):
		// PHP writes an empty map as an empty list.
	default:
		f.r.refuse("`%s%s` must be an object", f.path, name)
	}
	return inner
}

// items reads what may be an array or one bare value; absent, null, "" and {} are no items.
func (f *fields) items(name string) []json.RawMessage {
	raw := f.get(name)
	if raw == nil || isEmpty(raw) {
		return nil
	}
	if raw[0] != '[' {
		return []json.RawMessage{raw}
	}
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		f.r.refuse("`%s%s` must be an array", f.path, name)
	}
	return all
}

// refuseUnbuilt refuses the object when it asks for anything that the table of parameters says is not built. prefix
// is the object's place in the table, such as "inputs[].".
func (f *fields) refuseUnbuilt(table []Parameter, prefix string) {
	for _, p := range table {
		name, inside := strings.CutPrefix(p.Name, prefix)
		if !inside || p.Verdict != Refused || strings.ContainsAny(name, ".[") {
			continue
		}
		if raw := f.get(name); raw != nil && !asksNothing(raw, p.Neutral) {
			f.r.refuse("`%s%s` is not supported by this version of filmcan: %s", f.path, name, p.Note)
		}
	}
}

// asksNothing reports whether a value says the same as leaving the field out: null, false, zero, something empty, or
// the parameter's own neutral word.
func asksNothing(raw json.RawMessage, neutral string) bool {
	switch raw[0] {
	case '[', '{':
		return isEmpty(raw)
	case '"':
		s, _ := asText(raw)
		return s == "" || s == "false" || s == "0" || neutral != "" && s == neutral
	case 'n', 'f':
		return true
	case 't':
		return false
	default:
		n, err := strconv.ParseFloat(string(raw), 64)
		return err == nil && n == 0
	}
}

// isEmpty reports whether the value is an empty string, list or object.
func isEmpty(raw json.RawMessage) bool {
	return strings.IndexByte(`"[{`, raw[0]) >= 0 && len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
}

// asText reads a JSON string.
func asText(raw json.RawMessage) (string, bool) {
	if raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
