// Package crash kills the real program with SIGKILL, from outside, at every point that it announces, starts it again,
// goes on, and then looks for what was lost, stuck, doubled or left behind. It runs with the build tag `crashtest`
// (make test-crash), on SQLite, or on PostgreSQL where FILMCAN_TEST_POSTGRES is set.
package crash
