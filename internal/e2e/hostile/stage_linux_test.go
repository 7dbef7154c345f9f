package hostile

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	files "filmcan/internal/filmtest/hostile"
)

// What a file may take.
const (
	maxTime   = 30 * time.Second
	maxMemory = 512 << 20
	maxAnswer = time.Second
)

// stage is a server, what stands around it, and what was found.
type stage struct {
	t      *testing.T
	bait   *bait
	p      *rig.Process
	c      *rig.Client
	meter  *meter
	prober *prober
	folder string
	web    *httptest.Server

	mu     sync.Mutex
	served map[string]files.File
	rows   []row
	faults []string
}

// row is how one file ended.
type row struct {
	File    files.File
	Upload  bool
	Status  string
	Message string
	Took    time.Duration
	Memory  window
}

// newStage starts a server as customers have it, with loopback allowed, since that is where everything is.
func newStage(t *testing.T, b *bait, args ...string) *stage {
	t.Helper()
	s := &stage{t: t, bait: b, folder: t.TempDir(), served: map[string]files.File{}}
	data := t.TempDir()
	out, stderr, code := rig.Run(t, rig.Binary(t), nil, "token", "create", "--data", data)
	if code != 0 {
		t.Fatalf("token create: %s", stderr)
	}
	s.p = rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: data, Serve: true, Args: append([]string{"--allow-network", "127.0.0.0/8"}, args...)})
	s.c = &rig.Client{Base: s.p.Base(), HTTP: &http.Client{Timeout: time.Minute}}
	for line := range strings.Lines(out) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "MUX_TOKEN_ID":
			s.c.ID = value
		case "MUX_TOKEN_SECRET":
			s.c.Secret = value
		}
	}
	s.web = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.web.Close)
	s.meter, s.prober = newMeter(t, s.p.PID()), newProber(t, s.c)
	return s
}

// serve answers for the file whose name on this server the path is, with the type that it claims.
func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	s.mu.Lock()
	f, ok := s.served[strings.TrimPrefix(path, "/")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	body, err := os.Open(s.path(f, false))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer body.Close()
	w.Header().Set("Content-Type", f.Type)
	w.Header().Set("Content-Disposition", `attachment; filename="`+url.PathEscape(f.Name)+`"`)
	http.ServeContent(w, r, "", time.Time{}, body)
}

// path is where a file lies while it is used. Its name says nothing: no file is opened by a name that a stranger chose.
func (s *stage) path(f files.File, upload bool) string {
	return filepath.Join(s.folder, fmt.Sprintf("%t-%s", upload, url.PathEscape(f.Name)))
}

// fault notes something that must not be.
func (s *stage) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// play gives the server one file and waits for its end.
func (s *stage) play(f files.File, upload bool) row {
	s.t.Helper()
	r := row{File: f, Upload: upload}
	if err := f.Write(s.path(f, upload)); err != nil {
		s.t.Errorf("%s: %v", f.Name, err)
		return r
	}
	defer os.Remove(s.path(f, upload))
	opened, called := s.bait.opened.Load(), s.bait.called.Load()
	began, w := time.Now(), s.meter.open()
	a := s.end(f, upload, began)
	r.Took, r.Status = time.Since(began), a.Status
	s.meter.close(w)
	r.Memory = *w
	if a.Errors != nil {
		r.Message = strings.Join(a.Errors.Messages, " ")
	}
	if a.Status == "ready" {
		s.watch(f, a)
	}
	if n := s.bait.opened.Load() - opened; n > 0 {
		s.fault("%s: the canary was opened (%d events)", f.Name, n)
	}
	if n := s.bait.called.Load() - called; n > 0 {
		s.fault("%s: the listener was called %d times", f.Name, n)
	}
	return r
}

