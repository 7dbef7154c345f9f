package mp4

import (
	"encoding/binary"
	"fmt"
	"math"
)

// audioHead is the length of the fixed fields of an audio sample entry of version 0.
const audioHead = 20

// parseAudio reads an audio sample entry. In a stsd of version 0, entries of versions 1 and 2 are QuickTime's, with more
// fixed fields and the codec's own boxes perhaps inside a wave box; in a stsd of version 1 they are ISO's, without.
func (t *Track) parseAudio(b box, stsdVersion uint8) error {
	if b.kind == "enca" {
		return encrypted()
	}
	if len(b.body) < audioHead+8 {
		return damaged("audio sample entry %q of %d bytes", b.kind, len(b.body))
	}
	snd := &Sound{
		Channels:      int(binary.BigEndian.Uint16(b.body[16:])),
		BitsPerSample: int(binary.BigEndian.Uint16(b.body[18:])),
		SampleRate:    int(binary.BigEndian.Uint16(b.body[24:])),
	}
	t.Sound = snd
	rest := b.body[8+audioHead:]
	if stsdVersion == 0 {
		switch version := binary.BigEndian.Uint16(b.body[8:]); {
		case version == 1 && len(rest) >= 16:
			rest = rest[16:]
		case version == 2 && len(rest) >= 36:
			if rate := math.Float64frombits(binary.BigEndian.Uint64(rest[4:])); rate > 0 && rate < 1<<24 {
				snd.SampleRate = int(rate)
			}
			snd.Channels = int(min(binary.BigEndian.Uint32(rest[12:]), 1<<10))
			snd.BitsPerSample = int(min(binary.BigEndian.Uint32(rest[20:]), 64))
			rest = rest[36:]
		}
	}
	t.FFName = audioName(b.kind, snd.BitsPerSample)
	if !compressed(t.FFName) {
		return nil
	}
	snd.BitsPerSample = 0
	if b.kind != "mp4a" {
		return nil
	}
	esds, err := findESDS(rest)
	if err != nil {
		return err
	}
	if esds == nil {
		return damaged("mp4a without esds")
	}
	return t.parseESDS(esds)
}

// findESDS looks for esds beside the other boxes and inside wave.
func findESDS(b []byte) ([]byte, error) {
	if esds, ok, err := find(b, "esds"); ok || err != nil {
		return esds, err
	}
	wave, ok, err := find(b, "wave")
	if !ok || err != nil {
		return nil, err
	}
	esds, _, err := find(wave, "esds")
	return esds, err
}

// parseESDS reads the elementary stream descriptor (14496-1, 7.2.6.5) of an mp4a entry.
func (t *Track) parseESDS(esds []byte) error {
	const esTag, configTag, specificTag = 3, 4, 5
	if len(esds) < 4 {
		return damaged("esds is too short")
	}
	es, err := descriptor(esds[4:], esTag)
	if err != nil {
		return err
	}
	f := fields{b: es}
	f.u16()
	flags := f.u8()
	if flags&0x80 != 0 {
		f.u16()
	}
	if flags&0x40 != 0 {
		f.skip(int(f.u8()))
	}
	if flags&0x20 != 0 {
		f.u16()
	}
	config, err := descriptor(f.b, configTag)
	if err != nil || f.short || len(config) < 13 {
		return damaged("esds has no decoder configuration")
	}
	switch object := config[0]; object {
	case 0x40, 0x66, 0x67, 0x68: // MPEG-4 audio, and MPEG-2 AAC Main, LC, SSR
	case 0x69, 0x6b:
		t.FFName, t.Codec = "mp3", "mp4a.40.34"
		return nil
	case 0xa5:
		t.FFName, t.Codec = "ac3", "ac-3"
		return nil
	case 0xa6:
		t.FFName, t.Codec = "eac3", "ec-3"
		return nil
	case 0xa9:
		t.FFName = "dts"
		return nil
	case 0xad:
		t.FFName, t.Codec = "opus", "opus"
		return nil
	case 0xdd:
		t.FFName = "vorbis"
		return nil
	default:
		t.FFName = fmt.Sprintf("mp4a_%02x", object)
		return nil
	}
	specific, err := descriptor(config[13:], specificTag)
	if err != nil {
		return damaged("AAC without its configuration")
	}
	if err := t.Sound.parseAAC(specific); err != nil {
		return err
	}
	t.FFName, t.Codec = "aac", fmt.Sprintf("mp4a.40.%d", t.Sound.ObjectType)
	t.Entry = aacEntry(t.Sound, esds)
	return nil
}

