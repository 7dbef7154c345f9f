package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
)

// sender is who sends a request, as far as that can be told: the protocol has no name for a client.
type sender struct {
	upload film.UploadID
	line   *sync.Map // what is remembered of its connection; nil: nothing
	mark   string    // stands for its address and what its client says of itself
}

func senderOf(r *http.Request, id film.UploadID) sender {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", id, host)
	for _, name := range [...]string{"User-Agent", "Accept-Language", "Origin", "X-Forwarded-For", "X-Real-Ip", "Forwarded"} {
		fmt.Fprintf(h, "%q\n", r.Header.Values(name))
	}
	return sender{upload: id, line: door.Memory(r.Context()), mark: hex.EncodeToString(h.Sum(nil)[:8])}
}

// place is how far along which film the client at the other end of a connection is known to be.
type place struct {
	begun, upTo int64
	mark        string // connections of a proxy carry requests of many
}

// placeKey finds the place at an upload in the memory of a connection.
type placeKey film.UploadID

// maxPlaces bounds what is remembered of a connection that carries many uploads.
const maxPlaces = 256

// stand notes where the client is now.
func (s sender) stand(begun, upTo int64) {
	if s.line == nil {
		return
	}
	n := 0
	s.line.Range(func(any, any) bool { n++; return n < maxPlaces })
	if n == maxPlaces {
		s.line.Clear()
	}
	s.line.Store(placeKey(s.upload), place{begun, upTo, s.mark})
}

// stands reports whether the client is known to have that many bytes behind it, all of this film.
func (s sender) stands(begun, size int64) bool {
	if s.line == nil {
		return false
	}
	at, _ := s.line.Load(placeKey(s.upload))
	p, ok := at.(place)
	return ok && p.mark == s.mark && p.begun == begun && p.upTo >= size
}

func (s sender) leave() {
	if s.line != nil {
		s.line.Delete(placeKey(s.upload))
	}
}

// history is what an upload remembers of the films that were begun under it. It is kept as a note, so that it holds in
// every process and after a crash.
type history struct {
	Begun   int64    `json:"begun,omitempty"`   // how many were begun anew
	By      []string `json:"by,omitempty"`      // the marks of those who brought this one
	Before  []string `json:"before,omitempty"`  // and those before it
	Lengths []int64  `json:"lengths,omitempty"` // of those before it; may be unknown
}

const (
	// maxHistory bounds each list; behind that it says no more than that there were others.
	maxHistory = 32
	anyone     = "*"
)

func historyOf(notes map[string][]byte) history {
	text := notes[noteHistory]
	var h history
	if len(text) > 0 && json.Unmarshal(text, &h) != nil {
		return history{Begun: 1, Before: []string{anyone}, Lengths: []int64{unknown}}
	}
	return h
}

func (h history) encode() []byte {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return text
}

// with is the history when a sender of that mark has brought something of this film.
func (h history) with(mark string) history {
	h.By = add(h.By, mark, anyone)
	return h
}

// anew is the history when a sender of that mark begins another film, where one was stored of which the length may
// have been told.
func (h history) anew(mark string, length int64) history {
	next := history{Begun: h.Begun + 1, By: []string{mark}, Before: h.Before, Lengths: add(h.Lengths, length, unknown)}
	for _, mark := range h.By {
		next.Before = add(next.Before, mark, anyone)
	}
	return next
}

func add[T comparable](list []T, one, rest T) []T {
	switch {
	case slices.Contains(list, one):
		return list
	case len(list) >= maxHistory:
		one = rest
		if slices.Contains(list, one) {
			return list
		}
	}
	return append(slices.Clip(list), one)
}

// doubtful reports whether a request about a film of that length may be about one of those before this one.
func (h history) doubtful(length int64) bool {
	return h.Begun > 0 && (length == unknown || slices.Contains(h.Lengths, length) || slices.Contains(h.Lengths, unknown))
}

// knows reports whether a request surely comes from one who is at this film, and has all of its first size bytes
// behind him: his connection has brought or shown the last of them, or his mark is none of those that brought another
// film.
func (h history) knows(s sender, size int64, doubtful bool) bool {
	if s.stands(h.Begun, size) {
		return true
	}
	return slices.Contains(h.By, s.mark) &&
		(!doubtful || !slices.Contains(h.Before, s.mark) && !slices.Contains(h.Before, anyone))
}
