// Package media sends films of every kind through the real program, from outside: ingest, events, all renditions, the
// master. What comes out is judged by the oracles of filmtest.
//
// A quick part runs always, all of it with -every. With -scorched derived/ is emptied after every step, also while
// things are served from it.
package media