// end creates the asset and returns it as it is in the end, or when it has taken too long.
func (s *stage) end(f files.File, upload bool, began time.Time) rig.Asset {
	more := map[string]any{"passthrough": f.Title}
	if f.Title != "" {
		more["meta"] = map[string]any{"title": f.Title}
	}
	var id string
	if upload {
		u := s.c.CreateUpload(s.t, nil)
		body, err := os.Open(s.path(f, true))
		if err != nil {
			s.t.Error(err)
			return rig.Asset{}
		}
		defer body.Close()
		info, err := body.Stat()
		if err != nil {
			s.t.Error(err)
			return rig.Asset{}
		}
		sent, err := rig.Put(s.t.Context(), u.URL, "", io.Reader(body), info.Size())
		if err != nil {
			s.fault("%s: upload: %v", f.Name, err)
		}
		u = s.c.GetUpload(s.t, u.ID)
		if u.AssetID == "" {
			// Refused before all of it came: that is the end.
			a := rig.Asset{Status: u.Status}
			if u.Error != nil {
				a.Errors = &struct {
					Type     string   `json:"type"`
					Messages []string `json:"messages"`
				}{u.Error.Type, []string{u.Error.Message}}
			} else {
				s.fault("%s: the upload is %s after the answer %d %q", f.Name, u.Status, sent.Status, sent.Text)
			}
			return a
		}
		id = u.AssetID
	} else {
		s.mu.Lock()
		s.served[f.As] = f
		s.mu.Unlock()
		id = s.c.Create(s.t, s.web.URL+"/"+f.As, more).ID
	}
	s.prober.about(id)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		a := s.c.Get(s.t, id)
		if a.Status != "preparing" {
			return a
		}
		if time.Since(began) > maxTime+5*time.Second {
			// It is deleted, so that it takes nothing from the next one.
			s.c.Must(s.t, http.StatusNoContent, http.MethodDelete, "/video/v1/assets/"+id, nil, nil)
			return a
		}
		<-tick.C
	}
}

// watch plays what became ready: everything that its playlists name answers, and says nothing of the canary.
func (s *stage) watch(f files.File, a rig.Asset) {
	if len(a.PlaybackIDs) == 0 {
		s.fault("%s: ready without a playback id", f.Name)
		return
	}
	seen := map[string]bool{}
	var follow func(link string, depth int)
	follow = func(link string, depth int) {
		if seen[link] || depth > 3 {
			return
		}
		seen[link] = true
		res, err := s.c.HTTP.Get(link)
		if err != nil {
			s.fault("%s: %s: %v", f.Name, link, err)
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
		if err != nil || res.StatusCode != http.StatusOK {
			s.fault("%s: %s: %d %v %.100q", f.Name, link, res.StatusCode, err, body)
			return
		}
		if bytes.Contains(body, []byte(secret)) {
			s.fault("%s: %s has the canary's words", f.Name, link)
		}
		if !bytes.HasPrefix(body, []byte("#EXTM3U")) {
			return
		}
		base, _ := url.Parse(link)
		files := 0
		for line := range strings.Lines(string(body)) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if files++; files > 2 {
				break
			}
			next, err := base.Parse(line)
			if err != nil || next.Host != base.Host {
				s.fault("%s: %s names %q", f.Name, link, line)
				continue
			}
			follow(next.String(), depth+1)
		}
	}
	follow(s.c.Base+"/"+a.PlaybackIDs[0].ID+".m3u8", 0)
}

// judge compares the end of one file with what was expected.
func (s *stage) judge(r row) {
	f := r.File
	way := map[bool]string{false: "by URL", true: "by upload"}[r.Upload]
	switch {
	case r.Status != string(f.Want):
		s.fault("%s %s: %s, want %s (%s): %s", f.Name, way, r.Status, f.Want, f.Why, r.Message)
	case f.Want == files.Errored:
		if why := unreadable(r.Message); why != "" {
			s.fault("%s %s: its reason %s: %q", f.Name, way, why, r.Message)
		}
	}
	if r.Took > maxTime {
		s.fault("%s %s: took %s", f.Name, way, r.Took.Round(time.Millisecond))
	}
	if r.Memory.Sum > maxMemory {
		s.fault("%s %s: %d MB of memory, %d of them the server's", f.Name, way, r.Memory.Sum>>20, r.Memory.Server>>20)
	}
}

// unreadable says what is wrong with a reason that a customer is to read.
func unreadable(message string) string {
	switch lower := strings.ToLower(message); {
	case len(message) < 20:
		return "says nothing"
	case strings.Contains(message, "our side"):
		return "takes the blame"
	case strings.Contains(lower, "ffmpeg") && !strings.Contains(lower, "concat script"), strings.Contains(lower, "ffprobe"), strings.Contains(lower, "exit status"), strings.Contains(lower, "panic"), strings.Contains(message, "/"), strings.Contains(message, " 0x"):
		return "speaks of the inside"
	case len(message) > 400:
		return "is a novel"
	}
	return ""
}

