// Package queue does background work: jobs are enqueued in the transaction that causes them, and run at least once, on
// this node or another, also after a crash. It is River behind an interface of our own; no River type leaves it.
//
// A job runs in a lane, has a time limit, and is retried with growing pauses until its attempts are used up. What the
// handler returns decides what becomes of it:
//
//	nil                         done
//	*film.Later                 again after its pause; this run does not count
//	an error of FaultCustomer   over: no retry could help
//	any other error, a panic    again after a pause, until the attempts are used up; then over
//
// "At least once" means that a handler may find its work done already, or meet another run of the same job on a node
// that was thought dead: it looks at the state it works on, and changes it by compare-and-set.
//
// It sees film's words only: which handler belongs to which job is written down in app.
package queue
