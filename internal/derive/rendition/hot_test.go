package rendition

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"filmcan/internal/media/ladder"
)

// TestHot: held is what was asked for before, for a while.
func TestHot(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := newHot(func() time.Time { return now })
	want := func(content string, worth bool) {
		t.Helper()
		one, again := h.get("a")
		got := ""
		if one != nil {
			got = string(one.bytes)
			h.give(one)
		}
		if got != content || again != worth {
			t.Errorf("%q, %v; want %q, %v", got, again, content, worth)
		}
	}
	put := func(content string) {
		t.Helper()
		if !h.claim("a", int64(len(content))) {
			t.Fatal("no leave")
		}
		if h.claim("a", 1) {
			t.Error("two read it")
		}
		h.give(h.put("a", "tag", []byte(content)))
	}
	if h.claim("a", 1) {
		t.Error("nobody asked for it")
	}
	want("", false)
	want("", true)
	put("A")
	want("A", true)
	now = now.Add(hotFor)
	want("", true) // the store is to hear of it
	put("AA")
	want("AA", true)
	h.drop("a")
	h.drop("a")
	want("", false)
	if h.claim("a", hotEach+1) {
		t.Error("too large")
	}
	if !h.claim("a", 5) {
		t.Error("no leave")
	}
	h.leave("a", 5)
	want("", false)
	if h.others != 0 || h.busy != 0 || h.bytes != hotName {
		t.Errorf("%d, %d and %d bytes are left", h.bytes, h.others, h.busy)
	}
}

// TestHotBounds: the memory is bounded, whoever keeps what for how long; the counts are those of a plain model.
func TestHotBounds(t *testing.T) {
	t.Parallel()
	h := newHot(time.Now)
	source := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same each time
	large := make([]byte, hotEach)
	lent, reading, most := map[*held]int{}, map[string]int64{}, int64(0)
	for range 200_000 {
		key := fmt.Sprint(source.IntN(90))
		switch size := int64(1 + source.IntN(hotEach)); source.IntN(6) {
		case 0:
			h.drop(key)
		case 1, 2:
			if one, _ := h.get(key); one != nil {
				lent[one]++
			}
		case 3:
			if h.claim(key, size) {
				if reading[key] += size; reading[key] != size {
					h.leave(key, size) // it was dropped meanwhile and is read twice
					reading[key] -= size
				}
			}
		case 4:
			if size := reading[key]; size > 0 {
				delete(reading, key)
				lent[h.put(key, "", large[:size])]++
			}
		case 5:
			for one := range lent {
				h.give(one)
				if lent[one]--; lent[one] == 0 {
					delete(lent, one)
				}
				break
			}
		}
		busy, others, entries := int64(0), int64(0), int64(0)
		for one := range lent {
			busy += int64(len(one.bytes))
			if one.gone {
				others += int64(len(one.bytes))
			}
		}
		for _, size := range reading {
			busy, others = busy+size, others+size
		}
		for e := h.order.Front(); e != nil; e = e.Next() {
			entries += e.Value.(*held).cost()
		}
		if h.busy != busy || h.others != others || h.bytes != entries || len(h.entries) != h.order.Len() {
			t.Fatalf("busy %d, others %d, entries %d; want %d, %d, %d", h.busy, h.others, h.bytes, busy, others, entries)
		}
		most = max(most, entries+others)
	}
	// Names alone may come on top of what cannot be freed.
	if most > hotBytes+100*hotName || most < hotBytes*9/10 {
		t.Errorf("%d bytes at most, %d are allowed", most, hotBytes)
	}
	for n := range 2 * hotBytes / hotName {
		h.get(fmt.Sprint("once ", n))
	}
	if h.bytes+h.others > hotBytes+100*hotName {
		t.Errorf("%d bytes of %d names", h.bytes, len(h.entries))
	}
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
		var got, tail bytes.Buffer
		must(t, s.Copy(&got, 0, s.Size))
		must(t, s.Copy(&tail, s.Size/2, s.Size-s.Size/2))
		if !bytes.Equal(got.Bytes(), want.Bytes()) || !bytes.Equal(tail.Bytes(), want.Bytes()[s.Size/2:]) || s.ETag != first.ETag {
			t.Errorf("%d bytes with the tag %s, want %d with %s", got.Len(), s.ETag, want.Len(), first.ETag)
		}
		if (s.object == nil) != inMemory {
			t.Errorf("in memory: %v", s.object == nil)
		}
		must(t, s.Close())
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

// TestKeptTogether: many who want one segment at once share what is held of it, and keep nothing behind.
func TestKeptTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.add(t, shortFilm(t))
	r := Rungs(f, ladder.Plus)[0]
	want, err := w.segment(t.Context(), f, r, 1)
	must(t, err)
	w.engine.Close()
	name, err := w.engine.target(f, r)
	must(t, err)
	var all sync.WaitGroup
	memories := make(chan *byte, 1000)
	for range 300 {
		all.Go(func() {
			s, ok := w.engine.Kept(t.Context(), f.Ref(), name.name, 1)
			if !ok {
				t.Error("it is not kept")
				return
			}
			defer s.Close()
			var got bytes.Buffer
			if err := s.Copy(&got, 0, s.Size); err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%d bytes, want %d: %v", got.Len(), len(want), err)
			}
			if s.bytes != nil {
				memories <- &s.bytes[0]
			}
		})
	}
	all.Wait()
	close(memories)
	different := map[*byte]bool{}
	for m := range memories {
		different[m] = true
	}
	if len(different) != 1 || w.engine.hot.busy != 0 || w.engine.hot.others != 0 {
		t.Errorf("%d copies in memory; %d bytes are lent still", len(different), w.engine.hot.busy)
	}
}
