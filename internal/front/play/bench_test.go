package play_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
)

// BenchmarkSegments serves random segments of a film to four viewers at once, and the same bytes cut into files by a
// plain http.FileServer, in turn: those of the pictures, those of the sound, and both as a viewer gets them. The metric is the median ratio of the two rates; 1 is as fast as the file server.
func BenchmarkSegments(b *testing.B) {
	for name, renditions := range map[string][]string{"video": {"video"}, "audio": {"audio"}, "film": {"video", "audio"}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, options{})
			_, pb := w.add(b, films.Get(b, films.Spec{Duration: time.Minute, Width: 1920, Height: 1080, BFrames: 2, GOP: 2 * time.Second}), film.AssetSettings{})
			dir := b.TempDir()
			var ours, plain []string
			files := httptest.NewServer(http.FileServer(http.Dir(dir)))
			b.Cleanup(files.Close)
			size := 0
			for _, one := range renditions {
				for i := range strings.Count(string(w.ok(b, rendition(pb, one, "rendition.m3u8"))), ".m4s") {
					path, file := rendition(pb, one, fmt.Sprintf("%d.m4s", i)), fmt.Sprintf("%s-%d.m4s", one, i)
					body := w.ok(b, path)
					must(b, os.WriteFile(filepath.Join(dir, file), body, 0o600))
					ours, plain = append(ours, w.url+path), append(plain, files.URL+"/"+file)
					size += len(body)
				}
			}
			rounds := 1 + 64<<20/size
			b.SetBytes(int64(rounds * size))
			var ratios []float64
			for b.Loop() {
				us := fetch(b, ours, rounds)
				b.StopTimer()
				ratios = append(ratios, fetch(b, plain, rounds).Seconds()/us.Seconds())
				b.StartTimer()
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x-fileserver")
			b.ReportMetric(float64(size/len(ours)), "bytes/segment")
		})
	}
}

// fetch gets all URLs so many times, four at a time, and tells how long it took.
func fetch(b *testing.B, urls []string, rounds int) time.Duration {
	b.Helper()
	const viewers = 4
	begin := time.Now()
	var wait sync.WaitGroup
	for v := range viewers {
		wait.Go(func() {
			client := &http.Client{Transport: &http.Transport{ReadBufferSize: 128 << 10}}
			defer client.CloseIdleConnections()
			buf := make([]byte, 256<<10)
			for i := v; i < rounds*len(urls); i += viewers {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, urls[(i*7)%len(urls)], nil)
				if err != nil {
					b.Error(err)
					return
				}
				resp, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buf)
				resp.Body.Close()
				if err != nil || n != resp.ContentLength || resp.StatusCode != http.StatusOK {
					b.Errorf("%s: %d, %d bytes of %d, %v", urls[i%len(urls)], resp.StatusCode, n, resp.ContentLength, err)
					return
				}
			}
		})
	}
	wait.Wait()
	return time.Since(begin)
}

// BenchmarkPlaylist is the whole way of a playlist: look-up of the playback id, index from memory, text.
func BenchmarkPlaylist(b *testing.B) {
	for name, path := range map[string]string{"multivariant": ".m3u8", "media": "/p2/video/rendition.m3u8"} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, options{})
			_, pb := w.add(b, films.Get(b, films.Minutes(60)), film.AssetSettings{})
			w.ok(b, "/"+string(pb)+path)
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/"+string(pb)+path, nil)
				answer := httptest.NewRecorder()
				w.handler.ServeHTTP(answer, r)
				if answer.Code != http.StatusOK {
					b.Fatal(answer.Code)
				}
			}
		})
	}
}

// BenchmarkFirstPlaylist is the same for a film of an hour of which nothing is derived yet.
func BenchmarkFirstPlaylist(b *testing.B) {
	w := newWorld(b, options{memory: 1})
	_, pb := w.add(b, films.Get(b, films.Minutes(60)), film.AssetSettings{})
	_, other := w.add(b, short(b), film.AssetSettings{})
	for b.Loop() {
		b.StopTimer()
		w.ok(b, "/"+string(other))
		w.empty(b)
		b.StartTimer()
		w.ok(b, "/"+string(pb)+".m3u8")
	}
}
