package intake

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filmcan/internal/derive/export"
	"filmcan/internal/film"
	"filmcan/internal/filmtest/films"
	"filmcan/internal/keep/vault"
	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/mp4"
)

// encodedCase is a film that is not standard, and what becomes of it.
type encodedCase struct {
	spec    films.Spec
	master  film.MasterKind
	base    film.Base
	reasons film.Reasons
	// frames that come out, where they are not those of the counter
	frames int
	// sparse: pictures are shown for longer than key frames may lie apart.
	sparse bool
}

func encodedCases() map[string]encodedCase {
	const seconds = time.Second
	odd := film.Reasons{film.ReasonUnexpectedFile: nonStandard}
	pictures := film.Base{Part: film.PartSource, EncodedVideo: true}
	return map[string]encodedCase{
		"open gop":       {spec: films.Spec{OpenGOP: true, BFrames: 2}, master: film.MasterSource, base: pictures, reasons: odd},
		"long gop":       {spec: films.Spec{Duration: 24 * seconds, GOP: 24 * seconds, BFrames: 2}, master: film.MasterSource, base: pictures, reasons: film.Reasons{film.ReasonVideoGOPSize: "high"}},
		"hidden frames":  {spec: films.Spec{Duration: 4 * seconds, GOP: 2 * seconds, Hide: 500 * time.Millisecond}, master: film.MasterSource, base: film.Base{Part: film.PartSource, EncodedVideo: true, EncodedSound: true}, reasons: film.Reasons{film.ReasonVideoEditList: nonStandard, film.ReasonAudioEditList: nonStandard}},
		"hidden end":     {spec: films.Spec{Duration: 4 * seconds, Edits: []films.Edit{{From: 0, To: 1500 * time.Millisecond}}}, master: film.MasterSource, base: film.Base{Part: film.PartSource, EncodedVideo: true, EncodedSound: true}, reasons: film.Reasons{film.ReasonVideoEditList: nonStandard, film.ReasonAudioEditList: nonStandard}},
		"pixel aspect":   {spec: films.Spec{PixelAspect: "4/3"}, master: film.MasterSource, base: pictures, reasons: film.Reasons{film.ReasonPixelAspect: "4:3"}},
		"few frames":     {spec: films.Spec{Duration: 6 * seconds, Rate: films.Rate{Num: 2, Den: 1}, GOP: 2 * seconds}, master: film.MasterSource, base: pictures, reasons: film.Reasons{film.ReasonVideoFrameRate: "2"}},
		"interlaced":     {spec: films.Spec{Interlaced: true, Height: 192}, master: film.MasterSource, base: pictures, reasons: odd},
		"5.1":            {spec: films.Spec{Channels: 6}, master: film.MasterSource, base: film.Base{Part: film.PartSource, EncodedSound: true}},
		"mov open gop":   {spec: films.Spec{Container: films.MOV, OpenGOP: true, BFrames: 2}, master: film.MasterComposed, base: film.Base{Part: film.PartMaster, EncodedVideo: true}, reasons: odd},
		"mkv open gop":   {spec: films.Spec{Container: films.MKV, OpenGOP: true, BFrames: 2}, master: film.MasterMade, base: film.Base{Part: film.PartMaster, EncodedVideo: true}, reasons: odd},
		"webm vp9":       {spec: films.Spec{Container: films.WebM, Video: films.VP9, Audio: films.Opus}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "vp9", film.ReasonAudioCodec: "opus"}},
		"mkv opus":       {spec: films.Spec{Container: films.MKV, Audio: films.Opus, BFrames: 2}, master: film.MasterMade, reasons: film.Reasons{film.ReasonAudioCodec: "opus"}},
		"mkv ac3 5.1":    {spec: films.Spec{Container: films.MKV, Audio: films.AC3, Channels: 6}, master: film.MasterMade, base: film.Base{Part: film.PartMaster, EncodedSound: true}, reasons: film.Reasons{film.ReasonAudioCodec: "ac3"}},
		"avi":            {spec: films.Spec{Container: films.AVI, Video: films.MPEG4, Audio: films.MP3}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "mpeg4", film.ReasonAudioCodec: "mp3"}},
		"avi mjpeg":      {spec: films.Spec{Container: films.AVI, Video: films.MJPEG, Audio: films.PCM, PixFmt: "yuvj420p"}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "mjpeg", film.ReasonAudioCodec: "pcm_s16le"}},
		"ts mpeg2":       {spec: films.Spec{Container: films.TS, Video: films.MPEG2, Audio: films.MP3}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "mpeg2video", film.ReasonAudioCodec: "mp3"}},
		"mov prores":     {spec: films.Spec{Container: films.MOV, Video: films.ProRes, Audio: films.PCM, PixFmt: "yuv422p10le"}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "prores", film.ReasonAudioCodec: "pcm_s16le"}},
		"mov h264 pcm":   {spec: films.Spec{Container: films.MOV, Audio: films.PCM, BFrames: 2}, master: film.MasterMade, reasons: film.Reasons{film.ReasonAudioCodec: "pcm_s16le"}},
		"prores aac":     {spec: films.Spec{Container: films.MOV, Video: films.ProRes, PixFmt: "yuv422p10le"}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "prores"}},
		"vp9 aac":        {spec: films.Spec{Container: films.MKV, Video: films.VP9}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "vp9"}},
		"4:2:2":          {spec: films.Spec{PixFmt: "yuv422p"}, master: film.MasterMade, reasons: film.Reasons{film.ReasonPixelFormat: "yuv422p"}},
		"4:4:4":          {spec: films.Spec{PixFmt: "yuv444p"}, master: film.MasterMade, reasons: film.Reasons{film.ReasonPixelFormat: "yuv444p"}},
		"10-bit h264":    {spec: films.Spec{PixFmt: "yuv420p10le"}, master: film.MasterMade, reasons: film.Reasons{film.ReasonPixelFormat: "yuv420p10le"}},
		"beyond":         {spec: films.Spec{Duration: seconds, Width: 2160, Height: 1216, Rate: films.Rate{Num: 10, Den: 1}}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoResolution: "2160x1216"}},
		"vfr vp9 silent": {spec: films.Spec{Container: films.MKV, Video: films.VP9, VariableRate: true, Audio: films.None}, master: film.MasterMade, reasons: film.Reasons{film.ReasonVideoCodec: "vp9"}},
		"mp3 sound":      {spec: films.Spec{Container: films.MKV, Video: films.None, Audio: films.MP3}, master: film.MasterMade, reasons: film.Reasons{film.ReasonAudioCodec: "mp3"}},
		"half of an mp4": {spec: films.Spec{Duration: 4 * seconds, Container: films.FastStart, Keep: 50}, master: film.MasterMade, reasons: odd, frames: -1},
		"half of an mkv": {spec: films.Spec{Duration: 4 * seconds, Container: films.MKV, Keep: 50}, master: film.MasterMade, reasons: odd, frames: -1},
	}
}

