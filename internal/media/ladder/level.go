package ladder

import "fmt"

// level is a row of ITU-T H.264, table A-1: what a decoder of that level must be able to do. Bit rates and buffers are
// in units of 1250 bits, as for High profile.
type level struct {
	idc         int // as level_idc: 40 is level 4
	perSecond   int64
	perFrame    int64
	buffer      int64 // macroblocks of the decoded picture buffer
	rate, coded int64
}

// levels are the rows, lowest first. 4.1 is left out: it differs from 4 by bit rates alone that nothing here has.
func levels() []level {
	return []level{
		{idc: 10, perSecond: 1485, perFrame: 99, buffer: 396, rate: 64, coded: 175},
		{idc: 11, perSecond: 3000, perFrame: 396, buffer: 900, rate: 192, coded: 500},
		{idc: 12, perSecond: 6000, perFrame: 396, buffer: 2376, rate: 384, coded: 1000},
		{idc: 13, perSecond: 11880, perFrame: 396, buffer: 2376, rate: 768, coded: 2000},
		{idc: 20, perSecond: 11880, perFrame: 396, buffer: 2376, rate: 2000, coded: 2000},
		{idc: 21, perSecond: 19800, perFrame: 792, buffer: 4752, rate: 4000, coded: 4000},
		{idc: 22, perSecond: 20250, perFrame: 1620, buffer: 8100, rate: 4000, coded: 4000},
		{idc: 30, perSecond: 40500, perFrame: 1620, buffer: 8100, rate: 10000, coded: 10000},
		{idc: 31, perSecond: 108000, perFrame: 3600, buffer: 18000, rate: 14000, coded: 14000},
		{idc: 32, perSecond: 216000, perFrame: 5120, buffer: 20480, rate: 20000, coded: 20000},
		{idc: 40, perSecond: 245760, perFrame: 8192, buffer: 32768, rate: 20000, coded: 25000},
		{idc: 42, perSecond: 522240, perFrame: 8704, buffer: 34816, rate: 50000, coded: 62500},
		{idc: 50, perSecond: 589824, perFrame: 22080, buffer: 110400, rate: 135000, coded: 135000},
		{idc: 51, perSecond: 983040, perFrame: 36864, buffer: 184320, rate: 240000, coded: 240000},
		{idc: 52, perSecond: 2073600, perFrame: 36864, buffer: 184320, rate: 240000, coded: 240000},
		{idc: 60, perSecond: 4177920, perFrame: 139264, buffer: 696320, rate: 240000, coded: 240000},
		{idc: 61, perSecond: 8355840, perFrame: 139264, buffer: 696320, rate: 480000, coded: 480000},
		{idc: 62, perSecond: 16711680, perFrame: 139264, buffer: 696320, rate: 800000, coded: 800000},
	}
}

// frames is how many decoded pictures what x264 writes for us keeps: one reference, three B-frames in a pyramid.
const frames = 4

// blocks is how many macroblocks cover so many pixels of a side.
func blocks(pixels int) int64 { return (int64(pixels) + 15) / 16 }

// fits: the limits of A.3.1 and A.3.3 that depend on size, rate and bit rate.
func (l level) fits(e Encode, rate Rate) bool {
	w, h := blocks(e.Width), blocks(e.Height)
	size := w * h
	return size <= l.perFrame && w*w <= 8*l.perFrame && h*h <= 8*l.perFrame &&
		frames*size <= l.buffer &&
		size*rate.Num <= l.perSecond*rate.Den &&
		e.MaxRate <= l.rate*1250 && e.Buffer <= l.coded*1250
}

// lowestLevel is the first level that fits; the highest there is where none does.
func lowestLevel(e Encode, rate Rate) int {
	all := levels()
	for _, l := range all {
		if l.fits(e, rate) {
			return l.idc
		}
	}
	return all[len(all)-1].idc
}

// codec is the CODECS word (RFC 6381) of High profile without constraints at that level, as x264 writes it.
func codec(level int) string { return fmt.Sprintf("avc1.6400%02X", level) }
