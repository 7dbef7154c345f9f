package upload_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"filmcan/internal/blob/fs"
	"filmcan/internal/blob/fs/faultfs"
	"filmcan/internal/film"
	"filmcan/internal/front/upload"
	"filmcan/internal/keep/vault"
)

// TestFullDisk: what still went in is kept, the answer is 503, and the upload goes on when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	var room atomic.Int64
	room.Store(1 << 40)
	view := disk.Boot(faultfs.Plan{Fail: func(op faultfs.Op) error {
		if op.Kind == faultfs.Write && strings.HasSuffix(op.Name, ".bytes") && room.Add(-int64(op.Bytes)) < 0 {
			return syscall.ENOSPC
		}
		return nil
	}})
	store, err := fs.OpenOn(view, "/keep")
	if err != nil {
		t.Fatal(err)
	}
	o := newWorld(t, plan{store: store}).create(t)
	a := movie(1, 1_000_000)
	o.chunk(t, a, 0, 300_000).want(t, "308 0-299999")
	room.Store(200_000)
	for range 2 {
		got := o.chunk(t, a, 300_000, 800_000)
		got.want(t, "503")
		if got.Header.Get("Retry-After") == "" || got.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("503 with %v", got.Header)
		}
	}
	o.send(t, "*/1000000", nil).want(t, fmt.Sprintf("308 0-%d", 300_000+32<<10-1)) // the first buffer had room
	room.Store(1 << 40)
	o.chunk(t, a, 300_000, 800_000).want(t, "308 0-799999")
	o.chunk(t, a, 800_000, 1_000_000).want(t, "200")
	o.is(t, a)
}

// TestPowerCut cuts the power after each operation on the disk: what was told is there, and the upload goes on.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	a, b := movie(1, 30_000), movie(2, 30_000)
	script := []struct {
		film     []byte
		from, to int
	}{{b, 0, 10_000}, {b, 10_000, 20_000}, {a, 0, 10_000}, {a, 5000, 25_000}, {a, 20_000, 30_000}}
	w := newWorld(t, plan{})
	for stop := 1; ; stop++ {
		disk := faultfs.New()
		boot := func(p faultfs.Plan) *fs.Store {
			store, err := fs.OpenOn(disk.Boot(p), "/keep")
			if err != nil {
				return nil
			}
			return store
		}
		store := boot(faultfs.Plan{StopAfter: stop})
		if store == nil {
			continue
		}
		w.restart(t, store)
		o := w.create(t)
		told, ofA, done := 0, false, false
		for _, c := range script {
			r := o.chunk(t, c.film, c.from, c.to)
			if r.text == "200" {
				done = true
				break
			}
			var last int
			if n, _ := fmt.Sscanf(r.text, "308 0-%d", &last); n != 1 {
				break
			}
			told, ofA = last+1, &c.film[0] == &a[0]
		}
		disk.Crash(faultfs.Torn, rand.New(rand.NewPCG(1, uint64(stop))))
		w.restart(t, boot(faultfs.Plan{}))
		o.url = w.signer.UploadURL(w.server.URL, o.ID)
		if !done {
			var last int
			r := o.send(t, "*/30000", nil)
			if r.text != "200" {
				_, _ = fmt.Sscanf(r.text, "308 0-%d", &last)
				// Another film was there before, so who asks on another connection is told somewhat less.
				if ofA && last+1 < told-4096 {
					t.Errorf("power cut after %d operations: %d bytes were told, then %q", stop, told, r.text)
				}
			}
			o.send(t, "", bytes.NewReader(a)).want(t, "200")
		}
		o.is(t, a)
		if done {
			return
		}
	}
}

