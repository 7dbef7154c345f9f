package mp4

import (
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
)

// maxParameterSet is the longest parameter set that is looked into; real ones have tens of bytes.
const maxParameterSet = 4 << 10

// parseAVC reads avcC (14496-15, 5.3.3.1) and the sequence parameter sets in it.
func (t *Track) parseAVC(b []byte) error {
	f := fields{b: b}
	f.u8()
	profile, compat, level := f.u8(), f.u8(), f.u8()
	t.Picture.NALLength = int(f.u8()&3) + 1
	var sets [][]byte
	for range f.u8() & 31 {
		sets = append(sets, f.take(int(f.u16())))
	}
	pictureSets := 0
	for range f.u8() {
		f.skip(int(f.u16()))
		pictureSets++
	}
	if f.short || t.Picture.NALLength == 3 {
		return damaged("avcC is too short or has lengths of 3 bytes")
	}
	t.Codec = fmt.Sprintf("avc1.%02X%02X%02X", profile, compat, level)
	t.Picture.Profile = int(profile)
	t.Picture.PixelFormat = "yuv420p"
	if len(sets) == 0 || pictureSets == 0 {
		t.Picture.InBand = true
		t.Codec = fmt.Sprintf("avc3.%02X%02X%02X", profile, compat, level)
		return nil
	}
	for _, set := range sets {
		sps, err := readAVCSet(set)
		if err != nil {
			return damaged("sequence parameter set: %v", err)
		}
		p := t.Picture
		p.CodedWidth, p.CodedHeight = int(sps.Width), int(sps.Height)
		p.PixelFormat = pixelFormat(int(sps.ChromaFormatIDC), int(sps.BitDepthLumaMinus8), int(sps.BitDepthChromaMinus8))
		p.Interlaced = p.Interlaced || !sps.FrameMbsOnlyFlag
		if v := sps.VUI; v != nil {
			p.shape(v.SampleAspectRatioWidth, v.SampleAspectRatioHeight)
			if v.ColourDescriptionFlag {
				p.Transfer, p.Matrix = int(v.TransferCharacteristics), int(v.MatrixCoefficients)
			}
		}
	}
	return nil
}

// readAVCSet guards the library's parser: it has few checks of its own.
func readAVCSet(set []byte) (sps *avc.SPS, err error) {
	defer func() {
		if r := recover(); r != nil {
			sps, err = nil, fmt.Errorf("not readable: %v", r)
		}
	}()
	if len(set) < 4 || len(set) > maxParameterSet {
		return nil, fmt.Errorf("%d bytes", len(set))
	}
	if sps, err = avc.ParseSPSNALUnit(set, true); err != nil && sps == nil {
		return nil, err
	}
	// The end of the VUI may be odd: what counts comes before it.
	if sps.Width == 0 || sps.Width > 1<<16 || sps.Height == 0 || sps.Height > 1<<16 {
		return nil, fmt.Errorf("%dx%d pixels", sps.Width, sps.Height)
	}
	return sps, nil
}

// shape notes the shape of pixels that a parameter set says; pasp, read after it, has the last word.
func (p *Picture) shape(h, v uint) {
	if h > 0 && v > 0 && h <= 1<<16 && v <= 1<<16 {
		r := reduce(int64(h), int64(v))
		p.ParH, p.ParV = int(r.Num), int(r.Den)
	}
}

// pixelFormat is libav's name of a planar format; the depths are bits beyond 8.
func pixelFormat(chroma, luma, chromaDepth int) string {
	name := "yuv420p"
	switch chroma {
	case 0:
		name = "gray"
	case 2:
		name = "yuv422p"
	case 3:
		name = "yuv444p"
	}
	if d := max(luma, chromaDepth); d > 0 {
		name = fmt.Sprintf("%s%dle", name, 8+min(d, 8))
	}
	return name
}
