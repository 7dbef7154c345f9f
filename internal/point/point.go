//go:build !crashtest

package point

// Hit announces that the program is at the named point.
func Hit(string) {}

// Broken reports whether the named rule is to be broken on purpose: never, in this build.
func Broken(string) bool { return false }
