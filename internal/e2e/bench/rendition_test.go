//go:build bench

package bench

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/media/ladder"
)

// hour is a film of sixty minutes in 1080p with a camera's grain, a key frame each two seconds: cut every four. Its rate
// is just below what needs a base.
func hour() films.Spec {
	return films.Spec{
		Duration: time.Minute, Width: 1920, Height: 1080, BFrames: 3, GOP: 2 * time.Second, Grain: true, MaxRate: 7_000_000, Loop: 60,
	}
}

// plainSettings are those of ffmpeg beside us: the same size, preset and rate.
func plainSettings(e ladder.Encode) []string {
	return []string{
		"-vf", fmt.Sprintf("scale=%d:%d", e.Width, e.Height), "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p",
		"-crf", strconv.Itoa(e.CRF), "-maxrate", strconv.FormatInt(e.MaxRate, 10), "-bufsize", strconv.FormatInt(e.Buffer, 10),
	}
}

// bare runs ffmpeg and returns how long it took.
func bare(t *testing.T, args ...string) time.Duration {
	t.Helper()
	began := time.Now()
	args = append([]string{"-nostdin", "-v", "error", "-y"}, args...)
	if text, err := exec.CommandContext(t.Context(), "ffmpeg", append(args, filepath.Join(t.TempDir(), "out.mp4"))...).CombinedOutput(); err != nil { // #nosec G204
		t.Fatalf("ffmpeg %q: %v\n%s", args, err, text)
	}
	return time.Since(began)
}

func encodeOf(t *testing.T, lines int) ladder.Encode {
	t.Helper()
	rungs := ladder.Rungs(ladder.Film{Width: 1920, Height: 1080, Rate: ladder.Rate{Num: 30, Den: 1}}, ladder.Plus)
	i := slices.IndexFunc(rungs, func(r ladder.Rung) bool { return r.Lines == lines })
	return rungs[i].Encode
}

// rendition returns the folder of a rendition's segments.
func rendition(t *testing.T, p *rig.Process, a rig.Asset, height int) string {
	t.Helper()
	for _, line := range lines(t, p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8") {
		if strings.Contains(line, "/e2/"+strconv.Itoa(height)+"p_") {
			return line[:strings.LastIndex(line, "/")]
		}
	}
	t.Fatalf("no rendition of %d lines", height)
	return ""
}

// quiet waits until no rendition is being encoded.
func quiet(t *testing.T, c *rig.Client) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); c.Metric(t, "filmcan_renditions_active") > 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("renditions are encoded for a minute without a viewer")
		}
	}
}

// empty drops what was encoded for viewers.
func empty(t *testing.T, p *rig.Process) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.Data(), "derived", "*", "*", "*", "segment*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFirstSegment: the first complete 480p segment at three places of a film of an hour, against a bare ffmpeg that
// encodes the same seconds.
func TestFirstSegment(t *testing.T) {
	out.head("First complete 480p segment of a 60 min film in 1080p, against ffmpeg -ss -t of the same 4 s (pictures, veryfast)")
	film := films.Get(t, hour())
	s := newSource(t)
	data := t.TempDir()
	start := func() (*rig.Process, *rig.Client) {
		p := rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: data, Quiet: true})
		return p, p.Client(t)
	}
	p, c := start()
	a := c.Ready(t, c.Create(t, s.url(film), nil).ID)
	const segment = 4
	encode := encodeOf(t, 480)
	other := func(n int) time.Duration {
		return bare(t, append([]string{"-ss", strconv.Itoa(n * segment), "-t", strconv.Itoa(segment), "-i", film, "-an"}, plainSettings(encode)...)...)
	}
	get(t, rendition(t, p, a, 480)+"/rendition.m3u8")
	for _, place := range []struct {
		name string
		n    int
	}{{"start", 0}, {"middle", 450}, {"end", 890}} {
		for _, kind := range []struct {
			name string
			goal float64
		}{{"cold", 1.3}, {"warm", 1.0}} {
			ratio, ours, theirs := pairs(5, func() time.Duration {
				quiet(t, c)
				if kind.name == "cold" {
					if err := p.Stop(); err != nil {
						t.Fatal(err)
					}
					p, c = start()
				} else {
					fetch(t, rendition(t, p, a, 480)+"/"+strconv.Itoa((place.n+200)%900)+".m4s")
					quiet(t, c)
				}
				empty(t, p)
				at := rendition(t, p, a, 480) // the playlist comes first, as for every viewer
				return fetch(t, at+"/"+strconv.Itoa(place.n)+".m4s")
			}, func() time.Duration {
				quiet(t, c)
				return other(place.n)
			})
			out.line(place.name+", "+kind.name, fmt.Sprintf("%.2f × (%s and %s)", ratio, ours.Round(time.Millisecond), theirs.Round(time.Millisecond)),
				fmt.Sprintf("≤ %.1f ×", kind.goal), ratio <= kind.goal)
		}
	}
}

