//go:build bench

package bench

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
)

// chunkSize is that of the comparison; UpChunk's own is 30 MiB.
const chunkSize = 8_000_000

// TestUploads: a direct upload in chunks of 8 MB, each of which is on the disk when it is answered, against tusd's file
// store, which leaves that to the kernel, and against a plain copy with one fsync at its end.
func TestUploads(t *testing.T) {
	out.head("Uploads in chunks of 8 MB, the same film of 512 MiB, in turn")
	_, c := server(t)
	path := films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: 512 << 20})
	film, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	const size = 512 << 20
	dir := t.TempDir()
	send := func() time.Duration { return upload(t, c, film, size) }
	for _, reference := range []struct {
		what  string
		flags []string
	}{
		{"against tusd's file store, which does not sync", nil},
		{"against tusd's file store, synced after each chunk", []string{"-sync"}},
	} {
		files := tusd(t, reference.flags...)
		ratio, ours, theirs := pairs(5, send, func() time.Duration { return tusUpload(t, files, film, size) })
		out.line(reference.what, fmt.Sprintf("%.2f × (%.2f and %.2f GB/s)", 1/ratio, gbps(size, ours), gbps(size, theirs)), "≥ 0.9 ×", 1/ratio >= 0.9)
	}
	for _, reference := range []struct {
		what  string
		every int64
	}{
		{"against a copy with fsync", size},
		{"against a copy with fsync after each chunk", chunkSize},
	} {
		ratio, ours, theirs := pairs(5, send, func() time.Duration { return copyAndSync(t, film, filepath.Join(dir, "copy"), reference.every) })
		out.line(reference.what, fmt.Sprintf("%.2f × (%.2f and %.2f GB/s)", 1/ratio, gbps(size, ours), gbps(size, theirs)), "as it is", true)
	}
}

// upload sends a film and deletes what came of it; the time is from the first byte to the answer to the last.
func upload(t *testing.T, c *rig.Client, film io.ReaderAt, size int64) time.Duration {
	t.Helper()
	u := c.CreateUpload(t, nil)
	began := time.Now()
	for at := int64(0); at < size; at += chunkSize {
		got, err := rig.Chunk(t.Context(), u.URL, film, at, min(at+chunkSize, size), size)
		if err != nil || got.Status != http.StatusPermanentRedirect && got.Status != http.StatusOK {
			t.Errorf("chunk at %d: %+v %v", at, got, err)
			return 0
		}
	}
	took := time.Since(began)
	a := c.Ready(t, c.GetUpload(t, u.ID).AssetID)
	c.Must(t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+a.ID, nil, nil)
	return took
}

// tusd starts tusd's handler with its file store, a process of its own as filmcan is, and returns where it takes files.
func tusd(t *testing.T, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "uploadbench")
	build := exec.Command("go", "build", "-C", "../../../tools/uploadbench", "-o", program, ".")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the comparison: %v\n%s", err, text)
	}
	cmd := exec.CommandContext(t.Context(), program, append(flags, t.TempDir())...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// tusUpload sends a film by the tus protocol and deletes it; the time is from the first byte to the last answer.
func tusUpload(t *testing.T, files string, film io.ReaderAt, size int64) time.Duration {
	t.Helper()
	call := func(method, url string, header map[string]string, body io.Reader, n int64, want int) http.Header {
		req, err := http.NewRequestWithContext(t.Context(), method, url, body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = n
		req.Header.Set("Tus-Resumable", "1.0.0")
		for name, value := range header {
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != want {
			t.Fatalf("tus: %s answered %d %v", method, res.StatusCode, err)
		}
		return res.Header
	}
	link := call(http.MethodPost, files, map[string]string{"Upload-Length": strconv.FormatInt(size, 10)}, nil, 0, http.StatusCreated).Get("Location")
	began := time.Now()
	for at := int64(0); at < size; at += chunkSize {
		n := min(chunkSize, size-at)
		call(http.MethodPatch, link, map[string]string{
			"Upload-Offset": strconv.FormatInt(at, 10), "Content-Type": "application/offset+octet-stream",
		}, io.NewSectionReader(film, at, n), n, http.StatusNoContent)
	}
	took := time.Since(began)
	call(http.MethodDelete, link, nil, nil, 0, http.StatusNoContent)
	return took
}

// copyAndSync writes every byte, as `cp` without its tricks (holes, reflinks) does, and syncs behind each so many.
func copyAndSync(t *testing.T, film *os.File, to string, every int64) time.Duration {
	t.Helper()
	info, err := film.Stat()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(to)
	defer f.Close()
	buffer := make([]byte, 1<<20)
	for at := int64(0); at < info.Size(); at += every {
		chunk := io.NewSectionReader(film, at, min(every, info.Size()-at))
		if _, err := io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{chunk}, buffer); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}

// TestUploadMemory: what uploads cost in memory, one of 10 GB, and 200 at once.
func TestUploadMemory(t *testing.T) {
	out.head("Resident memory of uploads")
	t.Run("10 GB", func(t *testing.T) {
		const size = 10_000_000_000
		p, c := server(t)
		film, err := os.Open(films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: size}))
		if err != nil {
			t.Fatal(err)
		}
		defer film.Close()
		took := upload(t, c, film, size)
		peak := peakMemory(t, p.PID())
		out.line("peak of the process, one upload of 10 GB", fmt.Sprintf("%d MB (in %s)", peak>>20, took.Round(time.Second)), "< 200 MB", peak < 200<<20)
	})
	t.Run("200 at once", func(t *testing.T) {
		const many, size = 200, 20 << 20
		p, c := server(t)
		film, err := os.Open(films.Get(t, films.Spec{Duration: 10 * time.Second, PadTo: size}))
		if err != nil {
			t.Fatal(err)
		}
		defer film.Close()
		began := time.Now()
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() { upload(t, c, film, size) })
		}
		wg.Wait()
		peak := peakMemory(t, p.PID())
		out.line(fmt.Sprintf("peak of the process, %d uploads of 20 MiB at once", many), fmt.Sprintf("%d MB (in %s)", peak>>20, time.Since(began).Round(time.Second)), "< 200 MB", peak < 200<<20)
	})
}
