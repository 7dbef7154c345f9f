// Package mp4 reads MP4, QuickTime and fragmented MP4 films from bytes that a customer sent, and writes the heads that
// filmcan puts before such bytes. It is a mechanism (room media): it knows no assets, keeps no state and starts nothing.
//
// [Parse] reads the boxes once into an [Index]: the facts of the tracks and, per track, columns of samples (where each
// lies, when it is decoded and shown, whether it is a key frame). Nothing in a file is believed before it is checked: a
// count is compared with the box that holds it before anything is allocated, tables must agree with each other, samples
// must lie inside the file. [Check] says whether a film can be a master and whether it can be cut where it lies.
// [ComposeHead] writes a new head for the samples of a QuickTime file or of many fragments, so that they become a plain
// MP4 without being copied; [Compose] does it for tracks whose samples lie in several files, and a [FragmentReader] reads
// what an encoder writes into a pipe. Index and columns can be stored ([Index.MarshalBinary]).
//
// Times are integer ticks of the track's own timescale. File time is what the tables say; film time is what a viewer
// sees: file time plus [Track.Shift], which stands for the edit list. Format: ISO/IEC 14496-12 (boxes), 14496-15 (H.264
// and HEVC in MP4), 14496-1 (esds), Apple's QuickTime File Format for the rest.
package mp4
