package mp4

// maxEdits bounds an edit list that is kept.
const maxEdits = 4096

// parseEdits reads the edit list as it is; [Track.interpret] says what it amounts to.
func (t *Track) parseEdits(edts []byte) error {
	elst, ok, err := find(edts, "elst")
	if err != nil || !ok {
		return err
	}
	f := fields{b: elst}
	version, _ := f.fullBox()
	n := int64(f.u32())
	entry := int64(12)
	if version == 1 {
		entry = 20
	}
	if f.short || n*entry > int64(len(f.b)) {
		return damaged("elst announces %d entries in %d bytes", n, len(f.b))
	}
	if n > maxEdits {
		return tooBig("The film has too many edits.", "elst of %d entries", n)
	}
	for range n {
		e := EditEntry{Duration: f.wide(version)}
		if version == 1 {
			e.MediaTime = int64(f.u64())
		} else {
			e.MediaTime = int64(int32(f.u32()))
		}
		e.Rate = int32(f.u32())
		t.Edits = append(t.Edits, e)
	}
	return nil
}

// interpret reduces the edit list: empty edits at the start are a delay, one edit at normal speed shows the track. What
// goes beyond is Complex.
func (t *Track) interpret(movieTimescale uint32, most int64) error {
	var e Edit
	shown := false
	for _, entry := range t.Edits {
		length := int64(min(entry.Duration, 1<<62))
		ticks := rescale(length, int64(t.Timescale), int64(movieTimescale))
		switch {
		case entry.MediaTime == -1 && !shown:
			if e.Delay += ticks; ticks > most || e.Delay > most {
				return tooLong("the start delay")
			}
		case entry.MediaTime < 0:
			e.Complex = true // an empty edit after or between media, or nonsense
		case shown:
			e.Complex = true
		default:
			shown = true
			if entry.MediaTime > most {
				return tooLong("an edit's media time")
			}
			e.MediaTime, e.Duration = entry.MediaTime, min(ticks, most)
			e.Complex = e.Complex || entry.Rate != 1<<16
		}
	}
	if len(t.Edits) > 0 && !shown {
		e.Complex = true
	}
	t.Edit = e
	return nil
}
