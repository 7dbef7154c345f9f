package fault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// short is how long something may take that has nothing to wait for; the machine may be busy.
const short = 30 * time.Second

// TestNoRoomForFilm: a film that does not fit waits, says so in the log, and is taken when there is room, whether
// somebody cleared up or another film was deleted. Smaller ones pass it by.
func TestNoRoomForFilm(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 128*mib, 0)
	big := films.Get(t, films.Spec{Duration: 2 * time.Second, PadTo: 40 * mib})
	small := films.Get(t, films.Spec{Duration: 4 * time.Second})
	sum, _ := rig.Sum(t, big)
	w := rig.NewWorld(t, big, small)
	p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: d.data(), Args: []string{"--webhook", w.WebhookURL()}})
	c := p.Client(t)

	first := c.Ready(t, c.Create(t, w.FilmURL(big), nil).ID)
	d.leave(30 * mib)
	second := c.Create(t, w.FilmURL(big), nil)
	until(t, short, "the log speaks of the second film and of no room", func() bool { return saysNoRoom(p, second.ID) })
	if free := d.free(); free < 25*mib {
		t.Errorf("only %d bytes are free: what waits must not sit on the room of the others", free)
	}
	passing := c.Ready(t, c.Create(t, w.FilmURL(small), nil).ID)
	if a := c.Get(t, second.ID); a.Status != "preparing" {
		t.Fatalf("what waits is %s: %+v", a.Status, a.Errors)
	}

	began := time.Now()
	c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+first.ID, nil, nil)
	ready := c.Ready(t, second.ID)
	t.Logf("ready %s after the room came", time.Since(began).Round(time.Millisecond))
	download(t.Context(), t, c.SetMaster(t, ready.ID, "temporary"), sum)

	third := c.Create(t, w.FilmURL(big), nil)
	until(t, short, "the log speaks of the third film and of no room", func() bool { return saysNoRoom(p, third.ID) })
	d.relieve()
	ready = c.Ready(t, third.ID)
	download(t.Context(), t, c.SetMaster(t, ready.ID, "temporary"), sum)
	for _, a := range []rig.Asset{second, passing, third} {
		w.Wait(t, a.ID, "video.asset.ready")
		if got := w.Types(a.ID); slices.Contains(got, "video.asset.errored") {
			t.Errorf("events of %s: %v", a.ID, got)
		}
	}
	idle(t, p, short)
}

func saysNoRoom(p *rig.Process, asset string) bool {
	for line := range strings.Lines(p.Log()) {
		if strings.Contains(line, "no room") && strings.Contains(line, asset) {
			return true
		}
	}
	return false
}

// stage is a server on a small disk with two films, the first of which was played.
type stage struct {
	disk    *disk
	world   *rig.World
	options rig.Options
	process *rig.Process
	client  *rig.Client
	sum     string
	film    string
	played  rig.Asset
	digest  string // of all of its stream
	unseen  rig.Asset
}

func newStage(t *testing.T, inodes int) *stage {
	t.Helper()
	s := &stage{disk: newDisk(t, 64*mib, inodes), film: films.Get(t, films.Spec{Duration: 4 * time.Second})}
	s.sum, _ = rig.Sum(t, s.film)
	s.world = rig.NewWorld(t, s.film)
	s.options = rig.Options{Binary: rig.Binary(t), Data: s.disk.data(), Args: []string{"--webhook", s.world.WebhookURL()}}
	s.process = rig.Start(t, s.options)
	s.client = s.process.Client(t)
	// Later starts listen where this one did, as servers do: then nothing of theirs has to be written anew.
	s.options.Args = append(s.options.Args, "--listen", strings.TrimPrefix(s.process.Base(), "http://"))
	open := map[string]any{"master_access": "temporary"}
	s.played = s.client.Ready(t, s.client.Create(t, s.world.FilmURL(s.film), open).ID)
	s.unseen = s.client.Ready(t, s.client.Create(t, s.world.FilmURL(s.film), open).ID)
	s.digest = play(t, s.process, s.played)
	idle(t, s.process, short)
	return s
}

