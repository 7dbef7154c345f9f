package muxapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Data is the envelope of an answer with one object, or with a list that has no cursor (reference page, 1.5).
type Data[T any] struct {
	Data T `json:"data"`
}

// AssetList is the envelope of the list of assets. NextCursor is left out at the end.
type AssetList struct {
	Data       []Asset `json:"data"`
	NextCursor string  `json:"next_cursor,omitempty" doc:"Opaque; hand it back as cursor for the next page. Left out on the last page."`
}

// Failed is the envelope of every error (reference page, 1.6).
type Failed struct {
	Error FailedBody `json:"error"`
}

// FailedBody says what went wrong: a type for programs and messages for people.
type FailedBody struct {
	Type     string   `json:"type"`
	Messages []string `json:"messages"`
}

// List puts items into their envelope; the list of nothing is an empty array, never null.
func List[T any](items []T) Data[[]T] {
	if items == nil {
		items = []T{}
	}
	return Data[[]T]{Data: items}
}

// Encode writes an answer as JSON without a final newline. Characters that matter to HTML are left as they are: URLs
// stay readable, and the bodies are never served as HTML.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnixTime is a time in unix seconds: a string in the API's answers, a number in webhooks (reference page, 1.9).
type UnixTime struct {
	Seconds  int64
	AsNumber bool
}

// MarshalJSON writes the seconds in the form that was asked for.
func (t UnixTime) MarshalJSON() ([]byte, error) {
	digits := strconv.AppendInt(nil, t.Seconds, 10)
	if t.AsNumber {
		return digits, nil
	}
	return append(append([]byte{'"'}, digits...), '"'), nil
}

// UnmarshalJSON reads either form.
func (t *UnixTime) UnmarshalJSON(b []byte) error {
	t.AsNumber = true
	if len(b) >= 2 && b[0] == '"' {
		t.AsNumber = false
		b = b[1 : len(b)-1]
	}
	var err error
	t.Seconds, err = strconv.ParseInt(string(b), 10, 64)
	return err
}

// isoMicros is the form of times in webhook envelopes: UTC with microseconds (reference page, 1.9).
const isoMicros = "2006-01-02T15:04:05.000000Z"

func isoTime(t time.Time) string { return t.UTC().Format(isoMicros) }

// seconds gives a duration as the API shows it: seconds, to the microsecond.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1e6
}

// frameRate gives a rate as the API shows it, to the thousandth: 29.97, 23.976; −1 stays −1.
func frameRate(f float64) float64 { return math.Round(f*1000) / 1000 }
