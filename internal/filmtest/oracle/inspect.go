package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strconv"

	"filmcan/internal/filmtest/films"
)

// Inspected is a track of a file, as ffprobe sees it.
type Inspected struct {
	Kind, Codec string
	// Shown are the times in seconds at which frames are shown, in order; Keys those of key frames.
	Shown, Keys []float64
	// Leading counts frames that are decoded after a key frame and shown before it.
	Leading int
}

// Inspect reads a file's tracks of pictures and sound.
func Inspect(ctx context.Context, path string) ([]Inspected, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_entries",
		"stream=index,codec_type,codec_name:packet=stream_index,pts_time,flags", "-of", "json", path).Output()
	if err != nil {
		return nil, fmt.Errorf("ffprobe %s: %w", path, err)
	}
	var said struct {
		Streams []struct {
			Index int    `json:"index"`
			Type  string `json:"codec_type"`
			Name  string `json:"codec_name"`
		}
		Packets []struct {
			Stream int    `json:"stream_index"`
			PTS    string `json:"pts_time"`
			Flags  string `json:"flags"`
		}
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, err
	}
	var list []Inspected
	for _, s := range said.Streams {
		t := Inspected{Kind: s.Type, Codec: s.Name}
		key := 0.0
		for _, p := range said.Packets {
			if p.Stream != s.Index || len(p.Flags) > 1 && p.Flags[1] == 'D' {
				continue // D: hidden by an edit list
			}
			at, err := strconv.ParseFloat(p.PTS, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if p.Flags[0] == 'K' {
				key = at
				t.Keys = append(t.Keys, at)
			} else if at < key {
				t.Leading++
			}
			t.Shown = append(t.Shown, at)
		}
		slices.Sort(t.Shown)
		list = append(list, t)
	}
	return list, nil
}

// Groups wants closed groups of pictures, none longer than so many seconds. Copied pictures have what they came with.
func Groups(tracks []Inspected, seconds float64, copied bool) error {
	for _, t := range tracks {
		if t.Kind != "video" || copied {
			continue
		}
		if t.Leading > 0 {
			return fmt.Errorf("%d frames are shown before the key frame that they are decoded after", t.Leading)
		}
		for i := 1; i < len(t.Keys); i++ {
			const frame = 0.05
			if gap := t.Keys[i] - t.Keys[i-1]; gap > seconds+frame {
				return fmt.Errorf("%.3f s between key frames", gap)
			}
		}
	}
	return nil
}

// Shown wants each frame to be shown at its time, behind when the film begins; both lists are in order.
func Shown(want []films.Frame, got []float64, begin, tolerance float64) error {
	const printed = 0.000002 // times are printed with six decimals
	if len(got) != len(want) {
		return fmt.Errorf("%d frames in the tables, want %d", len(got), len(want))
	}
	for i, f := range want {
		if off := got[i] - begin - f.Seconds(); math.Abs(off) > tolerance+printed {
			return fmt.Errorf("frame %d is shown %.6f s off its time", f.Number, off)
		}
	}
	return nil
}
