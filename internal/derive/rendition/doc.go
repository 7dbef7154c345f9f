// Package rendition makes segments of lower renditions at the moment when somebody watches them. A run is one ffmpeg that
// is fed with the samples of a film from one cut on and encodes segment after segment; each is handed to all who wait
// for it when its last picture is there, and kept in the store of derived things.
//
// The desk decides which runs there are: a request joins the run that will be there soon, or begins one exactly where the
// viewer is; a run goes on a little ahead of its furthest viewer, then waits, and ends when nobody comes. Slots, by
// the number of processors, say how many are at work; films get them in turn, requested segments before those ahead.
//
// ffmpeg chooses no time and no cut. It is fed times that name segment and picture (media/cmaf), and a segment is made only
// of exactly the pictures that belong to it; its times come from the film's tables. All processes of a rendition must
// agree on its init segment, byte for byte. What does not is thrown away, tried once more by another process, and
// then refused for a while.
//
// A segment that is asked for again is held in memory for those who come next (hot), within a bound that counts what slow
// viewers are still being sent.
//
// Room: derive. It opens films through derive/reel, and keeps segments through the store that it is given; nothing here
// is truth.
package rendition
