// Package passthrough serves the top rendition of a film straight from the vault: the samples of the base, packaged as
// CMAF (ISO/IEC 23000-19) by byte range. No sample is decoded, no process started, nothing copied to disk; a segment is
// a small head made from the index, and ranges of the base behind it.
//
// Room: derive. Films are opened by derive/reel, which has their indexes and their cuts.
package passthrough