// restart begins the server anew: the same rows, another store.
func (w *world) restart(t *testing.T, store *fs.Store) {
	t.Helper()
	v, err := vault.New(store, vault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.vault = v
	w.server.Close()
	w.start(t, plan{})
}

// TestNoFilm: what is surely no film is refused as soon as its head is there, and the upload is errored.
func TestNoFilm(t *testing.T) {
	t.Parallel()
	var sizes []int64
	w := newWorld(t, plan{look: func(head []byte, size int64) error {
		sizes = append(sizes, int64(len(head)), size)
		if bytes.HasPrefix(head, []byte("<html>")) {
			return film.Invalid("This is a web page.")
		}
		return nil
	}})
	page := append([]byte("<html>"), movie(1, 1_000_000)...)
	o := w.create(t)
	r := o.chunk(t, page, 0, 500_000)
	r.want(t, "400")
	if !strings.Contains(r.body, "This is a web page.") {
		t.Errorf("refused with %s", r.body)
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int64{64 << 10, int64(len(page))}) {
		t.Errorf("looked with %v", sizes)
	}
	u := o.now(t)
	if u.Status != film.UploadErrored || u.Failure == nil || u.Failure.Message != "This is a web page." {
		t.Errorf("upload is %s, %+v", u.Status, u.Failure)
	}
	o.chunk(t, page, 500_000, 600_000).want(t, "400")
	o.send(t, "*/*", nil).want(t, "400")

	// A small one is looked at when it is whole, one that comes in pieces once per mark.
	o = w.create(t)
	o.send(t, "", strings.NewReader("<html></html>")).want(t, "400")
	sizes = nil
	good := movie(3, 5<<20)
	o = w.create(t)
	for at := 0; at < len(good); at += 1 << 20 {
		o.chunk(t, good, at, at+1<<20)
	}
	o.is(t, good)
	n := int64(len(good))
	if fmt.Sprint(sizes) != fmt.Sprint([]int64{64 << 10, n, 4 << 20, n}) {
		t.Errorf("looked with %v", sizes)
	}
	// One that is another film from a shared beginning on, and no film.
	sizes = nil
	o = w.create(t)
	o.chunk(t, good, 0, 1<<20).want(t, fmt.Sprintf("308 0-%d", 1<<20-1))
	o.chunk(t, append(page, good...)[:len(good)], 0, 1<<20).want(t, "400")
}

func TestOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{cors: "a.example"})
	a := movie(1, 1000)
	o := w.create(t)
	o.chunk(t, a, 0, 500).want(t, "308 0-499")
	if _, err := w.catalog.CancelUpload(t.Context(), w.env, o.ID); err != nil {
		t.Fatal(err)
	}
	o.chunk(t, a, 500, 1000).want(t, "410")
	o.send(t, "*/1000", nil).want(t, "410")

	// Deleted after it was complete.
	o = w.create(t)
	o.send(t, "", bytes.NewReader(a)).want(t, "200")
	if err := w.vault.Delete(t.Context(), o.Film); err != nil {
		t.Fatal(err)
	}
	o.send(t, "", bytes.NewReader(a)).want(t, "410")

	whole := o.url
	for path, want := range map[string]string{
		"token=x":   "403",
		"token=":    "403",
		"unknown":   "404",
		"elsewhere": "404",
	} {
		o.url = strings.Split(whole, "token=")[0] + path
		switch path {
		case "unknown":
			o.url = w.signer.UploadURL(w.server.URL, "unknown")
		case "elsewhere":
			o.url = w.server.URL + "/upload/a/b"
		}
		r := o.send(t, "", bytes.NewReader(a))
		r.want(t, want)
		if r.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.body, `"messages"`) {
			t.Errorf("%s: a page cannot read %v %s", path, r.Header, r.body)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plan{cors: "a.example", config: upload.Config{MaxInput: 5}})
	o := w.create(t)
	for method, want := range map[string]int{
		http.MethodOptions: 204, http.MethodGet: 405, http.MethodHead: 405, http.MethodDelete: 405,
		http.MethodPut: 413, http.MethodPost: 413, http.MethodPatch: 413,
	} {
		req, err := http.NewRequestWithContext(t.Context(), method, o.url, strings.NewReader("too much"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "http://a.example")
		req.Header.Set("Access-Control-Request-Headers", "x-mine")
		resp, err := w.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != want || h.Get("Access-Control-Allow-Origin") != "http://a.example" || h.Get("Vary") != "Origin" ||
			!strings.Contains(h.Get("Access-Control-Expose-Headers"), "Range") {
			t.Errorf("%s: %d with %v", method, resp.StatusCode, h)
		}
		if method == http.MethodOptions && (!strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Content-Range") ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "x-mine")) {
			t.Errorf("preflight: %v", h)
		}
	}
}
