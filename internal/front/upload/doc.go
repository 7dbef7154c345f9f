// Package upload is the door through which a direct upload's bytes come in: /upload/{id}, a URL that is its own
// credential. It speaks the resumable protocol that UpChunk and mux-uploader use (reference page, 6): PUT with
// Content-Range, 308 with Range, `bytes */N` to ask, whole-file PUT.
//
// The truth is what the vault has synced: each answer is taken from it, so nothing is promised that a power cut could
// take back, and whatever arrived before a line was cut is kept and reported. What to do with a request is decided by
// one pure function (decide.go) from what is stored and what is asked; bytes that overlap stored ones are compared with
// them.
//
// Two films never become one. The protocol has no name for a client, and a chunk that begins exactly where the stored
// bytes end has nothing that could be compared. As long as no other film was there it is taken: every client begins with
// the first byte, and a film that differs begins anew. Once that has happened, and the length does not tell the films
// apart, such a chunk is taken only from one who is known to be at this film (sender.go): from the connection that has
// brought or shown the bytes before it, or from an address and headers under which nobody has sent another film. Anybody
// else is refused with 409, which also meets an honest client that replaces a film by one of the same length and loses
// its connection between two chunks. Who asks and is not known is told somewhat less than is there, sends that again,
// and is compared.
//
// What is left: requests of one connection with the same headers count as one client's. Two pages of one browser, or
// two clients behind a proxy that names neither, that send films of the same length to one URL at the same time over
// one connection cannot be told from one who has changed his mind. And one who asks before he has brought a byte, with
// the address and headers of another one who has, is told what is there.
//
// The door knows bytes, not media: whether a head can be a film's is asked of a function that it is given.
package upload
