// Package catalog is the truth in rows: environments, tokens, assets, uploads, playback ids, grants of master access,
// webhooks, events and their deliveries. It is the only writer of rows of the house.
//
// One exported method is one use case is one transaction. A method reads the state, lets a pure transition of film
// decide, and commits the new state together with everything that the transition causes: events, deliveries, grants,
// revocations and jobs. So a crash leaves all of it or nothing. Methods that take an environment see that environment
// only, and answer a foreign id as one that does not exist; those without one are for jobs and for viewers' doors.
//
// A transaction takes its locks in one order, so that two never wait for each other: asset or webhook, upload,
// grants, environment, deliveries, revocation clock, jobs. A row is locked by an UPDATE that changes nothing, which is
// SELECT … FOR UPDATE in words that SQLite has too.
//
// Reads run outside of transactions on the read pool, one statement each. Every statement is a constant of type query
// in the file of the method that uses it, runs on SQLite and PostgreSQL alike, and is prepared on both by a test.
package catalog
