package mp4

import (
	"fmt"
	"strings"
)

// videoName is ffprobe's name of the codec of a visual sample entry.
func videoName(kind string) string {
	switch kind {
	case "avc1", "avc3", "dva1", "dvav":
		return "h264"
	case "hvc1", "hev1", "dvh1", "dvhe":
		return "hevc"
	case "vvc1", "vvi1":
		return "vvc"
	case "av01":
		return "av1"
	case "vp08":
		return "vp8"
	case "vp09":
		return "vp9"
	case "mp4v":
		return "mpeg4"
	case "apch", "apcn", "apcs", "apco", "ap4h", "ap4x":
		return "prores"
	case "mjpa", "mjpb", "jpeg":
		return "mjpeg"
	case "AVdn", "AVdh":
		return "dnxhd"
	case "s263", "h263", "H263":
		return "h263"
	case "mp1v", "mpeg", "m1v ":
		return "mpeg1video"
	case "mp2v", "hdv1", "hdv2", "hdv3", "hdv5", "hdv6", "hdv7", "xd5b", "xdvc":
		return "mpeg2video"
	case "dvc ", "dvcp", "dvpp", "dv5n", "dv5p", "dvh5", "dvh6", "dvhp", "dvhq":
		return "dvvideo"
	case "raw ", "2vuy", "yuv2", "v210":
		return "rawvideo"
	case "png ":
		return "png"
	}
	return plainName(kind)
}

// plainName is a printable name for a codec that is not known: its four characters, without blanks.
func plainName(kind string) string {
	name := strings.Map(func(r rune) rune {
		if r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a' {
			return -1
		}
		return r
	}, strings.ToLower(kind))
	if name == "" {
		return "unknown"
	}
	return name
}

// audioName is ffprobe's name of the codec of an audio sample entry.
func audioName(kind string, bits int) string {
	switch kind {
	case "mp4a":
		return "aac"
	case "ac-3":
		return "ac3"
	case "ec-3":
		return "eac3"
	case "Opus":
		return "opus"
	case "fLaC":
		return "flac"
	case ".mp3", "ms\x00\x55":
		return "mp3"
	case "samr":
		return "amr_nb"
	case "sawb":
		return "amr_wb"
	case "QDM2":
		return "qdm2"
	case "sowt":
		return fmt.Sprintf("pcm_s%dle", max(bits, 8))
	case "twos":
		return fmt.Sprintf("pcm_s%dbe", max(bits, 8))
	case "in24":
		return "pcm_s24be"
	case "in32":
		return "pcm_s32be"
	case "fl32":
		return "pcm_f32be"
	case "fl64":
		return "pcm_f64be"
	case "raw ", "NONE":
		return "pcm_u8"
	case "lpcm":
		return fmt.Sprintf("pcm_s%dle", max(bits, 8))
	case "ipcm":
		return fmt.Sprintf("pcm_s%dbe", max(bits, 8))
	case "fpcm":
		return fmt.Sprintf("pcm_f%dbe", max(bits, 32))
	case "ulaw":
		return "pcm_mulaw"
	case "alaw":
		return "pcm_alaw"
	case "ima4":
		return "adpcm_ima_qt"
	}
	return plainName(kind)
}

func compressed(name string) bool { return len(name) < 4 || name[:4] != "pcm_" }
