// Package export makes whole files out of films by encoding: the base that renditions are cut from where a master cannot
// be cut in place, stereo sound for films whose own cannot be played everywhere, and the parts that made masters consist
// of.
//
// Pictures are encoded in chunks of about ten seconds that are kept as derived objects (kind [film.KindChunk]) until the
// film is whole: a process that dies loses one chunk. Whoever goes on decodes from the start, drops the frames that are
// there already, and begins with a key frame where the last chunk ended; so the frames, their times and the places of key
// frames are the same as in one piece. Decode times are computed here from the times at which frames are shown, never
// taken from ffmpeg. Sound is encoded once, whole.
//
// Its room is derive: it reads parts of films in the vault and writes derived things. Makers see an artifact and a film,
// no catalog and no request. An encode that somebody asked for while watching goes on when he has left: see
// [Exporter.Make].
package export
