// Package play is the viewer's door: playlists, init segments, segments and titles under the URLs of Mux's stream host
// (reference page, 5). It turns a request into one look-up of the playback id and one call to who has the bytes.
//
// Room: front. It decides nothing about films: who may watch is the playback id's policy, what there is to watch comes
// from derive. Every request looks its playback id up anew, so that a deleted id or asset stops playing at once; what a
// viewer or a cache in between has already is theirs.
package play
