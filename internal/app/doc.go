// Package app puts the house together: the graph of components written out, jobs paired with their handlers, doors
// hung on one listener, started and stopped in order. It is the only room that sees all others, and it decides
// nothing about films.
package app
