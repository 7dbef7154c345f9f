// Package passthrough serves the top rendition of a film straight from the vault: the samples of the base, packaged as
// CMAF (ISO/IEC 23000-19) by byte range. No sample is decoded, no process started, nothing copied to disk; a segment is
// a small head made from the index, and ranges of the base behind it.
//
// Room: derive. What it needs of a film is its index, which is itself derived and may vanish at any moment; indexes and
// plans of the films watched last are kept in memory up to a budget.
package passthrough
