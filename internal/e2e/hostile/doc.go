// Package hostile gives the real program the files of filmtest/hostile, as URLs and as uploads, and looks at what they do to it:
// how each asset ends, when, and with how much memory; whether the API keeps answering; whether anybody opened a file or
// called a host that the files point at; and what is left behind.
package hostile