// quiet waits until the server is alone: processes that were begun for viewers of other films wait for more of them for one
// and a half minutes.
func (s *stage) quiet() {
	s.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); len(children(s.p.PID())) > 0; <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatal("processes are left")
		}
	}
}

// settle waits until the server has nothing left to do and looks at what it left behind.
func (s *stage) settle() {
	s.t.Helper()
	var left string
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for ; time.Now().Before(deadline); <-tick.C {
		left = ""
		_, text, err := s.c.Call(s.t.Context(), http.MethodGet, "/metrics", nil, nil)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "filmcan_jobs{") && !strings.Contains(line, `"expire_master"`) && !strings.Contains(line, `"scrub_films"`) &&
				!strings.Contains(line, `"prune_events"`) && !strings.Contains(line, `"expire_upload"`) {
				left += line
			}
		}
		// One that waits for pictures of another film (a pool of them is kept for viewers) has none of these open.
		for _, pid := range children(s.p.PID()) {
			if command := command(pid); strings.Contains(command, "\x00file:") {
				left += fmt.Sprintf("process %d: %q", pid, command)
			}
		}
		if left == "" && err == nil {
			break
		}
	}
	if left != "" {
		s.fault("not done: %s", left)
	}
	root := filepath.Join(s.p.Data(), "work")
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".lock") && d.Name() != "lock" {
			s.fault("left behind: %s", strings.TrimPrefix(path, root))
		}
		return nil
	})
	if len(s.faults) > 0 {
		for line := range strings.Lines(s.p.Log()) {
			if !strings.Contains(line, "level=INFO") || strings.Contains(line, "refused") && strings.Contains(line, "gave_up") {
				s.t.Logf("%.600s", line)
			}
		}
	}
	s.grep()
	if out, stderr, code := rig.Run(s.t, rig.Binary(s.t), nil, "check", "--data", s.p.Data()); code != 0 {
		s.fault("rows and bytes disagree: %s%s", out, stderr)
	}
	if n := s.bait.opened.Load(); n > 0 {
		s.fault("the canary was opened (%d events)", n)
	}
	if n := s.bait.called.Load(); n > 0 {
		s.fault("the listener was called %d times", n)
	}
	p99, asked, bad := s.prober.slow()
	s.t.Logf("%d questions beside, p99 %s", asked, p99.Round(time.Microsecond))
	if p99 > maxAnswer || bad > 0 || asked == 0 {
		s.fault("the API: p99 %s, %d of %d without an answer", p99, bad, asked)
	}
	select {
	case <-s.p.Ended():
		s.fault("the server ended")
	default:
	}
	below := children(s.p.PID())
	if err := s.p.Stop(); err != nil {
		s.fault("the server did not stop: %v", err)
	}
	for _, pid := range below {
		if command := command(pid); strings.Contains(command, "\x00file:") {
			s.fault("process %d outlives the server: %q", pid, command)
		}
	}
}

// grep looks for the canary's words in all that the server keeps and says.
func (s *stage) grep() {
	look := func(name string, r io.Reader) {
		// A window over the file, so that holes of terabytes would be noticed and files of megabytes are no matter.
		keep := make([]byte, 0, 1<<20+len(secret))
		buf := make([]byte, 1<<20)
		for {
			n, err := r.Read(buf)
			keep = append(keep[max(0, len(keep)-len(secret)):], buf[:n]...)
			if bytes.Contains(keep, []byte(secret)) {
				s.fault("%s has the canary's words", name)
				return
			}
			if err != nil {
				return
			}
		}
	}
	look("the log", strings.NewReader(s.p.Log()))
	_ = filepath.WalkDir(s.p.Data(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		look(strings.TrimPrefix(path, s.p.Data()), f)
		return nil
	})
}

func (r row) String() string {
	how := ""
	if r.Upload {
		how = " (upload)"
	}
	return fmt.Sprintf("%-10s %-34s %-8s %6s ms %4d MB, child %4d  %s", r.File.Class, r.File.Name+how, r.Status,
		strconv.FormatInt(r.Took.Milliseconds(), 10), r.Memory.Sum>>20, r.Memory.Child>>20, r.Message)
}
