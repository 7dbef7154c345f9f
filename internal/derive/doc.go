// Package derive keeps what is made from films: each artifact is made when it is first asked for, by one maker however
// many callers wait for it, and then kept in the store of derived things under a name made of exactly what it depends
// on (film.Artifact).
//
// What is large is written to the store while it is made, and handed out as an object to be read. The store is kept
// within a budget, and off the room that ingests need: what was of use longest ago goes first, what is pinned stays.
//
// Room: derive. Nothing here is truth. The store may be emptied at any moment, also while films are served from it, and
// it may be full, read-only or damaged: then things are made again, or handed out without being kept. A request fails
// only when its maker does.
//
// It must not know requests, viewers or rows; a maker sees an artifact and the film that it is made from, and nothing
// else.
package derive
