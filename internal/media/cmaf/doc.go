// Package cmaf cuts an indexed film into CMAF segments where it lies: from the index alone it says where segments begin
// and how long they last, and writes the few bytes that go before ranges of the film's own bytes. It is a mechanism
// (room media): it reads no file, knows no playlist syntax and no asset, and keeps no state.
//
// All renditions of a film are cut at the same moments: at the first key frame at least [Target] after the last cut, or,
// where key frames lie more than [Apart] apart anywhere, at the first picture; sound at the packet that is heard at that
// moment. A [Timeline] has these cuts and the order of the pictures. A rendition that is encoded takes its times from there:
// a [Run] feeds an encoder with times that name segment and picture, recognizes what comes back, and [Timeline.Head] writes
// segments of exactly the film's times, or refuses what is not exactly the segment's pictures.
//
// Every output time is film time plus one second ([Base]), in the track's own timescale, so that the priming of AAC never
// comes before zero. Offsets of composition are unsigned (measured: readers of libavformat 5.1 shift the picture
// otherwise); what they have in common is taken back by one edit in the init segment, so that decode times begin where the
// picture does.
package cmaf
