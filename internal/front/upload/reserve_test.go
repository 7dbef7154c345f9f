package upload_test

import (
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"

	"filmcan/internal/blob/fs"
	"filmcan/internal/keep/vault"
)

// roomy is a store that has as much room as it is told.
type roomy struct {
	*fs.Store

	free atomic.Int64
}

const disk = 1 << 30

func (r *roomy) Room() (free, total int64, err error) { return r.free.Load(), disk, nil }

// TestReserve: a film for the rest of which there is no room beside the reserve is told to come again before the disk is
// full, and others are asked to make room; what needs no room is answered as ever.
func TestReserve(t *testing.T) {
	t.Parallel()
	store, err := fs.Open(filepath.Join(t.TempDir(), "keep"))
	if err != nil {
		t.Fatal(err)
	}
	r := &roomy{Store: store}
	w := newWorld(t, plan{store: r})
	var asked atomic.Int64
	w.door.YieldTo(func(free int64) { asked.Store(free) })
	o := w.create(t)
	a := movie(1, 1_000_000)
	reserve := vault.Reserve(disk)

	r.free.Store(reserve + 999_999)
	got := o.chunk(t, a, 0, 300_000)
	got.want(t, "503")
	if got.Header.Get("Retry-After") == "" || asked.Load() != reserve+1_000_000 {
		t.Errorf("Retry-After %q, asked for %d", got.Header.Get("Retry-After"), asked.Load())
	}
	o.send(t, "*/1000000", nil).want(t, "308")
	r.free.Store(reserve + 1_000_000)
	o.chunk(t, a, 0, 300_000).want(t, "308 0-299999")
	r.free.Store(reserve + 699_999)
	o.chunk(t, a, 300_000, 600_000).want(t, "503")
	o.chunk(t, a, 0, 300_000).want(t, "308 0-299999")
	o.send(t, "*/1000000", nil).want(t, "308 0-299999")
	r.free.Store(reserve + 700_000)
	o.chunk(t, a, 300_000, 1_000_000).want(t, "200")
	r.free.Store(0)
	o.chunk(t, a, 300_000, 1_000_000).want(t, "200")
	o.is(t, a)

	// Where nobody knows how much comes it is looked at on the way; what came before is kept.
	r.free.Store(disk)
	o = w.create(t)
	b := movie(2, 40<<20)
	_, _ = o.try(t.Context(), "", &reading{data: b, each: func(at int) { // it may be cut before it is answered
		if at > 16<<20 { // the first look was before
			r.free.Store(reserve - 1)
		}
	}})
	got = o.send(t, fmt.Sprintf("*/%d", len(b)), nil) // waits for the other's end
	last := 0
	if _, err := fmt.Sscanf(got.text, "308 0-%d", &last); err != nil || last < 1<<20 || last >= len(b)-1 {
		t.Errorf("answer %q, want some of %d bytes", got.text, len(b))
	}
}

// reading is a body of no known length that tells how far it has come.
type reading struct {
	data []byte
	at   int
	each func(at int)
}

func (r *reading) Read(p []byte) (int, error) {
	if r.at == len(r.data) {
		return 0, io.EOF
	}
	n := copy(p, r.data[r.at:])
	r.at += n
	r.each(r.at)
	return n, nil
}
