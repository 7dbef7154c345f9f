// Package door holds what every HTTP door of the house shares: the request's id and its one log line, the recovery
// from panics, open CORS, the errors of playback hosts, and one helper that serves content with ETag, HEAD, ranges
// and 304. It decides nothing about films and knows no other room.
//
// What wraps a [http.ResponseWriter] here keeps its powers: flushing, hijacking and deadlines through
// [http.ResponseController], and io.ReaderFrom, without which a download would not leave by sendfile.
package door