// reads looks at everything that needs no room.
func (s *stage) reads(t *testing.T) {
	t.Helper()
	for _, a := range []rig.Asset{s.played, s.unseen} {
		got := s.client.Get(t, a.ID)
		if got.Status != "ready" {
			t.Errorf("asset %s is %s", a.ID, got.Status)
		}
		download(t.Context(), t, got, s.sum)
		if digest := play(t, s.process, a); a.ID == s.played.ID && digest != s.digest {
			t.Error("the stream is another one than before")
		}
	}
}

// acknowledged is what a customer was told had happened.
type acknowledged struct {
	notes   []string // passthroughs of the played asset, in order
	assets  []string
	refused int
}

// writes changes an asset and creates others until enough of it was refused, and remembers what was acknowledged.
func (s *stage) writes(t *testing.T) (ack acknowledged) {
	t.Helper()
	for n := 0; ack.refused < 6; n++ {
		if n == 3000 {
			t.Fatalf("3000 writes went to a full disk, %d were refused", ack.refused)
		}
		method, path, body := http.MethodPatch, "/video/v1/assets/"+s.played.ID, map[string]any{"passthrough": fmt.Sprintf("note %d", n)}
		if n%20 == 0 || ack.refused%2 == 1 {
			method, path = http.MethodPost, "/video/v1/assets"
			body = map[string]any{"input": s.world.FilmURL(s.film), "passthrough": fmt.Sprintf("film %d", n)}
		}
		var a rig.Asset
		status, text, err := s.client.Call(t.Context(), method, path, body, &a)
		switch {
		case err != nil:
			t.Fatalf("%s: %v", method, err)
		case status == http.StatusOK:
			ack.notes = append(ack.notes, a.Passthrough)
		case status == http.StatusCreated:
			ack.assets = append(ack.assets, a.ID)
		default:
			ack.refused++
			refusal(t, status, text)
		}
	}
	return ack
}

// refusal checks an answer of a server that cannot write: Mux's envelope, nothing from inside, and when to come again.
func refusal(t *testing.T, status int, text []byte) {
	t.Helper()
	var body struct {
		Error struct {
			Type     string   `json:"type"`
			Messages []string `json:"messages"`
		} `json:"error"`
	}
	err := json.Unmarshal(text, &body)
	if status != http.StatusServiceUnavailable || err != nil || body.Error.Type == "" || len(body.Error.Messages) != 1 || strings.Contains(strings.ToLower(string(text)), "sqlite") {
		t.Errorf("a write to a full disk is answered with %d %s", status, text)
	}
}

// check compares what was acknowledged with what is there and what was told, each once.
func (s *stage) check(t *testing.T, ack acknowledged) {
	t.Helper()
	if got := s.client.Get(t, s.played.ID).Passthrough; len(ack.notes) > 0 && got != ack.notes[len(ack.notes)-1] {
		t.Errorf("the asset says %q, the last that was acknowledged is %q", got, ack.notes[len(ack.notes)-1])
	}
	for _, id := range ack.assets {
		s.client.Ready(t, id)
		s.world.Wait(t, id, "video.asset.ready")
		if got := s.world.Types(id); !slices.Equal(got, []string{"video.asset.created", "video.asset.ready"}) {
			t.Errorf("events of %s: %v", id, got)
		}
	}
	// One more, so that all that came before it has been sent.
	s.client.Must(t, http.StatusOK, http.MethodPatch, "/video/v1/assets/"+s.played.ID, map[string]string{"passthrough": "last"}, nil)
	var told []string
	until(t, time.Minute, "the last event has come", func() bool {
		told = told[:0]
		for _, e := range s.world.Events(s.played.ID) {
			var a rig.Asset
			if e.Type != "video.asset.updated" {
				continue
			}
			if err := json.Unmarshal(e.Data, &a); err != nil {
				t.Fatal(err)
			}
			told = append(told, a.Passthrough)
		}
		return slices.Contains(told, "last")
	})
	if want := append(slices.Clone(ack.notes), "last"); !slices.Equal(told, want) {
		t.Errorf("%d changes were acknowledged, %d events came:\n%q\n%q", len(want), len(told), want, told)
	}
	s.reads(t)
	idle(t, s.process, time.Minute)
	t.Logf("%d changes and %d films were acknowledged, %d refused", len(ack.notes), len(ack.assets), ack.refused)
}

