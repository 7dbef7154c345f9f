// Package still makes still pictures of films: today sheets of tiles, which players show while a viewer seeks. The
// pictures are key frames, so that no more is decoded than is shown.
//
// Room: derive. A sheet is made when it is first asked for, a few at a time, and kept.
package still
