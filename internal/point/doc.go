// Package point names the moments at which a crash would hurt most. The program announces them, and a test outside
// kills it there with SIGKILL, restarts it and looks for what was lost.
//
// In an ordinary build every function here is empty and vanishes. In a build with the tag `crashtest` the program
// connects to the socket named by FILMCAN_POINTS, sends each point's name as a line and waits for a line in answer
// before it goes on; and [Broken] reports the rule named by FILMCAN_BREAK as one to break on purpose, so that the
// test can show that it would notice.
package point
