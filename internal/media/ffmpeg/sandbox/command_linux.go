//go:build linux && (amd64 || arm64)

package sandbox

import "os"

// Supported tells whether this system can have a sandbox at all.
const Supported = true

// Self is the running program, also after the file that it came from was replaced.
const Self = "/proc/self/exe"

// Reports is the descriptor on which the process says [Ready] when all is set up, and behind that or in its place, why
// it did not become the program. It is closed by the time it has, so that the program cannot speak on it.
const Reports = 3

// Ready is the first word of a process that got as far as becoming the program.
const Ready = "+"

// Command returns the arguments, the zeroth included, with which [Self] is to be started by this process.
func (s Spec) Command() ([]string, error) { return s.encode(os.Getpid()) }
