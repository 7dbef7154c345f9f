// Package sandbox drives the program with and without the kernel's means for ffmpeg's sandbox. It has tests only.
package sandbox