// TestEncodedFilms: films of each class become ready, with a master as it is due, and what they are played from has every
// frame at its time.
func TestEncodedFilms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	t.Run("films", func(t *testing.T) {
		for name, tt := range encodedCases() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				path := films.Get(t, tt.spec)
				a := w.ingest(t, serveFile(t, path))
				if a.Status != film.AssetReady {
					t.Fatalf("got %s, %+v", a.Status, a.Failure)
				}
				if a.Master.Kind != tt.master || a.Base != tt.base {
					t.Errorf("got master %s, base %+v; want %s, %+v", a.Master.Kind, a.Base, tt.master, tt.base)
				}
				if !maps.Equal(a.NonStandard, tt.reasons) {
					t.Errorf("reasons: got %v, want %v", a.NonStandard, tt.reasons)
				}
				if a.Progress != (film.Progress{State: film.ProgressCompleted, Percent: 100}) {
					t.Errorf("progress: got %v", a.Progress)
				}
				w.wantPlayable(t, a, path, tt)
				w.wantNoChunks(t, a.Film)
				must(t, w.vault.Verify(t.Context(), vault.Ref{Film: a.Film, Part: vault.Source}))
			})
		}
	})
	w.wantCleanWork(t)
}

// wantPlayable holds what the film is played from against the film as it came.
func (w *world) wantPlayable(t *testing.T, a film.Asset, path string, tt encodedCase) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "pictures.mp4")
	must(t, os.WriteFile(out, w.pictures(t, a), 0o600))
	if a.Media.Video == nil {
		return
	}
	file, err := os.Open(out)
	must(t, err)
	defer file.Close()
	info, err := file.Stat()
	must(t, err)
	x, err := mp4.Parse(t.Context(), file, info.Size(), mp4.Limits{})
	must(t, err)
	v, err := mp4.Check(t.Context(), x, file, mp4.Tier2160p)
	must(t, err)
	if tt.sparse {
		delete(v.Reasons, "video_gop_size")
		if _, err := cmaf.PlanTracks(x.Video(), nil); err != nil {
			t.Error(err)
		}
		v.Pictures = len(v.Reasons) > 0
	}
	if delete(v.Reasons, "video_frame_rate"); v.Pictures && len(v.Reasons) > 0 {
		t.Errorf("what it is played from is not standard: %v", v.Details)
	}
	if tt.frames < 0 {
		return
	}
	got, want := films.Counters(t, out, x.Video().Picture.Width), films.Counters(t, path, max(320, tt.spec.Width))
	if !slices.Equal(got, want) {
		t.Errorf("frames: got %v, want %v", got, want)
	}
}

// pictures returns the film that pictures are cut from.
func (w *world) pictures(t *testing.T, a film.Asset) []byte {
	t.Helper()
	if !a.Base.EncodedVideo {
		return w.read(t, a.Film, vault.Part(a.BasePart()))
	}
	object, ok := w.derived.Find(t.Context(), export.PicturesOf(a.Film, a.BasePart()))
	if !ok {
		t.Fatal("there is no base")
	}
	defer object.Close()
	b := make([]byte, object.Size())
	_, err := object.ReadAt(b, 0)
	must(t, err)
	return b
}

func (w *world) wantNoChunks(t *testing.T, id film.FilmID) {
	t.Helper()
	usage, err := w.derived.Usage(t.Context())
	must(t, err)
	for _, k := range usage.Kinds {
		if k.Kind == film.KindChunk {
			for _, f := range usage.Films {
				if f.Film == id && f.Objects > 2 {
					t.Errorf("%d objects are left of film %s", f.Objects, id)
				}
			}
		}
	}
}