// TestDiskFillsUp: a server that runs when the disk gets full goes on with all that needs no room, refuses what does,
// and is well again when there is room.
func TestDiskFillsUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	s.disk.leave(mib)
	ack := s.writes(t)
	if len(ack.notes) == 0 || len(ack.assets) == 0 {
		t.Errorf("with room for a megabyte, only %d changes and %d films were acknowledged", len(ack.notes), len(ack.assets))
	}
	s.disk.leave(0)
	s.reads(t)
	if late := s.writes(t); len(late.notes)+len(late.assets) > 0 {
		t.Logf("on a disk that is full to the last byte %d writes found room in files of the database", len(late.notes)+len(late.assets))
		ack.notes, ack.assets, ack.refused = append(ack.notes, late.notes...), append(ack.assets, late.assets...), ack.refused+late.refused
	}
	s.reads(t)
	s.disk.relieve()
	s.well(t)
	s.check(t, ack)
}

// well waits until the server takes writes again.
func (s *stage) well(t *testing.T) {
	t.Helper()
	began := time.Now()
	var a rig.Asset
	until(t, 10*time.Second, "the server takes writes again", func() bool {
		status, _, err := s.client.Call(t.Context(), http.MethodPut, "/video/v1/assets/"+s.unseen.ID+"/master-access", map[string]string{"master_access": "none"}, &a)
		return err == nil && status == http.StatusOK
	})
	t.Logf("writes are taken %s after the room came", time.Since(began).Round(time.Millisecond))
	s.unseen = s.client.SetMaster(t, s.unseen.ID, "temporary")
}

// TestStartsOnFullDisk: a server that is killed, or stopped, while the disk is full comes back, full or not, with all
// that it acknowledged.
func TestStartsOnFullDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(*rig.Process) error
	}{
		{"killed", func(p *rig.Process) error { p.Kill(); return nil }},
		{"stopped", (*rig.Process).Stop},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 0)
			s.disk.leave(mib)
			ack := s.writes(t)
			s.disk.leave(0)
			if err := c.end(s.process); err != nil {
				t.Errorf("the end on a full disk: %v", err)
			}
			s.disk.leave(0)
			s.start(t)
			s.disk.relieve()
			s.well(t)
			s.check(t, ack)
		})
	}
}

// start starts the server on a full disk: it comes up and serves what needs no room, or says why it does not.
func (s *stage) start(t *testing.T) {
	t.Helper()
	p, err := rig.TryStart(t, s.options)
	switch {
	case err == nil:
		t.Log("it starts on a full disk")
		s.process = p
		s.reads(t)
		return
	case !strings.Contains(err.Error(), "no room"):
		t.Errorf("the start on a full disk does not say what is wrong: %v", err)
	default:
		t.Logf("it says why it does not start on a full disk: %v", err)
	}
	s.disk.relieve()
	s.process = rig.Start(t, s.options)
}

// TestNoInodes: a disk with room for bytes, but not for another file, is a full one.
func TestNoInodes(t *testing.T) {
	t.Parallel()
	s := newStage(t, 600)
	s.disk.takeInodes()
	s.reads(t)
	var ack acknowledged
	for range 3 {
		ack.assets = append(ack.assets, s.client.Create(t, s.world.FilmURL(s.film), nil).ID)
	}
	until(t, short, "the log speaks of no room", func() bool { return saysNoRoom(s.process, ack.assets[0]) })
	s.disk.relieve()
	s.check(t, ack)
}
