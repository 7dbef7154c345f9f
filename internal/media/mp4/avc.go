package mp4

import (
	"bytes"
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/bits"
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
		p.References = max(p.References, int(min(sps.NumRefFrames, maxReferences)))
		if v := sps.VUI; v != nil {
			p.shape(v.SampleAspectRatioWidth, v.SampleAspectRatioHeight)
			if transfer, matrix, ok := avcColour(set); ok {
				p.Transfer, p.Matrix = transfer, matrix
			}
		}
	}
	return nil
}

// maxReferences is what a decoded picture buffer has at most (14496-10, A.3.1).
const maxReferences = 16

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
	// Not the whole VUI: the library believes a count in it (cpb_cnt_minus1) whatever the set's length.
	if sps, err = avc.ParseSPSNALUnit(set, false); err != nil && sps == nil {
		return nil, err
	}
	// The end of the VUI may be odd: what counts comes before it.
	if sps.Width == 0 || sps.Width > 1<<16 || sps.Height == 0 || sps.Height > 1<<16 {
		return nil, fmt.Errorf("%dx%d pixels", sps.Width, sps.Height)
	}
	return sps, nil
}

// avcColour reads the colour description of a sequence parameter set (14496-10, 7.3.2.1.1 and E.1.1). ok is false where there
// is none.
func avcColour(set []byte) (transfer, matrix int, ok bool) {
	r := bits.NewEBSPReader(bytes.NewReader(set))
	golombs := func(n int) {
		for range n {
			r.ReadExpGolomb()
		}
	}
	r.Read(8)
	profile := r.Read(8)
	r.Read(16)
	golombs(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		lists := 8
		if r.ReadExpGolomb() == 3 {
			r.ReadFlag()
			lists = 12
		}
		golombs(2)
		r.ReadFlag()
		if r.ReadFlag() {
			for i := range lists {
				if r.ReadFlag() {
					skipScaling(r, i)
				}
			}
		}
	}
	golombs(1)
	switch r.ReadExpGolomb() { // pic_order_cnt_type
	case 0:
		golombs(1)
	case 1:
		r.ReadFlag()
		golombs(2)
		golombs(int(min(r.ReadExpGolomb(), 255)))
	}
	golombs(1)
	r.ReadFlag()
	golombs(2)
	if !r.ReadFlag() {
		r.ReadFlag()
	}
	r.ReadFlag()
	if r.ReadFlag() {
		golombs(4) // cropping
	}
	if !r.ReadFlag() {
		return 0, 0, false
	}
	if r.ReadFlag() && r.Read(8) == avc.ExtendedSAR {
		r.Read(32)
	}
	if r.ReadFlag() {
		r.ReadFlag() // overscan
	}
	if !r.ReadFlag() {
		return 0, 0, false
	}
	r.Read(4)
	if !r.ReadFlag() {
		return 0, 0, false
	}
	r.Read(8)
	transfer, matrix = int(r.Read(8)), int(r.Read(8))
	return transfer, matrix, r.AccError() == nil
}

// skipScaling skips scaling list i.
func skipScaling(r *bits.EBSPReader, i int) {
	size := 16
	if i >= 6 {
		size = 64
	}
	last, next := 8, 8
	for range size {
		if next != 0 {
			next = (last + r.ReadSignedGolomb() + 256) % 256
		}
		if next != 0 {
			last = next
		}
	}
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
