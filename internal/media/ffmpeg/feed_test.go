package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"testing"

	"filmcan/internal/media/mp4"
)

// reel is a film that is cut for feeding: what the packaging does for real, in its simplest form.
type reel struct {
	file  *os.File
	track *mp4.Track
	times []int64 // of all frames, in the order of showing
	rank  []int   // by sample
}

func openReel(t *testing.T, path string) *reel {
	t.Helper()
	f, err := os.Open(path) // #nosec G304 -- a film of the tests
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	x, err := mp4.Parse(t.Context(), f, info.Size(), mp4.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := &reel{file: f, track: x.Video()}
	for i := range r.track.Len() {
		r.times = append(r.times, r.track.DTS(i)+r.track.CTO(i))
	}
	all := slices.Clone(r.times)
	slices.Sort(r.times)
	for _, pts := range all {
		at, _ := slices.BinarySearch(r.times, pts)
		r.rank = append(r.rank, at)
	}
	return r
}

// fed is the fed time of the frame of that rank, in a run whose segments begin at the ranks of cuts; the last of these is
// the run's end.
func (r *reel) fed(rank int, cuts []int) int64 {
	unit := int64(FedSegment) * int64(r.track.Timescale)
	if rank < cuts[0] {
		return r.times[rank] - r.times[r.firstRank(cuts[0])]
	}
	i := 0
	for i+2 < len(cuts) && rank >= cuts[i+1] {
		i++
	}
	return unit*int64(i+1) + r.times[rank] - r.times[cuts[i]]
}

// firstSample is the key frame from which the frame of that rank is decoded.
func (r *reel) firstSample(rank int) int {
	first := 0
	for i := range r.track.Len() {
		if r.track.IsSync(i) && r.rank[i] <= rank {
			first = i
		}
	}
	return first
}

func (r *reel) firstRank(rank int) int { return r.rank[r.firstSample(rank)] }

// feed writes a run.
func (r *reel) feed(t *testing.T, w io.Writer, cuts []int) {
	t.Helper()
	if _, err := w.Write(mp4.InitHead(r.track, 0)); err != nil {
		t.Fatal(err)
	}
	var samples []int
	for i := r.firstSample(cuts[0]); i < r.track.Len(); i++ {
		if r.rank[i] < cuts[len(cuts)-1] {
			samples = append(samples, i)
		}
	}
	// Decode times: as late as the frames that are still to come allow, and rising.
	dts := make([]int64, len(samples)+1)
	least := r.fed(cuts[len(cuts)-1]-1, cuts) + 1
	dts[len(samples)] = least
	for k := len(samples) - 1; k >= 0; k-- {
		least = min(least-1, r.fed(r.rank[samples[k]], cuts))
		dts[k] = least
	}
	for k, i := range samples {
		data := make([]byte, r.track.Size(i))
		if _, err := r.file.ReadAt(data, r.track.Offset(i)); err != nil {
			t.Fatal(err)
		}
		lead := int64(r.track.Timescale)
		if _, err := w.Write(fragment(uint32(k+1), dts[k]+lead-lead, dts[k+1]-dts[k], r.fed(r.rank[i], cuts)-dts[k], r.track.IsSync(i), data)); err != nil {
			t.Fatal(err)
		}
	}
}

func fragment(number uint32, dts, duration, cto int64, sync bool, data []byte) []byte {
	be := binary.BigEndian
	box := func(kind string, body ...[]byte) []byte {
		b := bytes.Join(body, nil)
		return append(append(be.AppendUint32(nil, uint32(len(b)+8)), kind...), b...)
	}
	u32 := func(v ...uint32) []byte {
		var b []byte
		for _, x := range v {
			b = be.AppendUint32(b, x)
		}
		return b
	}
	flags := uint32(0x01010000)
	if sync {
		flags = 0x02000000
	}
	moof := func(offset uint32) []byte {
		return box("moof", box("mfhd", u32(0, number)), box("traf",
			box("tfhd", u32(0x020000, 1)),
			box("tfdt", u32(1<<24), be.AppendUint64(nil, uint64(dts))),
			box("trun", u32(1<<24|0xf01, 1, offset, uint32(duration), uint32(len(data)), flags, uint32(int32(cto))))))
	}
	head := moof(uint32(len(moof(0)) + 8))
	return append(head, box("mdat", data)...)
}
