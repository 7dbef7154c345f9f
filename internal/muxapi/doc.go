// Package muxapi is Mux's JSON and its conversion to and from the words of film. It is the only room with a JSON tag
// of Mux's API in it.
//
// Answers are plain structs: [AssetOf] and its neighbours build them, [Encode] writes them. An asset has two forms,
// one for the API and one for webhook bodies, where dates are numbers instead of strings (reference page, 4.3).
// Requests come the other way: the Decode functions take a body as it was sent, in any of the spellings that Mux's
// clients use, and give film's values or a [film.Error] that names the field.
//
// [Parameters] and [Routes] say for everything that Mux's API knows what becomes of it here. The decoders refuse by
// that same table, the OpenAPI document is built from it, and docs/mux-differences.md is printed from it, so that
// none of them can promise what another does not keep.
//
// Everything is pure: no clock, no database, no network. What must be told from outside are the addresses of
// masters and uploads, see [Links].
package muxapi
