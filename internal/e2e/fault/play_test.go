package fault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"filmcan/internal/e2e/rig"
)

var uri = regexp.MustCompile(`URI="([^"]+)"`)

// play fetches a whole stream, as the most patient of players would, and returns a digest of all it was given.
func play(t *testing.T, p *rig.Process, a rig.Asset) string {
	t.Helper()
	h := sha256.New()
	segments, err := follow(t.Context(), h, p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8")
	if err != nil {
		t.Errorf("play asset %s: %v", a.ID, err)
	} else if segments < 2 {
		t.Errorf("play asset %s: %d files below the playlists", a.ID, segments)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// follow fetches a playlist and what it names, and counts the files that are no playlists.
func follow(ctx context.Context, into io.Writer, link string) (files int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %d %w", link, res.StatusCode, err)
	}
	_, _ = into.Write(body)
	if !strings.HasPrefix(string(body), "#EXTM3U") {
		return 1, nil
	}
	base, err := url.Parse(link)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		name := strings.TrimSpace(line)
		if strings.HasPrefix(name, "#") {
			m := uri.FindStringSubmatch(name)
			if m == nil {
				continue
			}
			name = m[1]
		}
		if name == "" {
			continue
		}
		ref, err := base.Parse(name)
		if err != nil {
			return files, err
		}
		n, err := follow(ctx, into, ref.String())
		files += n
		if err != nil {
			return files, err
		}
	}
	return files, nil
}
