// Package bench measures the real program against plain references in the same run: medians of pairs that take turns,
// with a verdict per line. It asserts nothing, since machines differ; `make bench` prints it.
package bench