// TestSustained: a 720p rendition watched as fast as it comes, against one encode of the same minute.
func TestSustained(t *testing.T) {
	out.head("A rendition watched from a film in 1080p")
	film := films.Get(t, hour())
	s := newSource(t)
	p, c := server(t)
	a := c.Ready(t, c.Create(t, s.url(film), nil).ID)
	at := rendition(t, p, a, 720)
	const watched = 15
	ratio, ours, theirs := pairs(3, func() time.Duration {
		quiet(t, c)
		empty(t, p)
		began := time.Now()
		for n := range watched {
			fetch(t, at+"/"+strconv.Itoa(n)+".m4s")
		}
		return time.Since(began)
	}, func() time.Duration {
		quiet(t, c)
		return bare(t, append([]string{"-t", "60", "-i", film, "-an"}, plainSettings(encodeOf(t, 720))...)...)
	})
	out.line("60 s of 720p, rate against one continuous encode", fmt.Sprintf("%.2f × (%s and %s)", 1/ratio, ours.Round(time.Millisecond), theirs.Round(time.Millisecond)),
		"≥ 0.9 ×", 1/ratio >= 0.9)

	restart := func() {
		if err := p.Stop(); err != nil { // processes count when they have ended
			t.Fatal(err)
		}
		p = rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: p.Data(), Quiet: true})
		c = p.Client(t)
	}
	for _, lines := range []int{720, 480, 270} {
		quiet(t, c)
		restart()
		empty(t, p)
		before := processorTime(t)
		at := rendition(t, p, a, lines)
		for n := range watched {
			fetch(t, at+"/"+strconv.Itoa(n)+".m4s")
		}
		restart()
		used := processorTime(t) - before
		out.line(fmt.Sprintf("processor time per minute watched, %dp", lines), used.Round(100*time.Millisecond).String(), "as it is", true)
	}
}

