//go:build crashtest

package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"filmcan/internal/e2e/rig"
)

// patience is how long anything may take that the program promised, crash and restart included.
const patience = 60 * time.Second

// story is what one customer does with one film, through any number of crashes: an operation that was not answered
// is looked at after the restart and, if it did not happen, done again, as a careful client does it.
type story struct {
	world *world
	film  string
	sum   string // of the master; "" where the master is not the film itself
	tag   string // passthrough, by which the asset is found when its creation was not answered
	id    string

	direct  bool     // the film is uploaded
	uploads []string // in this order: cancelled, no film, the film

	encode *encodePlot // the film must be encoded; nil where it need not
}

// lived is the order of events of a whole story.
func (s *story) lived() []string {
	list := []string{"video.asset.created"}
	if s.encode != nil && !s.encode.standard {
		list = append(list, "video.asset.non_standard_input_detected")
	}
	return append(list, "video.asset.ready", "video.asset.master.preparing", "video.asset.master.ready",
		"video.asset.master.deleted", "video.asset.master.preparing", "video.asset.master.ready", "video.asset.deleted")
}

// live runs the story from its beginning to its end and says what was broken on the way.
func (s *story) live(ctx context.Context) error {
	if err := s.create(ctx); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return s.goOn(ctx)
}

// goOn is live after the asset's creation.
func (s *story) goOn(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"become ready", s.ready},
		{"be whole", s.whole},
		{"enable", s.enable},
		{"download", s.download},
		{"disable", s.disable},
		{"enable again", s.enable},
		{"download again", s.download},
		{"delete", s.remove},
		{"hear of it", s.heard},
		{"hear of its uploads", s.uploadsHeard},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s (asset %s): %w", step.name, s.id, err)
		}
	}
	return nil
}

// call makes a request until it is answered. Status 0 says that the program died over it and was started again: the
// caller looks first whether it happened.
func (s *story) call(ctx context.Context, method, path string, body, out any) (status int, text []byte, err error) {
	for {
		p, client := s.world.current()
		status, text, err = client.Call(ctx, method, path, body, out)
		if err == nil {
			return status, text, nil
		}
		if ctx.Err() != nil {
			return 0, nil, ctx.Err()
		}
		select {
		case <-p.Ended():
			if err := s.world.restart(p); err != nil {
				return 0, nil, err
			}
			if method != http.MethodGet {
				return 0, nil, nil
			}
		case <-time.After(5 * time.Second):
			return 0, nil, fmt.Errorf("%s %s: %w, and the program lives", method, path, err)
		}
	}
}

func (s *story) create(ctx context.Context) error {
	if s.direct {
		return s.bringFilm(ctx)
	}
	body := map[string]any{"input": s.world.outside.FilmURL(s.film), "passthrough": s.tag, "playback_policy": "public"}
	for {
		var a rig.Asset
		status, text, err := s.call(ctx, http.MethodPost, "/video/v1/assets", body, &a)
		if err != nil {
			return err
		}
		if status == http.StatusCreated {
			s.id = a.ID
			return nil
		}
		if status != 0 {
			return fmt.Errorf("answered %d: %s", status, text)
		}
		var all []rig.Asset
		if _, _, err := s.call(ctx, http.MethodGet, "/video/v1/assets?limit=100", nil, &all); err != nil {
			return err
		}
		for _, a := range all {
			if a.Passthrough == s.tag {
				s.id = a.ID
				return nil
			}
		}
	}
}

// get reads the asset; it must be there.
func (s *story) get(ctx context.Context) (rig.Asset, error) {
	a, _, err := s.getProgress(ctx)
	return a, err
}

// progress is how far a preparation was seen to have come.
type progress struct {
	State    string  `json:"state"`
	Progress float64 `json:"progress"`
}

// advance takes what was seen next: it must not have gone back.
func (p *progress) advance(now progress) error {
	states := []string{"", "ingesting", "transcoding", "completed"}
	was, is := slices.Index(states, p.State), slices.Index(states, now.State)
	if is >= 0 && (is < was || is == was && now.Progress < p.Progress) {
		return fmt.Errorf("progress went from %+v back to %+v", *p, now)
	}
	*p = now
	return nil
}

// getProgress is get with how far it is.
func (s *story) getProgress(ctx context.Context) (rig.Asset, progress, error) {
	var a struct {
		rig.Asset

		Progress progress `json:"progress"`
	}
	status, text, err := s.call(ctx, http.MethodGet, "/video/v1/assets/"+s.id, nil, &a)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the asset is lost: %d %s", status, text)
	}
	return a.Asset, a.Progress, err
}

