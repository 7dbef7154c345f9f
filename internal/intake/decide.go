package intake

import (
	"fmt"
	"maps"
	"slices"

	"filmcan/internal/film"
	"filmcan/internal/media/cmaf"
	"filmcan/internal/media/ffmpeg"
	"filmcan/internal/media/mp4"
	"filmcan/internal/media/sniff"
)

// treatment is what becomes of a stream on its way into a made master.
type treatment int

const (
	absent treatment = iota // there is none
	copied
	encoded
)

func (t treatment) String() string { return [...]string{"absent", "copied", "encoded"}[t] }

// plan is what becomes of a film: how its master comes about, and whether it must be encoded for playback. That of a made
// master is told by a look at what was made, see [basis].
type plan struct {
	master film.MasterKind
	// pictures and sound say how a made master gets them.
	pictures, sound treatment
	// reasons why the input is not standard, as the API names them; details say the same in sentences.
	reasons film.Reasons
	details []string
}

// encodes reports whether the master cannot be had without encoding.
func (p plan) encodes() bool { return p.pictures == encoded || p.sound == encoded }

// because adds a reason, unless there is one of that name.
func (p *plan) because(r film.Reason, value, format string, args ...any) {
	if p.reasons == nil {
		p.reasons = film.Reasons{}
	}
	if _, there := p.reasons[r]; !there {
		p.reasons[r] = value
		p.details = append(p.details, fmt.Sprintf(format, args...))
	}
}

// join adds the reasons of another plan.
func (p *plan) join(other plan) {
	for _, r := range slices.Sorted(maps.Keys(other.reasons)) {
		p.because(r, other.reasons[r], "%s: %s.", r, other.reasons[r])
	}
}

// verdictPlan are the reasons of a verdict.
func verdictPlan(v *mp4.Verdict) plan {
	p := plan{details: v.Details}
	for key, value := range v.Reasons {
		if p.reasons == nil {
			p.reasons = film.Reasons{}
		}
		p.reasons[film.Reason(key)] = value
	}
	return p
}

// decideIndexed says what becomes of a film whose tables could be read. Whatever has H.264 or HEVC within the tier, in a
// pixel format that players know, and AAC, keeps its bytes, also where it is not standard.
func decideIndexed(video, audio *mp4.Track, v *mp4.Verdict, tier film.Tier) plan {
	p := verdictPlan(v)
	if t := video; t != nil {
		p.pictures = treatPictures(t.FFName, t.Picture.PixelFormat, t.Picture.CodedWidth, t.Picture.CodedHeight, tier)
	}
	if t := audio; t != nil {
		p.sound = copied
		if t.FFName != "aac" {
			p.sound = encoded
		}
	}
	switch {
	case p.encodes() || !v.Master && !v.Composable:
		p.master = film.MasterMade
		// Edit lists that do more than to start a film are not carried into another one.
		if video != nil && video.Edit.Complex {
			p.pictures = encoded
		}
		if audio != nil && audio.Edit.Complex {
			p.sound = encoded
		}
	case v.Master:
		p.master, p.pictures, p.sound = film.MasterSource, absent, absent
	default:
		p.master, p.pictures, p.sound = film.MasterComposed, absent, absent
	}
	return p
}

