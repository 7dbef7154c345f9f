package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filmcan/internal/e2e/rig"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/filmtest/oracle"
)

// asset is what the API says of a film here.
type asset struct {
	rig.Asset
	AspectRatio    string `json:"aspect_ratio"`
	ResolutionTier string `json:"resolution_tier"`
	Progress       struct {
		State    string  `json:"state"`
		Progress float64 `json:"progress"`
	} `json:"progress"`
}

// house is one server for many films.
type house struct {
	*rig.Process

	client *rig.Client
	world  *rig.World
}

func newHouse(t *testing.T) *house {
	t.Helper()
	w := rig.NewWorld(t)
	var p *rig.Process
	t.Cleanup(func() {
		for line := range strings.Lines(p.Log()) {
			if t.Failed() && (strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN")) {
				t.Log(strings.TrimSpace(line))
			}
		}
	})
	p = rig.Start(t, rig.Options{Binary: rig.Binary(t), Data: t.TempDir(), Args: []string{"--webhook", w.WebhookURL()}})
	return &house{p, p.Client(t), w}
}

// step is called after every step: it empties derived/ in a scorched run.
func (h *house) step() {
	if *scorched {
		h.scorch()
	}
}

func (h *house) scorch() {
	derived := filepath.Join(h.Data(), "derived")
	entries, _ := os.ReadDir(derived)
	for _, e := range entries {
		_ = os.RemoveAll(filepath.Join(derived, e.Name()))
	}
}

// ingest takes a film in and waits until it is ready. Settings are pairs of a parameter and its value; empty ones are left out.
func (h *house) ingest(t *testing.T, path string, settings ...string) asset {
	t.Helper()
	body := map[string]any{"master_access": "temporary"}
	for i := 0; i+1 < len(settings); i += 2 {
		if settings[i+1] != "" {
			body[settings[i]] = settings[i+1]
		}
	}
	created := h.client.Create(t, h.world.FilmURL(path), body)
	h.step()
	h.progress(t, created.ID)
	a := h.client.Settled(t, created.ID)
	h.step()
	if a.Status != "ready" {
		t.Fatalf("the film is %s: %+v, reasons %v", a.Status, a.Errors, a.NonStandard)
	}
	return h.asset(t, a.ID)
}

// progress watches the film until it is settled: its states come in their order, and what is done does not grow less.
func (h *house) progress(t *testing.T, id string) {
	t.Helper()
	order := []string{"ingesting", "transcoding", "completed"}
	at, percent := 0, 0.0
	waitFor(t, "end of the preparation", func() bool {
		a := h.asset(t, id)
		if a.Status == "errored" {
			return true
		}
		now := slices.Index(order, a.Progress.State)
		if now < at || now == at && a.Progress.Progress < percent || a.Progress.Progress > 100 {
			t.Errorf("progress %+v after %s %.1f", a.Progress, order[at], percent)
		}
		at, percent = now, a.Progress.Progress
		return a.Status == "ready"
	})
}

func (h *house) asset(t *testing.T, id string) asset {
	t.Helper()
	var a asset
	h.client.Must(t, http.StatusOK, http.MethodGet, "/video/v1/assets/"+id, nil, &a)
	return a
}

func (h *house) stream(a asset) string { return h.Base() + "/" + a.PlaybackIDs[0].ID + ".m3u8" }

func (h *house) fetch(t *testing.T, a asset) *oracle.Stream {
	t.Helper()
	s, err := oracle.Getter{Client: http.DefaultClient, After: h.step}.Fetch(t.Context(), h.stream(a))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFilms sends every film through the program.
func TestFilms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, f := range films.Every() {
		r, ok := rows[f.Name]
		if !ok || !*every && !r.quick {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			v := &visit{T: t, house: h, film: f.Spec, row: r, path: films.Get(t, f.Spec)}
			v.asset = h.ingest(t, v.path, "max_resolution_tier", r.most)
			v.told()
			v.played(h.fetch(t, v.asset))
			v.downloaded()
		})
	}
}

// TestTable: every film has its row.
func TestTable(t *testing.T) {
	t.Parallel()
	names := map[string]bool{"cut mp4": true} // see TestCutOff
	for _, f := range films.Every() {
		if _, ok := rows[f.Name]; !ok && !names[f.Name] {
			t.Errorf("%s has no row", f.Name)
		}
		names[f.Name] = true
	}
	for name := range rows {
		if !names[name] {
			t.Errorf("there is no film %s", name)
		}
	}
}