// TestCached: segments of a rendition that was encoded before.
func TestCached(t *testing.T) {
	out.head("Encoded segments that are kept, against http.FileServer, the same bytes, in turn")
	s := newSource(t)
	p, c := server(t)
	plain := plainServer(t)
	a := c.Ready(t, c.Create(t, s.url(films.Get(t, richFilm())), nil).ID)
	urls, files, size := segments(t, p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8", plain, "/e2/")
	quiet(t, c)
	ratio, ours, theirs := pairs(9,
		func() time.Duration { return fetchAll(t, urls) },
		func() time.Duration { return fetchAll(t, files) })
	out.line(fmt.Sprintf("%d cached segments, %.1f MB each, against http.FileServer", len(urls), float64(size)/float64(len(urls))/1e6),
		fmt.Sprintf("%.2f × (%.2f and %.2f GB/s)", 1/ratio, gbps(size, ours), gbps(size, theirs)), "≥ 0.9 ×", 1/ratio >= 0.9)
}

// processorTime is that of the processes that this one waited for, and of those they waited for.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err1 := strconv.ParseInt(fields[13], 10, 64) // cutime and cstime, in hundredths of a second
	system, err2 := strconv.ParseInt(fields[14], 10, 64)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestViewers: five viewers of five films on a machine that is too small for them.
func TestViewers(t *testing.T) {
	out.head("Five viewers of five films in 1080p, each as fast as 480p comes, for 40 s")
	s := newSource(t)
	p, c := server(t)
	spec := hour()
	spec.Loop = 5
	film := films.Get(t, spec)
	var places []string
	for range 5 {
		places = append(places, rendition(t, p, c.Ready(t, c.Create(t, s.url(film), nil).ID), 480))
	}
	var got [5]atomic.Int64
	var refused atomic.Int64
	var viewers sync.WaitGroup
	end := time.Now().Add(40 * time.Second)
	for i, at := range places {
		viewers.Go(func() {
			for n := 0; n < 75 && time.Now().Before(end); {
				res, err := http.Get(at + "/" + strconv.Itoa(n) + ".m4s")
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				switch res.StatusCode {
				case http.StatusOK:
					got[i].Add(1)
					n++
				case http.StatusServiceUnavailable:
					refused.Add(1)
					<-time.After(time.Second)
				default:
					t.Errorf("segment %d: %d", n, res.StatusCode)
					return
				}
			}
		})
	}
	viewers.Wait()
	var counts []int64
	for i := range got {
		counts = append(counts, got[i].Load())
	}
	even := float64(slices.Min(counts)) / float64(slices.Max(counts))
	out.line("segments each got, least ÷ most", fmt.Sprintf("%.2f (%v, %d refusals)", even, counts, refused.Load()), "evenly (≥ 0.7)", even >= 0.7)
}

// TestPlayable: from the order to a playable stream of films that must be encoded, against one encode by ffmpeg.
func TestPlayable(t *testing.T) {
	out.head("Time to playable of films that are not standard, against one plain ffmpeg encode with the same settings")
	s := newSource(t)
	p, c := server(t)
	for _, f := range []struct {
		name   string
		spec   films.Spec
		rounds int
	}{
		{"60 s of MPEG-4 in AVI, 1280x720", films.Spec{Duration: time.Minute, Container: films.AVI, Video: films.MPEG4, Audio: films.MP3, Width: 1280, Height: 720, Grain: true}, 3},
		{"10 min of MPEG-4 in AVI, 640x360", films.Spec{Duration: time.Minute, Container: films.AVI, Video: films.MPEG4, Audio: films.MP3, Width: 640, Height: 360, Grain: true, Loop: 10}, 1},
	} {
		film := films.Get(t, f.spec)
		e := ladder.Master(ladder.Film{Width: f.spec.Width, Height: f.spec.Height, Rate: ladder.Rate{Num: 30, Den: 1}}, ladder.Plus, 2048)
		ours := func() time.Duration {
			began := time.Now()
			a := c.Create(t, s.url(film), nil)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for a.Status == "preparing" || a.Status == "" {
				<-tick.C
				a = c.Get(t, a.ID)
			}
			if a.Status != "ready" {
				t.Fatalf("%+v", a)
			}
			at := lines(t, p.Base()+"/"+a.PlaybackIDs[0].ID+".m3u8")
			media := at[slices.IndexFunc(at, func(l string) bool { return strings.HasPrefix(l, "http") })]
			fetch(t, media[:strings.LastIndex(media, "/")]+"/0.m4s")
			d := time.Since(began)
			c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, nil)
			return d
		}
		args := append([]string{"-i", film}, plainSettings(e)...)
		args = append(args, "-g", "60", "-force_key_frames", "expr:gte(t,n_forced*2)", "-sc_threshold", "0", "-c:a", "aac", "-b:a", "160k", "-movflags", "+faststart")
		var ratios []float64
		var mine, other time.Duration
		for range f.rounds {
			mine, other = ours(), bare(t, args...)
			ratios = append(ratios, mine.Seconds()/other.Seconds())
		}
		ratio := median(ratios)
		out.line(f.name, fmt.Sprintf("%.2f × (%s and %s)", ratio, mine.Round(100*time.Millisecond), other.Round(100*time.Millisecond)), "≤ 1.15 ×", ratio <= 1.15)
	}
}
