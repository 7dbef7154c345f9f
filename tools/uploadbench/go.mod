// A module of its own: what the bench compares uploads with is no dependency of filmcan.
module filmcan/tools/uploadbench

go 1.26

require github.com/tus/tusd/v2 v2.10.0
