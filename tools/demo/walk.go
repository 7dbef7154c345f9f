package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// demo is one walk.
type demo struct {
	out    io.Writer
	began  time.Time
	film   *film
	world  *world
	server *server
}

type asset struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	PlaybackIDs []struct {
		ID string `json:"id"`
	} `json:"playback_ids"`
	Duration     float64 `json:"duration"`
	AspectRatio  string  `json:"aspect_ratio"`
	MasterAccess string  `json:"master_access"`
	Master       *struct {
		Status string `json:"status"`
		URL    string `json:"url"`
	} `json:"master"`
	Errors *struct {
		Messages []string `json:"messages"`
	} `json:"errors"`
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// step prints one line of the walk with the time since its beginning.
func (d *demo) step(format string, args ...any) {
	d.say("%7.3f s  %s", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) walk(ctx context.Context) error {
	d.began = time.Now()
	d.say("\n1. An asset from a URL")
	var a asset
	if err := d.call(ctx, http.MethodPost, "/video/v1/assets", map[string]any{"input": d.world.filmURL(), "playback_policy": "public"}, http.StatusCreated, &a); err != nil {
		return err
	}
	d.step("201  id %s  status %s", a.ID, a.Status)
	if err := d.await(ctx, "video.asset.created"); err != nil {
		return err
	}
	if err := d.await(ctx, "video.asset.ready"); err != nil {
		return err
	}
	if err := d.call(ctx, http.MethodGet, "/video/v1/assets/"+a.ID, nil, http.StatusOK, &a); err != nil {
		return err
	}
	d.step("200  status %s  duration %.3f  aspect_ratio %s  master_access %s", a.Status, a.Duration, a.AspectRatio, a.MasterAccess)

	d.say("\n2. It plays")
	if err := d.play(ctx, a.PlaybackIDs[0].ID); err != nil {
		return err
	}

	d.say("\n3. The owner asks for the master")
	if err := d.enable(ctx, &a); err != nil {
		return err
	}
	first := a.Master.URL
	if err := d.download(ctx, first); err != nil {
		return err
	}

	d.say("\n4. Access is taken back")
	if err := d.revoke(ctx, &a, first); err != nil {
		return err
	}

	d.say("\n5. And given again, with a new link")
	if err := d.enable(ctx, &a); err != nil {
		return err
	}
	if a.Master.URL == first {
		return errors.New("the new link is the old one")
	}
	if err := d.expect(ctx, first, http.StatusForbidden); err != nil {
		return err
	}
	d.step("GET the old link  403")

	d.say("\n6. The asset is deleted, and its link with it")
	if err := d.call(ctx, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, http.StatusNoContent, nil); err != nil {
		return err
	}
	if err := d.await(ctx, "video.asset.deleted"); err != nil {
		return err
	}
	if err := d.expect(ctx, a.Master.URL, http.StatusForbidden, http.StatusNotFound); err != nil {
		return err
	}
	d.step("the link is dead")
	return nil
}

// play reads playlists as a player does and fetches the first segment of each rendition.
func (d *demo) play(ctx context.Context, playback string) error {
	base, err := url.Parse(d.server.env["MUX_BASE_URL"] + "/" + playback + ".m3u8")
	if err != nil {
		return err
	}
	renditions, err := d.playlist(ctx, base)
	if err != nil {
		return err
	}
	d.step("GET /%s….m3u8  200  %d playlists", playback[:8], len(renditions))
	for _, rendition := range renditions {
		parts, err := d.playlist(ctx, rendition)
		if err != nil {
			return err
		}
		var bytesRead int
		for _, part := range parts[:min(2, len(parts))] { // the init segment and the first media segment
			body, err := d.fetch(ctx, part.String())
			if err != nil {
				return err
			}
			bytesRead += len(body)
		}
		name, _, _ := strings.Cut(path.Base(path.Dir(rendition.Path)), "_")
		d.step("    %-5s  %d parts, the first two have %d bytes", name, len(parts), bytesRead)
	}
	return nil
}

// playlist fetches a playlist and returns what it names, in order.
func (d *demo) playlist(ctx context.Context, at *url.URL) ([]*url.URL, error) {
	body, err := d.fetch(ctx, at.String())
	if err != nil {
		return nil, err
	}
	var named []*url.URL
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		if _, quoted, ok := strings.Cut(line, `URI="`); ok {
			line, _, _ = strings.Cut(quoted, `"`)
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		u, err := at.Parse(line)
		if err != nil {
			return nil, fmt.Errorf("playlist %s: %w", at, err)
		}
		named = append(named, u)
	}
	if len(named) == 0 {
		return nil, fmt.Errorf("the playlist %s names nothing:\n%s", at, body)
	}
	return named, nil
}

func (d *demo) enable(ctx context.Context, a *asset) error {
	*a = asset{ID: a.ID}
	path := "/video/v1/assets/" + a.ID + "/master-access"
	if err := d.call(ctx, http.MethodPut, path, map[string]string{"master_access": "temporary"}, http.StatusOK, a); err != nil {
		return err
	}
	if a.Master == nil || a.Master.Status != "ready" {
		return fmt.Errorf("the master is not ready: %+v", a.Master)
	}
	d.step("200  master_access %s  master.status %s  url %s…", a.MasterAccess, a.Master.Status, a.Master.URL[:min(60, len(a.Master.URL))])
	for _, want := range []string{"video.asset.master.preparing", "video.asset.master.ready"} {
		if err := d.await(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) download(ctx context.Context, link string) error {
	res, err := d.get(ctx, link)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, res.Body)
	if err != nil {
		return fmt.Errorf("download the master: %w", err)
	}
	got := hex.EncodeToString(sum.Sum(nil))
	d.step("GET the link  %d  %s  %d bytes  sha256 %s…", res.StatusCode, res.Header.Get("Content-Type"), n, got[:16])
	if got != d.film.sha256 {
		if strings.HasSuffix(strings.ToLower(d.film.path), ".mp4") {
			return errors.New("the master is not the film that went in")
		}
		d.say("           (not an MP4: its master is an MP4 of the same samples, so the bytes differ)")
	}
	return nil
}

// revoke takes access away while a download is running that reads as slowly as it can.
func (d *demo) revoke(ctx context.Context, a *asset, link string) error {
	slow := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		return conn, err
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return err
	}
	res, err := slow.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.CopyN(io.Discard, res.Body, min(16<<10, d.film.size)); err != nil {
		return err
	}
	d.step("GET the link  %d  a slow reader has 16 KiB of %d bytes", res.StatusCode, res.ContentLength)
	if err := d.call(ctx, http.MethodPut, "/video/v1/assets/"+a.ID+"/master-access", map[string]string{"master_access": "none"}, http.StatusOK, a); err != nil {
		return err
	}
	d.step("200  master_access %s", a.MasterAccess)
	if err := d.await(ctx, "video.asset.master.deleted"); err != nil {
		return err
	}
	if err := d.expect(ctx, link, http.StatusForbidden); err != nil {
		return err
	}
	d.step("GET the link  403")
	if d.film.size < 16<<20 {
		d.say("           (the film fits into the connection's buffers: nothing of the slow download is left to cut)")
		return nil
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil {
		return fmt.Errorf("the slow download came to its end with %d bytes more", n)
	}
	d.step("the slow download ended after %d bytes: %v", n+16<<10, err)
	return nil
}

// await takes events until the wanted one, checks its signature and prints it.
func (d *demo) await(ctx context.Context, want string) error {
	timeout, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	select {
	case e := <-d.world.events:
		if err := e.verify(d.server.env["MUX_WEBHOOK_SECRET"]); err != nil {
			return err
		}
		d.step("webhook %s, signature right", e.Type)
		switch e.Type {
		case "video.asset.non_standard_input_detected":
			return d.await(ctx, want) // what follows says more
		case "video.asset.errored":
			return e.refused()
		}
		if e.Type != want {
			return fmt.Errorf("the next event is %s, not %s:\n%s", e.Type, want, e.raw)
		}
		return nil
	case <-timeout.Done():
		return fmt.Errorf("no event %s came", want)
	}
}

// call makes an API request and decodes the data of its answer.
func (d *demo) call(ctx context.Context, method, path string, body any, status int, into any) error {
	var reader io.Reader
	note := ""
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader, note = bytes.NewReader(text), " "+string(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.server.env["MUX_BASE_URL"]+path, reader)
	if err != nil {
		return err
	}
	req.SetBasicAuth(d.server.env["MUX_TOKEN_ID"], d.server.env["MUX_TOKEN_SECRET"])
	req.Header.Set("Content-Type", "application/json")
	d.step("%s %s%s", method, path, note)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != status {
		return fmt.Errorf("%s %s answered %d, not %d: %s", method, path, res.StatusCode, status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, &struct{ Data any }{into})
}

func (d *demo) get(ctx context.Context, link string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

func (d *demo) fetch(ctx context.Context, link string) ([]byte, error) {
	res, err := d.get(ctx, link)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s answered %d: %s", link, res.StatusCode, body)
	}
	return body, err
}

func (d *demo) expect(ctx context.Context, link string, statuses ...int) error {
	res, err := d.get(ctx, link)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if slices.Contains(statuses, res.StatusCode) {
		return nil
	}
	return fmt.Errorf("the link answers %d, not one of %v", res.StatusCode, statuses)
}
