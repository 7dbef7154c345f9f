// Package oracle judges what comes out of the program by what is in it: it decodes with the real ffmpeg, reads the
// burned-in counters, the coloured corners and the beeps of the films of package films, and reads boxes with a reader of
// its own. It shares no code with what it judges.
//
// Each oracle is a function that says what is wrong as an error, so that its own tests can show that it finds a planted
// fault. Tolerances have names and reasons.
//
// For tests only.
package oracle
