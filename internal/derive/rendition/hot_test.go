package rendition

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"filmcan/internal/media/ladder"
)

// TestHot: held is what was asked for before, for a while, and as much as fits.
func TestHot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHot(time.Now)
		want := func(key, content string, worth bool) {
			t.Helper()
			b, etag, again := h.get(key)
			if string(b) != content || again != worth || b != nil && etag != "tag of "+key {
				t.Errorf("%s: %q, %q, %v", key, b, etag, again)
			}
		}
		want("a", "", false)
		want("a", "", true)
		h.put("a", "tag of a", []byte("A"))
		want("a", "A", true)
		time.Sleep(hotFor)
		want("a", "", true) // the store is to hear of it
		h.put("a", "tag of a", []byte("AA"))
		want("a", "AA", true)
		h.drop("a")
		h.drop("a")
		want("a", "", false)

		large := make([]byte, hotEach)
		const fit = hotBytes / (hotEach + hotName)
		for n := range fit + 1 {
			key := fmt.Sprint(n)
			h.get(key)
			h.put(key, "tag of "+key, large)
			h.get("0") // the one that is watched most stays
		}
		if b, _, _ := h.get("0"); b == nil {
			t.Error("the one that was used last was pushed out")
		}
		if b, _, again := h.get("1"); b != nil || again {
			t.Error("the one that was used longest ago is held still")
		}
		for n := range 2 * hotBytes / hotName {
			h.get(fmt.Sprint("once ", n))
		}
		if h.bytes > hotBytes || len(h.entries) != h.order.Len() || len(h.entries) > hotBytes/hotName {
			t.Errorf("%d bytes of %d entries (%d in order)", h.bytes, len(h.entries), h.order.Len())
		}
	})
}

// TestKeptInMemory: a segment that is asked for again is held, the same to the byte, until the store must be asked.
func TestKeptInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	w.engine.hot.now = func() time.Time { return now }
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	first, err := w.engine.Segment(t.Context(), f, r, 1)
	must(t, err)
	var want bytes.Buffer
	must(t, first.Copy(&want, 0, first.Size))
	must(t, first.Close())
	w.engine.Close() // now it is in the store
	name, err := w.engine.target(f, r)
	must(t, err)
	look := func(inMemory bool) {
		t.Helper()
		s, ok := w.engine.Kept(t.Context(), f.Ref(), name.name, 1)
		if !ok {
			t.Fatal("it is not kept")
		}
		defer s.Close()
		var got, tail bytes.Buffer
		must(t, s.Copy(&got, 0, s.Size))
		must(t, s.Copy(&tail, s.Size/2, s.Size-s.Size/2))
		if !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(tail.Bytes(), want.Bytes()[s.Size/2:]) || s.ETag != first.ETag {
			t.Errorf("%d bytes with the tag %s, want %d with %s", got.Len(), s.ETag, want.Len(), first.ETag)
		}
		if (s.object == nil) != inMemory {
			t.Errorf("in memory: %v", s.object == nil)
		}
	}
	look(false)
	look(true)
	w.empty(t)
	look(true)
	now = now.Add(hotFor)
	if _, ok := w.engine.Kept(t.Context(), f.Ref(), name.name, 1); ok {
		t.Error("the store does not have it any more")
	}
	if _, ok := w.engine.Kept(t.Context(), f.Ref(), name.name, 1); ok {
		t.Error("and it is forgotten")
	}
}
