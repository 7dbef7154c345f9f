// Package hls writes HLS playlists (RFC 8216). It is pure: what goes in are facts about renditions, what comes out is
// text; it knows no request, no store and no film.
//
// Room: derive. It must not read bytes of a film or decide what a viewer may see.
package hls
