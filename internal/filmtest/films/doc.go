// Package films makes the films that tests work on, with the real ffmpeg, and keeps them in a cache outside the
// tree: each film is made once per machine, also when many test processes ask for it at the same moment.
//
// Every film with pictures carries a burned-in frame counter that is read back exactly from pixels. It is one row of
// [CounterCells] cells of equal width across the whole upper edge of the displayed picture, each black or white:
//
//	cell   0        white (guard)
//	cell   1        black (guard)
//	cells  2 … 21   the frame's number, 20 bits, the highest first
//	cells 22, 23    the number modulo 3, the higher bit first: a wrong bit never passes
//
// The row is [CounterHeight] pixels high. A cell is read at its middle, x = (cell+0.5)·width/24, y = height/2 of the
// row, brighter than half being one; so a script in a browser can read it from a canvas of any size:
//
//	const bit = c => px(Math.floor((c + 0.5) * w / 24), Math.floor(w / 48)) > 127
//
// Frames are numbered from 0 as they were "filmed", before a variable rate drops some of them: the number divided by
// the rate is the time at which the frame is shown, give or take the jitter of [Spec.VariableRate]. The sound is a
// quiet tone with a beep of 50 ms at the start of each second.
//
// Like everything under filmtest it is for tests and for the demonstration only.
package films
