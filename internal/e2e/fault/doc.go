// Package fault lets things go wrong around the real program that are nobody's bug and happen all the same: a disk that
// is full, lines that stall and break, receivers that are dead, a process that is killed, held or told to stop in the
// middle of its work. What was acknowledged must be there afterwards, once, and what was begun must come to its end.
package fault
