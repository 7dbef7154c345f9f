package hls

import (
	"strconv"
	"time"
)

// Sheets is a playlist of still pictures, several of them in a grid on each sheet: Roku's extension for thumbnails in
// HLS (EXT-X-IMAGES-ONLY, EXT-X-TILES). Pictures fill a sheet row by row.
type Sheets struct {
	// Width and Height are those of one picture in pixels, Columns and Rows those of the grid.
	Width, Height, Columns, Rows int
	// Each picture stands for that much time; what is left of the film may be less for the last one.
	Each time.Duration
	// Length is the film's.
	Length time.Duration
	// URI names a sheet, counted from 0.
	URI func(sheet int) string
}

// Count is the number of sheets.
func (s Sheets) Count() int {
	per := s.span()
	return int((s.Length + per - 1) / per)
}

// span is how much of the film a full sheet stands for.
func (s Sheets) span() time.Duration { return max(1, s.Each*time.Duration(s.Columns*s.Rows)) }

// Bytes returns the playlist's text.
func (s Sheets) Bytes() []byte {
	var w writer
	span := s.span()
	w.line("#EXTM3U")
	w.line("#EXT-X-VERSION:" + strconv.Itoa(version))
	w.line("#EXT-X-TARGETDURATION:", strconv.Itoa(Target(1_000_000, []int64{min(span, s.Length).Microseconds()})))
	w.line("#EXT-X-MEDIA-SEQUENCE:0")
	w.line("#EXT-X-PLAYLIST-TYPE:VOD")
	w.line("#EXT-X-IMAGES-ONLY")
	for i := range s.Count() {
		from := span * time.Duration(i)
		w.line("#EXTINF:", seconds(min(span, s.Length-from).Microseconds()), ",")
		w.tag(
			"#EXT-X-TILES",
			attr{"RESOLUTION", strconv.Itoa(s.Width) + "x" + strconv.Itoa(s.Height)},
			attr{"LAYOUT", strconv.Itoa(s.Columns) + "x" + strconv.Itoa(s.Rows)},
			attr{"DURATION", seconds(s.Each.Microseconds())},
		)
		w.line(s.URI(i))
	}
	w.line("#EXT-X-ENDLIST")
	return w.b
}
