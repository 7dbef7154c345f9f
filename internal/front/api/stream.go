package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/front/door"
	"filmcan/internal/muxapi"
)

const (
	// streamPoll is how often a stream looks for new events: they may be written by any process.
	streamPoll = 200 * time.Millisecond
	// streamHeartbeat is how often a silent stream says that it lives. Then, too, its token is looked at again.
	streamHeartbeat = 15 * time.Second
	// streamWrite is how long one write may take; a reader that is slower loses its stream and takes it up again.
	streamWrite = 10 * time.Second
	// streamBatch is how many events are read at once, some kilobytes each.
	streamBatch = 100
	// maxStreams bounds the streams of one process: each costs a read of the database every streamPoll.
	maxStreams = 256
)

// streamEvents follows the events of the caller's environment: first an event named `connected`, then each event's
// whole envelope as one line, in the order of their commits, until the client leaves, the server shuts down, or the
// token is revoked. It begins with what happens from now on, or after the event named by Last-Event-ID.
func (a *API) streamEvents(w http.ResponseWriter, c call) error {
	if a.streams.Add(1) > maxStreams {
		a.streams.Add(-1)
		return &film.Error{Code: film.CodeUnavailable, Fault: film.FaultTransient, Message: "There are too many event streams on this server"}
	}
	defer a.streams.Add(-1)

	ctx := c.request.Context()
	seq, err := a.streamFrom(ctx, c)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for nginx: nothing is to wait here
	w.WriteHeader(http.StatusOK)
	if c.request.Method == http.MethodHead {
		return nil
	}
	s := &stream{api: a, call: c, w: w, control: http.NewResponseController(w), seq: seq}
	if err := s.run(ctx); err != nil && ctx.Err() == nil {
		door.Fail(ctx, err)
	}
	return nil
}

// streamFrom returns the number after which the stream begins. A Last-Event-ID that was never given out, or not by
// this database, means now.
func (a *API) streamFrom(ctx context.Context, c call) (int64, error) {
	last, err := a.cfg.Catalog.LastEventSeq(ctx, c.env())
	if err != nil {
		return 0, err
	}
	from, err := strconv.ParseInt(c.request.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil || from < 0 || from > last {
		return last, nil //nolint:nilerr // no number is no error
	}
	return from, nil
}

// stream is one open event stream.
type stream struct {
	api     *API
	call    call
	w       http.ResponseWriter
	control *http.ResponseController
	seq     int64 // of the last event that was sent
}

// errReader marks that the reader is gone or too slow, which is not our failure.
var errReader = errors.New("the reader of the event stream is gone")

func (s *stream) run(ctx context.Context) error {
	err := s.follow(ctx)
	if errors.Is(err, errReader) {
		return nil
	}
	return err
}

func (s *stream) follow(ctx context.Context) error {
	if err := s.send(fmt.Appendf(nil, "event: connected\nid: %d\ndata: {}\n\n", s.seq)); err != nil {
		return err
	}
	poll, heartbeat := time.NewTicker(streamPoll), time.NewTicker(streamHeartbeat)
	defer poll.Stop()
	defer heartbeat.Stop()
	for {
		more, err := s.sendNew(ctx)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.api.ending:
			return nil
		case <-poll.C:
		case <-heartbeat.C:
			if err := s.beat(); err != nil {
				return err
			}
			if _, err := s.api.authenticate(s.call.request); err != nil {
				if film.IsCode(err, film.CodeUnauthorized) {
					return nil
				}
				return err
			}
		}
	}
}

// sendNew sends the events that have come; more reports that there may be others right behind them.
func (s *stream) sendNew(ctx context.Context) (more bool, err error) {
	events, err := s.api.cfg.Catalog.EventsAfter(ctx, s.call.env(), s.seq, streamBatch)
	if err != nil || len(events) == 0 {
		return false, err
	}
	var b bytes.Buffer
	for _, e := range events {
		body, err := muxapi.EventBody(e, s.call.Environment, s.api.cfg.Links)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(&b, "event: %s\nid: %d\ndata: %s\n\n", e.Type, e.Seq, body)
		s.seq = e.Seq
	}
	return len(events) == streamBatch, s.send(b.Bytes())
}

// beat sends a comment, which every reader of such streams skips.
func (s *stream) beat() error { return s.send([]byte(":\n\n")) }

// send writes and flushes with a deadline of its own: the stream has none as a whole.
func (s *stream) send(p []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	if _, err := s.w.Write(p); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errReader, err)
	}
	return nil
}
