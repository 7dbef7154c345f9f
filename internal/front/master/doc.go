// Package master is the door through which an owner has a master back: /master/{grant}/master.mp4, a signed URL that
// ends and can be revoked (reference page, 3.6).
//
// The bytes leave by sendfile, straight from the vault. What makes a revocation count within a second is the lease
// (lease.go): a download may write only until shortly after the last moment at which its grant was known to be good,
// and that moment is renewed several times a second. Whatever fails, a database, a node, this program's own watcher,
// the lease runs out and the connection ends.
//
// The door decides nothing about grants: [film.GrantState] does, and keep/catalog answers for it.
package master
