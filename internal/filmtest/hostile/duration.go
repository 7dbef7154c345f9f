package hostile

import "math"

// durations are films that say they last for years, or jump there.
func durations(m *models, _ Places) []File {
	const long = "longer than any film that is taken"
	const counted = "what it says of its length is not believed: it has a second of film"
	years := uint32(math.MaxInt32)
	avih := []string{"AVI ", "hdrl", "strl", "strh"}
	return []File{
		{Name: "mvhd.mp4", Want: Ready, Why: counted, body: whole(patch(m.mp4, "moov/mvhd", 12, be32(1, 0xfffffffe)))},
		{Name: "mvhd-64.mp4", Want: Ready, Why: counted, body: whole(edit(m.mp4, "moov/mvhd", func(b []byte) []byte {
			return box("mvhd", be32(1<<24), zero(16), b[20:24], be64(math.MaxInt64), b[28:])
		}))},
		{Name: "mdhd.mp4", Want: Ready, Why: counted, body: whole(patch(m.mp4, inMedia+"mdhd", 16, be32(0xfffffffe)))},
		{Name: "tkhd.mp4", Want: Ready, Why: counted, body: whole(patch(m.mp4, inTrack+"tkhd", 20, be32(0xfffffffe)))},
		{Name: "stts.mp4", Why: long, Upload: true, body: whole(patch(m.mp4, inTable+"stts", 12, be32(years)))},
		{Name: "stts-last.mp4", Why: long, body: whole(edit(m.mp4, inTable+"stts", func(b []byte) []byte {
			return full("stts", 0, be32(2, 29, 512, 1, years))
		}))},
		{Name: "timescale-1.mp4", Want: Ready, Why: "frames minutes apart, of which the edit list shows the first for a second: a film", body: whole(patch(m.mp4, inMedia+"mdhd", 12, be32(1)))},
		{Name: "timescale-1-unedited.mp4", Want: Ready, Why: "a picture every eight minutes: a film", body: whole(patch(edit(m.mp4, inTrack+"edts", func([]byte) []byte { return nil }), inMedia+"mdhd", 12, be32(1)))},
		{Name: "ctts.mp4", Why: long, body: whole(into(m.mp4, inMedia+"minf/stbl", full("ctts", 0, be32(1, 30, years))))},
		{Name: "edit-years.mp4", Want: Ready, Why: counted, body: whole(edit(m.mp4, inTrack+"edts", func([]byte) []byte {
			return box("edts", box("elst", be32(1<<24, 1), be64(math.MaxInt64>>1, 0), be32(1<<16)))
		}))},
		{Name: "edit-waits.mp4", Why: long, body: whole(edit(m.mp4, inTrack+"edts", func([]byte) []byte {
			return box("edts", full("elst", 0, be32(2, 0x7fffffff, 0xffffffff, 1<<16, 1000, 0, 1<<16)))
		}))},
		{Name: "edit-again.mp4", Why: long, body: whole(edit(m.mp4, inTrack+"edts", func([]byte) []byte {
			return box("edts", full("elst", 0, be32(100000), repeat(be32(1000, 0, 1<<16), 100000)))
		}))},
		{Name: "edit-far.mp4", Why: "it shows nothing of its pictures", body: whole(edit(m.mp4, inTrack+"edts", func([]byte) []byte {
			return box("edts", box("elst", be32(1<<24, 1), be64(1000, math.MaxInt64>>1), be32(1<<16)))
		}))},
		{Name: "edit-slow.mp4", Want: Ready, Why: "a whole film: no reader plays it at another speed", body: whole(edit(m.mp4, inTrack+"edts", func([]byte) []byte {
			return box("edts", full("elst", 0, be32(1, 1000, 0, 1)))
		}))},
		{Name: "tfdt.mp4", Why: long, body: whole(edit(m.fragmented, "moof/traf/tfdt", func([]byte) []byte {
			return box("tfdt", be32(1<<24), be64(math.MaxInt64>>8))
		}))},
		{Name: "duration-forever.mkv", Type: "video/x-matroska", Want: Ready, Why: counted, Upload: true, body: whole(swapEBML(m.mkv, float(idDuration, math.Inf(1)), idSegment, idInfo, idDuration))},
		{Name: "duration-1e300.mkv", Type: "video/x-matroska", Want: Ready, Why: counted, body: whole(swapEBML(m.mkv, float(idDuration, 1e300), idSegment, idInfo, idDuration))},
		{Name: "duration-no-number.mkv", Type: "video/x-matroska", Want: Ready, Why: counted, body: whole(swapEBML(m.mkv, float(idDuration, math.NaN()), idSegment, idInfo, idDuration))},
		{Name: "scale-years.mkv", Type: "video/x-matroska", Why: long, body: whole(swapEBML(m.mkv, number(idScale, 1<<40), idSegment, idInfo, idScale))},
		{Name: "scale-ages.mkv", Type: "video/x-matroska", Why: long, body: whole(swapEBML(m.mkv, number(idScale, math.MaxInt64), idSegment, idInfo, idScale))},
		{Name: "cluster-years.mkv", Type: "video/x-matroska", Want: Ready, Why: "a whole film, and a frame of years later that is none", body: whole(intoEBML(m.mkv, block(1<<37, []byte("frame")), idSegment))},
		{Name: "rate.avi", Type: "video/x-msvideo", Why: long, Upload: true, body: whole(patchRIFF(m.avi, 20, le32(years, 1), avih...))},
		{Name: "length.avi", Type: "video/x-msvideo", Why: long, body: whole(patchRIFF(m.avi, 32, le32(years), avih...))},
		{Name: "rate-1.wav", Type: "audio/wav", Why: long, body: whole(wave(1, 1, 1, 8, 60000, zero(60000)))},
		{Name: "length.wav", Type: "audio/wav", Want: Ready, Why: counted, body: whole(wave(1, 8000, 1, 8, 0xffffffff, zero(16000)))},
		{Name: "delays.gif", Type: "image/gif", Why: long, body: whole(gif(16, 16, 100, 65535))},
		{Name: "rate-1.ivf", Type: "video/x-ivf", Why: "no picture in it", body: whole(put(ivf("VP80", 320, 180, zero(10), zero(10)), 16, le32(1, math.MaxInt32)))},
		{Name: "jump.flv", Type: "video/x-flv", Want: Ready, Why: "a whole film, and a frame of years later that is none", body: whole(cat(m.flv, flvTag(9, 0x7fffffff, []byte{0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88})))},
		{Name: "jump.ts", Type: "video/mp2t", Want: Ready, Why: "times of a transport stream wrap after a day: the pictures are all there", body: whole(jumping())},
	}
}

func flvTag(kind byte, time uint32, body []byte) []byte {
	n := be32(uint32(len(body)))
	t := be32(time)
	return cat([]byte{kind}, n[1:], t[1:], t[:1], zero(3), body, be32(uint32(len(body)+11)))
}

// jumping is a transport stream with times all over the day.
func jumping() []byte {
	sps, pps, first, _ := h264(20, 12)
	start := []byte{0, 0, 0, 1}
	var list [][]byte
	for range 25 {
		list = append(list, cat(start, []byte{9, 0xf0}, start, sps, start, pps, start, first))
	}
	b := transport(list...)
	n := 0
	for at := 0; at < len(b); at += 188 {
		if b[at+1]&0x5f != 0x41 || b[at+2] != 0 {
			continue // not the beginning of a picture
		}
		pes := at + 5 + int(b[at+4])
		copy(b[pes+9:], stamp(2, uint64(n)*(1<<33-1)/25))
		n++
	}
	return b
}
