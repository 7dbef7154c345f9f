package films

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// finish does to the file what ffmpeg cannot: the display matrix, the metadata track, the hole, the cut.
func finish(path string, s Spec) error {
	mirrored := s.MirrorX || s.MirrorY
	if s.Rotation != 0 || mirrored || s.DataTracks || len(s.Edits) > 0 || s.Packed {
		// These films are small: they are patched in memory.
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if s.Rotation != 0 || mirrored {
			err = rotate(b, s)
		}
		if err == nil && len(s.Edits) > 0 {
			b, err = edit(b, s.Edits)
		}
		if err == nil && s.Packed {
			b, err = pack(b)
		}
		if err == nil && s.DataTracks {
			err = relabel(b)
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			return err
		}
	}
	if s.PadTo > 0 {
		if err := pad(path, s.PadTo); err != nil {
			return err
		}
	}
	if s.Keep < 100 {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()*int64(s.Keep)/100)
	}
	return nil
}

// boxes calls visit with the type and payload of each box in b, following the path of containers that lead to
// tracks. The payload shares b's memory.
func boxes(b []byte, visit func(kind string, payload []byte)) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return errors.New("box header cut short")
		}
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		if size == 1 && len(b) >= 16 {
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size < head || size > uint64(len(b)) {
			return fmt.Errorf("box of %d bytes in %d", size, len(b))
		}
		kind, payload := string(b[4:8]), b[head:size]
		visit(kind, payload)
		switch kind {
		case "moov", "trak", "mdia", "minf", "stbl":
			if err := boxes(payload, visit); err != nil {
				return fmt.Errorf("in %s: %w", kind, err)
			}
		}
		b = b[size:]
	}
	return nil
}

// rotate writes the display matrix into the header of the track with pictures: the one with a width
// (ISO/IEC 14496-12, 8.3.2).
func rotate(b []byte, s Spec) error {
	w, h := uint32(s.Width), uint32(s.Height)
	if s.Rotation == 90 || s.Rotation == 270 {
		w, h = h, w // as coded
	}
	const one = 1 << 16
	minus := -int32(one)
	var m [9]uint32
	m[8] = 1 << 30
	switch s.Rotation {
	case 0:
		m[0], m[4] = one, one
		if s.MirrorX {
			m[0], m[6] = uint32(minus), w<<16
		}
		if s.MirrorY {
			m[4], m[7] = uint32(minus), h<<16
		}
	case 90:
		m[1], m[3], m[6] = one, uint32(minus), h<<16
	case 180:
		m[0], m[4], m[6], m[7] = uint32(minus), uint32(minus), w<<16, h<<16
	case 270:
		m[1], m[3], m[7] = uint32(minus), one, w<<16
	}
	turned := 0
	err := boxes(b, func(kind string, p []byte) {
		if kind != "tkhd" || len(p) < 84 {
			return
		}
		at := 40
		if p[0] == 1 {
			at = 52
		}
		if len(p) < at+44 || binary.BigEndian.Uint32(p[at+36:]) != w<<16 || turned > 0 {
			return
		}
		for i, v := range m {
			binary.BigEndian.PutUint32(p[at+4*i:], v)
		}
		turned++
	})
	if err == nil && turned != 1 {
		err = errors.New("no track with pictures to turn")
	}
	return err
}

// relabel makes the subtitle track a timed metadata track, in place: handler `meta`, sample entry `mebx`.
func relabel(b []byte) error {
	var handler, entry bool
	err := boxes(b, func(kind string, p []byte) {
		switch {
		case kind == "hdlr" && len(p) >= 12 && (string(p[8:12]) == "sbtl" || string(p[8:12]) == "text"):
			copy(p[8:12], "meta")
			handler = true
		case kind == "stsd" && len(p) >= 16 && bytes.Contains([]byte("tx3g text"), p[12:16]):
			copy(p[12:16], "mebx")
			entry = true
		}
	})
	if err == nil && (!handler || !entry) {
		err = fmt.Errorf("no subtitle track to relabel (handler %t, entry %t)", handler, entry)
	}
	return err
}

// pad appends a free box with a 64-bit size that is a hole in the file.
func pad(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	rest := size - info.Size()
	if rest < 16 {
		return fmt.Errorf("padding to %d bytes: the film has %d already", size, info.Size())
	}
	head := binary.BigEndian.AppendUint32(nil, 1)
	head = append(head, "free"...)
	head = binary.BigEndian.AppendUint64(head, uint64(rest))
	if _, err := f.Write(head); err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Close()
}