func (s *story) ready(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var shown progress
	for deadline := time.Now().Add(patience); ; <-tick.C {
		a, now, err := s.getProgress(ctx)
		if err == nil {
			err = shown.advance(now)
		}
		switch {
		case err != nil:
			return err
		case a.Status == "ready":
			return nil
		case a.Status != "preparing":
			return fmt.Errorf("it is %s: %+v", a.Status, a.Errors)
		case time.Now().After(deadline):
			return errors.New("it is stuck in preparing")
		}
	}
}

// expired waits until master access is over.
func (s *story) expired(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		a, err := s.get(ctx)
		if err != nil {
			return err
		}
		if a.MasterAccess == "none" && a.Master == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("master access does not end")
		}
	}
}

// setAccess changes master access until it was acknowledged, or is seen to have happened.
func (s *story) setAccess(ctx context.Context, want string) error {
	for {
		status, text, err := s.call(ctx, http.MethodPut, "/video/v1/assets/"+s.id+"/master-access", map[string]string{"master_access": want}, nil)
		if err != nil {
			return err
		}
		a, err := s.get(ctx)
		if err != nil {
			return err
		}
		switch {
		case a.MasterAccess == want:
			return nil
		case status == http.StatusOK:
			return fmt.Errorf("acknowledged as %s, but it is %s", want, a.MasterAccess)
		case status != 0:
			return fmt.Errorf("answered %d: %s", status, text)
		}
	}
}

func (s *story) enable(ctx context.Context) error  { return s.setAccess(ctx, "temporary") }
func (s *story) disable(ctx context.Context) error { return s.setAccess(ctx, "none") }

func (s *story) download(ctx context.Context) error {
	for {
		a, err := s.get(ctx)
		if err != nil {
			return err
		}
		if a.Master == nil || a.Master.Status != "ready" {
			return fmt.Errorf("the master is not ready: %+v", a.Master)
		}
		status, sum, n, err := rig.Download(ctx, a.Master.URL)
		if err == nil && s.encode != nil && s.encode.made {
			err = s.master(ctx, a.Master.URL)
		}
		if err != nil {
			p, _ := s.world.current()
			select {
			case <-p.Ended():
				if err := s.world.restart(p); err != nil {
					return err
				}
				continue
			case <-time.After(time.Second):
				return err
			}
		}
		if status != http.StatusOK || n != a.Master.Size || s.sum != "" && sum != s.sum {
			return fmt.Errorf("%d, %d bytes of %d, sha256 %s, want %s", status, n, a.Master.Size, sum, s.sum)
		}
		return nil
	}
}

func (s *story) remove(ctx context.Context) error {
	for {
		status, text, err := s.call(ctx, http.MethodDelete, "/video/v1/assets/"+s.id, nil, nil)
		if err != nil {
			return err
		}
		seen, _, err := s.call(ctx, http.MethodGet, "/video/v1/assets/"+s.id, nil, nil)
		if err != nil {
			return err
		}
		switch {
		case seen == http.StatusNotFound:
			return nil
		case status == http.StatusNoContent:
			return fmt.Errorf("acknowledged as deleted, but GET answers %d", seen)
		case status != 0:
			return fmt.Errorf("answered %d: %s", status, text)
		}
	}
}

// heard waits for all events of the story: each once by its id, in order, none beside them.
func (s *story) heard(ctx context.Context) error {
	want := s.lived()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if err := s.world.alive(); err != nil {
			return err
		}
		got := s.world.outside.Types(s.id)
		if slices.Contains(got, "video.asset.deleted") && len(got) >= len(want) {
			if !slices.Equal(got, want) {
				return fmt.Errorf("events\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			return s.snapshots()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("events are lost; only these came:\n  %s", strings.Join(got, "\n  "))
		}
	}
}

// snapshots checks that each event carries the asset as it was then.
func (s *story) snapshots() error {
	for _, e := range s.world.outside.Events(s.id) {
		var a rig.Asset
		// Numbers where the API has strings: only the fields that are alike in both are read.
		if err := json.Unmarshal(e.Data, &a); err != nil {
			return fmt.Errorf("%s: %w", e.Type, err)
		}
		ready := e.Type == "video.asset.master.ready"
		if a.ID != s.id || a.Passthrough != s.tag || ready != (a.Master != nil && a.Master.Status == "ready") {
			return fmt.Errorf("%s carries %s", e.Type, e.Data)
		}
	}
	return nil
}
