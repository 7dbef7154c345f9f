package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker in `make build`.
var version = ""

// Version is the program's version: the linker's, or the module's when it was installed with go install.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s Streams) error {
	fmt.Fprintf(s.Out, "filmcan %s %s/%s %s\n", Version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	return nil
}
