// Package ladder says which renditions a film gets, and with which settings each is encoded: sizes, bit rates, H.264
// levels and what a playlist may promise of them. It is pure: numbers in, numbers out (room media).
//
// Everything here follows from a film's size, rate and bit rate and its video_quality alone, so that a playlist can be
// written before anything is encoded. docs/quality.md has the tables for people; a change there is a change here, and of
// the recipe constants of those who encode.
package ladder