// decideProbed says what becomes of a film in another container: its master is made, by copying what a master may have.
func decideProbed(kind sniff.Kind, video, audio *ffmpeg.Stream, tier film.Tier) plan {
	p := plan{master: film.MasterMade}
	if v := video; v != nil {
		p.pictures = treatPictures(v.Codec, v.PixelFormat, v.Width, v.Height, tier)
		if v.Codec != "h264" && v.Codec != "hevc" {
			codec := orUnknown(v.Codec)
			p.because(film.ReasonVideoCodec, codec, "The video codec is %s; H.264 or HEVC is standard.", codec)
		} else if v.PixelFormat != "" && !playable(v.Codec, v.PixelFormat) {
			p.because(film.ReasonPixelFormat, v.PixelFormat, "The pixel format is %s; 8-bit 4:2:0 is standard (HEVC: also 10-bit).", v.PixelFormat)
		}
		if side := mp4.Tier(tier).MaxSide(); max(v.Width, v.Height) > side {
			size := fmt.Sprintf("%dx%d", v.Width, v.Height)
			p.because(film.ReasonVideoResolution, size, "The picture has %s pixels; at most %d a side are standard.", size, side)
		}
	}
	if a := audio; a != nil {
		p.sound = copied
		if a.Codec != "aac" || !slices.Contains([]string{"", "LC", "HE-AAC", "HE-AACv2"}, a.Profile) {
			p.sound = encoded
			codec := orUnknown(a.Codec)
			p.because(film.ReasonAudioCodec, codec, "The audio codec is %s; AAC is standard.", codec)
		}
	}
	if !copies(kind) {
		// What is missing there, times above all, a copy would lack too.
		if len(p.reasons) == 0 {
			p.because(film.ReasonUnexpectedFile, nonStandard, "The input is %s.", kind.Name())
		}
		p.pictures, p.sound = withoutCopies(p.pictures), withoutCopies(p.sound)
	}
	return p
}

// treatPictures tells whether pictures may be in a master as they are.
func treatPictures(codec, format string, width, height int, tier film.Tier) treatment {
	if codec != "h264" && codec != "hevc" || format != "" && !playable(codec, format) ||
		max(width, height) > mp4.Tier(tier).MaxSide() {
		return encoded
	}
	return copied
}

// playable tells the pixel formats that players know.
func playable(codec, format string) bool {
	return format == "yuv420p" || format == "yuvj420p" || codec == "hevc" && format == "yuv420p10le"
}

// copies tells the containers whose streams an MP4 can take as they are.
func copies(kind sniff.Kind) bool {
	switch kind {
	case sniff.MP4, sniff.MOV, sniff.Matroska, sniff.WebM, sniff.TS, sniff.FLV, sniff.ADTS:
		return true
	default:
		return false
	}
}

func withoutCopies(t treatment) treatment {
	if t == copied {
		return encoded
	}
	return t
}

// basis says what renditions of a master are cut from: what can be cut and played as it is, else what is encoded from it.
// That what the verdict found nothing in cannot be cut all the same is added to the plan.
func (p *plan) basis(part string, x *mp4.Index, v *mp4.Verdict) film.Base {
	b := film.Base{Part: part, EncodedVideo: v.Pictures && x.Video() != nil}
	if t := x.Audio(); t != nil {
		const lowComplexity = 2
		b.EncodedSound = v.Sound || t.Sound.Channels > 2 || t.Sound.ObjectType != lowComplexity
	}
	pictures, sound := uncut(x, b)
	for _, err := range []error{pictures, sound} {
		if err != nil {
			p.because(film.ReasonUnexpectedFile, nonStandard, "%v.", err)
		}
	}
	b.EncodedVideo, b.EncodedSound = b.EncodedVideo || pictures != nil, b.EncodedSound || sound != nil
	if !b.EncodedVideo && !b.EncodedSound {
		b.Part = "" // the master as it is
	}
	return b
}

// uncut does what playback will do with what is not encoded, and returns why that cannot be.
func uncut(x *mp4.Index, b film.Base) (pictures, sound error) {
	video, audio := x.Video(), x.Audio()
	if b.EncodedVideo {
		video = nil
	}
	if b.EncodedSound {
		audio = nil
	}
	if video == nil && audio == nil {
		return nil, nil
	}
	_, err := cmaf.PlanTracks(video, audio)
	if err == nil || audio == nil {
		return err, nil
	}
	if video != nil {
		if _, pictures = cmaf.PlanTracks(video, nil); pictures == nil {
			return nil, err
		}
	}
	_, sound = cmaf.PlanTracks(nil, audio)
	return pictures, sound
}