// descriptor returns the body of the first descriptor with that tag.
func descriptor(b []byte, tag uint8) ([]byte, error) {
	for len(b) >= 2 {
		kind, size, head := b[0], 0, 1
		for {
			if head >= len(b) || head > 5 {
				return nil, damaged("a descriptor of esds is cut off")
			}
			v := b[head]
			head++
			size = size<<7 | int(v&0x7f)
			if v&0x80 == 0 {
				break
			}
		}
		if size > len(b)-head {
			return nil, damaged("a descriptor of esds claims %d bytes of %d", size, len(b)-head)
		}
		if kind == tag {
			return b[head : head+size], nil
		}
		b = b[head+size:]
	}
	return nil, damaged("esds has no descriptor %d", tag)
}

// aacEntry is the ISO sample entry: version 0, whatever the file had.
func aacEntry(s *Sound, esds []byte) []byte {
	var w writer
	end := w.open("mp4a")
	w.zeros(6)
	w.u16(1) // the first data reference
	w.zeros(8)
	w.u16(uint16(min(s.Channels, math.MaxUint16)))
	w.u16(16)
	w.zeros(4)
	rate := s.SampleRate
	if rate > math.MaxUint16 { // does not fit in 16.16: players read the configuration
		rate = 0
	}
	w.u32(uint32(rate) << 16)
	w.box("esds", esds)
	end()
	return w.b
}

// parseAAC reads the AudioSpecificConfig (14496-3, 1.6.2.1), with the explicit signalling of HE-AAC.
func (s *Sound) parseAAC(b []byte) error {
	r := bitReader{b: b}
	object := r.objectType()
	rate := r.sampleRate()
	channels := r.bits(4)
	s.ObjectType = object
	if object == 5 || object == 29 {
		rate = r.sampleRate()
		object = r.objectType()
	}
	if r.short {
		return damaged("the AAC configuration is too short")
	}
	s.PacketSize = 1024
	if object == 1 || object == 2 || object == 3 || object == 4 {
		if r.bits(1) == 1 { // frameLengthFlag
			s.PacketSize = 960
		}
	}
	if s.ObjectType == 5 || s.ObjectType == 29 {
		s.PacketSize *= 2
	}
	if rate > 0 {
		s.SampleRate = rate
	}
	if n := [...]int{0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0}[channels]; n > 0 {
		s.Channels = n
	}
	if s.ObjectType == 29 && s.Channels == 1 {
		s.Channels = 2 // parametric stereo
	}
	if s.SampleRate <= 0 || s.Channels <= 0 {
		return damaged("AAC with %d channels at %d Hz", s.Channels, s.SampleRate)
	}
	return nil
}

// bitReader reads bits from the left; beyond the end they are 0 and short is true.
type bitReader struct {
	b     []byte
	at    int
	short bool
}

func (r *bitReader) bits(n int) int {
	v := 0
	for range n {
		v <<= 1
		if r.at/8 < len(r.b) {
			v |= int(r.b[r.at/8]>>(7-r.at%8)) & 1
		} else {
			r.short = true
		}
		r.at++
	}
	return v
}

func (r *bitReader) objectType() int {
	if v := r.bits(5); v != 31 {
		return v
	}
	return 32 + r.bits(6)
}

func (r *bitReader) sampleRate() int {
	i := r.bits(4)
	if i == 15 {
		return r.bits(24)
	}
	return [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350, 0, 0}[i]
}
