package hostile

import "bytes"

// zeros are what others divide by.
func zeros(m *models, _ Places) []File {
	const scale = "a time scale of zero"
	const guessed = "a whole film: what is zero is not needed, or has a default"
	const none = "no time passes in it"
	strh := []string{"AVI ", "hdrl", "strl", "strh"}
	sample := func(entry []byte, bytes int) []byte {
		return movie(track{handler: "soun", scale: 8000, length: uint32(bytes), entry: entry, delta: 1, tables: nil, sizes: []uint32{uint32(bytes)}}, zero(bytes))
	}
	return []File{
		{Name: "zero-mdhd.mp4", Why: scale, Upload: true, body: whole(patch(m.mp4, inMedia+"mdhd", 12, be32(0)))},
		{Name: "zero-mvhd.mp4", Why: scale, Upload: true, body: whole(patch(m.mp4, "moov/mvhd", 12, be32(0)))},
		{Name: "zero-all.mp4", Why: scale, body: whole(patch(patch(m.mp4, "moov/trak/mdia/mdhd", 12, be32(0, 0)), "moov/mvhd", 12, be32(0, 0)))},
		{Name: "zero-mdhd-fragmented.mp4", Why: scale, body: whole(patch(m.fragmented, inMedia+"mdhd", 12, be32(0)))},
		{Name: "zero-delta.mp4", Want: Ready, Why: "its sound has times", body: whole(patch(m.mp4, inTable+"stts", 12, be32(0)))},
		{Name: "zero-delta-both.mp4", Why: none, body: whole(edit(m.mp4, "moov/trak/mdia/minf/stbl/stts", func(b []byte) []byte { return full("stts", 0, be32(1, 30, 0)) }))},
		{Name: "zero-trun.mp4", Why: none, body: whole(edit(edit(m.fragmented, "moof/traf/trun", func(b []byte) []byte { return full("trun", 0x0, be32(10)) }), "moof/traf/tfhd",
			func(b []byte) []byte { return full("tfhd", 0x20038, b[12:16], be32(0, 0, 0)) }))},
		{Name: "zero-rate.mp4", Why: "sound of no rate", body: whole(edit(m.mp4, "moov/trak:1/mdia/minf/stbl/stsd", func(b []byte) []byte {
			b = put(b, 16+8+16, be16(0)) // channels
			b = put(b, 16+8+24, be32(0))
			return bytes.ReplaceAll(b, []byte("\x11\x90"), []byte("\x17\x80")) // an explicit rate, of zero
		}))},
		{Name: "zero-pcm.mov", Type: "video/quicktime", Why: "sound of no rate and no channels", body: whole(sample(audio("sowt", 0, 0, 0), 4000))},
		{Name: "zero-size.mp4", Why: "pictures of no size", body: whole(oneTrack(visual("mp4v", 0, 0), 0, zero(40)))},
		{Name: "zero-frames.mp4", Why: "no pictures and no sound", body: whole(movie(track{handler: "vide", scale: 25, entry: visual("mp4v", 320, 180), delta: 1}))},
		{Name: "zero-bytes.mp4", Why: "its frames are of no bytes", body: whole(patch(m.mp4, inTable+"stsz", 4, zero(8+30*4)))},
		{Name: "zero-chunks.mp4", Why: "its table of chunks is damaged", body: whole(patch(m.mp4, inTable+"stsc", 12, be32(0, 0)))},
		{Name: "zero-pasp.mp4", Want: Ready, Why: guessed, body: whole(edit(m.mp4, inTable+"stsd", func(b []byte) []byte {
			entry := cat(b[16:], box("pasp", be32(0, 0)))
			return full("stsd", 0, be32(1), put(entry, 0, be32(uint32(len(entry)))))
		}))},
		{Name: "zero-matrix.mp4", Want: Ready, Why: guessed, body: whole(patch(m.mp4, inTrack+"tkhd", 40, zero(44)))},
		{Name: "zero-speed.mp4", Want: Ready, Why: guessed, body: whole(patch(m.mp4, "moov/mvhd", 20, zero(6)))},
		{Name: "zero-scale.mkv", Type: "video/x-matroska", Want: Ready, Why: guessed, Upload: true, body: whole(swapEBML(m.mkv, number(idScale, 0), idSegment, idInfo, idScale))},
		{Name: "zero-default.mkv", Type: "video/x-matroska", Want: Ready, Why: guessed, body: whole(swapEBML(m.mkv, number(idDefault, 0), idSegment, idTracks, idTrackEntry, idDefault))},
		{Name: "zero-size.mkv", Type: "video/x-matroska", Want: Ready, Why: guessed, body: whole(swapEBML(m.mkv, cat(number(idPixelWidth, 0)), idSegment, idTracks, idTrackEntry, idVideo, idPixelWidth))},
		{Name: "zero-rate.mkv", Type: "video/x-matroska", Want: Ready, Why: guessed, body: whole(swapEBML(m.mkv, float(idRate, 0), idSegment, idTracks, idTrackEntry, idAudio, idRate))},
		{Name: "zero-times.mkv", Type: "video/x-matroska", Why: none, body: whole(editEBML(m.mkv, func(b []byte) []byte {
			return element(idCluster, number(idTime, 0), repeat(element(idSimpleBlock, []byte{0x81, 0, 0, 0x80}, zero(10)), 50))
		}, idSegment, idCluster))},
		{Name: "zero-scale.avi", Type: "video/x-msvideo", Want: Ready, Why: guessed, Upload: true, body: whole(patchRIFF(m.avi, 20, le32(0), strh...))},
		{Name: "zero-rate.avi", Type: "video/x-msvideo", Want: Ready, Why: guessed, body: whole(patchRIFF(m.avi, 24, le32(0), strh...))},
		{Name: "zero-both.avi", Type: "video/x-msvideo", Want: Ready, Why: guessed, body: whole(patchRIFF(m.avi, 20, le32(0, 0), strh...))},
		{Name: "zero-size.avi", Type: "video/x-msvideo", Why: "pictures of no size", body: whole(motion("MJPG", 0, 0, jpeg(0, 0)))},
		{Name: "zero-rate.ivf", Type: "video/x-ivf", Why: "no picture in it", body: whole(put(ivf("VP80", 320, 180, zero(10)), 16, le32(0, 0)))},
		{Name: "zero-rate.y4m", Type: "video/x-yuv4mpeg", Want: Ready, Why: "pictures without a rate get one", body: whole(cat([]byte("YUV4MPEG2 W64 H64 F0:0 Ip A0:0 C420jpeg\n"), repeat(cat([]byte("FRAME\n"), zero(6144)), 5)))},
		{Name: "zero-size.y4m", Type: "video/x-yuv4mpeg", Why: "pictures of no size", body: text("YUV4MPEG2 W0 H0 F25:1\nFRAME\nFRAME\n")},
		{Name: "zero-rate.wav", Type: "audio/wav", Why: "sound of no rate", body: whole(wave(2, 0, 4, 16, 4000, zero(4000)))},
		{Name: "zero-channels.wav", Type: "audio/wav", Why: "sound of no channels", body: whole(wave(0, 8000, 0, 0, 4000, zero(4000)))},
		{Name: "zero-align.wav", Type: "audio/wav", Want: Ready, Why: guessed, body: whole(wave(1, 8000, 0, 16, 16000, zero(16000)))},
		{Name: "zero-rate.flac", Type: "audio/flac", Why: "sound of no rate", body: whole(cat([]byte("fLaC"), put(flacInfo(0, 1, 16, 0), 0, []byte{0x80}), zero(400)))},
		{Name: "zero-rate.aiff", Type: "audio/aiff", Why: "sound of no rate", body: whole(cat([]byte("FORM"), be32(4+26+16+400), []byte("AIFFCOMM"), be32(18), be16(2), be32(100), be16(16), zero(10), []byte("SSND"), be32(408), zero(408)))},
		{Name: "zero-rate.caf", Type: "audio/x-caf", Why: "sound of no rate", body: whole(cat([]byte("caff"), be16(1, 0), []byte("desc"), be64(32, 0), []byte("lpcm"), zero(20), []byte("data"), be64(404), zero(404)))},
		{Name: "zero-rate.ogg", Type: "video/ogg", Why: "pictures of no rate", body: whole(cat([]byte("OggS\x00\x02"), zero(8), le32(1, 0, 0), []byte{1, 42}, []byte("\x80theora\x03\x02\x01"), be16(20, 12), zero(30)))},
		{Name: "zero.gif", Type: "image/gif", Why: "pictures of no size", body: whole(gif(0, 0, 10, 0))},
	}
}
