package ffmpeg

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filmcan/internal/media/ladder"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestArgs(t *testing.T) {
	t.Parallel()
	h264 := Stream{Index: 0, Kind: Video, Codec: "h264"}
	hevc := Stream{Index: 2, Kind: Video, Codec: "hevc"}
	aac := Stream{Index: 1, Kind: Audio, Codec: "aac"}
	low := ladder.Rungs(ladder.Film{Width: 1920, Height: 1080}, ladder.Plus)[2].Encode
	master := ladder.Master(ladder.Film{Width: 1920, Height: 1080}, ladder.Plus, 1920)
	hd := Picture{Width: 1920, Height: 1080}
	dvd := Picture{Width: 720, Height: 576, PixelAspect: Ratio{64, 45}, Interlaced: true, Matrix: BT601}
	phone := Picture{Width: 1920, Height: 1080, Turn: Turn{Quarters: 1}, Light: HLG, Matrix: BT2020}
	for name, args := range map[string][]string{
		"probe-matroska":  probeArgs(Input{Path: "/in/a film.mkv", Demuxer: "matroska"}),
		"probe-odd-name":  probeArgs(Input{Path: "/in/-i http:x|concat.mkv", Demuxer: "matroska"}),
		"remux-matroska":  remuxArgs(Input{Path: "/in/source", Demuxer: "matroska"}, "/out/master.mp4", []Stream{h264, aac}),
		"remux-mpegts":    remuxArgs(Input{Reader: os.Stdin, Demuxer: "mpegts"}, "/out/master.mp4", []Stream{hevc, aac}),
		"remux-sound":     remuxArgs(Input{Path: "/in/source", Demuxer: "flv"}, "/out/master.mp4", []Stream{aac}),
		"remux-two-sound": remuxArgs(Input{Path: "/in/source", Demuxer: "matroska"}, "/out/master.mp4", []Stream{h264, aac, {Index: 4, Kind: Audio, Codec: "aac"}}),
		"encode-480p":     EncodeArgs{Picture: hd, Settings: low, Rate: Ratio{24000, 1001}}.args(2),
		"encode-hlg":      EncodeArgs{Picture: phone, Settings: low, Rate: Ratio{60, 1}}.args(2),
		"sheet":           SheetArgs{Picture: hd, Width: 320, Height: 180, Columns: 5, Rows: 4}.args(),
		"transcode-bare":  transcodeArgs(Input{Path: "/in/source", Demuxer: "h264"}, TranscodeArgs{Picture: hd, Settings: master, Unit: Ratio{1, 1200000}, Rate: Ratio{24000, 1001}}, 2),
		"transcode":       transcodeArgs(Input{Path: "/in/source", Demuxer: "matroska"}, TranscodeArgs{Picture: hd, Settings: master, Stream: 1, Rate: Ratio{240, 1}}, 2),
		"transcode-ts": transcodeArgs(Input{Path: "/in/source", Demuxer: "mpegts"},
			TranscodeArgs{Picture: dvd, Settings: master, Beside: []int{1}, Rate: Ratio{25, 1}, Skip: 500}, 2),
		"sound": soundArgs(Input{Path: "/in/source", Demuxer: "matroska"}, "/out/sound.m4a", SoundArgs{Stream: 2, SampleRate: 44100, Channels: 6, Start: Ratio{-1, 10}}),
		"sound-ts": soundArgs(Input{Path: "/in/source", Demuxer: "mpegts"}, "/out/sound.m4a",
			SoundArgs{Stream: 1, Beside: []int{0}, SampleRate: 32000, Channels: 6, KeepChannels: true}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if i, at := slices.Index(args, "-max_pixels"), slices.Index(args, "-i"); i < 0 || i > at {
				t.Error("nothing bounds the size of a picture")
			}
			golden := filepath.Join("testdata", name+".golden")
			got := strings.Join(args, "\n") + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	args := remuxArgs(Input{Path: "/in/-i file:x", Demuxer: "matroska"}, "/out/master.mp4", nil)
	if got := inputs(args); len(got) != 1 || got[0] != "/in/-i file:x" {
		t.Errorf("got %q", got)
	}
	if got := inputs(probeArgs(Input{Reader: os.Stdin, Demuxer: "mpegts"})); len(got) != 0 {
		t.Errorf("a pipe: got %q", got)
	}
}
