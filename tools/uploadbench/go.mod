// A module of its own: what the bench compares uploads with is no dependency of filmcan.
module filmcan/tools/uploadbench

go 1.26

require (
	github.com/tus/tusd/v2 v2.10.0
	golang.org/x/exp v0.0.0-20250106191152-7588d65b2ba8
)

require github.com/tus/lockfile v1.2.0 // indirect
