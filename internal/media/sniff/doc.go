// Package sniff names what a file is by its first bytes.
//
// Its room is media: it sees bytes and knows nothing of films, assets or files. What it names decides which reader
// gets to see a customer's bytes: ffmpeg is never left to guess, since among its guesses are playlists that point at
// other files and other hosts. Names of files and content types that servers claim are not looked at.
package sniff
