//go:build crashtest

package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"filmcan/internal/e2e/rig"
)

// chunkSize makes a film of a story some chunks.
const chunkSize = 16 << 20

// bringFilm is the beginning of a story whose film is uploaded: once given up, once with what is no film, then well.
func (s *story) bringFilm(ctx context.Context) error {
	for _, attempt := range []struct {
		name string
		do   func(context.Context, string) error
	}{{"cancelled", s.giveUp}, {"no film", s.sendPage}, {"film", s.sendFilm}} {
		id, err := s.begin(ctx, s.tag+" "+attempt.name)
		if err == nil {
			err = attempt.do(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("upload %s (%s): %w", id, attempt.name, err)
		}
	}
	return nil
}

// begin creates an upload, once.
func (s *story) begin(ctx context.Context, tag string) (string, error) {
	settings := map[string]any{"passthrough": tag, "playback_policies": []string{"public"}}
	for {
		var u rig.Upload
		status, text, err := s.call(ctx, http.MethodPost, "/video/v1/uploads", map[string]any{"new_asset_settings": settings}, &u)
		if err != nil || status == http.StatusCreated {
			return u.ID, err
		}
		if status != 0 {
			return "", fmt.Errorf("answered %d: %s", status, text)
		}
		var all []struct {
			rig.Upload

			Settings struct {
				Passthrough string `json:"passthrough"`
			} `json:"new_asset_settings"`
		}
		if _, _, err := s.call(ctx, http.MethodGet, "/video/v1/uploads?limit=100", nil, &all); err != nil {
			return "", err
		}
		for _, u := range all {
			if u.Settings.Passthrough == tag {
				return u.ID, nil
			}
		}
	}
}

// upload reads an upload; it must be there.
func (s *story) upload(ctx context.Context, id string) (rig.Upload, error) {
	var u rig.Upload
	status, text, err := s.call(ctx, http.MethodGet, "/video/v1/uploads/"+id, nil, &u)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the upload is lost: %d %s", status, text)
	}
	return u, err
}

// send makes a request of the upload protocol on the process that runs now. Status 0 says that it died over it.
func (s *story) send(ctx context.Context, id string, put func(link string) (rig.Sent, error)) (rig.Sent, error) {
	u, err := s.upload(ctx, id)
	if err != nil || u.URL == "" {
		return rig.Sent{Status: http.StatusOK}, err // it is over: asking for its state tells how
	}
	p, _ := s.world.current()
	got, err := put(u.URL)
	if err == nil {
		return got, nil
	}
	select {
	case <-p.Ended():
		return rig.Sent{}, s.world.restart(p)
	case <-time.After(5 * time.Second):
		return rig.Sent{}, fmt.Errorf("%w, and the program lives", err)
	case <-ctx.Done():
		return rig.Sent{}, ctx.Err()
	}
}

// sendFilm sends the film as a careful client does: after each failure it asks what is there. It notes the asset.
func (s *story) sendFilm(ctx context.Context, id string) error {
	film, err := os.Open(s.film)
	if err != nil {
		return err
	}
	defer film.Close()
	info, err := film.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	promised, at := int64(0), int64(-1)
	for deadline := time.Now().Add(patience); ; {
		got, err := s.send(ctx, id, func(link string) (rig.Sent, error) {
			if at < 0 {
				return rig.Ask(ctx, link, size)
			}
			from := min(at, size-1)
			return rig.Chunk(ctx, link, film, from, min(from+chunkSize, size), size)
		})
		switch {
		case err != nil:
			return err
		case time.Now().After(deadline):
			return errors.New("it does not come to its end")
		case got.Status == http.StatusOK:
			return s.becameAsset(ctx, id)
		case got.Status == 0, got.Status == http.StatusServiceUnavailable && got.RetryAfter != "":
			at = -1
		case got.Status != http.StatusPermanentRedirect:
			return fmt.Errorf("answered %d: %s", got.Status, got.Text)
		case got.Stored < promised:
			return fmt.Errorf("%d bytes are there, %d were promised", got.Stored, promised)
		default:
			promised, at = got.Stored, got.Stored
		}
	}
}

func (s *story) becameAsset(ctx context.Context, id string) error {
	u, err := s.upload(ctx, id)
	if err != nil {
		return err
	}
	if u.Status != "asset_created" || u.AssetID == "" {
		return fmt.Errorf("all bytes were acknowledged, and it is %s: %+v", u.Status, u.Error)
	}
	s.id, s.tag, s.uploads = u.AssetID, s.tag+" film", append(s.uploads, id)
	return nil
}

// giveUp sends one chunk and cancels.
func (s *story) giveUp(ctx context.Context, id string) error {
	for got := (rig.Sent{}); got.Status != http.StatusPermanentRedirect; {
		var err error
		if got, err = s.send(ctx, id, func(link string) (rig.Sent, error) {
			return rig.Put(ctx, link, fmt.Sprintf("bytes 0-%d/%d", 4095, 1<<20), io.LimitReader(film0{}, 4096), 4096)
		}); err != nil {
			return err
		}
		if got.Status != 0 && got.Status != http.StatusPermanentRedirect {
			return fmt.Errorf("the first chunk: %d %s", got.Status, got.Text)
		}
	}
	for {
		status, text, err := s.call(ctx, http.MethodPut, "/video/v1/uploads/"+id+"/cancel", nil, nil)
		if err != nil {
			return err
		}
		u, err := s.upload(ctx, id)
		switch {
		case err != nil:
			return err
		case u.Status == "cancelled":
			s.uploads = append(s.uploads, id)
			return nil
		case status != 0:
			return fmt.Errorf("answered %d: %s, and it is %s", status, text, u.Status)
		}
	}
}

// sendPage sends a web page until the server has seen what it is.
func (s *story) sendPage(ctx context.Context, id string) error {
	page := "<!doctype html><html><head><title>Not a film</title></head><body>" + strings.Repeat("x", 256<<10)
	for {
		got, err := s.send(ctx, id, func(link string) (rig.Sent, error) {
			return rig.Put(ctx, link, fmt.Sprintf("bytes 0-%d/%d", len(page)-1, 100<<20), strings.NewReader(page), int64(len(page)))
		})
		if err != nil {
			return err
		}
		u, err := s.upload(ctx, id)
		switch {
		case err != nil:
			return err
		case u.Status == "errored" && u.Error != nil && u.AssetID == "":
			s.uploads = append(s.uploads, id)
			return nil
		case got.Status != 0:
			return fmt.Errorf("a web page is answered with %d %s, and the upload is %s", got.Status, got.Text, u.Status)
		}
	}
}

// film0 reads as the head of a film whose tables come later.
type film0 struct{}

func (film0) Read(p []byte) (int, error) {
	clear(p)
	copy(p, "\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom\x00\x00\x00\x00mdat")
	return len(p), nil
}

// uploadsHeard waits for the events of the story's uploads: each once, in order, none beside them.
func (s *story) uploadsHeard(ctx context.Context) error {
	for i, end := range []string{"video.upload.cancelled", "video.upload.errored", "video.upload.asset_created"}[:len(s.uploads)] {
		want := []string{"video.upload.created", end}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(patience); ; <-tick.C {
			if err := s.world.alive(); err != nil {
				return err
			}
			got := s.world.outside.Types(s.uploads[i])
			if slices.Equal(got, want) {
				break
			}
			if len(got) > len(want) || ctx.Err() != nil || time.Now().After(deadline) {
				return fmt.Errorf("events of upload %s: %v, want %v", s.uploads[i], got, want)
			}
		}
	}
	return nil
}
