package mp4

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/Eyevinn/mp4ff/hevc"
)

// Types of HEVC's NAL units that hvcC lists and filmcan looks at (23008-2, table 7-1).
const hevcSPS = 33

// parseHEVC reads hvcC (14496-15, 8.3.3.1) and the sequence parameter sets in it.
func (t *Track) parseHEVC(b []byte) error {
	f := fields{b: b}
	f.u8()
	profile, compat := f.u8(), f.u32()
	var constraints [6]byte
	copy(constraints[:], f.take(6))
	level := f.u8()
	f.skip(2 + 1) // spatial segmentation, parallelism
	chroma, luma, chromaDepth := f.u8()&3, f.u8()&7, f.u8()&7
	f.u16() // average frame rate
	t.Picture.NALLength = int(f.u8()&3) + 1
	var sets [][]byte
	kinds := map[uint8]int{}
	for range f.u8() {
		kind := f.u8() & 63
		for range f.u16() {
			set := f.take(int(f.u16()))
			if f.short {
				break
			}
			if kinds[kind]++; kind == hevcSPS {
				sets = append(sets, set)
			}
		}
	}
	if f.short || t.Picture.NALLength == 3 {
		return damaged("hvcC is too short or has lengths of 3 bytes")
	}
	p := t.Picture
	p.Profile = int(profile & 31)
	p.PixelFormat = pixelFormat(int(chroma), int(luma), int(chromaDepth))
	t.Codec = "hvc1" + hevcCodec(profile, compat, constraints, level)
	const vps, pps = 32, 34
	if kinds[vps] == 0 || kinds[hevcSPS] == 0 || kinds[pps] == 0 {
		p.InBand = true
		t.Codec = "hev1" + hevcCodec(profile, compat, constraints, level)
	}
	const progressive, interlaced = 0x80, 0x40
	p.Interlaced = constraints[0]&interlaced != 0 && constraints[0]&progressive == 0
	for _, set := range sets {
		sps, err := readHEVCSet(set)
		if err != nil {
			return damaged("sequence parameter set: %v", err)
		}
		if set[0]&1 != 0 || set[1]>>3 != 0 {
			continue // of another layer: a second view or an enhancement
		}
		w, h := sps.ImageSize()
		p.CodedWidth, p.CodedHeight = int(w), int(h)
		p.PixelFormat = pixelFormat(int(sps.ChromaFormatIDC), int(sps.BitDepthLumaMinus8), int(sps.BitDepthChromaMinus8))
		if v := sps.VUI; v != nil {
			p.shape(v.SampleAspectRatioWidth, v.SampleAspectRatioHeight)
			p.Interlaced = p.Interlaced || v.FieldSeqFlag
			if v.ColourDescriptionFlag {
				p.Transfer, p.Matrix = int(v.TransferCharacteristics), int(v.MatrixCoefficients)
			}
		}
	}
	return nil
}

// readHEVCSet guards the library's parser: it has few checks of its own.
func readHEVCSet(set []byte) (sps *hevc.SPS, err error) {
	defer func() {
		if r := recover(); r != nil {
			sps, err = nil, fmt.Errorf("not readable: %v", r)
		}
	}()
	if len(set) < 4 || len(set) > maxParameterSet {
		return nil, fmt.Errorf("%d bytes", len(set))
	}
	if sps, err = hevc.ParseSPSNALUnit(set); err != nil {
		return nil, err
	}
	if w, h := sps.ImageSize(); w == 0 || w > 1<<16 || h == 0 || h > 1<<16 {
		return nil, fmt.Errorf("%dx%d pixels", w, h)
	}
	return sps, nil
}

// hevcCodec writes what follows the entry's type in the CODECS attribute (14496-15, E.3).
func hevcCodec(profile uint8, compat uint32, constraints [6]byte, level uint8) string {
	var s strings.Builder
	s.WriteByte('.')
	if space := profile >> 6; space > 0 {
		s.WriteByte('A' + space - 1)
	}
	tier := 'L'
	if profile&0x20 != 0 {
		tier = 'H'
	}
	fmt.Fprintf(&s, "%d.%X.%c%d", profile&31, bits.Reverse32(compat), tier, level)
	last := len(constraints)
	for last > 0 && constraints[last-1] == 0 {
		last--
	}
	for _, c := range constraints[:last] {
		fmt.Fprintf(&s, ".%X", c)
	}
	return s.String()
}