// visit is one film on its way.
type visit struct {
	*testing.T
	house *house

	film  films.Spec
	row   row
	path  string
	asset asset
}

func (v *visit) check(what string, err error) {
	v.Helper()
	if err != nil {
		v.Errorf("%s: %v", what, err)
	}
}

func (v *visit) pictures() bool { return v.film.Video != films.None }
func (v *visit) sound() bool    { return v.film.Audio != films.None }

func (v *visit) channels() int {
	if v.film.Channels == 0 {
		return 2
	}
	return v.film.Channels
}

// frames are the film's frames; those of a film that was cut off are as many as came through.
func (v *visit) frames(looks []oracle.Look) []films.Frame {
	all := v.film.Frames()
	if v.film.Keep == 0 {
		return all
	}
	least := len(all) * (v.film.Keep - 25) / 100
	if len(looks) < least {
		v.Errorf("%d of %d frames are left of %d percent of the file", len(looks), len(all), v.film.Keep)
	}
	// Of the last frames some are not there that are shown before others: those came later in the file.
	shown := map[int]bool{}
	for i, l := range looks {
		shown[l.Number] = true
		if i < len(looks)-4 && l.Number != i {
			v.Errorf("picture %d shows frame %d", i, l.Number)
		}
	}
	return slices.DeleteFunc(all, func(f films.Frame) bool { return !shown[f.Number] })
}

// told judges what the API and the events say.
func (v *visit) told() {
	v.Helper()
	a, r := v.asset, v.row
	if got := strings.Join(slices.Sorted(maps.Keys(a.NonStandard)), " "); got != r.reasons {
		v.Errorf("non-standard for %q %v, want %q", got, a.NonStandard, r.reasons)
	}
	want := []string{"video.asset.created"}
	if r.reasons != "" {
		want = append(want, "video.asset.non_standard_input_detected")
	}
	want = append(want, "video.asset.ready", "video.asset.master.preparing", "video.asset.master.ready")
	v.house.world.Wait(v.T, a.ID, "video.asset.master.ready")
	if got := v.house.world.Types(a.ID); !slices.Equal(got, want) {
		v.Errorf("events %v\nwant   %v", got, want)
	}
	if a.Progress.State != "completed" || a.Progress.Progress != 100 {
		v.Errorf("progress %+v", a.Progress)
	}
	shape, tier := r.shape, r.tier
	if shape == "" && v.pictures() {
		shape = "16:9"
	}
	if tier == "" {
		tier = "720p"
	}
	if a.AspectRatio != shape || a.ResolutionTier != tier {
		v.Errorf("aspect ratio %q, tier %q, want %q, %q", a.AspectRatio, a.ResolutionTier, shape, tier)
	}
	if v.film.Keep == 0 {
		const tolerance = 0.075 // a packet of sound, a frame of GIF
		if length := v.length(); math.Abs(a.Duration-length) > tolerance {
			v.Errorf("duration %.3f, want %.3f", a.Duration, length)
		}
	}
	kinds := map[string]int{}
	for _, t := range a.Tracks {
		kinds[fmt.Sprint(t["type"])]++
		if c, ok := t["max_channels"].(float64); ok && t["primary"] == true && int(c) != v.channels() {
			v.Errorf("%v channels, want %d", c, v.channels())
		}
	}
	sounds := 0
	if v.sound() {
		sounds++
	}
	if v.film.SecondSound {
		sounds++
	}
	if (kinds["video"] == 1) != v.pictures() || kinds["video"] > 1 || kinds["audio"] != sounds {
		v.Errorf("tracks %v", a.Tracks)
	}
}

// length is how long the film is: to the end of its longest track.
func (v *visit) length() float64 {
	d := v.film.Duration
	if len(v.film.Edits) > 0 {
		d = 0
		for _, e := range v.film.Edits {
			d += e.To - e.From
		}
	}
	d -= v.film.Hide
	return (d + max(v.film.AudioOffset, v.film.PictureOffset)).Seconds()
}

// beeps are the film's beeps, if its sound begins at that time.
func (v *visit) beeps(begin float64) []float64 {
	var list []float64
	parts := v.film.Edits
	if v.film.Hide > 0 {
		parts = []films.Edit{{From: v.film.Hide, To: v.film.Duration}}
	}
	if len(parts) == 0 {
		parts = []films.Edit{{From: 0, To: v.film.Duration}}
	}
	var done time.Duration
	for _, p := range parts {
		for at := p.From.Truncate(time.Second); at < p.To; at += time.Second {
			if at >= p.From {
				list = append(list, begin+(done+at-p.From+v.film.AudioOffset).Seconds())
			}
		}
		done += p.To - p.From
	}
	return list
}

