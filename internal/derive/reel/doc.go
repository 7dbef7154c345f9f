// Package reel opens films to be cut: the bytes of pictures and sound, and what there is to know of them. It is where
// makers of segments agree on what they cut and where: derive/passthrough and derive/rendition take everything from
// here.
//
// Pictures and sound come from one part of the film in the vault or, where that cannot be cut or played, from what was
// encoded from it once (film.Base): then the two may lie in different files.
//
// Room: derive. Indexes are themselves derived and may vanish at any moment; those of the films watched last are kept in
// memory up to a budget.
package reel
