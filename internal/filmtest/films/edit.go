package films

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// edit gives every track of the film that edit list, behind what it says already of where the track's own time begins
// (ISO/IEC 14496-12, 8.6.6). The moov must be the last box: it grows.
func edit(b []byte, parts []Edit) ([]byte, error) {
	at := 0
	for at < len(b) {
		if len(b)-at < 8 {
			return nil, errors.New("box header cut short")
		}
		size := int(binary.BigEndian.Uint32(b[at:]))
		if string(b[at+4:at+8]) == "moov" {
			if at+size != len(b) {
				return nil, errors.New("the moov is not the last box")
			}
			moov, err := editMoov(b[at+8:], parts)
			if err != nil {
				return nil, err
			}
			return append(b[:at:at], box("moov", moov)...), nil
		}
		if size < 8 {
			return nil, fmt.Errorf("box of %d bytes", size)
		}
		at += size
	}
	return nil, errors.New("no moov")
}

func editMoov(b []byte, parts []Edit) ([]byte, error) {
	var movie uint32
	var out []byte
	var total time.Duration
	for _, p := range parts {
		total += p.To - p.From
	}
	err := children(b, func(kind string, p []byte) error {
		switch kind {
		case "mvhd":
			movie = binary.BigEndian.Uint32(p[12:])
			binary.BigEndian.PutUint32(p[16:], uint32(ticks(total, movie)))
		case "trak":
			trak, err := editTrak(p, parts, total, movie)
			if err != nil {
				return err
			}
			p = trak
		}
		out = append(out, box(kind, p)...)
		return nil
	})
	return out, err
}

func editTrak(b []byte, parts []Edit, total time.Duration, movie uint32) ([]byte, error) {
	var media uint32
	var start int64 // where the track's time 0 is in its media
	err := children(b, func(kind string, p []byte) error {
		switch kind {
		case "edts":
			if len(p) < 28 {
				return errors.New("edit list of an unexpected form")
			}
			start = int64(binary.BigEndian.Uint32(p[8+8+4:]))
		case "mdia":
			return children(p, func(kind string, p []byte) error {
				if kind == "mdhd" {
					media = binary.BigEndian.Uint32(p[12:])
				}
				return nil
			})
		}
		return nil
	})
	if err != nil || media == 0 {
		return nil, errors.Join(err, errors.New("a track without a time scale"))
	}
	list := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(len(parts)))
	for _, p := range parts {
		list = binary.BigEndian.AppendUint32(list, uint32(ticks(p.To-p.From, movie)))
		list = binary.BigEndian.AppendUint32(list, uint32(start+ticks(p.From, media)))
		list = binary.BigEndian.AppendUint32(list, 1<<16)
	}
	var out []byte
	err = children(b, func(kind string, p []byte) error {
		switch kind {
		case "edts":
			return nil
		case "tkhd":
			binary.BigEndian.PutUint32(p[20:], uint32(ticks(total, movie)))
			out = append(out, box(kind, p)...)
			out = append(out, box("edts", box("elst", list))...)
			return nil
		}
		out = append(out, box(kind, p)...)
		return nil
	})
	return out, err
}

func ticks(d time.Duration, scale uint32) int64 { return int64(d) * int64(scale) / int64(time.Second) }

func box(kind string, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(payload)))
	return append(append(b, kind...), payload...)
}

// children calls visit with each box in b, not with those inside of it.
func children(b []byte, visit func(kind string, payload []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errors.New("box header cut short")
		}
		size := binary.BigEndian.Uint32(b)
		if size < 8 || uint64(size) > uint64(len(b)) {
			return fmt.Errorf("box of %d bytes in %d", size, len(b))
		}
		if err := visit(string(b[4:8]), b[8:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}
