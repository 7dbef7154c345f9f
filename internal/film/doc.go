// Package film holds the words of filmcan: assets, masters, grants, events, jobs, errors, and the state machines
// between them. It is the middle of the house: every other room speaks in these words.
//
// Its rules are pure. A transition takes a value and returns the value that follows from it together with a
// [Change], the events and jobs that the transition causes; keep/catalog commits all three in one transaction.
// Nothing here reads a clock, draws a random number, touches a disk or opens a connection, and nothing but the
// standard library is imported.
//
// The field names of [Asset], [Webhook] and what they hold are also a storage format: catalog rows and event
// snapshots are these structs as JSON, read back years later. A field may be added; renaming or retyping one needs a
// migration and a new [SnapshotVersion].
package film