// played judges what a viewer gets.
func (v *visit) played(s *oracle.Stream) {
	v.Helper()
	v.check("playlists", s.Rules())
	if !*scorched {
		v.check("ffmpeg", oracle.Silent(v.Context(), s.URL))
	}
	var first *oracle.Track
	begin := float64(oracle.Base)
	seen := 0
	for i, r := range s.Renditions {
		name := fmt.Sprintf("rendition %d (%s %dx%d %s)", i, filepath.Dir(r.URI), r.Width, r.Height, r.Codecs)
		track, err := oracle.ReadTrack(r.Init, r.Segments)
		if err != nil {
			v.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Segments) != len(s.Renditions[0].Segments) && len(v.film.Shown) == 0 { // sound goes on after the last slide
			v.Errorf("%s: %d segments, the first rendition has %d", name, len(r.Segments), len(s.Renditions[0].Segments))
		}
		file, err := r.Write(v.TempDir())
		if err != nil {
			v.Fatal(err)
		}
		if !track.Pictures {
			v.heard(name, file, begin, 2)
			continue
		}
		seen++
		v.check(name, oracle.Extents(r.Playlist.Durations(), track))
		begin = v.seen(name, file, r, track)
		if first == nil {
			first = track
		}
		v.check(name+" beside the first", oracle.Alike(first, track))
	}
	v.offered(s)
	if (seen > 0) != v.pictures() {
		v.Errorf("%d renditions with pictures", seen)
	}
	v.Logf("%s: %d renditions, %d with pictures, slowest segment %v", v.row.master, len(s.Renditions), seen, slowest(s))
}

// sizes are what the renditions should measure, in their order.
func (v *visit) sizes() string {
	if v.row.sizes != "" || !v.pictures() {
		return v.row.sizes
	}
	return fmt.Sprintf("%dx%d", cmp.Or(v.film.Width, 320), cmp.Or(v.film.Height, 180))
}

// offered judges which renditions there are.
func (v *visit) offered(s *oracle.Stream) {
	v.Helper()
	passed, codecs := false, ""
	var sizes []string
	for _, r := range s.Renditions {
		if r.Width > 0 {
			sizes = append(sizes, fmt.Sprintf("%dx%d", r.Width, r.Height))
		}
		passed = passed || strings.HasSuffix(filepath.Dir(r.URI), "/video")
		codecs += r.Codecs + " "
	}
	if got := strings.Join(sizes, " "); got != v.sizes() && (v.row.sizes != "" || !strings.HasPrefix(got, v.sizes())) {
		v.Errorf("renditions of %s, want %s", got, v.sizes())
	}
	if passed != (v.pictures() && !v.row.encoded) {
		v.Errorf("a rendition that is passed through: %t", passed)
	}
	if v.film.Video == films.HEVC && v.row.master != made && (!strings.Contains(codecs, "hvc1") || !strings.Contains(codecs, "avc1")) {
		v.Errorf("pictures for players with HEVC and without: %s", codecs)
	}
}

func slowest(s *oracle.Stream) time.Duration {
	most := time.Duration(0)
	for _, r := range s.Renditions {
		most = max(most, r.Slowest)
	}
	return most.Round(time.Millisecond)
}

// seen judges a rendition of pictures, and returns when the film's time 0 is in it.
func (v *visit) seen(name, file string, r *oracle.Rendition, track *oracle.Track) (begin float64) {
	v.Helper()
	looks, err := oracle.Watch(v.Context(), file)
	v.check(name, err)
	frames := v.frames(looks)
	v.check(name, oracle.Frames(frames, looks))
	v.colors(name, looks, strings.HasPrefix(r.Codecs, "hvc1"))
	if len(looks) > 0 && v.film.PixelAspect == "" {
		v.check(name, oracle.Size(r.Width, r.Height, looks))
	}
	begin = oracle.Base
	if shown := track.Shown(); len(shown) > 0 && len(frames) > 0 {
		lead := float64(shown[0])/float64(track.Timescale) - oracle.Base - frames[0].Seconds()
		if math.Abs(lead) > v.row.lead+v.row.clock {
			v.Errorf("%s: the first frame is %.6f s late", name, lead)
		}
		if v.row.lead > 0 {
			begin += lead
		}
	}
	v.check(name, oracle.Times(frames, track, begin, v.row.clock))
	return begin
}

