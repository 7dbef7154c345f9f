package mp4

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// gop is one group of pictures: from a key frame to before the next.
type gop struct {
	first, count int
	// key is when the key frame is shown; from and to when the first picture is and when the last ends, in film time.
	key, from, to int64
	bytes         int64
}

// gops calls f for each group of pictures. The first sample of the track is a key frame.
func (t *Track) gops(f func(gop)) {
	n := t.Len()
	for first := 0; first < n; {
		next := t.NextSync(first + 1)
		g := gop{first: first, count: next - first, key: t.PTS(first), from: math.MaxInt64, to: math.MinInt64}
		for i := first; i < next; i++ {
			pts := t.PTS(i)
			g.from, g.to = min(g.from, pts), max(g.to, pts)
			g.bytes += int64(t.Size(i))
		}
		f(g)
		first = next
	}
}

// checkGOPs looks at the groups of pictures: their length, that they are closed, their bit rate, and that their first
// pictures are what the tables say.
func (v *Verdict) checkGOPs(ctx context.Context, t *Track, r io.ReaderAt, s standard) error {
	if t.SyncCount() == 0 || !t.IsSync(0) {
		v.add(reasonFile, nonStandard, "The film does not begin with a key frame.")
		return nil
	}
	for i := range t.Len() {
		if t.Size(i) == 0 {
			v.add(reasonFile, nonStandard, "The film has empty pictures.")
			return nil
		}
	}
	leading := v.checkTables(t, s)
	if r == nil {
		return nil
	}
	return v.checkKeyFrames(ctx, t, r, leading)
}

// checkTables does what can be done without reading; it returns the key frames that pictures shown before them follow.
func (v *Verdict) checkTables(t *Track, s standard) (leading map[int]bool) {
	leading = map[int]bool{}
	var longest, key int64
	overlap := false
	before := int64(math.MinInt64)
	rate := bitMeter{track: t}
	first := true
	t.gops(func(g gop) {
		if !first {
			longest = max(longest, g.key-key)
		}
		first = false
		key = g.key
		overlap = overlap || g.from <= before
		before = g.to
		if g.from < g.key {
			leading[g.first] = true
		}
		rate.add(g)
	})
	_, end := t.Span()
	longest = max(longest, end-key)
	if limit := s.keyFrames[t.FFName]; t.Time(longest) > limit {
		v.add(reasonGOPSize, "high", "Key frames lie up to %.1f s apart; at most %g s are standard.", t.Time(longest).Seconds(), limit.Seconds())
	}
	if overlap || t.FFName == "h264" && len(leading) > 0 {
		v.add(reasonFile, nonStandard, "The film has open groups of pictures: frames after a key frame are shown before it.")
	}
	average, peak := rate.result()
	if average > s.average || peak > s.peak {
		v.add(reasonBitrate, "high", "The film has %.1f Mbit/s on average and %.1f at most; %g and %g are standard.", average/1e6, peak/1e6, s.average/1e6, s.peak/1e6)
	}
	return leading
}

// bitMeter finds the average bit rate and that of the densest group of pictures. Groups shorter than a second are joined
// with the following ones, and a short rest with what came before it: the size of a single picture is no rate.
type bitMeter struct {
	track *Track
	total int64
	peak  float64
	// open is the stretch that is being filled, last the one before it.
	open, last stretch
}

// stretch is a run of groups: its bytes and where it begins, in film time.
type stretch struct {
	groups      int
	from, bytes int64
}

func (m *bitMeter) add(g gop) {
	if m.open.groups > 0 && m.track.Time(g.from-m.open.from) >= time.Second {
		m.close(g.from)
	}
	if m.open.groups == 0 {
		m.open.from = g.from
	}
	m.open.groups++
	m.open.bytes += g.bytes
	m.total += g.bytes
}

func (m *bitMeter) close(to int64) {
	m.peak = max(m.peak, m.rate(m.open.bytes, to-m.open.from))
	m.last, m.open = m.open, stretch{}
}

func (m *bitMeter) rate(bytes, ticks int64) float64 {
	seconds := max(float64(ticks)/float64(m.track.Timescale), 1)
	return float64(bytes) * 8 / seconds
}

