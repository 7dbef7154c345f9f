package play

import (
	"net/http"
	"strconv"
	"strings"

	"filmcan/internal/derive/hls"
	"filmcan/internal/derive/still"
	"filmcan/internal/front/door"
)

const (
	tilesName = "tiles"
	sheetEnd  = ".jpg"
	// tilesBandwidth is the bit rate that the playlist says of sheets: one tile in each four seconds has some 10 kB.
	tilesBandwidth = 40_000
)

// tiles tells of a film's sheets in its multivariant playlist.
func tiles(w watched, root string) []hls.Images {
	l, ok := still.LayoutOf(w.film.Film)
	if !ok {
		return nil
	}
	uri := root + still.Recipe + "/" + tilesName + "/" + playlistName
	return []hls.Images{{URI: uri, Bandwidth: tilesBandwidth, Width: l.Width, Height: l.Height}}
}

// sheets serves what lies below the tiles: their playlist, and the sheets.
func (d *Door) sheets(w http.ResponseWriter, r *http.Request, watched watched, file string) {
	l, ok := still.LayoutOf(watched.film.Film)
	if !ok {
		unknown(w, r)
		return
	}
	if file == playlistName {
		playlist := hls.Sheets{
			Width: l.Width, Height: l.Height, Columns: l.Columns, Rows: l.Rows, Each: l.Each, Length: l.Length,
			URI: func(n int) string { return strconv.Itoa(n) + sheetEnd },
		}
		serve(w, r, text(playlist.Bytes(), hls.ContentType))
		return
	}
	name, ok := strings.CutSuffix(file, sheetEnd)
	n, number := segmentNumber(name + segmentEnd)
	if !ok || !number || n >= l.Count() {
		unknown(w, r)
		return
	}
	sheet, err := d.stills.Open(r.Context(), still.Sheet(watched.film.Ref(), n))
	if err != nil {
		door.Refuse(r.Context(), w, err)
		return
	}
	defer sheet.Close()
	// Without an entity tag: a sheet that was dropped and made again by another encoder may differ.
	serve(w, r, door.Section(sheet, sheet.Size(), "image/jpeg", "", forever))
}