func (v *visit) colors(name string, looks []oracle.Look, asItWas bool) {
	v.Helper()
	switch {
	case v.row.hues && asItWas: // what a screen for it makes of it is not ours
	case v.row.hues:
		v.check(name, oracle.Hues(looks))
	default:
		tolerance := v.row.color
		if tolerance == 0 {
			tolerance = oracle.FaithfulColor
		}
		v.check(name, oracle.Colors(tolerance, looks))
	}
}

// heard judges sound: beeps where the frames of their times are, voices as they were. Most is how many channels it may have.
func (v *visit) heard(name, file string, begin float64, most int) {
	v.Helper()
	s, err := oracle.Listen(v.Context(), file)
	if err != nil {
		v.Errorf("%s: %v", name, err)
		return
	}
	if len(s.Channels) > most {
		v.Errorf("%s: %d channels", name, len(s.Channels))
	}
	if v.row.delay > 0 {
		begin = math.Floor(begin) + v.row.delay
	}
	beeps := v.beeps(begin)
	if v.film.Keep > 0 {
		beeps = slices.DeleteFunc(beeps, func(at float64) bool { return at > s.Seconds()-0.1 })
	}
	if v.row.lost {
		beeps = beeps[1:]
	}
	tolerance := oracle.BeepTolerance
	if v.row.lead > 0 || v.channels() > 2 {
		tolerance = oracle.PacketTolerance
	}
	v.check(name, oracle.Beeping(beeps, s, tolerance))
	from := begin + v.film.AudioOffset.Seconds() + 0.2
	v.check(name, oracle.Voices(v.channels(), s, from, from+1.2))
}

// downloaded judges the master.
func (v *visit) downloaded() {
	v.Helper()
	a := v.asset
	if a.Master == nil || a.Master.URL == "" {
		v.Fatalf("master %+v", a.Master)
	}
	file := filepath.Join(v.TempDir(), "master.mp4")
	if err := save(v.Context(), a.Master.URL, file); err != nil {
		v.Fatal(err)
	}
	v.house.step()
	sum, _ := rig.Sum(v.T, file)
	came, _ := rig.Sum(v.T, v.path)
	if (sum == came) != (v.row.master == source) {
		v.Errorf("the master's bytes are those that came: %t; want %s", sum == came, v.row.master)
	}
	if a.Master.SHA256 != "" && a.Master.SHA256 != sum {
		v.Errorf("the master's sha256 is %s, the API says %s", sum, a.Master.SHA256)
	}
	if sum == came {
		return
	}
	info, err := oracle.Inspect(v.Context(), file)
	if err != nil {
		v.Fatal(err)
	}
	if v.row.master == made && v.pictures() {
		v.check("master", oracle.Groups(info, 2, v.copiesPictures()))
	}
	begin := 0.0
	for _, s := range info {
		switch s.Kind {
		case "video":
			if s.Codec != "h264" && s.Codec != "hevc" {
				v.Errorf("the master's pictures are %s", s.Codec)
			}
			looks, err := oracle.Watch(v.Context(), file)
			v.check("master", err)
			frames := v.frames(looks)
			v.check("master", oracle.Frames(frames, looks))
			v.colors("master", looks, s.Codec == "hevc")
			if size := fmt.Sprintf("%dx%d", looks[0].Width, looks[0].Height); v.film.PixelAspect == "" && !strings.HasPrefix(v.sizes(), size) {
				v.Errorf("the master has %s, want %s", size, v.sizes())
			}
			if len(s.Shown) > 0 && len(frames) > 0 && v.row.lead > 0 {
				begin = s.Shown[0] - frames[0].Seconds()
			}
			v.check("master", oracle.Shown(frames, s.Shown, begin, v.row.clock))
		case "audio":
			if s.Codec != "aac" {
				v.Errorf("the master's sound is %s", s.Codec)
			}
		}
	}
	if v.sound() {
		v.heard("master", file, begin, v.channels())
	}
}

func (v *visit) copiesPictures() bool { return !strings.Contains(v.row.reasons, "video") }

func save(ctx context.Context, link, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.ReadFrom(res.Body)
	if res.StatusCode != http.StatusOK {
		err = fmt.Errorf("download answered %d", res.StatusCode)
	}
	return errors.Join(err, f.Close())
}