func (m *bitMeter) result() (average, peak float64) {
	start, end := m.track.Span()
	if m.open.groups > 0 {
		if m.last.groups > 0 && m.track.Time(end-m.open.from) < time.Second {
			m.open.from, m.open.bytes = m.last.from, m.open.bytes+m.last.bytes
		}
		m.close(end)
	}
	return m.rate(m.total, end-start), m.peak
}

// maxKeyFramesRead bounds how many key frames are looked at; of more, evenly spread ones are.
const maxKeyFramesRead = 100_000

// checkKeyFrames reads the first bytes of the key frames: tables can lie. A decoder can only begin at H.264's IDR and at
// HEVC's IDR, or at HEVC's CRA and BLA pictures where nothing that follows is shown before them.
func (v *Verdict) checkKeyFrames(ctx context.Context, t *Track, r io.ReaderAt, leading map[int]bool) error {
	step := 1 + (t.SyncCount()-1)/maxKeyFramesRead
	nal := nalReader{r: r, lengthBytes: t.Picture.NALLength, hevc: t.FFName == "hevc"}
	for k := 0; k < t.SyncCount(); k += step {
		if err := canceled(ctx, k); err != nil {
			return err
		}
		i := t.syncAt(k)
		kind, err := nal.firstSlice(t.Offset(i), int64(t.Size(i)))
		if errors.Is(err, errNoSlice) {
			v.add(reasonFile, nonStandard, "The key frame at %.1f s holds no picture.", t.Time(t.PTS(i)).Seconds())
			return nil
		}
		if err != nil {
			return err
		}
		if nal.hevc && randomAccess(kind) && !idr(kind) && leading[i] {
			v.add(reasonFile, nonStandard, "The film has open groups of pictures: frames after a key frame are shown before it.")
			return nil
		}
		if nal.hevc && !randomAccess(kind) || !nal.hevc && kind != 5 {
			v.add(reasonFile, nonStandard, "The picture at %.1f s is marked as a key frame and is none.", t.Time(t.PTS(i)).Seconds())
			return nil
		}
	}
	return nil
}

// randomAccess tells HEVC's types of pictures at which decoding can begin (23008-2, table 7-1: BLA, IDR, CRA).
func randomAccess(kind uint8) bool { return kind >= 16 && kind <= 21 }

// idr tells those of them whose leading pictures can be decoded too.
func idr(kind uint8) bool { return kind == 19 || kind == 20 }

var errNoSlice = errors.New("no slice")

// nalReader looks for the first slice of a sample.
type nalReader struct {
	r           io.ReaderAt
	lengthBytes int
	hevc        bool
	buf         [64]byte
}

// maxUnits is how many NAL units may come before the first slice: delimiters, parameter sets, messages.
const maxUnits = 64

// firstSlice returns the type of the first NAL unit with picture data in the sample at off.
func (n *nalReader) firstSlice(off, size int64) (uint8, error) {
	end := off + size
	have := []byte(nil) // bytes at off that were read already
	for range maxUnits {
		need := n.lengthBytes + 1
		if end-off < int64(need) {
			return 0, errNoSlice
		}
		if len(have) < need {
			have = n.buf[:min(int64(len(n.buf)), end-off)]
			if err := readFull(n.r, have, off); err != nil {
				return 0, fmt.Errorf("key frame: %w", err)
			}
		}
		var length [8]byte
		copy(length[8-n.lengthBytes:], have[:n.lengthBytes])
		unit := int64(binary.BigEndian.Uint64(length[:]))
		kind := have[n.lengthBytes] & 31
		slice := kind >= 1 && kind <= 5
		if n.hevc {
			kind = have[n.lengthBytes] >> 1 & 63
			slice = kind < 32
		}
		if unit == 0 || unit > end-off-int64(n.lengthBytes) {
			return 0, errNoSlice
		}
		if slice {
			return kind, nil
		}
		step := int64(n.lengthBytes) + unit
		off += step
		have = have[min(step, int64(len(have))):]
	}
	return 0, errNoSlice
}
