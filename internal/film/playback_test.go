package film

import (
	"testing"
	"time"
)

// TestPlaybacksAreCounted: events hold all playback ids, so that without an end to them the database grows with their
// square.
func TestPlaybacksAreCounted(t *testing.T) {
	t.Parallel()
	now := time.Unix(1, 0)
	a := Asset{Playbacks: make([]Playback, MaxPlaybacks-1)}
	a, c, err := a.AddPlayback(Playback{ID: "last"}, now)
	if err != nil || len(a.Playbacks) != MaxPlaybacks || len(c.Events) != 1 {
		t.Fatalf("the last one: %d playback ids, %d events, %v", len(a.Playbacks), len(c.Events), err)
	}
	if a, c, err = a.AddPlayback(Playback{ID: "more"}, now); !IsCode(err, CodeInvalid) || len(a.Playbacks) != MaxPlaybacks || len(c.Events) != 0 {
		t.Errorf("one more: %d playback ids, %d events, %v", len(a.Playbacks), len(c.Events), err)
	}
	if a, _, err = a.RemovePlayback("last", now); err != nil || len(a.Playbacks) != MaxPlaybacks-1 {
		t.Errorf("removed: %d playback ids, %v", len(a.Playbacks), err)
	}
}
