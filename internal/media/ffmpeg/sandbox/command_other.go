//go:build !linux || !(amd64 || arm64)

package sandbox

// Supported tells whether this system can have a sandbox at all.
const Supported = false
