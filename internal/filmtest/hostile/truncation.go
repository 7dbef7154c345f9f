package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// truncations are films that end at a boundary: of a box, inside its head, of an element, of a packet.
func truncations(m *models, _ Places) []File {
	const headless = "its index is not whole"
	const kept = "what is whole of it is kept"
	var files []File
	cut := func(name, kind string, b []byte, at int, want Want, why string, upload bool) {
		ext := map[string]string{"video/mp4": "mp4", "video/x-matroska": "mkv", "video/mp2t": "ts"}[kind]
		files = append(files, File{
			Name: fmt.Sprintf("cut-%s-%06d.%s", name, at, ext), Type: kind, Want: want, Why: why, Upload: upload,
			body: whole(slices.Clone(b[:at])),
		})
	}

	// Moov first: what follows it can be missing.
	ends, moovEnd, data := boundaries(m.fast)
	for i, at := range ends {
		switch {
		case at == len(m.fast):
		case at <= moovEnd:
			cut("first", "video/mp4", m.fast, at, Errored, headless, i%20 == 3)
		default:
			cut("first", "video/mp4", m.fast, at, Errored, "no frame is whole", false)
		}
	}
	for part := 1; part < 8; part++ {
		at := data + (len(m.fast)-data)*part/8
		cut("first", "video/mp4", m.fast, at, Ready, kept, part == 4)
	}
	cut("first", "video/mp4", m.fast, len(m.fast)-1, Ready, kept, false)

	// Moov last: without it there is nothing.
	ends, _, _ = boundaries(m.mp4)
	for i, at := range ends {
		if at < len(m.mp4) {
			cut("last", "video/mp4", m.mp4, at, Errored, headless, i%20 == 3)
		}
	}

	// Fragments: each whole one is film.
	ends, moovEnd, _ = boundaries(m.fragmented)
	frames := false
	for _, at := range ends {
		if at > moovEnd && at+8 <= len(m.fragmented) && string(m.fragmented[at+4:at+8]) == "moof" && at > bytes.Index(m.fragmented, []byte("mdat")) {
			frames = true
		}
		if at < len(m.fragmented) && (at >= moovEnd || at%3 == 0) {
			want, why := Errored, headless
			if frames {
				want, why = Ready, kept
			}
			cut("fragment", "video/mp4", m.fragmented, at, want, why, false)
		}
	}

	places, firstBlock := elements(m.mkv)
	for i, at := range places {
		want, why := Errored, "no frame is whole"
		if at >= firstBlock {
			want, why = Ready, kept
		}
		cut("element", "video/x-matroska", m.mkv, at, want, why, i%20 == 3)
	}
	packets := len(m.ts) / 188
	for i, n := range []int{1, 2, 3, 5, 9, packets / 3, packets / 2, packets - 1} {
		want, why := Errored, "no picture is whole"
		if n >= packets/3 {
			want, why = Ready, kept
		}
		cut("packet", "video/mp2t", m.ts, 188*n, want, why, i == 6)
		cut("packet", "video/mp2t", m.ts, 188*n+100, want, why, false)
	}
	return files
}

// boundaries are the places before, inside the head of, and behind each box; the end of moov and the first byte of media.
func boundaries(file []byte) (at []int, moovEnd, data int) {
	var walk func(from, to int)
	walk = func(from, to int) {
		for from+8 <= to {
			size := int(binary.BigEndian.Uint32(file[from:]))
			kind := string(file[from+4 : from+8])
			at = append(at, from, from+4, from+8, from+size)
			if isContainer(kind) {
				walk(from+8, from+size)
			}
			switch {
			case kind == "moov":
				moovEnd = from + size
			case kind == "mdat" && data == 0:
				data = from + 8
			}
			from += size
		}
	}
	walk(0, len(file))
	slices.Sort(at)
	return slices.Compact(at)[1:], moovEnd, data // a film of no byte is another matter
}

// elements are the ends of the elements of a Matroska file, to the third level and in clusters, and where
// each track has had a frame.
func elements(file []byte) (at []int, firstBlock int) {
	seen := map[byte]bool{}
	var walk func(from, to int)
	walk = func(from, to int) {
		for n := 0; from < to; n++ {
			id, head, size := readElement(file[from:])
			if n < 4 || n%25 == 0 {
				at = append(at, from+head, from+head+int(size))
			}
			if id == idSimpleBlock && !seen[file[from+head]] {
				seen[file[from+head]] = true
				firstBlock = from + head + int(size)
			}
			switch id {
			case idSegment, idInfo, idTracks, idTrackEntry, idCluster:
				walk(from+head, from+head+int(size))
			}
			from += head + int(size)
		}
	}
	walk(0, len(file))
	slices.Sort(at)
	return slices.DeleteFunc(slices.Compact(at), func(n int) bool { return n >= len(file) }), firstBlock
}
