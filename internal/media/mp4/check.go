package mp4

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// The keys of a verdict's reasons (reference page, 7.1, non_standard_input_reasons).
const (
	reasonVideoCodec  = "video_codec"
	reasonAudioCodec  = "audio_codec"
	reasonGOPSize     = "video_gop_size"
	reasonFrameRate   = "video_frame_rate"
	reasonResolution  = "video_resolution"
	reasonBitrate     = "video_bitrate"
	reasonPixelAspect = "pixel_aspect_ratio"
	reasonVideoEdits  = "video_edit_list"
	reasonAudioEdits  = "audio_edit_list"
	reasonFile        = "unexpected_media_file_parameters"
	reasonPixelFormat = "unsupported_pixel_format"

	nonStandard = "non-standard"
)

// Verdict is what [Check] found.
type Verdict struct {
	// Master: the file as it is can be the master: an MP4 with H.264 or HEVC and AAC, or one of them alone, within the
	// tier. Composable: the same is true of its samples, and [ComposeHead] makes them an MP4.
	Master, Composable bool
	// Reasons why the film cannot be cut where it lies, as the API names them; empty for a standard input.
	Reasons map[string]string
	// Details say the same as sentences for the customer, in the order in which they were found.
	Details []string
	// Pictures and Sound: which of the two the reasons are about. The other one can be played as it is.
	Pictures, Sound bool

	about *bool // one of them
}

// Standard reports whether the film can be cut where it lies.
func (v *Verdict) Standard() bool { return len(v.Reasons) == 0 }

func (v *Verdict) add(key, value, format string, args ...any) {
	if _, ok := v.Reasons[key]; !ok {
		v.Reasons[key] = value
	}
	v.Details = append(v.Details, fmt.Sprintf(format, args...))
	*v.about = true
}

// Check says what a film is fit for, by its tables, its parameter sets and the first bytes of its key frames. Nothing is
// decoded. r reads the file that x is the index of; without it the frames are not looked at. Errors are failures to read,
// or the context's.
func Check(ctx context.Context, x *Index, r io.ReaderAt, tier Tier) (*Verdict, error) {
	v := &Verdict{Reasons: map[string]string{}}
	fit := true
	v.about = &v.Pictures
	if t := x.Video(); t != nil {
		fit = v.checkPicture(t, tier)
		if t.Entry != nil {
			v.checkVideoEdits(t)
			if err := v.checkGOPs(ctx, t, r, standardFor(tier, t.Picture.CodedWidth, t.Picture.CodedHeight)); err != nil {
				return nil, err
			}
		}
	}
	v.about = &v.Sound
	if t := x.Audio(); t != nil {
		fit = v.checkSound(t) && fit
		if !t.Light {
			v.checkAudioEdits(t)
		}
	}
	v.checkStart(x)
	v.Master = fit && !x.MOV
	v.Composable = fit
	return v, nil
}

// checkPicture looks at the facts of the video track; it reports whether they are fit for a master.
func (v *Verdict) checkPicture(t *Track, tier Tier) bool {
	p := t.Picture
	fit := true
	if t.FFName != "h264" && t.FFName != "hevc" {
		v.add(reasonVideoCodec, t.FFName, "The video codec is %s; H.264 or HEVC is standard.", t.FFName)
		fit = false
	}
	if side := tier.MaxSide(); max(p.CodedWidth, p.CodedHeight) > side {
		v.add(reasonResolution, fmt.Sprintf("%dx%d", p.CodedWidth, p.CodedHeight), "The picture has %dx%d pixels; at most %d a side are standard.", p.CodedWidth, p.CodedHeight, side)
		fit = false
	}
	if max(p.ParH, p.ParV)*99 > min(p.ParH, p.ParV)*100 { // 404:405, a rounded size, is square to the eye
		v.add(reasonPixelAspect, fmt.Sprintf("%d:%d", p.ParH, p.ParV), "The pixels are not square (%d:%d).", p.ParH, p.ParV)
	}
	s := standardFor(tier, p.CodedWidth, p.CodedHeight)
	if rate := t.AverageRate().Float(); rate == 0 {
		v.add(reasonFrameRate, "-1", "The frame rate cannot be told.")
	} else if rate < s.minRate || rate > s.maxRate {
		v.add(reasonFrameRate, strconv.FormatFloat(math.Round(rate*1000)/1000, 'f', -1, 64), "The film has %.3g frames a second; %g to %g are standard.", rate, s.minRate, s.maxRate)
	}
	if !fit && t.Entry == nil {
		return false
	}
	v.checkCoding(t)
	return fit
}

