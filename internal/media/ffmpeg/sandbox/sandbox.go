package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Spec is one process: what it runs, and what that may do. Paths are absolute.
type Spec struct {
	// Program is what the process becomes, with Args behind its name. Empty: the process looks at its own sandbox and
	// prints a [State] as JSON.
	Program string
	Args    []string
	// Open leaves away everything but the limits.
	Open bool
	// ABI is the newest version of Landlock to be used, as on an older kernel; 0 is the newest that there is.
	ABI int

	// Read names files that it may read.
	Read []string
	// Write names the file that it may write and read. It is made if there is none; its folder must be there.
	Write string
	// Execute names files and folders of what it may execute beside Program: loaders.
	Execute []string
	// Libraries names folders that it may read, beside those of the system.
	Libraries []string

	Limits Limits
}

// Limits of one process. All are set.
type Limits struct {
	Memory  int64 // bytes of address space
	Seconds int64 // of processor time
	Output  int64 // bytes of a file
	Files   int   // open at a time
	Nice    int   // added to that of the starting program
}

// State is what a sandbox is made of.
type State struct {
	// ABI is the version of Landlock in force.
	ABI int
	// Missing names what this ABI leaves to the filter alone.
	Missing []string
}

func (s State) String() string {
	text := fmt.Sprintf("active (Landlock ABI %d, seccomp; files, network, processes)", s.ABI)
	if len(s.Missing) > 0 {
		text = fmt.Sprintf("active (Landlock ABI %d, seccomp; files, network, processes; by seccomp alone: %s)", s.ABI, strings.Join(s.Missing, ", "))
	}
	return text
}

// ErrUnavailable is a system without the means for a sandbox.
var ErrUnavailable = errors.New("the sandbox needs Linux on amd64 or arm64")

// mark is the zeroth argument of a process that is to become another. Who can choose arguments of a program cannot
// choose that one, so that no command line becomes this hidden command.
const mark = "filmcan-sandbox"

// wire is a Spec between the two processes: paths need not be text.
type wire struct {
	Program, Write           []byte
	Args                     [][]byte
	Read, Execute, Libraries [][]byte
	Open                     bool
	ABI, Parent              int
	Limits                   Limits
}

func bytesOf(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func stringsOf(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

// encode returns the arguments of the process, which the process with number parent starts.
func (s Spec) encode(parent int) ([]string, error) {
	text, err := json.Marshal(wire{
		Program: []byte(s.Program), Write: []byte(s.Write), Args: bytesOf(s.Args),
		Read: bytesOf(s.Read), Execute: bytesOf(s.Execute), Libraries: bytesOf(s.Libraries),
		Open: s.Open, ABI: s.ABI, Limits: s.Limits, Parent: parent,
	})
	return []string{mark, string(text)}, err
}

func decode(args []string) (Spec, int, error) {
	var w wire
	if len(args) != 2 {
		return Spec{}, 0, errors.New("it takes one argument, from its own program")
	}
	if err := json.Unmarshal([]byte(args[1]), &w); err != nil {
		return Spec{}, 0, err
	}
	return Spec{
		Program: string(w.Program), Write: string(w.Write), Args: stringsOf(w.Args),
		Read: stringsOf(w.Read), Execute: stringsOf(w.Execute), Libraries: stringsOf(w.Libraries),
		Open: w.Open, ABI: w.ABI, Limits: w.Limits,
	}, w.Parent, nil
}
