package intake

import (
	"maps"
	"testing"

	"filmcan/internal/film"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

func TestDecideProbed(t *testing.T) {
	t.Parallel()
	video := func(codec, format string, w, h int) *ffmpeg.Stream {
		return &ffmpeg.Stream{Kind: ffmpeg.Video, Codec: codec, PixelFormat: format, Width: w, Height: h}
	}
	audio := func(codec, profile string) *ffmpeg.Stream {
		return &ffmpeg.Stream{Kind: ffmpeg.Audio, Codec: codec, Profile: profile, Channels: 6}
	}
	reasons := func(pairs ...string) film.Reasons {
		r := film.Reasons{}
		for i := 0; i < len(pairs); i += 2 {
			r[film.Reason(pairs[i])] = pairs[i+1]
		}
		return r
	}
	h264, aac := video("h264", "yuv420p", 1920, 1080), audio("aac", "LC")
	for name, tt := range map[string]struct {
		kind            sniff.Kind
		video, audio    *ffmpeg.Stream
		tier            film.Tier
		pictures, sound treatment
		reasons         film.Reasons
	}{
		"copied":             {sniff.Matroska, h264, aac, film.Tier1080p, copied, copied, nil},
		"10-bit hevc":        {sniff.TS, video("hevc", "yuv420p10le", 1920, 1080), aac, film.Tier1080p, copied, copied, nil},
		"full range":         {sniff.FLV, video("h264", "yuvj420p", 640, 480), nil, film.Tier1080p, copied, absent, nil},
		"he-aac":             {sniff.ADTS, nil, audio("aac", "HE-AACv2"), film.Tier1080p, absent, copied, nil},
		"other sound":        {sniff.Matroska, h264, audio("ac3", ""), film.Tier1080p, copied, encoded, reasons("audio_codec", "ac3")},
		"aac main":           {sniff.TS, h264, audio("aac", "Main"), film.Tier1080p, copied, encoded, reasons("audio_codec", "aac")},
		"no name":            {sniff.Matroska, video("", "", 320, 180), aac, film.Tier1080p, encoded, copied, reasons("video_codec", "unknown")},
		"10-bit h264":        {sniff.Matroska, video("h264", "yuv420p10le", 1920, 1080), aac, film.Tier1080p, encoded, copied, reasons("unsupported_pixel_format", "yuv420p10le")},
		"12-bit hevc":        {sniff.Matroska, video("hevc", "yuv420p12le", 1920, 1080), aac, film.Tier1080p, encoded, copied, reasons("unsupported_pixel_format", "yuv420p12le")},
		"beyond the tier":    {sniff.Matroska, video("h264", "yuv420p", 3840, 2160), aac, film.Tier1080p, encoded, copied, reasons("video_resolution", "3840x2160")},
		"within its tier":    {sniff.Matroska, video("h264", "yuv420p", 3840, 2160), aac, film.Tier2160p, copied, copied, nil},
		"beyond every tier":  {sniff.Matroska, video("hevc", "yuv420p", 7680, 4320), nil, film.Tier2160p, encoded, absent, reasons("video_resolution", "7680x4320")},
		"av1 of two reasons": {sniff.WebM, video("av1", "yuv420p", 2160, 3840), audio("opus", ""), film.Tier1080p, encoded, encoded, reasons("video_codec", "av1", "video_resolution", "2160x3840", "audio_codec", "opus")},
		"avi of the right":   {sniff.AVI, h264, aac, film.Tier1080p, encoded, encoded, reasons("unexpected_media_file_parameters", "non-standard")},
		"avi of others":      {sniff.AVI, video("mpeg4", "yuv420p", 640, 480), audio("mp3", ""), film.Tier1080p, encoded, encoded, reasons("video_codec", "mpeg4", "audio_codec", "mp3")},
		"gif":                {sniff.GIF, video("gif", "bgra", 100, 100), nil, film.Tier1080p, encoded, absent, reasons("video_codec", "gif")},
		"wav":                {sniff.WAV, nil, audio("pcm_s16le", ""), film.Tier1080p, absent, encoded, reasons("audio_codec", "pcm_s16le")},
		"mov that is cut":    {sniff.MOV, h264, aac, film.Tier1080p, copied, copied, nil},
	} {
		p := decideProbed(tt.kind, tt.video, tt.audio, tt.tier)
		if p.master != film.MasterMade || p.pictures != tt.pictures || p.sound != tt.sound || !maps.Equal(p.reasons, tt.reasons) {
			t.Errorf("%s: got %s pictures, %s sound, %v; want %s, %s, %v", name, p.pictures, p.sound, p.reasons, tt.pictures, tt.sound, tt.reasons)
		}
		if len(p.reasons) != len(p.details) {
			t.Errorf("%s: %d reasons, %d sentences", name, len(p.reasons), len(p.details))
		}
	}
}

func TestDecideIndexed(t *testing.T) {
	t.Parallel()
	video := func(codec, format string, w, h int) *mp4.Track {
		return &mp4.Track{Kind: mp4.Video, FFName: codec, Picture: &mp4.Picture{PixelFormat: format, CodedWidth: w, CodedHeight: h}}
	}
	audio := func(codec string) *mp4.Track {
		return &mp4.Track{Kind: mp4.Audio, FFName: codec, Sound: &mp4.Sound{Channels: 6}}
	}
	complexly := func(t *mp4.Track) *mp4.Track {
		t.Edit.Complex = true
		return t
	}
	h264, aac := video("h264", "yuv420p", 1920, 1080), audio("aac")
	asItIs := mp4.Verdict{Master: true, Composable: true}
	mov, neither := mp4.Verdict{Composable: true}, mp4.Verdict{}
	for name, tt := range map[string]struct {
		video, audio    *mp4.Track
		verdict         mp4.Verdict
		tier            film.Tier
		master          film.MasterKind
		pictures, sound treatment
	}{
		"standard":            {h264, aac, asItIs, film.Tier1080p, film.MasterSource, absent, absent},
		"without sound":       {h264, nil, asItIs, film.Tier1080p, film.MasterSource, absent, absent},
		"sound alone":         {nil, aac, asItIs, film.Tier1080p, film.MasterSource, absent, absent},
		"10-bit hevc":         {video("hevc", "yuv420p10le", 1920, 1080), aac, asItIs, film.Tier1080p, film.MasterSource, absent, absent},
		"edits of its own":    {complexly(video("h264", "yuv420p", 640, 360)), complexly(audio("aac")), asItIs, film.Tier1080p, film.MasterSource, absent, absent},
		"mov":                 {h264, aac, mov, film.Tier1080p, film.MasterComposed, absent, absent},
		"mov, edits":          {complexly(video("h264", "yuv420p", 640, 360)), aac, mov, film.Tier1080p, film.MasterComposed, absent, absent},
		"unfit for a master":  {h264, aac, neither, film.Tier1080p, film.MasterMade, copied, copied},
		"unfit, edits":        {complexly(video("h264", "yuv420p", 640, 360)), complexly(audio("aac")), neither, film.Tier1080p, film.MasterMade, encoded, encoded},
		"other sound":         {h264, audio("ac3"), asItIs, film.Tier1080p, film.MasterMade, copied, encoded},
		"other sound, edits":  {complexly(video("h264", "yuv420p", 640, 360)), audio("pcm_s16le"), mov, film.Tier1080p, film.MasterMade, encoded, encoded},
		"other pictures":      {video("prores", "yuv422p10le", 1920, 1080), aac, mov, film.Tier1080p, film.MasterMade, encoded, copied},
		"of other pixels":     {video("h264", "yuv422p", 1920, 1080), aac, asItIs, film.Tier1080p, film.MasterMade, encoded, copied},
		"10-bit h264":         {video("h264", "yuv420p10le", 1920, 1080), nil, asItIs, film.Tier1080p, film.MasterMade, encoded, absent},
		"beyond the tier":     {video("h264", "yuv420p", 3840, 2160), aac, asItIs, film.Tier1080p, film.MasterMade, encoded, copied},
		"portrait, beyond it": {video("hevc", "yuv420p", 2160, 3840), aac, asItIs, film.Tier1440p, film.MasterMade, encoded, copied},
		"within its tier":     {video("h264", "yuv420p", 3840, 2160), aac, asItIs, film.Tier2160p, film.MasterSource, absent, absent},
		"nothing known":       {video("", "", 0, 0), audio(""), neither, film.Tier1080p, film.MasterMade, encoded, encoded},
	} {
		tt.verdict.Reasons = map[string]string{"video_codec": "x"}
		p := decideIndexed(tt.video, tt.audio, &tt.verdict, tt.tier)
		if p.master != tt.master || p.pictures != tt.pictures || p.sound != tt.sound {
			t.Errorf("%s: got %s, %s pictures, %s sound; want %s, %s, %s", name, p.master, p.pictures, p.sound, tt.master, tt.pictures, tt.sound)
		}
		if !maps.Equal(p.reasons, film.Reasons{film.ReasonVideoCodec: "x"}) {
			t.Errorf("%s: reasons %v", name, p.reasons)
		}
	}
}