// checkCoding looks at the sample entry and the parameter sets.
func (v *Verdict) checkCoding(t *Track) {
	p := t.Picture
	allowed := p.PixelFormat == "yuv420p" || t.FFName == "hevc" && p.PixelFormat == "yuv420p10le"
	if !allowed && p.PixelFormat != "" {
		v.add(reasonPixelFormat, p.PixelFormat, "The pixel format is %s; 8-bit 4:2:0 is standard (HEVC: also 10-bit).", p.PixelFormat)
	}
	switch p.Profile {
	case 66, 77, 88, 100: // Baseline, Main, Extended, High
		allowed = allowed && t.FFName == "h264"
	case 1, 2, 3: // Main, Main 10, Main Still Picture
		allowed = allowed && t.FFName == "hevc"
	default:
		allowed = false
	}
	if _, said := v.Reasons[reasonPixelFormat]; !allowed && !said {
		v.add(reasonFile, nonStandard, "The video profile (%d) is not one that players know.", p.Profile)
	}
	if p.Interlaced {
		v.add(reasonFile, nonStandard, "The film is interlaced.")
	}
	switch t.Format {
	case "avc1", "avc3", "hvc1", "hev1":
	default:
		v.add(reasonFile, nonStandard, "The video is marked as %s.", plainName(t.Format))
	}
	if p.InBand {
		v.add(reasonFile, nonStandard, "The video's parameter sets are among the pictures instead of in the header.")
	}
	if t.Entries > 1 {
		v.add(reasonFile, nonStandard, "The video changes its format along the way.")
	}
}

// checkSound looks at the facts of the audio track; it reports whether they are fit for a master.
func (v *Verdict) checkSound(t *Track) bool {
	if t.FFName != "aac" {
		v.add(reasonAudioCodec, t.FFName, "The audio codec is %s; AAC is standard.", t.FFName)
		return false
	}
	switch t.Sound.ObjectType {
	case 2, 5, 29: // LC, HE-AAC, HE-AAC v2
	default:
		v.add(reasonAudioCodec, t.FFName, "The AAC object type is %d; LC (2) and HE-AAC (5, 29) are standard.", t.Sound.ObjectType)
	}
	if t.Entries > 1 {
		v.add(reasonFile, nonStandard, "The sound changes its format along the way.")
	}
	return true
}

// checkVideoEdits allows a delay, and an edit that hides nothing: what begins at the first picture shown (the reorder
// delay of B-frames), and what ends at most one frame before the last picture ends.
func (v *Verdict) checkVideoEdits(t *Track) {
	e := t.Edit
	if e.Complex {
		v.add(reasonVideoEdits, nonStandard, "The video's edit list does more than to start it.")
		return
	}
	before, after := 0, 0
	end := int64(math.MaxInt64)
	if e.Duration > 0 {
		end = e.MediaTime + e.Duration + int64(t.Timescale)/1000 // durations are rounded to movie ticks
	}
	for i := range t.Len() {
		shown := t.DTS(i) + t.CTO(i)
		if shown < e.MediaTime {
			before++
		}
		if shown >= end {
			after++
		}
	}
	if before > 0 || after > 1 {
		v.add(reasonVideoEdits, nonStandard, "The video's edit list hides %d pictures.", before+after)
	}
}

// Sound that an edit list may hide without being non-standard: the priming of encoders at the start (1024 to 5186 samples
// have been seen) and their padding at the end, three packets or this long.
const (
	hiddenPackets = 3
	hiddenSound   = 200 * time.Millisecond
)

func (v *Verdict) checkAudioEdits(t *Track) {
	e := t.Edit
	if e.Complex {
		v.add(reasonAudioEdits, nonStandard, "The sound's edit list does more than to start it.")
		return
	}
	usual, _ := t.usualDuration()
	allowed := max(hiddenPackets*usual, rescale(int64(hiddenSound), int64(t.Timescale), int64(time.Second)))
	padding := int64(0)
	if e.Duration > 0 {
		padding = t.s.end - e.MediaTime - e.Duration
	}
	if priming := e.MediaTime - t.DTS(0); priming > allowed || padding > allowed {
		v.add(reasonAudioEdits, nonStandard, "The sound's edit list hides %.1f s at its start and %.1f s at its end.",
			t.Time(max(0, priming)).Seconds(), t.Time(max(0, padding)).Seconds())
	}
	for i := range t.Len() {
		if t.Size(i) == 0 || t.CTO(i) != 0 {
			v.add(reasonFile, nonStandard, "The sound has empty or reordered packets.")
			return
		}
	}
}

// maxStartGap is how much later than the film one of its tracks may begin: players wait for both before they play, and
// the first segment of each rendition must hold something.
const maxStartGap = 4 * time.Second

func (v *Verdict) checkStart(x *Index) {
	late := func(t *Track) (seconds float64, yes bool) {
		if t == nil || t.Light {
			return 0, false
		}
		start, _ := t.Span()
		return t.Time(start).Seconds(), t.Time(start) > maxStartGap
	}
	v.about = &v.Pictures
	if s, yes := late(x.Video()); yes {
		v.add(reasonVideoEdits, nonStandard, "The picture begins only %.1f s after the film.", s)
	}
	v.about = &v.Sound
	if s, yes := late(x.Audio()); yes {
		v.add(reasonAudioEdits, nonStandard, "The sound begins only %.1f s after the film.", s)
	}
}
