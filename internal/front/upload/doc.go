// Package upload is the door through which a direct upload's bytes come in: /upload/{id}, a URL that is its own
// credential. It speaks the resumable protocol that UpChunk and mux-uploader use (reference page, 6): PUT with
// Content-Range, 308 with Range, `bytes */N` to ask, whole-file PUT.
//
// The truth is what the vault has synced: each answer is taken from it, so nothing is promised that a power cut could
// take back, and whatever arrived before a line was cut is kept and reported. What to do with a request is decided by
// one pure function (decide.go) from what is stored and what is asked; bytes that overlap stored ones are compared with
// them, so two films do not become one. The protocol has no name for a client, which leaves one case: another film of
// the same length (or both without one) is begun under the same URL, and the first client, still at work, comes after
// that with a chunk that begins exactly where the other's bytes end at that moment.
//
// The door knows bytes, not media: whether a head can be a film's is asked of a function that it is given.
package upload
