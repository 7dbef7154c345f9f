// Package intake brings films into the keep: it fetches an asset's input into the vault, or takes what was uploaded
// there, looks at it, and makes the asset ready or errored.
//
// Its room stands between the queue and the keep. [Intake.Ingest] is the handler of one job and can be cut off
// anywhere: what the vault has synced is taken up again, what was sealed is not fetched twice, and the row changes last.
// A standard film is not copied: it is indexed where it lies. What a customer reads about a failure is in words.go, and
// nothing else of a failure reaches them.
//
// Also here, because they are the other things that happen to a film's bytes: the look at uploads that are under way, the
// end of those whose time is over, the purge of deleted films, the scrub, and the look whether a master is present.
package intake
